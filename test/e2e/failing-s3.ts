/**
 * An S3 server that refuses, loses objects, forgets who we are or goes away, in the middle of a run of the
 * built command. What can be loaded is loaded, the rest is named; what would fail for every object stops the
 * run soon; and once the server is well again, the next run has every value right.
 *
 * Chance, with each kind of fault by itself, is the business of faulty-store.ts; here it plays once more
 * over realistic objects, whose tables are compared with the truth value by value.
 *
 *     npx tsx test/e2e/failing-s3.ts [--events 6000] [--seed 1]
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createTestBucket } from '../support/s3-buckets.ts';
import { Checks } from './checks.ts';
import { withObjectServer } from './object-server.ts';
import { S3Stage, type Scene } from './s3-stage.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: { events: { type: 'string', default: '6000' }, seed: { type: 'string', default: '1' } },
});
const seed = Number(values.seed);
const checks = new Checks(`An S3 server that refuses and goes away, seed ${seed}`);

/** No quarantine for what the network did, and no fault that takes 30 seconds each time. */
const THIRD_BROKEN = {
  serverError: 0.04,
  slowDown: 0.04,
  tooManyRequests: 0.04,
  reset: 0.04,
  truncated: 0.04,
  slow: 0.04,
  tooShort: 0.04,
  tooLong: 0.04,
  flipped: 0.04,
};
const MOSTLY_BROKEN = { ...THIRD_BROKEN, slowDown: 0.15, reset: 0.15, truncated: 0.15 };

/** A run that cannot go on has to end within this, retries with their waits included. */
const STOP_WITHIN_MS = 90_000;

await withTemporaryFolder('failing', async (folder) => {
  await withObjectServer(folder, async (upstream) => {
    const bucket = await createTestBucket(upstream);
    const stage = new S3Stage(folder, upstream, bucket, seed);
    await stage.fill(Number(values.events));
    await chance(stage);
    await refusals(stage);
    await losses(stage);
    await departure(stage);
    bucket.close();
  });
});
checks.finish();

async function chance(stage: S3Stage): Promise<void> {
  for (const [name, rates] of Object.entries({ THIRD_BROKEN, MOSTLY_BROKEN })) {
    await checks.check(`${name.toLowerCase().replace('_', ' ')}: right, or named`, () =>
      stage.play({ rates }, async ({ proxy, run, database }) => {
        const { exitCode, result, error } = await run();
        assert.ok(exitCode === 0 || exitCode === 1, `exit code ${exitCode}`);
        if (result === undefined) assert.equal(error.code, 'SOURCE_UNAVAILABLE');
        else {
          assert.equal(result.objects.quarantined, 0);
          assert.equal(result.objects.pending, result.objects.failed);
          assert.equal(exitCode, result.objects.failed > 0 ? 1 : 0);
          assert.equal(result.problems.length, Math.min(result.objects.failed, 100));
        }
        const missing = existsSync(database) ? await stage.expectNothingWrong(database) : -1;
        assert.equal(missing === 0, exitCode === 0);
        await stage.expectRecovery(database);
        const faults = Object.values(proxy.faultCounts).reduce((sum, one) => sum + one, 0);
        return `${faults} faults in ${proxy.requestCount} requests, exit code ${exitCode}`;
      }),
    );
  }
}

async function refusals(stage: S3Stage): Promise<void> {
  const denied = { status: 403, code: 'AccessDenied' };
  await checks.check('no right at all: a clear stop at the first request', () =>
    stage.play({ intercept: async () => denied }, async ({ proxy, run, database }) => {
      const { exitCode, error } = await run();
      assert.deepEqual([exitCode, error.code], [1, 'SOURCE_ACCESS_DENIED']);
      assert.match(error.message, /s3:ListBucket/);
      assert.ok(proxy.requestCount <= 2, `${proxy.requestCount} requests`);
      assert.equal(existsSync(database), false);
      await stage.expectRecovery(database);
    }),
  );
  await checks.check('the right to list only: a clear stop after few objects', () =>
    stage.play(
      { intercept: async ({ isListing }) => (isListing ? undefined : denied) },
      async ({ proxy, run, database }) => {
        const { exitCode, error } = await run();
        assert.deepEqual([exitCode, error.code], [1, 'SOURCE_ACCESS_DENIED']);
        assert.match(error.message, /s3:GetObject/);
        await stage.expectNothingWrong(database);
        await stage.expectRecovery(database);
        assert.ok(proxy.requestCount < 100, `${proxy.requestCount} requests`);
        return `${proxy.requestCount} requests for ${stage.keys.length} objects`;
      },
    ),
  );
  await checks.check('one object refused: quarantined, and loaded after a retry', async () => {
    const { keys } = stage;
    const refused = keys[Math.floor(keys.length / 2)] ?? '';
    let isRefusing = true;
    await stage.play(
      { intercept: async ({ key }) => (isRefusing && key === refused ? denied : undefined) },
      async ({ run, database }) => {
        const { exitCode, result } = await run();
        assert.equal(exitCode, 3);
        assert.equal(result?.objects.quarantined, 1);
        assert.equal(result?.objects.loaded, keys.length - 1);
        assert.equal(result?.problems[0]?.key, refused);
        assert.equal(result?.problems[0]?.code, 'SOURCE_ACCESS_DENIED');
        await stage.expectNothingWrong(database);
        isRefusing = false;
        assert.equal((await run('quarantine', 'retry', refused)).exitCode, 0);
        await stage.expectTruth(database);
      },
    );
  });
  await checks.check('no such bucket: a clear stop, and no database', async () => {
    const database = path.join(stage.folder, 'no-bucket.duckdb');
    const { exitCode, error, tookMs } = await stage.run(
      ['ingest', '--source', 's3://currents-nobody-made-this/currents/'],
      stage.upstream,
      database,
    );
    assert.deepEqual([exitCode, error.code], [1, 'SOURCE_NOT_FOUND']);
    assert.ok(tookMs < STOP_WITHIN_MS / 4);
    assert.equal(existsSync(database), false);
  });
  await checks.check('credentials that expire in mid-run: a stop at once', async () => {
    let downloads = 0;
    const expire = async ({ isListing }: { isListing: boolean }) => {
      if (!isListing) downloads += 1;
      return downloads > 20 ? { status: 400, code: 'ExpiredToken' } : undefined;
    };
    await stage.play({ intercept: expire }, async ({ proxy, run, database }) => {
      const { exitCode, error } = await run();
      assert.deepEqual([exitCode, error.code], [1, 'CREDENTIALS_INVALID']);
      assert.ok(downloads < 40, `${proxy.requestCount} requests`);
      await stage.expectNothingWrong(database);
      await stage.expectRecovery(database);
    });
  });
}

async function losses(stage: S3Stage): Promise<void> {
  const { keys, bucket } = stage;
  const lost = keys[7] ?? '';
  await checks.check(
    'an object deleted after it was listed: recorded, and loaded when back',
    async () => {
      const intercept = async ({ key }: { key: string }) => {
        if (key === lost) await bucket.remove(lost);
        return undefined;
      };
      await stage.play({ intercept }, async ({ run, database }) => {
        const { exitCode, result } = await run();
        assert.equal(exitCode, 0);
        assert.deepEqual(
          [result?.objects.missing, result?.objects.loaded, result?.objects.pending],
          [1, keys.length - 1, 0],
        );
        assert.equal(result?.problems[0]?.key, lost);
        await stage.expectNothingWrong(database);
        await stage.upload([lost]);
        await stage.expectRecovery(database);
      });
    },
  );
  await checks.check('an object in cold storage: recorded, and loaded once restored', async () => {
    let isFrozen = true;
    const archived = { status: 403, code: 'InvalidObjectState' };
    const intercept = async ({ key }: { key: string }) =>
      isFrozen && key === lost ? archived : undefined;
    await stage.play({ intercept }, async ({ run, database }) => {
      const { exitCode, result } = await run();
      assert.equal(exitCode, 0);
      assert.deepEqual([result?.objects.archived, result?.objects.loaded], [1, keys.length - 1]);
      assert.match(result?.problems[0]?.hint ?? '', /restore-object/);
      const again = await run('ingest', '--full');
      assert.equal(again.result?.objects.archived, 1, 'it is tried again at each full listing');
      isFrozen = false;
      const retried = await run('quarantine', 'retry', lost);
      assert.equal(retried.exitCode, 0);
      await stage.expectTruth(database);
    });
  });
}

async function departure(stage: S3Stage): Promise<void> {
  await checks.check('a server that goes away in mid-run: a stop soon', async () => {
    let downloads = 0;
    let scene: Scene | undefined;
    const intercept = async ({ isListing }: { isListing: boolean }) => {
      if (!isListing) downloads += 1;
      if (downloads > 40) void scene?.proxy.stop();
      return undefined;
    };
    return stage.play({ intercept }, async (opened) => {
      scene = opened;
      const { exitCode, error, tookMs } = await opened.run();
      assert.deepEqual([exitCode, error.code], [1, 'SOURCE_UNAVAILABLE']);
      assert.ok(tookMs < STOP_WITHIN_MS, `it took ${tookMs} ms`);
      const missing = await stage.expectNothingWrong(opened.database);
      assert.ok(missing > 0);
      await stage.expectRecovery(opened.database);
      return `it took ${tookMs} ms, ${missing} events were missing`;
    });
  });
}
