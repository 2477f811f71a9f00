/**
 * A folder on this machine as an object store, for laptops, tests and mounted buckets.
 *
 * Keys are paths below the folder with forward slashes, listed in S3's order (UTF-8 bytes). The ETag is
 * the size and the modification time in nanoseconds: a file rewritten with the same length and a forged
 * time is taken for the same. Names that begin with a dot or end with `.tmp` are files still being
 * written and do not exist for us, nor do names that are not UTF-8. Links to folders are followed,
 * except back into a folder that contains them. A missing subfolder is empty, a missing root an error.
 */

import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import {
  constants,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { CurrentsError } from '../errors.ts';
import { flushFile } from '../flush-file.ts';
import { takeBuffer } from '../recycled-buffers.ts';
import { FileReading } from './file-reading.ts';
import { throwIfInterrupted } from './interruption.ts';
import { compareKeys } from './key-order.ts';
import type {
  FetchedObject,
  FolderListing,
  ListedObject,
  ListOptions,
  LocalFile,
  ObjectReading,
  ObjectStore,
} from './object-store.ts';

/** As many as S3 gives, so that pages mean the same memory everywhere. */
const PAGE_LENGTH = 1000;

/** A file that changes while we read it is read again: three times, a moment apart. */
const READ_ATTEMPTS = 3;
const REREAD_WAIT_MS = 50;

interface Entry {
  /** Key of the file, or of the folder with its slash. */
  readonly key: string;
  readonly isFolder: boolean;
}

/** An object store over `folder`; nothing is opened or checked before the first call. */
export function openLocalFolder(folder: string): ObjectStore {
  return new LocalFolder(path.resolve(folder));
}

class LocalFolder implements ObjectStore {
  readonly name: string;
  readonly prefix = '';
  readonly requestCounts = { list: 0, fetch: 0, put: 0 };
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.name = pathToFileURL(root).href;
  }

  urlOf(key: string): string {
    return this.#pathOf(key);
  }

  async *list(options: ListOptions): AsyncGenerator<readonly ListedObject[]> {
    await this.#assertRoot();
    const start = options.prefix.slice(0, options.prefix.lastIndexOf('/') + 1);
    let keys: string[] = [];
    for await (const key of this.#walk(start, options)) {
      keys.push(key);
      if (keys.length < PAGE_LENGTH) continue;
      yield await this.#describeAll(keys);
      keys = [];
    }
    if (keys.length > 0) yield await this.#describeAll(keys);
  }

  async listFolder(prefix: string, signal?: AbortSignal): Promise<FolderListing> {
    throwIfInterrupted(signal, `list ${this.urlOf(prefix)}`);
    await this.#assertRoot();
    const entries = await this.#readFolder(prefix);
    const files = entries.filter((entry) => !entry.isFolder);
    return {
      folders: entries.filter((entry) => entry.isFolder).map((entry) => entry.key),
      objects: await this.#describeAll(files.map((file) => file.key)),
    };
  }

  async fetch(object: ListedObject, signal?: AbortSignal): Promise<FetchedObject> {
    for (let attempt = 1; ; attempt++) {
      throwIfInterrupted(signal, `read ${this.urlOf(object.key)}`);
      this.requestCounts.fetch++;
      const fetched = await this.#read(object.key);
      if (fetched !== undefined) return fetched;
      if (attempt === READ_ATTEMPTS) break;
      await sleep(REREAD_WAIT_MS);
    }
    throw this.#changed(object.key, `during each of ${READ_ATTEMPTS} reads`);
  }

  async open(object: ListedObject, signal?: AbortSignal): Promise<ObjectReading> {
    const { key } = object;
    throwIfInterrupted(signal, `read ${this.urlOf(key)}`);
    this.requestCounts.fetch++;
    const file = await this.#openFile(key);
    return {
      ...describeFile(key, file.stats),
      fill: async (into) => {
        throwIfInterrupted(signal, `read ${this.urlOf(key)}`);
        const isUnchanged = await file.fill(into).catch((cause: unknown) => {
          throw this.#failure('read', key, cause);
        });
        if (!isUnchanged) throw this.#changed(key, 'while it was read');
      },
      close: async () => file.close(),
    };
  }

  /** Makes the folders that are missing, the root too. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.requestCounts.put++;
    const target = this.#pathOf(key);
    const temporary = path.join(path.dirname(target), `.${randomBytes(8).toString('hex')}.tmp`);
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await writeWhole(temporary, bytes);
      await rename(temporary, target);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
      throw this.#failure('write', key, cause);
    }
  }

  async putFile(key: string, file: LocalFile, signal?: AbortSignal): Promise<boolean> {
    throwIfInterrupted(signal, `write ${this.urlOf(key)}`);
    this.requestCounts.put++;
    const target = this.#pathOf(key);
    const folder = path.dirname(target);
    const temporary = path.join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
    try {
      await mkdir(folder, { recursive: true });
      await copyFile(file.path, temporary, constants.COPYFILE_FICLONE);
      await flushFile(temporary);
      const isNew = await nameFile(temporary, target);
      await flushFile(folder);
      return isNew;
    } catch (cause) {
      throw this.#failure('write', key, cause);
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    }
  }

  close(): void {
    // Every file is closed by the call that opened it.
  }

  /** Keys below `folder` in key order, without reading folders that cannot hold what is asked for. */
  async *#walk(folder: string, options: ListOptions): AsyncGenerator<string> {
    throwIfInterrupted(options.signal, `list ${this.urlOf(folder)}`);
    const { prefix, startAfter } = options;
    for (const { key, isFolder } of await this.#readFolder(folder)) {
      if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) continue;
      const isBefore = startAfter !== undefined && compareKeys(key, startAfter) <= 0;
      if (!isFolder) {
        if (!isBefore) yield key;
      } else if (!isBefore || startAfter.startsWith(key)) {
        yield* this.#walk(key, options);
      }
    }
  }

  /** The visible entries of one folder in key order; a folder that is not there has none. */
  async #readFolder(folder: string): Promise<Entry[]> {
    this.requestCounts.list++;
    const found = await readdir(this.#pathOf(folder), { withFileTypes: true }).catch((cause) => {
      if (isAbsence(cause)) return [];
      throw this.#failure('list', folder, cause);
    });
    const entries = await Promise.all(
      found
        .filter(({ name }) => !name.startsWith('.') && !name.endsWith('.tmp'))
        .map(async (entry) => {
          const key = `${folder}${entry.name}`;
          const isLink = entry.isSymbolicLink();
          const kind = isLink ? await this.#stat(key) : entry;
          if (kind?.isFile()) return { key, isFolder: false };
          if (!kind?.isDirectory() || (isLink && (await this.#leadsBack(key)))) return undefined;
          return { key: `${key}/`, isFolder: true };
        }),
    );
    return entries.filter((entry) => entry !== undefined).sort((a, b) => compareKeys(a.key, b.key));
  }

  /** Files that went since their folder was read are left out. */
  async #describeAll(keys: readonly string[]): Promise<ListedObject[]> {
    const objects = await Promise.all(
      keys.map(async (key) => {
        const stats = await this.#stat(key);
        return stats === undefined ? undefined : describeFile(key, stats);
      }),
    );
    return objects.filter((object) => object !== undefined);
  }

  /** The bytes of one file, or undefined if it changed while it was read. */
  async #read(key: string): Promise<FetchedObject | undefined> {
    const file = await this.#openFile(key);
    try {
      const bytes = takeBuffer(file.sizeBytes);
      return (await file.fill(bytes)) ? { ...describeFile(key, file.stats), bytes } : undefined;
    } catch (cause) {
      throw this.#failure('read', key, cause);
    } finally {
      await file.close();
    }
  }

  async #openFile(key: string): Promise<FileReading> {
    try {
      return await FileReading.open(this.#pathOf(key));
    } catch (cause) {
      if (!isAbsence(cause)) throw this.#failure('read', key, cause);
      throw new CurrentsError({
        code: 'OBJECT_MISSING',
        message: `cannot read ${this.urlOf(key)}: the file is gone (it was there when it was listed)`,
        context: { source: this.name, key },
        cause,
      });
    }
  }

  async #assertRoot(): Promise<void> {
    const stats = await this.#stat('');
    if (stats?.isDirectory()) return;
    throw new CurrentsError({
      code: 'SOURCE_NOT_FOUND',
      message: `cannot list ${this.#root}: ${stats ? 'it is a file' : 'it does not exist'} (a folder)`,
      hint: `set source.url to a folder that exists, or make this one: mkdir -p '${this.#root}'`,
      context: { source: this.name },
    });
  }

  async #stat(key: string): Promise<BigIntStats | undefined> {
    return stat(this.#pathOf(key), { bigint: true }).catch((cause) => {
      // ELOOP: a link that leads to itself leads nowhere.
      if (isAbsence(cause) || cause.code === 'ELOOP') return undefined;
      throw this.#failure('list', key, cause);
    });
  }

  /** Whether a link leads to a folder that contains it, by whatever way we came. */
  async #leadsBack(link: string): Promise<boolean> {
    const target = await this.#realPath(link);
    const slashes = [...link.matchAll(/\//g)];
    for (const folder of ['', ...slashes.map(({ index }) => link.slice(0, index + 1))]) {
      if (isWithin(await this.#realPath(folder), target)) return true;
    }
    return false;
  }

  async #realPath(folder: string): Promise<string> {
    return realpath(this.#pathOf(folder)).catch((cause) => {
      if (isAbsence(cause)) return this.#pathOf(folder);
      throw this.#failure('list', folder, cause);
    });
  }

  /** Keys stay below the root: S3 allows `..` in a key, a folder must not. */
  #pathOf(key: string): string {
    if (key.split('/').some((part) => part === '..' || part === '.')) {
      throw new CurrentsError({
        code: 'USAGE',
        message: `cannot use the key ${JSON.stringify(key)} in a folder: it has the part "." or ".." (plain names)`,
        context: { source: this.name, key },
      });
    }
    return path.join(this.#root, ...key.split('/'));
  }

  #changed(key: string, when: string): CurrentsError {
    return new CurrentsError({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
      message: `cannot read ${this.urlOf(key)}: it changed ${when} (a file at rest)`,
      hint: 'write files under a name that ends with .tmp and rename them when they are complete',
      context: { source: this.name, key },
    });
  }

  #failure(doing: 'list' | 'read' | 'write', key: string, cause: unknown): unknown {
    if (cause instanceof CurrentsError || !isSystemError(cause)) return cause;
    const place = this.urlOf(key);
    const facts = { context: { source: this.name, key }, cause };
    if (cause.code === 'EACCES' || cause.code === 'EPERM') {
      return new CurrentsError({
        ...facts,
        code: 'SOURCE_ACCESS_DENIED',
        message: `cannot ${doing} ${place}: the permissions of the file or its folder forbid it (${cause.code})`,
        hint: `check with: ls -ld '${place}'`,
      });
    }
    if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
      return new CurrentsError({
        ...facts,
        code: 'DISK_FULL',
        message: `cannot ${doing} ${place}: no space left (${cause.code})`,
        hint: `check with: df -h '${this.#root}'`,
      });
    }
    return new CurrentsError({
      ...facts,
      code: 'SOURCE_UNAVAILABLE',
      transient: true,
      message: `cannot ${doing} ${place}: the file system answered ${cause.code}`,
    });
  }
}

function describeFile(key: string, stats: BigIntStats): ListedObject {
  return {
    key,
    etag: `${stats.size}-${stats.mtimeNs}`,
    sizeBytes: Number(stats.size),
    lastModified: stats.mtime,
  };
}

async function writeWhole(target: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(target, 'wx');
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}

/** A second name for the file, unless there is such a name already; a rename would replace it. */
async function nameFile(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'EEXIST') return false;
    if (!NO_LINKS.has(error.code)) throw error;
    // One process at a time writes there: between looking and renaming nobody else does.
    if ((await stat(target).catch(() => undefined)) !== undefined) return false;
    await rename(temporary, target);
    return true;
  }
}

/** File systems without hard links: FAT, some network folders. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Whether a real path is the folder `outer` or below it. */
function isWithin(inner: string, outer: string): boolean {
  const way = path.relative(outer, inner);
  return way.split(path.sep)[0] !== '..' && !path.isAbsolute(way);
}

function isAbsence(error: unknown): boolean {
  return isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
