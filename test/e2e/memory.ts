/**
 * How much memory an ingest needs: a generated bucket of many objects through the built command, with the
 * peak of its process below a limit however large the bucket is.
 *
 * Checked beside it: every object loaded, every event in its table once, duplicates counted.
 *
 *     npx tsx test/e2e/memory.ts --events 1000000 --objects 1000 [--codec deflate] [--max-mb 1500]
 */

import assert from 'node:assert/strict';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isCodecName } from '../../src/avro/codecs.ts';
import { openLocalFolder } from '../../src/discovery/local-folder.ts';
import type { IngestResult } from '../../src/ingest-result.ts';
import { type GeneratedSummary, generateBucket } from '../../src/sandbox/generate-bucket.ts';
import { Checks } from './checks.ts';
import { ingest, runCurrents } from './currents-command.ts';
import { measureCurrents } from './measured-command.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    objects: { type: 'string', default: '200' },
    codec: { type: 'string', default: 'null' },
    'max-mb': { type: 'string', default: '1500' },
  },
});
const events = Number(values.events);
const objects = Number(values.objects);
const maxMegabytes = Number(values['max-mb']);
const { codec } = values;
if (!isCodecName(codec)) throw new Error(`there is no codec ${codec}`);

/** A mixture of narrow, wide and JSON-holding types, each with events in every hour. */
const EVENT_TYPES = [
  'users.behaviors.CustomEvent',
  'users.behaviors.Purchase',
  'users.behaviors.app.Session*',
  'users.messages.email.*',
  'users.messages.pushnotification.*',
];
/** Each hour and type ends with an object that is not full, so there are few hours. */
const OBJECTS_PER_HOUR = 200;
/** Slower than this is a failure as well: 2,500 events a second. */
const LIMIT_MS = 60_000 + events * 0.4;
const MEGABYTE = 2 ** 20;

const checks = new Checks(`Memory of ${events} events in about ${objects} objects, codec ${codec}`);
await withTemporaryFolder('memory', async (folder) => {
  const bucket = path.join(folder, 'bucket');
  const database = path.join(folder, 'memory.duckdb');
  const flags = ['--source', bucket, '--database', database];
  let summary: GeneratedSummary | undefined;
  await checks.check('a bucket is generated', async () => {
    summary = await generateBucket(openLocalFolder(bucket), {
      events,
      users: Math.max(1000, Math.round(events / 50)),
      hours: Math.ceil(objects / OBJECTS_PER_HOUR),
      eventsPerObject: Math.ceil((1.1 * events) / objects),
      eventTypes: EVENT_TYPES,
      codec,
    });
    const ratio = summary.objects / objects;
    assert.ok(ratio > 0.7 && ratio < 1.4, `${summary.objects} objects are not about ${objects}`);
    return `${summary.events} events, ${summary.duplicates} of them twice, ${summary.objects} objects, ${Math.round(summary.bytes / MEGABYTE)} MB`;
  });

  await checks.check(`ingest needs less than ${maxMegabytes} MB`, async () => {
    const args = ['ingest', '--json', '--log-level', 'error', ...flags];
    const run = await measureCurrents(args, LIMIT_MS);
    const peak = Math.round(run.peakBytes / MEGABYTE);
    const rate = Math.round(events / run.seconds);
    const figures = `peak ${peak} MB, ${run.seconds.toFixed(1)} s, ${run.cpuSeconds.toFixed(1)} CPU seconds, ${rate} events a second`;
    assert.ok(!run.timedOut, `still running after ${LIMIT_MS} ms: ${figures}`);
    assert.equal(run.exitCode, 0, run.stderr);
    assert.ok(run.peakBytes > 0 && peak < maxMegabytes, figures);
    const result = JSON.parse(run.stdout) as IngestResult;
    assert.ok(summary);
    assert.equal(result.objects.loaded, summary.objects);
    assert.equal(result.events.loaded, summary.events);
    assert.equal(result.events.duplicates, summary.duplicates);
    return figures;
  });

  await checks.check('the tables hold every event once', async () => {
    assert.ok(summary);
    const { byEventType } = summary;
    const tables = await query<{ event_type: string; table_name: string }>(
      database,
      'select event_type, table_name from ops.event_tables',
    );
    assert.deepEqual(
      tables.map((table) => table.event_type).sort(),
      Object.keys(byEventType).sort(),
    );
    const counts = tables.map(
      ({ event_type, table_name }) =>
        `select '${event_type}' as event_type, count(*)::integer as events, count(distinct id)::integer as ids from events.${table_name}`,
    );
    for (const found of await query<{ event_type: string; events: number; ids: number }>(
      database,
      counts.join(' union all '),
    )) {
      assert.equal(found.events, byEventType[found.event_type], found.event_type);
      assert.equal(found.ids, found.events, found.event_type);
    }
    return `${tables.length} tables`;
  });

  await checks.check('a second run loads nothing', async () => {
    const again = await ingest([...flags, '--full']);
    assert.equal(again.objects.discovered, 0);
    assert.equal(again.objects.unchanged, summary?.objects);
    assert.equal(again.events.read, 0);
  });
});
checks.finish();

async function query<Row>(database: string, sql: string): Promise<readonly Row[]> {
  const { exitCode, stdout, stderr } = await runCurrents([
    ...['query', sql, '--format', 'json', '--database', database],
  ]);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Row[];
}
