/** A run staged into a bucket of a real S3-compatible server, through a network that fails. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { ListedObject, ObjectStore } from '../../../src/discovery/object-store.ts';
import { openStore } from '../../../src/discovery/open-store.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import { startFaultyProxy } from '../../support/faulty-proxy.ts';
import { createTestBucket, type TestBucket, testS3Settings } from '../../support/s3-buckets.ts';
import { fillOutbox } from '../../support/staged-outbox.ts';
import { aRun } from '../../support/sync-books.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

let bucket: TestBucket;
let store: ObjectStore;

beforeAll(async () => {
  bucket = await createTestBucket(inject('s3Endpoint'));
  store = openStore(`s3://${bucket.name}`, testS3Settings(inject('s3Endpoint')));
});

afterAll(() => {
  store.close();
  bucket.close();
});

async function listAll(prefix: string): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const page of store.list({ prefix })) found.push(...page);
  return found;
}

describe('a run staged in a bucket', () => {
  it('is there whole, with a manifest that fits it, whatever the network did', async () => {
    const proxy = await startFaultyProxy({
      upstream: inject('s3Endpoint'),
      seed: 11,
      rates: { serverError: 0.15, slowDown: 0.15, reset: 0.15 },
    });
    onTestFinished(() => proxy.stop());
    const database = await openTestDatabase();
    onTestFinished(() => database.close());
    const run = aRun();
    const people = Array.from({ length: 400 }, (_, number) => ({
      identifier: { kind: 'external_id' as const, value: `person-${number}` },
      attributes: JSON.stringify({ number }),
    }));
    await fillOutbox(database, run, people);
    const destination = openFilesDestination({
      ...testS3Settings(proxy.endpoint),
      url: `s3://${bucket.name}/braze`,
      format: 'json',
      fileBytes: 5000,
      retryWaitMs: 5,
      maxAttempts: 12,
    });
    expect(await destination.isStaged(run)).toBe(false);
    const receipt = await destination.stage(database, run);
    expect(await destination.isStaged(run)).toBe(true);

    const files = await listAll('braze/attributes/');
    expect(files).toHaveLength(receipt.requests);
    expect(files.length).toBeGreaterThan(5);
    const [manifestObject, ...others] = await listAll('braze/manifests/');
    expect(others).toEqual([]);
    const manifest = JSON.parse(
      (await store.fetch(manifestObject as ListedObject)).bytes.toString(),
    );
    const numbers: number[] = [];
    for (const { key, sha256, bytes, rows } of manifest.files) {
      const object = files.find((file) => file.key === key) as ListedObject;
      const content = (await store.fetch(object)).bytes;
      expect(content.length).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
      const lines = content.toString().trimEnd().split('\n');
      expect(lines).toHaveLength(rows);
      for (const line of lines) numbers.push(JSON.parse(JSON.parse(line).PAYLOAD).number);
    }
    expect(numbers.sort((a, b) => a - b)).toEqual(people.map((_, number) => number));
  });
});
