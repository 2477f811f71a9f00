import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import avro from 'avsc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fillHistory,
  GROWING_TABLE,
  HISTORY_DAYS,
  HISTORY_END,
} from '../../../bench/growth/history-table.ts';
import { copyWithLateEvents, generateHour } from '../../../bench/growth/new-events.ts';
import { readRows } from '../../../bench/read-database.ts';
import { loadConfig } from '../../../src/config.ts';
import { runCycle } from '../../../src/pipeline.ts';

interface Event {
  readonly id: string;
  readonly time: number;
}

const END_SECONDS = HISTORY_END.getTime() / 1000;

describe('a table with a history', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'currents-history-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('has so many different events in the order of their times, up to the hour of the new ones', async () => {
    const bucket = path.join(folder, 'bucket');
    const database = path.join(folder, 'history.duckdb');
    await mkdir(bucket);
    const before = new Date(HISTORY_END.getTime() - (HISTORY_DAYS + 1) * 86_400_000);
    const { distinct } = await generateHour(bucket, 50, before, 1);
    await runCycle(loadConfig({ flags: { 'source.url': bucket, database }, env: {}, cwd: folder }));
    await fillHistory(database, 5_000);
    const [row] = await readRows(
      database,
      `select count(*)::integer, count(distinct id)::integer, bool_and(time >= previous),
         max(time) < timestamp '${HISTORY_END.toISOString()}', bool_and(app_group_id is not null)
       from (select *, coalesce(lag(time) over (order by rowid), time) as previous
             from ${GROWING_TABLE} where time > timestamp '${before.toISOString()}' + interval 2 hours)`,
    );
    expect(row).toEqual([5_000, 5_000, true, true, true]);
    const [count] = await readRows(database, `select count(*)::integer from ${GROWING_TABLE}`);
    expect(count).toEqual([5_000 + distinct]);
  });

  it('gets new events of one hour, of which one in a hundred can be weeks late', async () => {
    const [punctual, late] = [path.join(folder, 'punctual'), path.join(folder, 'late')];
    await mkdir(punctual);
    await generateHour(punctual, 1_000, HISTORY_END, 2);
    await copyWithLateEvents(punctual, late);
    const before = await readEvents(punctual);
    const after = await readEvents(late);
    expect(before.every(({ time }) => time >= END_SECONDS && time < END_SECONDS + 3_600)).toBe(
      true,
    );
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    const delayed = new Map(
      after.filter(({ time }) => time < END_SECONDS).map(({ id, time }) => [id, time]),
    );
    expect(delayed.size).toBe(Math.ceil(new Set(before.map(({ id }) => id)).size / 100));
    const weeks = new Set(
      [...delayed.values()].map((time) => Math.floor((END_SECONDS - time) / (7 * 86_400))),
    );
    expect(weeks.size).toBeGreaterThan(4);
  });
});

async function readEvents(bucket: string): Promise<readonly Event[]> {
  const events: Event[] = [];
  const entries = await readdir(bucket, { recursive: true });
  for (const key of entries.filter((entry) => entry.endsWith('.avro')).sort()) {
    await new Promise((resolve, reject) => {
      avro
        .createFileDecoder(path.join(bucket, key))
        .on('data', (event: Event) => events.push(event))
        .on('end', resolve)
        .on('error', reject);
    });
  }
  return events;
}
