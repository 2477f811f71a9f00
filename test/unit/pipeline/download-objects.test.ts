/** When downloading is given up, and when it is not. */

import { describe, expect, it } from 'vitest';
import type {
  FetchedObject,
  ListedObject,
  ObjectStore,
} from '../../../src/discovery/object-store.ts';
import { downloadObjects, FailureRow } from '../../../src/download-objects.ts';
import { CurrentsError, type ErrorCode } from '../../../src/errors.ts';
import type { PendingObject } from '../../../src/warehouse/object-ledger.ts';

const OBJECTS: readonly PendingObject[] = Array.from({ length: 200 }, (_, at) => ({
  objectId: at,
  key: `${at}.avro`,
  etag: 'e',
  sizeBytes: 1,
  lastModified: new Date(0),
  eventType: undefined,
  schemaVersion: undefined,
}));
const LIMITS = { concurrency: 8, maxObjectBytes: 10 };

/** Downloads all objects; `codeOf` says how each fails, if it does. */
async function downloadAll(codeOf: (at: number) => ErrorCode | undefined) {
  const row = new FailureRow();
  const tried: string[] = [];
  const store = {
    fetch: async (object: ListedObject): Promise<FetchedObject> => {
      tried.push(object.key);
      await Promise.resolve();
      const code = codeOf(Number.parseInt(object.key, 10));
      if (code !== undefined) throw new CurrentsError({ code, message: `no ${object.key}` });
      return { ...object, bytes: Buffer.alloc(1) };
    },
  } as Partial<ObjectStore> as ObjectStore;
  const signal = new AbortController().signal;
  return { downloads: await downloadObjects(store, OBJECTS, LIMITS, row, signal), tried, row };
}

describe('a store that fails', () => {
  it.each(['SOURCE_UNAVAILABLE', 'SOURCE_ACCESS_DENIED', 'OBJECT_INCOMPLETE'] as const)(
    'with %s for every object is given up within the group',
    async (code) => {
      const { downloads, tried, row } = await downloadAll(() => code);
      expect(tried.length).toBeLessThan(24 + LIMITS.concurrency);
      expect(row.verdict).toMatchObject({ code });
      // What was not tried is neither loaded nor to blame.
      expect(downloads.filter(({ error }) => error !== undefined)).toHaveLength(tried.length);
      expect(downloads).toHaveLength(OBJECTS.length);
      expect(downloads.at(-1)).toEqual({ object: OBJECTS.at(-1) });
    },
  );

  it('now and then is not given up', async () => {
    const { downloads, tried, row } = await downloadAll((at) =>
      at % 20 === 0 ? undefined : 'SOURCE_UNAVAILABLE',
    );
    expect(tried).toHaveLength(OBJECTS.length);
    expect(row.verdict).toBeUndefined();
    expect(downloads.filter(({ fetched }) => fetched !== undefined)).toHaveLength(10);
  });

  it.each(['OBJECT_MISSING', 'OBJECT_ARCHIVED'] as const)(
    'to have any object, with %s, has answered all the same',
    async (code) => {
      const { tried, row } = await downloadAll(() => code);
      expect(tried).toHaveLength(OBJECTS.length);
      expect(row.verdict).toBeUndefined();
    },
  );
});
