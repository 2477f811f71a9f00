/**
 * An S3 server that fails: each kind of fault alone, all together, half of the time, and always. A run
 * ends right or says what is missing, with nothing wrong in the tables; running again gets everything,
 * and nothing is quarantined for what the network did.
 *
 *     npx tsx test/e2e/faulty-store.ts [--objects 200] [--seed 1]
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pMap from 'p-map';
import type { IngestResult } from '../../src/ingest-result.ts';
import {
  type FAULTS,
  type Fault,
  type FaultyProxyOptions,
  startFaultyProxy,
} from '../support/faulty-proxy.ts';
import { createTestBucket, TEST_S3_ENVIRONMENT } from '../support/s3-buckets.ts';
import { Checks } from './checks.ts';
import { runCurrents } from './currents-command.ts';
import { readStatusCounts } from './event-ids.ts';
import { EventUploads } from './event-uploads.ts';
import { withObjectServer } from './object-server.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: { objects: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const objectCount = Number(values.objects);
const seed = Number(values.seed);
const checks = new Checks(`An S3 server that fails, ${objectCount} objects, seed ${seed}`);

/** Share of requests that meet the fault when it comes alone. A stalled one costs its 30 seconds. */
const ALONE: Readonly<Record<keyof typeof FAULTS, number>> = {
  serverError: 0.3,
  slowDown: 0.3,
  tooManyRequests: 0.3,
  reset: 0.3,
  truncated: 0.3,
  stalled: 0.01,
  slow: 0.5,
  tooShort: 0.3,
  tooLong: 0.3,
  flipped: 0.3,
};
/** Some objects fail six times in a row, so one run is not enough. */
const HALF_BROKEN = {
  serverError: 0.15,
  reset: 0.15,
  truncated: 0.1,
  tooShort: 0.05,
  flipped: 0.15,
};
const MAX_RUNS = 20;

await withTemporaryFolder('faulty', async (folder) => {
  await withObjectServer(folder, async (upstream) => {
    const bucket = await createTestBucket(upstream);
    const uploads = new EventUploads(bucket, seed);
    await uploads.upload(objectCount);
    const source = `s3://${bucket.name}/currents/`;
    bucket.close();

    const cases: readonly (readonly [string, FaultyProxyOptions['rates']])[] = [
      ...Object.entries(ALONE).map(
        ([fault, rate]) =>
          [`${fault}, ${rate * 100} % of the requests`, { [fault]: rate }] as const,
      ),
      ['all kinds together', mapRates(ALONE, (rate) => rate / 10)],
      ['half of the requests broken', HALF_BROKEN],
    ];
    // They wait most of the time: for a server that was slowed down, and before they try again.
    await pMap(
      cases.toReversed(),
      async ([name, rates], index) =>
        checks.check(name, () => {
          const database = path.join(folder, `case-${index}.duckdb`);
          return checkRates({ upstream, seed, rates }, { source, database, uploads });
        }),
      { concurrency: 4 },
    );
    await checks.check('a server that always fails is named, and nothing is stored', async () => {
      const proxy = await startFaultyProxy({ upstream, seed, rates: { serverError: 1 } });
      try {
        const database = path.join(folder, 'always.duckdb');
        const run = await runOnce(proxy.endpoint, source, database);
        assert.equal(run.exitCode, 1);
        assert.match(run.stderr, /cannot list s3:.*\nTry: /s);
        assert.equal(existsSync(database), false);
      } finally {
        await proxy.stop();
      }
    });
  });
});
checks.finish();

interface FaultyRun {
  readonly source: string;
  readonly database: string;
  readonly uploads: EventUploads;
}

/** Runs through a proxy with these faults until everything is loaded. */
async function checkRates(
  options: FaultyProxyOptions,
  { source, database, uploads }: FaultyRun,
): Promise<string> {
  const proxy = await startFaultyProxy(options);
  const loadedByRun: number[] = [];
  try {
    for (let isDone = false; !isDone; ) {
      assert.ok(
        loadedByRun.length < MAX_RUNS,
        `not done after ${MAX_RUNS} runs: ${loadedByRun.join()}`,
      );
      const run = await runOnce(proxy.endpoint, source, database);
      isDone = run.exitCode === 0;
      if (!isDone) assertSaysWhatIsMissing(run);
      loadedByRun.push(existsSync(database) ? await uploads.assertNothingWrong(database) : 0);
    }
  } finally {
    await proxy.stop();
  }
  await uploads.assertLoaded(database);
  const { loaded, ...others } = await readStatusCounts(database);
  assert.equal(loaded, uploads.keyCount);
  assert.deepEqual(others, {});
  const inflicted = Object.values(proxy.faultCounts).reduce((sum, count) => sum + count, 0);
  assert.ok(inflicted > 0, 'no fault was inflicted');
  return `${inflicted} faults in ${proxy.requestCount} requests; events after each run: ${loadedByRun.join(', ')}`;
}

interface Run {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runOnce(endpoint: string, source: string, database: string): Promise<Run> {
  const flags = ['--source', source, '--endpoint', endpoint, '--path-style'];
  const args = ['ingest', '--json', '--log-level', 'error', ...flags, '--database', database];
  return runCurrents(args, { env: TEST_S3_ENVIRONMENT });
}

/** Exit code 1 with the objects that could not be read, or with what stopped the run. */
function assertSaysWhatIsMissing({ exitCode, stdout, stderr }: Run): void {
  assert.equal(exitCode, 1, stderr);
  const said = JSON.parse(stdout) as
    | IngestResult
    | { readonly error: { readonly code: string; readonly message: string } };
  if ('error' in said) {
    assert.equal(said.error.code, 'SOURCE_UNAVAILABLE', said.error.message);
    return;
  }
  assert.ok(said.objects.failed > 0, 'nothing failed, and yet the exit code is 1');
  assert.equal(said.objects.pending, said.objects.failed);
  for (const problem of said.problems) {
    assert.match(problem.key, /\.avro$/);
    assert.notEqual(problem.reason, '');
  }
}

function mapRates(
  rates: Readonly<Record<Fault, number>>,
  change: (rate: number) => number,
): Partial<Record<Fault, number>> {
  return Object.fromEntries(Object.entries(rates).map(([fault, rate]) => [fault, change(rate)]));
}
