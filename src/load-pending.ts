/**
 * Objects that wait in the ledger → loaded in batches, in the ledger's order, while the next ones are
 * downloaded and opened (arriving-objects.ts). After the signal fires, the objects in hand are loaded and
 * committed and no new ones are begun.
 *
 * Objects are gathered until they are a batch. Where its last one is large and followed by others of its event
 * type, the statement that loads them takes over object after object as they arrive, and frees the memory of
 * each when it has been read. The largest arrive in parts, which are taken over in the same way. When that
 * fails, what was read is gone; the objects wait again, and from then on all objects of a batch stay in memory
 * until it is committed, so that the damaged one can be told.
 *
 * What goes wrong with one object is written down and the rest goes on. What would go wrong with every
 * object (no rights, no bucket, a full disk) is thrown.
 */

import { type Arrival, ArrivingObjects } from './arriving-objects.ts';
import { takeMemory } from './avro/container-reader.ts';
import type { Config } from './config.ts';
import type { ListedObject, ObjectStore } from './discovery/object-store.ts';
import { CurrentsError } from './errors.ts';
import { FetchFailures } from './fetch-failures.ts';
import type { LoadTotals } from './load-totals.ts';
import { LoadingMemory } from './loading-memory.ts';
import type { Logger } from './logger.ts';
import { dropKeptBuffers, giveBack } from './recycled-buffers.ts';
import { type Database, isOutOfMemory } from './warehouse/database.ts';
import {
  type BatchLoader,
  type ObjectStream,
  type OpenedObject,
  StreamBroken,
} from './warehouse/load-batch.ts';
import {
  countPending,
  listPending,
  type PendingFilter,
  type PendingObject,
  quarantineObject,
} from './warehouse/object-ledger.ts';

export interface LoadPendingInput {
  readonly config: Config;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly loader: BatchLoader;
  readonly runId: number;
  readonly filter: PendingFilter;
  /** At most this many objects; undefined: all. */
  readonly limit: number | undefined;
  readonly totals: LoadTotals;
  readonly logger: Logger;
  readonly now: () => Date;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (totalObjects: number) => void;
}

/**
 * Tables that one transaction writes to. DuckDB keeps some megabytes for each until the commit, which count
 * in `load.memoryLimit` and cannot go to disk.
 */
const MAX_BATCH_TYPES = 16;

/**
 * A transaction with a stream may hold so many batches, of which little is in memory: at the end of each statement, one thread waits for the
 * other to compress its last rows.
 */
const STREAM_SHARE = { rows: 4, bytes: 12 } as const;

/** Of `load.batchBytes`: what a batch with a stream may hold in memory while another object joins it. */
const HELD_SHARE = 2 / 5;

/**
 * Records of more than a few kilobytes do not join: DuckDB keeps them in memory until they are a row group, or
 * their batch ends.
 */
const USUAL_RECORD_BYTES = 2_048;

/** A batch may be followed by so many objects in one transaction. */
const MAX_STREAMED = 256;

/** From so many bytes on, an object is large. */
const LARGE_BYTES = 8 * 1024 * 1024;

/** Loads everything that waits. Objects that could not be downloaded keep waiting for the next run. */
export async function loadPending(input: LoadPendingInput): Promise<void> {
  const { database, filter } = input;
  const failures = new FetchFailures(input);
  const total = Math.min(
    await countPending(database, filter),
    input.limit ?? Number.POSITIVE_INFINITY,
  );
  const memory = new LoadingMemory(database, input.config.load.memoryLimitBytes);
  try {
    await memory.during(async () => loadRounds(input, memory, failures, total));
  } finally {
    dropKeptBuffers();
  }
  // Not after a failure, which ends the run: a broken database would put another error before it.
  await memory.end();
  failures.finish();
}

async function loadRounds(
  input: LoadPendingInput,
  memory: LoadingMemory,
  failures: FetchFailures,
  total: number,
): Promise<void> {
  const { database, filter, signal } = input;
  let done = 0;
  let streams = true;
  // Page by page until nothing waits; an overwritten object may make loaded ones wait again.
  while (!signal?.aborted) {
    const left = input.limit === undefined ? undefined : input.limit - done;
    if (left !== undefined && left <= 0) break;
    const waiting = await listPending(database, filter, left, failures.failed);
    if (waiting.length === 0) break;
    const round = new Round(
      input,
      memory,
      waiting,
      failures,
      Math.max(total, done + waiting.length),
      streams,
    );
    try {
      await round.load();
    } catch (error) {
      if (!streams || !(error instanceof StreamBroken || isOutOfMemory(error))) throw error;
      streams = false;
      await memory.giveAll();
    }
    done += round.done;
  }
}

/** One page of waiting objects on its way through batches. */
class Round {
  readonly #input: LoadPendingInput;
  readonly #memory: LoadingMemory;
  readonly #failures: FetchFailures;
  readonly #total: number;
  readonly #streams: boolean;
  /** Those behind the one in hand. */
  readonly #waiting: PendingObject[];
  readonly #arriving: ArrivingObjects;
  #objects: OpenedObject[] = [];
  readonly #eventTypes = new Set<string>();
  #rows = 0;
  #bytes = 0;
  /** The object of which further parts are to come. */
  #unfinished: number | undefined;
  /** Objects that have been dealt with. */
  done = 0;

  constructor(
    input: LoadPendingInput,
    memory: LoadingMemory,
    waiting: readonly PendingObject[],
    failures: FetchFailures,
    total: number,
    streams: boolean,
  ) {
    this.#input = input;
    this.#memory = memory;
    this.#failures = failures;
    this.#total = total;
    this.#streams = streams && input.loader.canStream;
    this.#waiting = [...waiting];
    const { config, store, signal } = input;
    this.#arriving = new ArrivingObjects(waiting, {
      config,
      store,
      row: failures.row,
      signal,
      inParts: this.#streams,
    });
  }

  async load(): Promise<void> {
    const { signal, onProgress } = this.#input;
    onProgress(this.#total);
    try {
      while (!signal?.aborted) {
        const arrival = await this.#arriving.next();
        if (arrival === undefined) break;
        await this.#take(arrival);
      }
    } catch (error) {
      // The signal breaks off downloads; what had arrived before is still loaded.
      if (!(error instanceof CurrentsError && error.code === 'INTERRUPTED')) throw error;
    } finally {
      // When loading fails, the download that runs ahead is of no use.
      this.#arriving.stop();
    }
    await this.#flush();
    this.#failures.throwVerdict();
  }

  async #take(arrival: Arrival): Promise<void> {
    this.#waiting.shift();
    const { object, opened, failure, defect } = arrival;
    if (defect) this.#input.totals.bytes += defect.version.sizeBytes;
    if (failure) await this.#failures.noteFailure(object, failure);
    if (opened || defect) await this.#failures.noteSuccess();
    if (defect) await this.#quarantine(object, defect.error, defect.version);
    if (opened) await this.#add(opened);
    else this.done += 1;
  }

  /** Adds an object to the batch and loads that when it is full, or large and more of its kind follows. */
  async #add(opened: OpenedObject): Promise<void> {
    const { config } = this.#input;
    const { uncompressedBytes, recordCount } = opened.container;
    const bytes = this.#bytes + uncompressedBytes;
    const isNewType = !this.#eventTypes.has(opened.eventType);
    if (bytes > config.load.batchBytes || (isNewType && this.#eventTypes.size >= MAX_BATCH_TYPES)) {
      await this.#flush();
    }
    this.#eventTypes.add(opened.eventType);
    this.#objects.push(opened);
    this.#rows += recordCount;
    this.#bytes += uncompressedBytes;
    const isFull = this.#rows >= config.load.batchRows || this.#bytes >= config.load.batchBytes;
    const isFollowed = this.#waiting[0]?.eventType === opened.eventType;
    const isInParts = opened.part !== undefined;
    const isLarge = isInParts || uncompressedBytes >= LARGE_BYTES;
    const isJoined = this.#streams && isFollowed && isLarge && isUsual(opened);
    if (isFull || isInParts || (isJoined && (await this.#canKeepUp()))) await this.#flush(isJoined);
  }

  /** Whether the objects that follow will be there in time, so that the statement can begin with this one. */
  async #canKeepUp(): Promise<boolean> {
    await this.#arriving.wait();
    return this.#arriving.ready?.opened !== undefined;
  }

  /** The batch's memory, and what follows it for as long as there is room in its transaction. */
  #stream(takesMore: boolean): ObjectStream {
    const { config, signal } = this.#input;
    const { batchRows, batchBytes } = config.load;
    const arriving = this.#arriving;
    let rows = this.#rows;
    let bytes = this.#bytes;
    let heldBytes = this.#bytes;
    const hasRoom = (asideBytes: number) =>
      rows < batchRows * STREAM_SHARE.rows &&
      bytes < batchBytes * STREAM_SHARE.bytes &&
      heldBytes + asideBytes < batchBytes * HELD_SHARE;
    const takeReady: ObjectStream['takeReady'] = (accepts, asideBytes) => {
      const { ready } = arriving;
      const opened = ready?.opened;
      if (opened === undefined) return undefined;
      if (!accepts(opened)) return undefined;
      if (this.#unfinished === undefined) {
        if (signal?.aborted || !hasRoom(asideBytes) || !isUsual(opened)) return undefined;
        this.#waiting.shift();
      }
      arriving.take();
      this.#noteUnfinished(opened);
      rows += opened.container.recordCount;
      bytes += opened.container.uncompressedBytes;
      heldBytes += opened.container.uncompressedBytes;
      return opened;
    };
    return {
      upcoming: takesMore ? this.#waiting.slice(0, MAX_STREAMED) : [],
      takeReady,
      takeBatch: async (accepts, asideBytes) => {
        const batch: OpenedObject[] = [];
        const enough = rows + batchRows;
        const isOwed = () => batch.length === 0 && this.#unfinished !== undefined;
        while (isOwed() || (rows < enough && hasRoom(asideBytes))) {
          await arriving.wait();
          const opened = takeReady(accepts, asideBytes);
          if (opened === undefined) break;
          batch.push(opened);
        }
        // A part that did not come: without it its object cannot be loaded.
        if (isOwed()) throw new StreamBroken();
        return batch;
      },
      release: ({ container }) => {
        if (container.blocks.length > 0) heldBytes -= container.uncompressedBytes;
        giveBack(takeMemory(container));
      },
    };
  }

  #noteUnfinished({ objectId, part }: OpenedObject): void {
    this.#unfinished = part?.isLast === false ? objectId : undefined;
  }

  async #quarantine(
    { objectId, key }: PendingObject,
    error: CurrentsError,
    version: ListedObject,
  ): Promise<void> {
    const { database, runId, now } = this.#input;
    await database.withTransaction(async () => {
      await quarantineObject(database, { objectId, key, error, version }, runId, now());
    });
    this.#tellQuarantined(key, error);
  }

  #tellQuarantined(key: string, error: CurrentsError): void {
    const { totals, logger } = this.#input;
    totals.countProblem(key, 'quarantined', error);
    logger.warn({ key, code: error.code, reason: error.message }, 'object quarantined');
  }

  /** @param takesMore whether objects that follow may join */
  async #flush(takesMore = false): Promise<void> {
    const { loader, totals, logger, onProgress } = this.#input;
    if (this.#objects.length === 0) return;
    const stream = this.#streams ? this.#stream(takesMore) : undefined;
    const objects = this.#objects;
    this.#noteUnfinished(objects.at(-1) as OpenedObject);
    this.#objects = [];
    this.#eventTypes.clear();
    this.#rows = 0;
    this.#bytes = 0;
    await this.#memory.divide(takesMore || objects.length === 1 ? 'stream' : 'batch');
    const { outcomes, changes } = await loader.load(objects, stream);
    totals.schemaChanges.push(...changes);
    for (const { object, status, readCount, duplicateCount, erasedCount, error } of outcomes) {
      const { key, eventType, sizeBytes } = object;
      totals.bytes += sizeBytes;
      if (status === 'loaded') {
        totals.loaded += 1;
        totals.countObject(eventType, readCount, duplicateCount);
        totals.erased += erasedCount;
        logger.debug(
          { key, eventType, events: readCount, duplicates: duplicateCount },
          'object loaded',
        );
      } else if (error) {
        this.#tellQuarantined(key, error);
      }
    }
    this.done += outcomes.length;
    giveBack(outcomes.flatMap(({ object }) => takeMemory(object.container)));
    onProgress(this.#total);
  }
}

function isUsual({ container }: OpenedObject): boolean {
  return container.uncompressedBytes <= container.recordCount * USUAL_RECORD_BYTES;
}
