/** Listings over HTTP from a real S3-compatible server: pages, order, folders, odd keys, cost. */

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { compareKeys } from '../../../src/discovery/key-order.ts';
import { listNewObjects } from '../../../src/discovery/list-objects.ts';
import { eventTypeFolderOf } from '../../../src/discovery/object-key.ts';
import type { ObjectStore } from '../../../src/discovery/object-store.ts';
import { openStore } from '../../../src/discovery/open-store.ts';
import { createTestBucket, type TestBucket, testS3Settings } from '../../support/s3-buckets.ts';

const EVENT_TYPES = [
  'users.behaviors.Uninstall',
  'users.behaviors.app.FirstSession',
  'users.a-b_c.D',
];
const FILES_PER_TYPE = 1740;
const NOW = new Date('2026-09-30T00:00:00Z');

describe('a bucket with more than 5,000 objects', () => {
  let bucket: TestBucket;
  let store: ObjectStore;
  let keys: string[];

  beforeAll(async () => {
    bucket = await createTestBucket(inject('s3Endpoint'));
    keys = EVENT_TYPES.flatMap((eventType) =>
      Array.from({ length: FILES_PER_TYPE }, (_, n) => aKey(eventType, n)),
    ).toSorted(compareKeys);
    await bucket.putAll([...keys, 'elsewhere/x.avro'].map((key) => [key, 'x'] as const));
    store = openStore(`s3://${bucket.name}/currents`, testS3Settings(inject('s3Endpoint')));
  });

  afterAll(() => {
    store.close();
    bucket.close();
  });

  it('is listed over all its pages, every object once and in order', async () => {
    const before = store.requestCounts.list;
    expect(await listKeys(store, { prefix: store.prefix })).toEqual(keys);
    expect(store.requestCounts.list - before).toBe(Math.ceil(keys.length / 1000));
  });

  it('is listed from any key on', async () => {
    const middle = keys[2600] ?? '';
    const after = await listKeys(store, { prefix: store.prefix, startAfter: middle });
    expect(after).toEqual(keys.slice(2601));
  });

  it('shows its folders', async () => {
    expect(await store.listFolder('currents/')).toEqual({
      folders: ['currents/dataexport.prod-01.S3.integration.5f0c/'],
      objects: [],
    });
    const days = await store.listFolder(eventTypeFolderOf(keys[0] ?? '') ?? '');
    expect(days.folders).toHaveLength(FILES_PER_TYPE / 60);
  });

  it('costs two requests and one for each event type when nothing is new', async () => {
    const newestHours = new Map(
      keys.map((key) => [eventTypeFolderOf(key) ?? '', new Date('2026-09-29T00:00:00Z')]),
    );
    const before = store.requestCounts.list;
    const plan = { eventTypes: [], full: false, lookbackMs: 48 * 3_600_000, now: NOW, newestHours };
    let found = 0;
    for await (const page of listNewObjects(store, plan)) found += page.length;
    expect(found).toBe(EVENT_TYPES.length * 3 * 60);
    expect(store.requestCounts.list - before).toBe(2 + EVENT_TYPES.length);
  });

  it('stops between pages when asked to', async () => {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _page of store.list({ prefix: store.prefix, signal: stop.signal }))
        stop.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

it('keys come back as they were written', async () => {
  const bucket = await createTestBucket(inject('s3Endpoint'));
  const store = openStore(`s3://${bucket.name}`, testS3Settings(inject('s3Endpoint')));
  const odd = [
    'a b+c',
    '100%25',
    'ü/ß 漢',
    '🎉',
    '<&>"\'',
    'a//b',
    '~!$()*,;:@=?#[]',
    '.hidden',
    'x\\y',
  ];
  for (const key of odd) await bucket.put(key, key);
  expect(await listKeys(store, { prefix: '' })).toEqual(odd.toSorted());
  for (const object of await listAll(store, { prefix: '' })) {
    expect((await store.fetch(object)).bytes.toString()).toBe(object.key);
  }
  await store.put('put by us + 1', Buffer.from('hello'));
  expect(await listKeys(store, { prefix: 'put by us + 1' })).toEqual(['put by us + 1']);
  store.close();
  bucket.close();
});

it('a bucket that does not exist is said so', async () => {
  const store = openStore('s3://currents-nope', testS3Settings(inject('s3Endpoint')));
  await expect(store.listFolder('')).rejects.toMatchObject({
    code: 'SOURCE_NOT_FOUND',
    transient: false,
    message:
      'cannot list s3://currents-nope/: there is no bucket "currents-nope": NoSuchBucket, HTTP 404 (a bucket at this endpoint)',
  });
  store.close();
});

/** Sixty files a day, one day after the other from 1 September on. */
function aKey(eventType: string, n: number): string {
  const source = 'dataexport.prod-01.S3.integration.5f0c';
  const day = String(1 + Math.floor(n / 60)).padStart(2, '0');
  const offset = String(n).padStart(10, '0');
  return `currents/${source}/event_type=${eventType}/date=2026-09-${day}-00/1210/eu/${source}+${n % 3}+${offset}.avro`;
}

async function listAll(store: ObjectStore, options: { prefix: string; startAfter?: string }) {
  const objects = [];
  for await (const page of store.list(options)) objects.push(...page);
  return objects;
}

async function listKeys(store: ObjectStore, options: { prefix: string; startAfter?: string }) {
  return (await listAll(store, options)).map((object) => object.key);
}
