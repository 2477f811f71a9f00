/** Downloads from a real S3-compatible server, and through a proxy that breaks them. */

import { randomBytes } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type {
  ListedObject,
  ObjectReading,
  ObjectStore,
} from '../../../src/discovery/object-store.ts';
import { openStore } from '../../../src/discovery/open-store.ts';
import { isTransient } from '../../../src/errors.ts';
import {
  FAULTS,
  type Fault,
  type FaultyProxyOptions,
  startFaultyProxy,
} from '../../support/faulty-proxy.ts';
import { createTestBucket, type TestBucket, testS3Settings } from '../../support/s3-buckets.ts';

let bucket: TestBucket;
let store: ObjectStore;
let objects: readonly ListedObject[];
const bodies = new Map<string, Buffer>();

beforeAll(async () => {
  bucket = await createTestBucket(inject('s3Endpoint'));
  for (let n = 0; n < 120; n++) bodies.set(`many/${n}`, randomBytes(2000 + n * 400));
  await bucket.putAll(bodies);
  store = openStore(`s3://${bucket.name}`, testS3Settings(inject('s3Endpoint')));
  objects = await listAll(store, 'many/');
});

afterAll(() => {
  store.close();
  bucket.close();
});

describe('fetch', () => {
  it('returns the bytes with what the listing said', async () => {
    for (const object of objects.slice(0, 10)) {
      expect(await store.fetch(object)).toEqual({ ...object, bytes: bodies.get(object.key) });
    }
  });

  it('returns the newer version of an object overwritten since it was listed', async () => {
    await bucket.put('overwritten', 'old');
    const [listed] = await listAll(store, 'overwritten');
    await bucket.put('overwritten', 'newer');
    const [current] = await listAll(store, 'overwritten');
    const fetched = await store.fetch(listed ?? aMissing('overwritten'));
    expect(fetched.bytes.toString()).toBe('newer');
    expect(fetched).toMatchObject({ etag: current?.etag, sizeBytes: 5 });
    expect(fetched.etag).not.toBe(listed?.etag);
  });

  it('says that an object was deleted since it was listed', async () => {
    await bucket.put('deleted', 'x');
    const [listed] = await listAll(store, 'deleted');
    await bucket.remove('deleted');
    await expect(store.fetch(listed ?? aMissing('deleted'))).rejects.toMatchObject({
      code: 'OBJECT_MISSING',
      transient: false,
      context: { source: `s3://${bucket.name}`, key: 'deleted' },
    });
  });

  it('takes an empty object for what it is', async () => {
    await bucket.put('empty', '');
    const [listed] = await listAll(store, 'empty');
    expect((await store.fetch(listed ?? aMissing('empty'))).bytes).toHaveLength(0);
  });

  it('ends at once when asked to stop, in the middle of a body too', async () => {
    const proxy = await startFaultyProxy({
      upstream: inject('s3Endpoint'),
      seed: 1,
      rates: { stalled: 1 },
    });
    const stalling = openStore(`s3://${bucket.name}`, testS3Settings(proxy.endpoint));
    const stop = new AbortController();
    const started = Date.now();
    const fetching = stalling.fetch(objects[50] ?? aMissing('many/50'), stop.signal);
    setTimeout(() => stop.abort(), 200);
    await expect(fetching).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(Date.now() - started).toBeLessThan(5000);
    stalling.close();
    await proxy.stop();
  });
});

describe.each(Object.keys(FAULTS) as Fault[])('with the fault %s', (fault) => {
  it('a listing and a download come right once it has passed', async () => {
    // Half of the requests fail; with fifteen attempts, one in thirty thousand fails for good.
    await withProxy(
      { rates: { [fault]: 0.5 } },
      { maxAttempts: 15, stallTimeoutMs: 500 },
      async (faulty, counts) => {
        const listed = await listAll(faulty, 'many/1');
        for (const object of listed.slice(0, 4)) {
          expect((await faulty.fetch(object)).bytes).toEqual(bodies.get(object.key));
        }
        expect(counts[fault]).toBeGreaterThan(0);
      },
    );
  });
});

it('with every fault at once, each download is right or fails as transient', async () => {
  const all = Object.fromEntries(Object.keys(FAULTS).map((fault) => [fault, 0.07]));
  const rates = { ...all, stalled: 0.02 }; // each costs the whole time of the watch
  await withProxy({ rates }, { maxAttempts: 2, stallTimeoutMs: 3000 }, async (faulty, counts) => {
    const outcomes = await fetchAll(faulty, [...objects, ...objects]);
    for (const fault of Object.keys(FAULTS) as Fault[]) expect(counts[fault]).toBeGreaterThan(0);
    expect(outcomes.right).toBeGreaterThan(outcomes.transient);
    expect(outcomes.transient).toBeGreaterThan(0);
  });
});

it('without an ETag to trust, the checksum finds the wrong bytes', async () => {
  const checked = Array.from({ length: 20 }, (_, n) => `checked/${n}`);
  for (const key of checked) {
    const body = randomBytes(20_000);
    bodies.set(key, body);
    const command = {
      Bucket: bucket.name,
      Key: key,
      Body: body,
      ChecksumAlgorithm: 'CRC32',
    } as const;
    await bucket.client.send(new PutObjectCommand(command));
  }
  const broken = {
    rates: { flipped: 0.4, truncated: 0.1 },
    answerHeaders: { 'x-amz-server-side-encryption': 'aws:kms' },
  };
  await withProxy(broken, { maxAttempts: 8, stallTimeoutMs: 10_000 }, async (faulty, counts) => {
    const outcomes = await fetchAll(faulty, await listAll(store, 'checked/'));
    expect(counts.flipped).toBeGreaterThan(0);
    expect(outcomes.right).toBeGreaterThan(15);
  });
});

describe('open', () => {
  it('returns the bytes piece by piece, with what the listing said', async () => {
    for (const object of objects.slice(0, 10)) {
      const reading = await store.open(object);
      const { etag, sizeBytes, lastModified } = reading;
      expect({ key: reading.key, etag, sizeBytes, lastModified }).toEqual(object);
      expect(await readPieces(reading, 777)).toEqual(bodies.get(object.key));
    }
  });

  it('with every fault at once, gives the right bytes or fails as transient before the last', async () => {
    const all = Object.fromEntries(Object.keys(FAULTS).map((fault) => [fault, 0.1]));
    const rates = { ...all, stalled: 0.02 };
    const settings = { maxAttempts: 3, stallTimeoutMs: 3000 };
    const outcomes = { right: 0, transient: 0 };
    await withProxy({ rates }, settings, async (faulty) => {
      await pMap(
        objects,
        async (object) => {
          const bytes = await openAndRead(faulty, object).catch((error: unknown) => {
            if (!isTransient(error)) throw error;
          });
          if (bytes === undefined) outcomes.transient++;
          else if (bodies.get(object.key)?.equals(bytes)) outcomes.right++;
          else throw new Error(`wrong bytes in ${object.key}`);
        },
        { concurrency: 8 },
      );
    });
    // What breaks off within the body is not tried again.
    expect(outcomes.right).toBeGreaterThan(20);
    expect(outcomes.transient).toBeGreaterThan(20);
  });

  it('may be stopped between two pieces', async () => {
    const stop = new AbortController();
    const reading = await store.open(objects[50] ?? aMissing('many/50'), stop.signal);
    await reading.fill(Buffer.alloc(100));
    stop.abort();
    await expect(reading.fill(Buffer.alloc(100))).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await reading.close();
  });
});

async function openAndRead(from: ObjectStore, object: ListedObject): Promise<Buffer> {
  return readPieces(await from.open(object), 1_000);
}

async function readPieces(reading: ObjectReading, pieceBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(reading.sizeBytes);
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      await reading.fill(bytes.subarray(at, Math.min(at + pieceBytes, bytes.length)));
    }
    return bytes;
  } finally {
    await reading.close();
  }
}

/** Downloads everything, some at a time; wrong bytes and permanent failures are thrown. */
async function fetchAll(from: ObjectStore, wanted: readonly ListedObject[]) {
  const outcomes = { right: 0, transient: 0 };
  await pMap(
    wanted,
    async (object) => {
      const fetched = await from.fetch(object).catch((error: unknown) => {
        if (!isTransient(error)) throw error;
        return undefined;
      });
      if (fetched === undefined) outcomes.transient++;
      else if (bodies.get(object.key)?.equals(fetched.bytes)) outcomes.right++;
      else throw new Error(`wrong bytes in ${object.key}`);
    },
    { concurrency: 8 },
  );
  return outcomes;
}

async function withProxy(
  faults: Pick<FaultyProxyOptions, 'rates' | 'answerHeaders'>,
  settings: { maxAttempts: number; stallTimeoutMs: number },
  work: (store: ObjectStore, counts: Readonly<Record<Fault, number>>) => Promise<void>,
): Promise<void> {
  const proxy = await startFaultyProxy({ upstream: inject('s3Endpoint'), seed: 7, ...faults });
  const faulty = openStore(`s3://${bucket.name}`, {
    ...testS3Settings(proxy.endpoint),
    ...settings,
    retryWaitMs: 5,
  });
  try {
    await work(faulty, proxy.faultCounts);
  } finally {
    faulty.close();
    await proxy.stop();
  }
}

async function listAll(from: ObjectStore, prefix: string): Promise<ListedObject[]> {
  const found = [];
  for await (const page of from.list({ prefix })) found.push(...page);
  return found;
}

function aMissing(key: string): ListedObject {
  return { key, etag: '', sizeBytes: 0, lastModified: new Date(0) };
}
