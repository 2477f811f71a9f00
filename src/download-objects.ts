/**
 * Objects that wait → their bytes, a group of neighbours at a time, several downloads side by side.
 *
 * A download that fails because of the object itself is an outcome. What would meet the next object too
 * (no such bucket, expired credentials) is thrown. In between stands a store that refuses or does not
 * answer: that is judged by fetch-failures.ts, over many objects.
 */

import pMap from 'p-map';
import type { FetchedObject, ObjectStore } from './discovery/object-store.ts';
import { CurrentsError } from './errors.ts';
import type { PendingObject } from './warehouse/object-ledger.ts';

export interface Download {
  readonly object: PendingObject;
  readonly fetched?: FetchedObject;
  readonly error?: CurrentsError;
}

export interface DownloadLimits {
  readonly concurrency: number;
  readonly maxObjectBytes: number;
}

/** So many objects are downloaded before their group is handed on, even when they are small. */
const MAX_GROUP_OBJECTS = 512;

const OUTCOMES: ReadonlySet<string> = new Set([
  'OBJECT_MISSING',
  'OBJECT_ARCHIVED',
  'OBJECT_INCOMPLETE',
  'OBJECT_TOO_LARGE',
  'SOURCE_ACCESS_DENIED',
  'SOURCE_UNAVAILABLE',
]);

/** Neighbours in loading order, in groups of a bounded size. */
export function planGroups(
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

/** Downloads one group; outcomes in the group's order. */
export async function downloadObjects(
  store: ObjectStore,
  group: readonly PendingObject[],
  { concurrency, maxObjectBytes }: DownloadLimits,
  signal: AbortSignal,
): Promise<readonly Download[]> {
  return pMap(
    group,
    async (object): Promise<Download> => {
      try {
        refuseTooLarge(object, maxObjectBytes);
        return { object, fetched: await store.fetch(object, signal) };
      } catch (error) {
        if (error instanceof CurrentsError && OUTCOMES.has(error.code)) return { object, error };
        throw error;
      }
    },
    { concurrency },
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
