/**
 * Kill -9 at random moments of `currents ingest`, then run it again: the tables must be those of a run
 * that nobody disturbed, row for row.
 *
 * A database lives through one to four killed runs and one that ends. The moment is a random line of the
 * log plus some milliseconds, or a random time, so that listing, first tables, every transaction, the
 * checkpoint and the end are all met. The bucket has both key layouts, duplicates, changing schemas and
 * damaged objects; small batches make many transactions.
 *
 *     npx tsx test/e2e/kill.ts --kills 200 --seed 1
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLocalFolder } from '../../src/discovery/local-folder.ts';
import { generateBucket } from '../../src/sandbox/generate-bucket.ts';
import { createRandom } from '../support/seeded-random.ts';
import { Checks } from './checks.ts';
import { compareDatabases } from './compare-databases.ts';
import { ingest, startCurrents } from './currents-command.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const random = createRandom(seed);
const checks = new Checks(`Kill -9 at ${kills} random moments, seed ${seed}`);

const EVENT_TYPES = [
  'users.messages.email.Delivery',
  'users.messages.email.Open',
  'users.behaviors.CustomEvent',
  'users.behaviors.app.SessionStart',
  'users.profile.Update',
];

/** Where a run was when it was killed, as far as its log and its files tell. */
type Phase = 'starting' | 'listing' | 'loading' | 'closing' | 'ended before the kill';

/** How long a whole run takes, and how much of it is still to be done in this life. */
interface Progress {
  readonly wholeMs: number;
  readonly wholeLines: number;
  /** Lines of log about objects that were loaded; they are written after the commit. */
  loadedLines: number;
}

await withTemporaryFolder('kill', async (folder) => {
  const bucket = path.join(folder, 'bucket');
  const expected = path.join(folder, 'undisturbed.duckdb');
  let wholeLines = 0;
  let wholeMs = 0;

  await checks.check('a run that nobody disturbs', async () => {
    const objects = await makeBucket(bucket);
    const startedAt = Date.now();
    const run = start(bucket, expected);
    run.child.stderr?.on('data', (text: Buffer) => {
      wholeLines += text.toString().split('\n').length - 1;
    });
    await run.ended;
    wholeMs = Date.now() - startedAt;
    const again = await ingest(flagsFor(bucket, expected));
    assert.equal(again.objects.discovered, 0);
    assert.equal(again.objects.pending, 0);
    return `${objects} objects, ${wholeLines} lines of log`;
  });

  const phases = new Map<Phase, number>();
  let done = 0;
  for (let life = 1; done < kills; life += 1) {
    const database = path.join(folder, `life-${life}.duckdb`);
    const killsInLife = Math.min(1 + Math.floor(random() * 4), kills - done);
    await checks.check(`life ${life}`, async () => {
      const met: Phase[] = [];
      const progress = { wholeMs, wholeLines, loadedLines: 0 };
      while (met.length < killsInLife && met.at(-1) !== 'ended before the kill') {
        met.push(await killAtRandom(bucket, database, progress));
      }
      for (const phase of met) phases.set(phase, (phases.get(phase) ?? 0) + 1);
      done += met.filter((phase) => phase !== 'ended before the kill').length;
      const last = await ingest(flagsFor(bucket, database));
      assert.equal(last.objects.pending, 0);
      assert.deepEqual(await compareDatabases(expected, database), []);
      return `killed while ${met.join(', ')}`;
    });
    await rm(database, { force: true });
    await rm(`${database}.wal`, { force: true });
  }
  console.log([...phases].map(([phase, count]) => `${phase}: ${count}`).join('; '));
});
checks.finish();

/** About 300 objects, three of them damaged. Returns how many. */
async function makeBucket(bucket: string): Promise<number> {
  const store = openLocalFolder(bucket);
  const keys: string[] = [];
  await generateBucket(
    {
      put: async (key, bytes) => {
        keys.push(key);
        await store.put(key, bytes);
      },
    },
    {
      events: 9_000,
      users: 300,
      hours: 120,
      seed,
      duplicates: 0.1,
      late: 0.05,
      layout: 'both',
      eventTypes: EVENT_TYPES,
    },
  );
  for (const key of keys.sort().filter((_, index) => index % 97 === 50)) {
    const file = path.join(bucket, key);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 5));
  }
  return keys.length;
}

function flagsFor(bucket: string, database: string): string[] {
  return ['--source', bucket, '--database', database, '--batch-rows', '500'];
}

function start(bucket: string, database: string): { child: ChildProcess; ended: Promise<unknown> } {
  const child = startCurrents(['ingest', '--log-level', 'debug', ...flagsFor(bucket, database)]);
  child.stdout?.resume();
  return { child, ended: once(child, 'exit') };
}

async function killAtRandom(bucket: string, database: string, progress: Progress): Promise<Phase> {
  const { child, ended } = start(bucket, database);
  const linesLeft = progress.wholeLines - progress.loadedLines;
  const seen = { lines: 0, loaded: 0, finished: false };
  const strike = () => child.kill('SIGKILL');
  const delayMs = random() * 25;
  // One in ten waits for the last line, which is written just before the checkpoint.
  const atLine = random() < 0.1 ? linesLeft : Math.ceil(random() * linesLeft);
  const byTime = random() < 0.4;
  child.stderr?.on('data', (chunk: Buffer) => {
    const text = chunk.toString();
    seen.lines += text.split('\n').length - 1;
    seen.loaded += text.split('object loaded').length - 1;
    if (text.includes('cycle finished')) seen.finished = true;
    if (!byTime && seen.lines >= atLine) setTimeout(strike, delayMs);
  });
  const leftMs = (progress.wholeMs * linesLeft) / progress.wholeLines;
  const timer = byTime ? setTimeout(strike, 100 + random() * leftMs) : undefined;
  await ended;
  clearTimeout(timer);
  progress.loadedLines += seen.loaded;
  if (child.signalCode !== 'SIGKILL') return 'ended before the kill';
  if (seen.finished) return 'closing';
  if (seen.loaded > 0) return 'loading';
  return existsSync(database) ? 'listing' : 'starting';
}
