/**
 * Braze's sample files through the built command, judged by fastavro and another DuckDB client.
 *
 * Release by release: every file loads, every value of every field is what fastavro reads, each column has
 * the type that the design gives it. Then all releases together, in each layout (s3.ts mixes them), where
 * ids repeat: tables grow, each event is there once, and a second run loads nothing. Then a release with the
 * delete request of the one person whom it is about: nothing of it stays.
 *
 *     npx tsx test/e2e/samples.ts
 */

import assert from 'node:assert/strict';
import path from 'node:path';
import type { KeyLayout } from '../../src/discovery/object-key.ts';
import { createRandom } from '../support/seeded-random.ts';
import { Checks } from './checks.ts';
import { ingest } from './currents-command.ts';
import { type Comparison, runPython } from './python-tools.ts';
import {
  copyToFolder,
  hasSamples,
  listSamples,
  type PlacedObject,
  placeSamples,
  type Sample,
  withoutDeleteRequests,
} from './sample-buckets.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const SEED = 20260902;

const NEWEST_RELEASE = 'v10';
const WITH_REQUEST = `${NEWEST_RELEASE} with a delete request`;

interface LoadedBucket {
  readonly name: string;
  readonly source: string;
  readonly database: string;
  readonly objects: readonly PlacedObject[];
  /** Every record is a row; otherwise ids repeat. */
  readonly all: boolean;
}

const checks = new Checks(`Samples of Braze, seed ${SEED}`);
const random = createRandom(SEED);

if (hasSamples()) {
  await withTemporaryFolder('samples', async (folder) => {
    const allSamples = await listSamples();
    const samples = withoutDeleteRequests(allSamples);
    const loaded: LoadedBucket[] = [];
    const releases = [...new Set(samples.map((sample) => sample.release))];
    for (const [index, release] of releases.entries()) {
      const chosen = samples.filter((sample) => sample.release === release);
      const layout = index % 2 === 0 ? 'schema-id' : 'version';
      loaded.push(await load(folder, `${release} as ${layout}`, chosen, layout, true));
    }
    for (const layout of ['schema-id', 'version'] as const) {
      const name = `all releases as ${layout}`;
      const bucket = await load(folder, name, samples, layout, false);
      await loadAgain(bucket);
      loaded.push(bucket);
    }
    const newest = allSamples.filter(({ release }) => release === NEWEST_RELEASE);
    loaded.push(await load(folder, WITH_REQUEST, newest, 'version', true));
    const results = await runPython<Comparison[]>('compare_rows.py', loaded);
    for (const [index, { name }] of loaded.entries()) {
      await checks.check(`${name}: the tables hold what fastavro reads`, () => {
        const { problems, counts } = results[index] as Comparison;
        assert.deepEqual(problems, []);
        assert.equal(counts.erased > 0, name === WITH_REQUEST);
        const { tables, values, records, rows, erased } = counts;
        return `${tables} tables, ${values} values of ${records} records, ${rows} rows, ${erased} erased`;
      });
    }
  });
} else {
  console.log('  skipped: ../shared/currents/samples is not there');
}
checks.finish();

async function load(
  folder: string,
  name: string,
  samples: readonly Sample[],
  layout: KeyLayout,
  all: boolean,
): Promise<LoadedBucket> {
  const source = path.join(folder, name, 'bucket');
  const database = path.join(folder, name, 'samples.duckdb');
  const objects = placeSamples(samples, layout, random);
  await copyToFolder(objects, source);
  await checks.check(`${name}: every file is loaded`, async () => {
    const first = await ingest(['--source', source, '--database', database]);
    assert.equal(first.exitCode, 0);
    assert.deepEqual(first.problems, []);
    assert.equal(first.objects.discovered, objects.length);
    assert.equal(first.objects.loaded, objects.length);
    assert.equal(first.events.loaded + first.events.duplicates, first.events.read);
    if (all) assert.equal(first.events.duplicates, 0);
    else assert.ok(first.schemaChanges.some((change) => change.change === 'column added'));
    return `${first.objects.loaded} objects, ${first.events.read} events, ${first.schemaChanges.length} schema changes`;
  });
  return { name, source, database, objects, all };
}

async function loadAgain({ name, source, database, objects }: LoadedBucket): Promise<void> {
  await checks.check(`${name}: a second run loads nothing`, async () => {
    const second = await ingest(['--source', source, '--database', database, '--full']);
    assert.equal(second.objects.discovered, 0);
    assert.equal(second.objects.loaded, 0);
    assert.equal(second.objects.unchanged, objects.length);
    assert.equal(second.events.read, 0);
    assert.deepEqual(second.schemaChanges, []);
  });
}
