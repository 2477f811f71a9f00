/**
 * Objects that wait in the ledger → downloaded, opened, loaded in batches, in the ledger's order.
 *
 * While one group of objects is decoded and loaded, the next one is downloaded. One batch's decompressed
 * blocks and two groups' bytes are in memory, never more. After the signal fires, the objects in hand are
 * loaded and committed and no new ones are begun.
 *
 * What goes wrong with one object is written down and the rest goes on. What would go wrong with every
 * object (no rights, no bucket, a full disk) is thrown.
 */

import { openContainer } from './avro/container-reader.ts';
import type { Config } from './config.ts';
import type { FetchedObject, ObjectStore } from './discovery/object-store.ts';
import { downloadObjects, planGroups } from './download-objects.ts';
import { CurrentsError } from './errors.ts';
import { FetchFailures } from './fetch-failures.ts';
import { freeBuffers } from './free-buffers.ts';
import type { LoadTotals } from './load-totals.ts';
import type { Logger } from './logger.ts';
import type { Database } from './warehouse/database.ts';
import type { BatchLoader, OpenedObject } from './warehouse/load-batch.ts';
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

/** Downloads run ahead of loading by this part of a batch, or by one object. */
const AHEAD_SHARE = 4;

/**
 * Tables that one transaction writes to. DuckDB keeps some megabytes for each until the commit, which count
 * in `load.memoryLimit` and cannot go to disk.
 */
const MAX_BATCH_TYPES = 32;

/** Event types of Currents as the header spells them: `dataexport.S3.inner.users.messages.email.Open`. */
const INNER_NAME = /^dataexport\.(?:[^.]+\.)*?inner\.(.+)$/;

/** Loads everything that waits. Objects that could not be downloaded keep waiting for the next run. */
export async function loadPending(input: LoadPendingInput): Promise<void> {
  const { database, filter, signal } = input;
  const failures = new FetchFailures(input);
  const total = Math.min(
    await countPending(database, filter),
    input.limit ?? Number.POSITIVE_INFINITY,
  );
  let begun = 0;
  // Page by page until nothing waits; an overwritten object may make loaded ones wait again.
  while (!signal?.aborted) {
    const left = input.limit === undefined ? undefined : input.limit - begun;
    if (left !== undefined && left <= 0) break;
    const round = await listPending(database, filter, left, failures.failed);
    if (round.length === 0) break;
    begun += round.length;
    await loadRound(input, round, failures, Math.max(total, begun));
  }
  failures.finish();
}

async function loadRound(
  input: LoadPendingInput,
  round: readonly PendingObject[],
  failures: FetchFailures,
  total: number,
): Promise<void> {
  const { config, store, signal } = input;
  input.onProgress(total);
  const groups = planGroups(round, config.load.batchBytes / AHEAD_SHARE);
  // Its own signal: when loading fails, the download that runs ahead is of no use.
  const downloads = new AbortController();
  const batch = new Batch(input, total);
  const stop = signal ? AbortSignal.any([signal, downloads.signal]) : downloads.signal;
  const start = (group: readonly PendingObject[]) => {
    const arrivals = downloadObjects(store, group, config.source, failures.row, stop);
    // Looked at when its turn comes; until then a failure must not count as unhandled.
    arrivals.catch(() => undefined);
    return arrivals;
  };
  let next = start(groups[0] ?? []);
  try {
    for (const index of groups.keys()) {
      if (signal?.aborted) break;
      const arrived = await next;
      next = start(groups[index + 1] ?? []);
      for (const { object, fetched, error } of arrived) {
        if (signal?.aborted) break;
        if (error) await failures.noteFailure(object, error);
        else if (fetched) {
          await failures.noteSuccess();
          await batch.add(object, fetched);
        }
      }
    }
  } catch (error) {
    // The signal breaks off downloads; what had arrived before is still loaded.
    if (!(error instanceof CurrentsError && error.code === 'INTERRUPTED')) throw error;
  } finally {
    downloads.abort();
  }
  await batch.flush();
  failures.throwVerdict();
}

/**
 * Opened objects on their way into one transaction. Their memory is the batch's own from `add` on: freed
 * when they have been committed. When loading throws, the run ends, and what is left goes with it.
 */
class Batch {
  readonly #input: LoadPendingInput;
  readonly #total: number;
  #objects: OpenedObject[] = [];
  readonly #eventTypes = new Set<string>();
  #rows = 0;
  #bytes = 0;

  constructor(input: LoadPendingInput, total: number) {
    this.#input = input;
    this.#total = total;
  }

  /** Opens an object and loads the batch when it is full. A container that is no good is set aside. */
  async add(object: PendingObject, fetched: FetchedObject): Promise<void> {
    const { config, database, runId, now, totals, logger } = this.#input;
    totals.bytes += fetched.bytes.length;
    let opened: OpenedObject;
    try {
      const container = await openContainer(fetched.bytes, config.limits);
      if (container.codec !== 'null') freeBuffers([fetched.bytes]);
      opened = {
        objectId: object.objectId,
        key: object.key,
        etag: fetched.etag,
        sizeBytes: fetched.sizeBytes,
        lastModified: fetched.lastModified,
        eventType: object.eventType ?? eventTypeOf(container.schema.type.name),
        container,
      };
    } catch (error) {
      if (!(error instanceof CurrentsError)) throw error;
      const { objectId, key } = object;
      await database.withTransaction(async () => {
        await quarantineObject(database, { objectId, key, error }, runId, now());
      });
      totals.countProblem(key, 'quarantined', error);
      logger.warn({ key, code: error.code, reason: error.message }, 'object quarantined');
      return;
    }
    const bytes = this.#bytes + opened.container.uncompressedBytes;
    const isNewType = !this.#eventTypes.has(opened.eventType);
    if (bytes > config.load.batchBytes || (isNewType && this.#eventTypes.size >= MAX_BATCH_TYPES)) {
      await this.flush();
    }
    this.#eventTypes.add(opened.eventType);
    this.#objects.push(opened);
    this.#rows += opened.container.recordCount;
    this.#bytes += opened.container.uncompressedBytes;
    if (this.#rows >= config.load.batchRows || this.#bytes >= config.load.batchBytes) {
      await this.flush();
    }
  }

  async flush(): Promise<void> {
    const { loader, totals, logger, onProgress } = this.#input;
    if (this.#objects.length === 0) return;
    const objects = this.#objects;
    this.#objects = [];
    this.#eventTypes.clear();
    this.#rows = 0;
    this.#bytes = 0;
    const { outcomes, changes } = await loader.load(objects);
    totals.schemaChanges.push(...changes);
    for (const { object, status, readCount, duplicateCount, erasedCount, error } of outcomes) {
      const { key, eventType } = object;
      if (status === 'loaded') {
        totals.loaded += 1;
        totals.countObject(eventType, readCount, duplicateCount);
        totals.erased += erasedCount;
        logger.debug(
          { key, eventType, events: readCount, duplicates: duplicateCount },
          'object loaded',
        );
      } else if (error) {
        totals.countProblem(key, 'quarantined', error);
        logger.warn({ key, code: error.code, reason: error.message }, 'object quarantined');
      }
    }
    freeBuffers(objects.flatMap(({ container }) => container.blocks.map(({ bytes }) => bytes)));
    onProgress(this.#total);
  }
}

/** The event type of an object whose key does not tell: from the record's full name in its header. */
function eventTypeOf(recordName: string): string {
  return INNER_NAME.exec(recordName)?.[1] ?? recordName;
}
