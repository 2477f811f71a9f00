/**
 * An object store of keys alone, which lists as S3 does and counts requests as S3 bills them: up to a
 * thousand entries each. Big enough for buckets that no test could fill.
 */

import { compareKeys } from '../../../src/discovery/key-order.ts';
import type {
  FetchedObject,
  FolderListing,
  ListedObject,
  ListOptions,
  ObjectReading,
  ObjectStore,
} from '../../../src/discovery/object-store.ts';

const PAGE_LENGTH = 1000;

export class ListedStore implements ObjectStore {
  readonly name = 's3://listed';
  readonly prefix: string;
  readonly requestCounts = { list: 0, fetch: 0, put: 0 };
  /** What was asked for: the prefix of each listing, and of each folder. */
  readonly listed: string[] = [];
  readonly #keys: string[];

  constructor(keys: readonly string[], prefix = '') {
    this.#keys = keys.toSorted(compareKeys);
    this.prefix = prefix;
  }

  urlOf(key: string): string {
    return `${this.name}/${key}`;
  }

  async *list({ prefix, startAfter = '', signal }: ListOptions): AsyncGenerator<ListedObject[]> {
    this.listed.push(prefix);
    let at = this.#findFirst(prefix > startAfter ? prefix : startAfter);
    if (this.#keys[at] === startAfter) at++;
    do {
      signal?.throwIfAborted();
      this.requestCounts.list++;
      const page = this.#keys.slice(at, at + PAGE_LENGTH).filter((key) => key.startsWith(prefix));
      yield page.map(describe);
      at += PAGE_LENGTH;
    } while (this.#keys[at]?.startsWith(prefix));
  }

  async listFolder(prefix: string): Promise<FolderListing> {
    this.listed.push(prefix);
    const folders: string[] = [];
    const objects: ListedObject[] = [];
    let at = this.#findFirst(prefix);
    for (let key = this.#keys[at]; key?.startsWith(prefix); key = this.#keys[at]) {
      const slash = key.indexOf('/', prefix.length);
      if (slash === -1) {
        objects.push(describe(key));
        at++;
      } else {
        const folder = key.slice(0, slash + 1);
        folders.push(folder);
        at = this.#findFirst(`${folder}\u{10ffff}`);
      }
    }
    this.requestCounts.list += Math.max(
      1,
      Math.ceil((folders.length + objects.length) / PAGE_LENGTH),
    );
    return { folders, objects };
  }

  fetch(): Promise<FetchedObject> {
    return Promise.reject(new Error('this store has no bytes'));
  }

  open(): Promise<ObjectReading> {
    return Promise.reject(new Error('this store has no bytes'));
  }

  put(): Promise<void> {
    return Promise.reject(new Error('this store has no bytes'));
  }

  putFile(): Promise<boolean> {
    return Promise.reject(new Error('this store has no bytes'));
  }

  close(): void {}

  /** Index of the first key that is not before this one. */
  #findFirst(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keys[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function describe(key: string): ListedObject {
  return { key, etag: 'etag', sizeBytes: 1, lastModified: new Date(0) };
}
