/**
 * Objects that wait → their bytes, a group of neighbours at a time, several downloads side by side.
 *
 * A download that fails because of the object itself is an outcome. What would meet the next object too
 * (no such bucket, expired credentials) is thrown. In between stands a store that refuses or does not
 * answer: after a row of such failures no more downloads are begun, and fetch-failures.ts ends the run.
 */

import pMap from 'p-map';
import type { FetchedObject, ObjectReading, ObjectStore } from './discovery/object-store.ts';
import { CurrentsError } from './errors.ts';
import type { PendingObject } from './warehouse/object-ledger.ts';

/** What became of one object; neither bytes nor an error when it was not tried. */
export interface Download {
  readonly object: PendingObject;
  readonly fetched?: FetchedObject;
  /** Instead, of an object that is read in parts. */
  readonly reading?: ObjectReading;
  readonly error?: CurrentsError;
}

export interface DownloadLimits {
  readonly concurrency: number;
  readonly maxObjectBytes: number;
}

/** So many objects are downloaded before their group is handed on, even when they are small. */
const MAX_GROUP_OBJECTS = 512;

/**
 * So many failures in a row are not a coincidence. With eight at a time it takes half a minute of retries
 * where connections are refused, and ten where they hang.
 */
const MAX_FAILURES_IN_A_ROW = 24;

/** Failures that can be the store's rather than the object's. */
const FAILURES_OF_STORE: ReadonlySet<string> = new Set([
  'OBJECT_INCOMPLETE',
  'SOURCE_ACCESS_DENIED',
  'SOURCE_UNAVAILABLE',
]);

/**
 * Downloads that failed one after the other, in the order in which they ended. One for a whole run: a
 * group alone may hold hundreds of objects, and each costs seconds until its retries are used up.
 */
export class FailureRow {
  #length = 0;
  #last: CurrentsError | undefined;

  noteSuccess(): void {
    this.#length = 0;
  }

  noteFailure(error: CurrentsError): void {
    if (!FAILURES_OF_STORE.has(error.code)) return;
    this.#length += 1;
    this.#last = error;
  }

  /** The last of too many failures, or undefined while there is hope. */
  get verdict(): CurrentsError | undefined {
    return this.#length >= MAX_FAILURES_IN_A_ROW ? this.#last : undefined;
  }
}

const OUTCOMES: ReadonlySet<string> = new Set([
  'OBJECT_MISSING',
  'OBJECT_ARCHIVED',
  'OBJECT_INCOMPLETE',
  'OBJECT_TOO_LARGE',
  'SOURCE_ACCESS_DENIED',
  'SOURCE_UNAVAILABLE',
]);

/** Neighbours in loading order, in groups of a bounded size; one of so many bytes on is a group of its own. */
export function planGroups(
  objects: readonly PendingObject[],
  maxBytes: number,
  aloneBytes = Number.POSITIVE_INFINITY,
): readonly (readonly PendingObject[])[] {
  const groups: PendingObject[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const object of objects) {
    const group = groups.at(-1);
    const isAlone = object.sizeBytes >= aloneBytes;
    const isFull = bytes + object.sizeBytes > maxBytes || group?.length === MAX_GROUP_OBJECTS;
    if (!group || isFull || isAlone) {
      groups.push([object]);
      bytes = isAlone ? Number.POSITIVE_INFINITY : object.sizeBytes;
    } else {
      group.push(object);
      bytes += object.sizeBytes;
    }
  }
  return groups;
}

/** Downloads one group; outcomes in the group's order. */
export async function downloadObjects(
  store: ObjectStore,
  group: readonly PendingObject[],
  { concurrency, maxObjectBytes }: DownloadLimits,
  row: FailureRow,
  signal: AbortSignal,
): Promise<readonly Download[]> {
  return pMap(
    group,
    (object) =>
      tryDownload(object, row, async () => {
        refuseTooLarge(object, maxObjectBytes);
        return { fetched: await store.fetch(object, signal) };
      }),
    { concurrency },
  );
}

/** Begins to download one object that is read in parts. */
export async function openDownload(
  store: ObjectStore,
  object: PendingObject,
  { maxObjectBytes }: DownloadLimits,
  row: FailureRow,
  signal: AbortSignal,
): Promise<Download> {
  return tryDownload(object, row, async () => {
    refuseTooLarge(object, maxObjectBytes);
    return { reading: await store.open(object, signal) };
  });
}

async function tryDownload(
  object: PendingObject,
  row: FailureRow,
  download: () => Promise<Pick<Download, 'fetched' | 'reading'>>,
): Promise<Download> {
  if (row.verdict) return { object };
  try {
    const downloaded = await download();
    row.noteSuccess();
    return { object, ...downloaded };
  } catch (error) {
    if (!(error instanceof CurrentsError && OUTCOMES.has(error.code))) throw error;
    row.noteFailure(error);
    return { object, error };
  }
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
