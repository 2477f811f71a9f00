/**
 * The whole way over HTTP, from a real S3-compatible server: more than five pages of keys, prefixes and
 * other people's objects, both key layouts, uploads and overwrites while cycles run, and Braze's samples.
 *
 * Every event carries an id, so what is in the tables is compared with what was uploaded, id by id: nothing
 * is missed, nothing is doubled, nothing of a version that was overwritten is left.
 *
 *     npx tsx test/e2e/s3.ts [--objects 5200] [--uploads 600]
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { createTestBucket, TEST_S3_ENVIRONMENT, type TestBucket } from '../support/s3-buckets.ts';
import { createRandom } from '../support/seeded-random.ts';
import { Checks } from './checks.ts';
import { ingest } from './currents-command.ts';
import { readStatusCounts } from './event-ids.ts';
import { EVENT_TYPES, EventUploads } from './event-uploads.ts';
import { withObjectServer } from './object-server.ts';
import { type Comparison, runPython } from './python-tools.ts';
import { hasSamples, listSamples, placeSamples, withoutDeleteRequests } from './sample-buckets.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const SEED = 7;
/** Requests for each event type that a poll with nothing new may take, and for finding the folders. */
const REQUESTS_PER_EVENT_TYPE = 2;
const REQUESTS_FOR_FOLDERS = 20;

const LEAST_CYCLES = 3;
const OVERWRITTEN_SHARE = 0.04;
const UPLOADS_PER_PORTION = 20;
const PORTION_WAIT_MS = 250;

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '5200' },
    uploads: { type: 'string', default: '600' },
  },
});
const objectCount = Number(values.objects);
const uploadCount = Number(values.uploads);
const random = createRandom(SEED);
const checks = new Checks(`A bucket on a real S3 server, seed ${SEED}`);

await withTemporaryFolder('s3', async (folder) => {
  await withObjectServer(folder, async (endpoint) => {
    const bucket = await createTestBucket(endpoint);
    const flags = flagsFor(endpoint, bucket, path.join(folder, 'bucket.duckdb'));
    const database = path.join(folder, 'bucket.duckdb');
    const uploads = new EventUploads(bucket, SEED);
    try {
      await checkFirstLoad(bucket, flags, database, uploads);
      await checkQuietPoll(endpoint, bucket, database);
      await checkUploadsMeanwhile(flags, database, uploads);
      if (hasSamples()) await checkSamples(endpoint, folder);
      else console.log('  skipped: ../shared/currents/samples is not there');
    } finally {
      bucket.close();
    }
  });
});
checks.finish();

async function checkFirstLoad(
  bucket: TestBucket,
  flags: readonly string[],
  database: string,
  uploads: EventUploads,
): Promise<void> {
  await checks.check('fill a bucket', async () => {
    await uploads.upload(objectCount);
    // Not ours: beside the prefix, and under it but no containers.
    await bucket.putAll([
      ['elsewhere/event_type=users.messages.email.Open/date=2026-01-01-00/1/x/a.avro', 'no Avro'],
      ['currents/readme.txt', 'hello'],
      ['currents-old/dataexport.avro', 'no Avro'],
    ]);
    return `${uploads.keyCount} objects`;
  });
  await checks.check('the first run finds every key, page by page', async () => {
    const first = await ingest(flags, { env: TEST_S3_ENVIRONMENT });
    assert.equal(first.objects.discovered, objectCount);
    assert.equal(first.objects.loaded, objectCount);
    assert.deepEqual(first.problems, []);
    return `${first.events.loaded} events in ${first.seconds} s`;
  });
  await checks.check('the tables hold each id once and no other', async () => {
    await uploads.assertLoaded(database);
  });
}

/** The cost of a poll with nothing new, counted by a proxy that breaks nothing. */
async function checkQuietPoll(
  endpoint: string,
  bucket: TestBucket,
  database: string,
): Promise<void> {
  await checks.check('a poll with nothing new is cheap and changes nothing', async () => {
    const proxy = await startFaultyProxy({ upstream: endpoint, seed: 0, rates: {} });
    try {
      const flags = flagsFor(proxy.endpoint, bucket, database);
      // Only the newest hour is listed, so the bill does not grow with the bucket.
      const second = await ingest([...flags, '--lookback', '0h'], { env: TEST_S3_ENVIRONMENT });
      assert.equal(second.objects.discovered, 0);
      assert.equal(second.events.read, 0);
      const most = EVENT_TYPES.length * REQUESTS_PER_EVENT_TYPE + REQUESTS_FOR_FOLDERS;
      assert.ok(proxy.requestCount <= most, `${proxy.requestCount} requests, at most ${most}`);
      return `${proxy.requestCount} requests for ${EVENT_TYPES.length} event types`;
    } finally {
      await proxy.stop();
    }
  });
}

async function checkUploadsMeanwhile(
  flags: readonly string[],
  database: string,
  uploads: EventUploads,
): Promise<void> {
  await checks.check('cycles run while objects arrive late and are overwritten', async () => {
    const progress = { cycles: 0, isUploading: true };
    const uploading = uploadInPortions(uploads, progress);
    let loadedMeanwhile = 0;
    while (progress.isUploading) {
      const cycle = await ingest(flags, { env: TEST_S3_ENVIRONMENT });
      loadedMeanwhile += cycle.objects.loaded;
      progress.cycles += 1;
    }
    await uploading;
    assert.ok(loadedMeanwhile > 0, 'nothing was loaded while uploads went on');
    const last = await ingest(flags, { env: TEST_S3_ENVIRONMENT });
    assert.equal(last.objects.pending, 0);
    assert.equal(last.fullListing, false);
    return `${loadedMeanwhile} objects in ${progress.cycles} cycles meanwhile, ${last.objects.loaded} after`;
  });
  await checks.check('nothing is missed, nothing doubled, nothing old left', async () => {
    await uploads.assertLoaded(database);
    const counts = await readStatusCounts(database);
    assert.equal(counts.loaded, uploads.keyCount);
    return JSON.stringify(counts);
  });
  await checks.check('a full listing finds nothing more', async () => {
    const full = await ingest([...flags, '--full'], { env: TEST_S3_ENVIRONMENT });
    assert.equal(full.objects.discovered, 0);
    assert.equal(full.events.read, 0);
  });
}

/**
 * New objects of any hour within the lookback, in no order, and now and then a new version of an old one;
 * until there are enough and some cycles have met them.
 */
async function uploadInPortions(
  uploads: EventUploads,
  progress: { readonly cycles: number; isUploading: boolean },
): Promise<void> {
  try {
    for (let count = 0; count < uploadCount || progress.cycles < LEAST_CYCLES; ) {
      await uploads.upload(UPLOADS_PER_PORTION, OVERWRITTEN_SHARE);
      count += UPLOADS_PER_PORTION;
      await sleep(PORTION_WAIT_MS);
    }
  } finally {
    progress.isUploading = false;
  }
}

async function checkSamples(endpoint: string, folder: string): Promise<void> {
  const samples = withoutDeleteRequests(await listSamples());
  const loaded: { database: string; objects: ReturnType<typeof placeSamples>; all: boolean }[] = [];
  for (const [name, chosen] of [
    ['one release', samples.filter((sample) => sample.release === 'v10')],
    ['all releases', samples],
  ] as const) {
    const bucket = await createTestBucket(endpoint);
    const database = path.join(folder, `${name}.duckdb`);
    const objects = placeSamples(chosen, 'both', random);
    const flags = ['--source', `s3://${bucket.name}/`, '--database', database];
    flags.push('--endpoint', endpoint, '--path-style');
    await checks.check(`samples of ${name}: every file is loaded, and once`, async () => {
      const bodies = objects.map(
        async ({ key, path: file }) => [key, await readFile(file)] as const,
      );
      await bucket.putAll(await Promise.all(bodies));
      const first = await ingest(flags, { env: TEST_S3_ENVIRONMENT });
      assert.equal(first.objects.loaded, objects.length);
      assert.deepEqual(first.problems, []);
      const second = await ingest([...flags, '--full'], { env: TEST_S3_ENVIRONMENT });
      assert.equal(second.objects.discovered, 0);
    });
    bucket.close();
    loaded.push({ database, objects, all: name === 'one release' });
  }
  await checks.check('the tables of the samples hold what fastavro reads', async () => {
    const results = await runPython<Comparison[]>('compare_rows.py', loaded);
    assert.deepEqual(
      results.flatMap((result) => result.problems),
      [],
    );
    return `${results.reduce((sum, { counts }) => sum + counts.values, 0)} values`;
  });
}

function flagsFor(endpoint: string, bucket: TestBucket, database: string): string[] {
  const source = ['--source', `s3://${bucket.name}/currents/`, '--endpoint', endpoint];
  return [...source, '--path-style', '--database', database];
}
