/** Files on their way into a real S3-compatible server, and through a proxy that breaks the connection. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { ObjectStore } from '../../../src/discovery/object-store.ts';
import { openStore } from '../../../src/discovery/open-store.ts';
import { startFaultyProxy } from '../../support/faulty-proxy.ts';
import { aLocalFile } from '../../support/local-file.ts';
import { createTestBucket, type TestBucket, testS3Settings } from '../../support/s3-buckets.ts';

let bucket: TestBucket;
let store: ObjectStore;

beforeAll(async () => {
  bucket = await createTestBucket(inject('s3Endpoint'));
  store = openStore(`s3://${bucket.name}/stage`, testS3Settings(inject('s3Endpoint')));
});

afterAll(() => {
  store.close();
  bucket.close();
});

async function bytesOf(key: string): Promise<Buffer> {
  const object = { key, etag: '', sizeBytes: 0, lastModified: new Date(0) };
  return (await store.fetch(object)).bytes;
}

describe('putFile', () => {
  it('makes one object of a file of several chunks', async () => {
    const bytes = randomBytes(3_000_000);
    expect(await store.putFile('stage/a', aLocalFile(bytes))).toBe(true);
    expect((await bytesOf('stage/a')).equals(bytes)).toBe(true);
  });

  it.each([
    [412, 'PreconditionFailed', false, 1],
    [501, 'NotImplemented', true, 2],
  ])('hears %i %s of a store with or without conditions', async (status, code, isNew, requests) => {
    const refusals = [{ status, code }];
    const proxy = await startFaultyProxy({
      upstream: inject('s3Endpoint'), // which ignores the condition
      seed: 5,
      rates: {},
      intercept: async () => refusals.pop(),
    });
    onTestFinished(() => proxy.stop());
    const behind = openStore(`s3://${bucket.name}`, testS3Settings(proxy.endpoint));
    onTestFinished(() => behind.close());
    expect(await behind.putFile(`b/${code}`, aLocalFile('hello'))).toBe(isNew);
    expect(proxy.requestCount).toBe(requests);
  });

  it('gets there in the end, whole, through a network that fails', async () => {
    const proxy = await startFaultyProxy({
      upstream: inject('s3Endpoint'),
      seed: 5,
      rates: { serverError: 0.2, slowDown: 0.2, reset: 0.2 },
    });
    onTestFinished(() => proxy.stop());
    const settings = { ...testS3Settings(proxy.endpoint), retryWaitMs: 5, maxAttempts: 12 };
    const faulty = openStore(`s3://${bucket.name}`, settings);
    onTestFinished(() => faulty.close());
    const bytes = randomBytes(700_000);
    for (let n = 0; n < 20; n++)
      expect(await faulty.putFile(`c/${n}`, aLocalFile(bytes))).toBe(true);
    expect(proxy.requestCount).toBeGreaterThan(25);
    for (let n = 0; n < 20; n++) expect((await bytesOf(`c/${n}`)).equals(bytes)).toBe(true);
  });
});
