/**
 * Objects that wait → opened objects, in the order of the ledger, one ahead of whoever takes them.
 *
 * Downloads go by groups of neighbours (download-objects.ts); a large object is a group of its own. The next
 * group is begun when the one before has arrived, or where that is a large object, when it is taken.
 */

import { openContainer } from './avro/container-reader.ts';
import type { Config } from './config.ts';
import type { ObjectStore } from './discovery/object-store.ts';
import { type Download, downloadObjects, type FailureRow, planGroups } from './download-objects.ts';
import { CurrentsError } from './errors.ts';
import { giveBack } from './recycled-buffers.ts';
import type { OpenedObject } from './warehouse/load-batch.ts';
import type { PendingObject } from './warehouse/object-ledger.ts';

/** What became of an object that waited; nothing but the object when it was not tried. */
export interface Arrival {
  readonly object: PendingObject;
  readonly opened?: OpenedObject;
  /** It could not be downloaded. */
  readonly failure?: CurrentsError;
  /** It is no container, or a damaged one. */
  readonly defect?: CurrentsError;
  /** As many as were downloaded. */
  readonly bytes: number;
}

/** A group whose download has begun. */
interface Flight {
  readonly downloads: Promise<readonly Download[]>;
  readonly bytes: number;
  readonly objects: number;
}

/** Downloads run ahead of loading by this part of a batch, or by one object. */
const AHEAD_SHARE = 1 / 8;

/** Event types of Currents as the header spells them: `dataexport.S3.inner.users.messages.email.Open`. */
const INNER_NAME = /^dataexport\.(?:[^.]+\.)*?inner\.(.+)$/;

export class ArrivingObjects {
  readonly #config: Config;
  readonly #store: ObjectStore;
  readonly #row: FailureRow;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #arrivals: AsyncGenerator<Arrival, undefined>;
  /** Set while large objects are loaded as they arrive, and memory is needed for that. */
  isHeldBack = false;
  #coming: Promise<Arrival | undefined>;
  #ready: Arrival | undefined;

  constructor(
    objects: readonly PendingObject[],
    config: Config,
    store: ObjectStore,
    row: FailureRow,
    signal: AbortSignal | undefined,
  ) {
    this.#config = config;
    this.#store = store;
    this.#row = row;
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    this.#arrivals = this.#arrive(objects);
    this.#coming = this.#await();
  }

  /** The next object if it is here already; it stays until it is taken. */
  get ready(): Arrival | undefined {
    return this.#ready;
  }

  /** Waits for the next object and takes it; undefined at the end. Throws what would meet every object. */
  async next(): Promise<Arrival | undefined> {
    const arrival = await this.#coming;
    if (arrival !== undefined) this.take();
    return arrival;
  }

  /** Waits until the next object is ready, or there is none, or it cannot be had, which `next` will tell. */
  async wait(): Promise<void> {
    await this.#coming.catch(() => undefined);
  }

  /** Takes the one that is ready; the next is fetched and opened meanwhile. */
  take(): void {
    this.#ready = undefined;
    this.#coming = this.#await();
  }

  /** Breaks off what is under way. */
  stop(): void {
    this.#stop.abort();
  }

  #await(): Promise<Arrival | undefined> {
    const coming = this.#arrivals.next().then(({ value }) => {
      this.#ready = value;
      return value;
    });
    // Looked at when its turn comes; until then a failure must not count as unhandled.
    coming.catch(() => undefined);
    return coming;
  }

  async *#arrive(objects: readonly PendingObject[]): AsyncGenerator<Arrival, undefined> {
    const groups = planGroups(objects, this.#config.load.batchBytes * AHEAD_SHARE);
    const coming: Flight[] = [];
    let begun = 0;
    /** Begins downloads for which there is room beside so many bytes that nobody has taken yet. */
    const begin = (readyBytes: number) => {
      for (; begun < groups.length; begun++) {
        const group = groups[begun] as readonly PendingObject[];
        const bytes = countBytes(group);
        const ahead = coming.reduce((sum, one) => sum + one.bytes, readyBytes);
        const objects = coming.reduce((sum, one) => sum + one.objects, 0);
        if (objects >= this.#config.source.concurrency) break;
        if (ahead > 0 && ahead + bytes > this.#mostAhead) break;
        coming.push({ downloads: this.#download(group), bytes, objects: group.length });
      }
    };
    for (const group of groups) {
      begin(0);
      const downloads = (await coming.shift()?.downloads) ?? [];
      begin(countBytes(group));
      for (const [index, download] of downloads.entries()) {
        const arrival = await this.#open(download);
        if (index === downloads.length - 1) begin(arrival.opened?.container.uncompressedBytes ?? 0);
        yield arrival;
      }
    }
    return undefined;
  }

  /** Bytes that may be downloaded or opened before anybody takes them. */
  get #mostAhead(): number {
    return this.#config.load.batchBytes * AHEAD_SHARE * (this.isHeldBack ? 1 : 2);
  }

  #download(group: readonly PendingObject[]): Promise<readonly Download[]> {
    const downloads = downloadObjects(
      this.#store,
      group,
      this.#config.source,
      this.#row,
      this.#signal,
    );
    downloads.catch(() => undefined);
    return downloads;
  }

  async #open({ object, fetched, error }: Download): Promise<Arrival> {
    if (error !== undefined) return { object, failure: error, bytes: 0 };
    if (fetched === undefined) return { object, bytes: 0 };
    const bytes = fetched.bytes.length;
    try {
      const container = await openContainer(fetched.bytes, this.#config.limits);
      if (container.codec !== 'null') giveBack([fetched.bytes]);
      const opened: OpenedObject = {
        objectId: object.objectId,
        key: object.key,
        etag: fetched.etag,
        sizeBytes: fetched.sizeBytes,
        lastModified: fetched.lastModified,
        eventType: object.eventType ?? eventTypeOf(container.schema.type.name),
        container,
      };
      return { object, opened, bytes };
    } catch (defect) {
      if (!(defect instanceof CurrentsError)) throw defect;
      return { object, defect, bytes };
    }
  }
}

function countBytes(objects: readonly PendingObject[]): number {
  return objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The event type of an object whose key does not tell: from the record's full name in its header. */
function eventTypeOf(recordName: string): string {
  return INNER_NAME.exec(recordName)?.[1] ?? recordName;
}
