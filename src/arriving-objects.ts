/**
 * Objects that wait → opened objects, in the order of the ledger, one ahead of whoever takes them.
 *
 * Downloads go by groups of neighbours (download-objects.ts); a large object is a group of its own. The next
 * group is begun when the one before has arrived, or where that is a large object, when it is taken.
 *
 * Large objects may arrive in parts (avro/container-parts.ts), a few ahead. The first part of one tells whether
 * it is a container at all; if anything is wrong with that, the object is fetched once more as a whole, which is
 * retried and whose defects are told. What goes wrong later is thrown when its turn comes.
 */

import { LEAST_BYTES_IN_PARTS, openContainerParts } from './avro/container-parts.ts';
import { type Container, openContainer } from './avro/container-reader.ts';
import type { Config } from './config.ts';
import type { ListedObject, ObjectReading, ObjectStore } from './discovery/object-store.ts';
import {
  type Download,
  downloadObjects,
  type FailureRow,
  openDownload,
  planGroups,
} from './download-objects.ts';
import { CurrentsError } from './errors.ts';
import { Flight, PartsSignal } from './flight.ts';
import { giveBack } from './recycled-buffers.ts';
import type { ObjectPart, OpenedObject } from './warehouse/load-batch.ts';
import type { PendingObject } from './warehouse/object-ledger.ts';

/** What became of an object that waited; nothing but the object when it was not tried. */
export interface Arrival {
  readonly object: PendingObject;
  /** Of a large one, a part; the next arrival is the next part. */
  readonly opened?: OpenedObject;
  /** It could not be downloaded. */
  readonly failure?: CurrentsError;
  /** This version of it is no container, or a damaged one. */
  readonly defect?: { readonly error: CurrentsError; readonly version: ListedObject };
}

export interface ArrivingOptions {
  readonly config: Config;
  readonly store: ObjectStore;
  readonly row: FailureRow;
  readonly signal: AbortSignal | undefined;
  /** Whether large objects arrive part by part. */
  readonly inParts: boolean;
}

/** Downloads run ahead of loading by this part of a batch, or by one object. */
const AHEAD_SHARE = 2 / 5;

/** A part is used up within milliseconds, and the next must be there. */
const READY_PARTS = 3;

/** What the first parts of an object take. */
const PARTS_AHEAD_BYTES = 12_000_000;

/** Event types of Currents as the header spells them: `dataexport.S3.inner.users.messages.email.Open`. */
const INNER_NAME = /^dataexport\.(?:[^.]+\.)*?inner\.(.+)$/;

export class ArrivingObjects {
  readonly #config: Config;
  readonly #store: ObjectStore;
  readonly #row: FailureRow;
  readonly #inParts: boolean;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #arrivals: AsyncGenerator<Arrival, undefined>;
  readonly #ready: Arrival[] = [];
  #coming: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(objects: readonly PendingObject[], options: ArrivingOptions) {
    const { config, store, row, signal, inParts } = options;
    this.#inParts = inParts;
    this.#config = config;
    this.#store = store;
    this.#row = row;
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    this.#arrivals = this.#arrive(objects);
    this.#await();
  }

  /** The next object if it is here already; it stays until it is taken. */
  get ready(): Arrival | undefined {
    return this.#ready[0];
  }

  /** Waits for the next object and takes it; undefined at the end. Throws what would meet every object. */
  async next(): Promise<Arrival | undefined> {
    await this.wait();
    const { ready } = this;
    if (ready === undefined && this.#failure !== undefined) throw this.#failure.error;
    if (ready !== undefined) this.take();
    return ready;
  }

  /** Waits until the next object is ready, or there is none, or it cannot be had, which `next` will tell. */
  async wait(): Promise<void> {
    while (this.ready === undefined && !this.#isOver) await this.#coming;
  }

  /** Takes the one that is ready; the next is fetched and opened meanwhile. */
  take(): void {
    this.#ready.shift();
    this.#await();
  }

  /** Breaks off what is under way. */
  stop(): void {
    this.#stop.abort();
    this.#arrivals.return(undefined).catch(() => undefined);
  }

  /** Sees that one is ready, or of parts a few. */
  #await(): void {
    const last = this.#ready.at(-1);
    const isEnough =
      last !== undefined && (last.opened?.part === undefined || this.#ready.length >= READY_PARTS);
    if (this.#coming !== undefined || this.#isOver || isEnough) return;
    this.#coming = this.#arrivals.next().then(
      ({ value }) => {
        this.#coming = undefined;
        if (value === undefined) this.#isOver = true;
        else this.#ready.push(value);
        this.#await();
      },
      (error: unknown) => {
        // Told when its turn comes.
        this.#failure = { error };
        this.#isOver = true;
      },
    );
  }

  async *#arrive(objects: readonly PendingObject[]): AsyncGenerator<Arrival, undefined> {
    const mostAhead = this.#config.load.batchBytes * AHEAD_SHARE;
    const groups = planGroups(objects, mostAhead, this.#inParts ? LEAST_BYTES_IN_PARTS : undefined);
    const coming: Flight<Arrival>[] = [];
    let begun = 0;
    /** Begins downloads for which there is room beside so many bytes that nobody has taken yet. */
    const begin = (readyBytes: number) => {
      for (; begun < groups.length; begun++) {
        const flight = this.#plan(groups[begun] as readonly PendingObject[]);
        const ahead = coming.reduce((sum, one) => sum + one.bytes, readyBytes);
        const objects = coming.reduce((sum, one) => sum + one.objects, 0);
        if (objects >= this.#config.source.concurrency) break;
        if (ahead > 0 && ahead + flight.bytes > mostAhead) break;
        if (flight.isInParts && coming.some((one) => one.isInParts)) break;
        coming.push(flight);
        flight.begin();
      }
    };
    let flight: Flight<Arrival> | undefined;
    try {
      for (const group of groups) {
        begin(0);
        flight = coming.shift();
        let left = group.length;
        for (let next = await flight?.next(); next?.done === false; next = await flight?.next()) {
          const { value } = next;
          const { container, part } = value.opened ?? {};
          if (left === group.length && part === undefined) begin(countBytes(group));
          if (part?.isLast !== false) left -= 1;
          if (left === 0) begin(container?.uncompressedBytes ?? 0);
          yield value;
        }
      }
      return undefined;
    } finally {
      for (const one of [flight, ...coming]) await one?.end();
    }
  }

  #plan(group: readonly PendingObject[]): Flight<Arrival> {
    const [object] = group;
    const isInParts =
      this.#inParts && object !== undefined && object.sizeBytes >= LEAST_BYTES_IN_PARTS;
    return isInParts
      ? new Flight(this.#arriveInParts(object), PARTS_AHEAD_BYTES, 1, true)
      : new Flight(this.#arriveWhole(group), countBytes(group), group.length, false);
  }

  async *#arriveWhole(group: readonly PendingObject[]): AsyncGenerator<Arrival, undefined> {
    const { source } = this.#config;
    for (const download of await downloadObjects(
      this.#store,
      group,
      source,
      this.#row,
      this.#signal,
    )) {
      yield this.#open(download);
    }
    return undefined;
  }

  async *#arriveInParts(object: PendingObject): AsyncGenerator<Arrival, undefined> {
    const { source, limits } = this.#config;
    const parts = new PartsSignal(this.#signal, this.#stop.signal);
    let reading: ObjectReading | undefined;
    try {
      const download = await openDownload(this.#store, object, source, this.#row, parts.signal);
      reading = download.reading;
      if (reading === undefined) {
        yield this.#open(download);
        return undefined;
      }
      for await (const { container, ...part } of openContainerParts(reading, limits)) {
        const isWhole = part.isLast && !parts.isBegun;
        yield { object, opened: describe(object, reading, container, isWhole ? undefined : part) };
        // Now it has been taken.
        parts.isBegun = true;
      }
    } catch (error) {
      if (parts.isBegun || parts.signal.aborted || !(error instanceof CurrentsError)) throw error;
      // Nothing of it has been handed out. As a whole it is tried again, or its defect is told.
      yield* this.#arriveWhole([object]);
    } finally {
      parts.end();
      await reading?.close();
    }
    return undefined;
  }

  async #open({ object, fetched, error }: Download): Promise<Arrival> {
    if (error !== undefined) return { object, failure: error };
    if (fetched === undefined) return { object };
    try {
      const container = await openContainer(fetched.bytes, this.#config.limits);
      if (container.codec !== 'null') giveBack([fetched.bytes]);
      return { object, opened: describe(object, fetched, container) };
    } catch (defect) {
      if (!(defect instanceof CurrentsError)) throw defect;
      return { object, defect: { error: defect, version: fetched } };
    }
  }
}

function describe(
  object: PendingObject,
  version: ListedObject,
  container: Container,
  part?: ObjectPart,
): OpenedObject {
  return {
    objectId: object.objectId,
    key: object.key,
    etag: version.etag,
    sizeBytes: version.sizeBytes,
    lastModified: version.lastModified,
    eventType: object.eventType ?? eventTypeOf(container.schema.type.name),
    container,
    ...(part && { part }),
  };
}

function countBytes(objects: readonly PendingObject[]): number {
  return objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The event type of an object whose key does not tell: from the record's full name in its header. */
function eventTypeOf(recordName: string): string {
  return INNER_NAME.exec(recordName)?.[1] ?? recordName;
}
