/**
 * Objects that wait in the ledger → downloaded, opened, loaded in batches, in the ledger's order.
 *
 * While one group of objects is decoded and loaded, the next one is downloaded. Two groups' bytes and one
 * batch's decompressed blocks are in memory, never more. After the signal fires, the objects in hand are
 * loaded and committed and no new ones are begun.
 *
 * What goes wrong with one object is written down and the rest goes on. What would go wrong with every
 * object (no rights, no bucket, a full disk) is thrown.
 */

import pMap from 'p-map';
import { openContainer } from './avro/container-reader.ts';
import type { Config } from './config.ts';
import type { FetchedObject, ObjectStore } from './discovery/object-store.ts';
import { CurrentsError } from './errors.ts';
import type { LoadTotals } from './load-totals.ts';
import type { Logger } from './logger.ts';
import type { Database } from './warehouse/database.ts';
import type { BatchLoader, OpenedObject } from './warehouse/load-batch.ts';
import {
  countPending,
  listPending,
  noteFetchFailure,
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

/** So many objects are downloaded before their group is handed on, even when they are small. */
const MAX_GROUP_OBJECTS = 512;

/** Event types of Currents as the header spells them: `dataexport.S3.inner.users.messages.email.Open`. */
const INNER_NAME = /^dataexport\.(?:[^.]+\.)*?inner\.(.+)$/;

/** Loads everything that waits. Objects that could not be downloaded keep waiting for the next run. */
export async function loadPending(input: LoadPendingInput): Promise<void> {
  const { database, filter, signal } = input;
  const failed = new Set<number>();
  const total = Math.min(
    await countPending(database, filter),
    input.limit ?? Number.POSITIVE_INFINITY,
  );
  let begun = 0;
  // Page by page until nothing waits; an overwritten object may make loaded ones wait again.
  while (!signal?.aborted) {
    const left = input.limit === undefined ? undefined : input.limit - begun;
    if (left !== undefined && left <= 0) return;
    const round = await listPending(database, filter, left, failed);
    if (round.length === 0) return;
    begun += round.length;
    await loadRound(input, round, failed, Math.max(total, begun));
  }
}

async function loadRound(
  input: LoadPendingInput,
  round: readonly PendingObject[],
  failed: Set<number>,
  total: number,
): Promise<void> {
  const { config, signal } = input;
  input.onProgress(total);
  const groups = planGroups(round, config.load.batchBytes / 2);
  // Its own signal: when loading fails, the download that runs ahead is of no use.
  const downloads = new AbortController();
  const batch = new Batch(input, total);
  let next = download(input, groups[0] ?? [], downloads.signal);
  try {
    for (const index of groups.keys()) {
      const arrived = await next;
      const following = signal?.aborted ? [] : (groups[index + 1] ?? []);
      next = download(input, following, downloads.signal);
      // Looked at when its turn comes; until then a failure must not count as unhandled.
      next.catch(() => undefined);
      for (const { object, fetched, error } of arrived) {
        if (error) await noteFailure(input, object, error, failed);
        else if (fetched) await batch.add(object, fetched);
      }
      if (signal?.aborted) break;
    }
    await batch.flush();
  } finally {
    downloads.abort();
  }
}

/** Neighbours in loading order, in groups of a bounded size. */
function planGroups(
  objects: readonly PendingObject[],
  maxBytes: number,
): readonly (readonly PendingObject[])[] {
  const groups: PendingObject[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const object of objects) {
    const group = groups.at(-1);
    if (!group || bytes + object.sizeBytes > maxBytes || group.length >= MAX_GROUP_OBJECTS) {
      groups.push([object]);
      bytes = object.sizeBytes;
    } else {
      group.push(object);
      bytes += object.sizeBytes;
    }
  }
  return groups;
}

interface Download {
  readonly object: PendingObject;
  readonly fetched?: FetchedObject;
  readonly error?: CurrentsError;
}

/** Errors that concern one object; any other would meet the next object too and ends the run. */
const OWN_ERRORS: ReadonlySet<string> = new Set([
  'OBJECT_MISSING',
  'OBJECT_ARCHIVED',
  'OBJECT_INCOMPLETE',
  'OBJECT_TOO_LARGE',
  'SOURCE_UNAVAILABLE',
]);

async function download(
  { config, store }: LoadPendingInput,
  group: readonly PendingObject[],
  signal: AbortSignal,
): Promise<readonly Download[]> {
  return await pMap(
    group,
    async (object): Promise<Download> => {
      try {
        refuseTooLarge(object, config.source.maxObjectBytes);
        return { object, fetched: await store.fetch(object, signal) };
      } catch (error) {
        if (error instanceof CurrentsError && OWN_ERRORS.has(error.code)) return { object, error };
        throw error;
      }
    },
    { concurrency: config.source.concurrency },
  );
}

function refuseTooLarge({ key, sizeBytes }: PendingObject, maxBytes: number): void {
  if (sizeBytes <= maxBytes) return;
  throw new CurrentsError({
    code: 'OBJECT_TOO_LARGE',
    message: `cannot download ${key}: it has ${sizeBytes} bytes (at most ${maxBytes}, source.maxObjectBytes)`,
    hint: `currents quarantine retry '${key}' --max-object-bytes ${sizeBytes}`,
    context: { key },
  });
}

async function noteFailure(
  { database, runId, totals, logger, now }: LoadPendingInput,
  object: PendingObject,
  error: CurrentsError,
  failed: Set<number>,
): Promise<void> {
  const { objectId, key } = object;
  const aside = { objectId, key, error };
  if (error.code === 'OBJECT_TOO_LARGE') {
    await database.withTransaction(async () => {
      await quarantineObject(database, aside, runId, now());
    });
    totals.countProblem(key, 'quarantined', error);
  } else if (error.code === 'OBJECT_MISSING' || error.code === 'OBJECT_ARCHIVED') {
    const status = error.code === 'OBJECT_MISSING' ? 'missing' : 'archived';
    await noteFetchFailure(database, aside, status, runId);
    totals.countProblem(key, status, error);
  } else {
    failed.add(objectId);
    await noteFetchFailure(database, aside, 'discovered', runId);
    totals.countProblem(key, 'failed', error);
  }
  logger.warn({ key, code: error.code, reason: error.message }, 'object not loaded');
}

/** Opened objects on their way into one transaction. */
class Batch {
  readonly #input: LoadPendingInput;
  readonly #total: number;
  #objects: OpenedObject[] = [];
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
    this.#rows = 0;
    this.#bytes = 0;
    const { outcomes, changes } = await loader.load(objects);
    totals.schemaChanges.push(...changes);
    for (const { object, status, readCount, duplicateCount, error } of outcomes) {
      const { key, eventType } = object;
      if (status === 'loaded') {
        totals.loaded += 1;
        totals.countObject(eventType, readCount, duplicateCount);
        logger.debug(
          { key, eventType, events: readCount, duplicates: duplicateCount },
          'object loaded',
        );
      } else if (error) {
        totals.countProblem(key, 'quarantined', error);
        logger.warn({ key, code: error.code, reason: error.message }, 'object quarantined');
      }
    }
    onProgress(this.#total);
  }
}

/** The event type of an object whose key does not tell: from the record's full name in its header. */
export function eventTypeOf(recordName: string): string {
  return INNER_NAME.exec(recordName)?.[1] ?? recordName;
}
