/** File names that DuckDB would take for one of our schemas. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
import { migrate } from '../../../src/warehouse/migrations.ts';
import { publishDatabase } from '../../../src/warehouse/publish.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-name-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

it.each(['events', 'events.duckdb', 'Events.2026.db', '.ops.duckdb', 'sync.db'])(
  'a database called %s is refused before it is made',
  async (name) => {
    await expect(Database.open({ path: path.join(folder, name) })).rejects.toMatchObject({
      code: 'SETTINGS_INVALID',
      message: expect.stringContaining('expected a file name'),
    });
  },
);

it.each(['my-events.duckdb', 'eventsource.db', 'c360.events'])(
  '%s is a fine name',
  async (name) => {
    const database = await Database.open({ path: path.join(folder, name) });
    await database.run('create schema events; create table events.a (x int)');
    expect(await database.rows('select * from events.a')).toEqual([]);
    database.close();
  },
);

it('a database called c360.duckdb has a schema c360 like any other', async () => {
  const file = path.join(folder, 'c360.duckdb');
  const writer = await Database.open({ path: file, memoryLimitBytes: 100_000_000 });
  await migrate(writer);
  await writer.run('insert into c360.users select range, range::varchar from range(5000)');
  writer.close();
  expect(readdirSync(folder)).toEqual(['c360.duckdb']);
  const reader = await Database.open({ path: file, readOnly: true });
  expect(await reader.rows('select count(*)::integer as n from c360.users')).toEqual([{ n: 5000 }]);
  await expect(reader.run('delete from c360.users')).rejects.toMatchObject({
    code: 'DATABASE_FAILED',
  });
  reader.close();
  await publishDatabase({ database: file, path: path.join(folder, 'analysts', 'c360.duckdb') });
  const copy = await Database.open({
    path: path.join(folder, 'analysts', 'c360.duckdb'),
    readOnly: true,
  });
  expect(await copy.rows('select max(user_no) as n from c360.users')).toEqual([{ n: 4999 }]);
  copy.close();
});

it('a database called c360.duckdb that another process holds is busy', async () => {
  const file = path.join(folder, 'c360.duckdb');
  (await Database.open({ path: file })).close();
  const script = `const { DuckDBInstance } = require('@duckdb/node-api');
    DuckDBInstance.create(${JSON.stringify(file)}).then(() => console.log('open')); setTimeout(() => {}, 20_000)`;
  const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(holder.stdout, 'data');
    await expect(Database.open({ path: file })).rejects.toMatchObject({ code: 'DATABASE_BUSY' });
  } finally {
    holder.kill('SIGKILL');
  }
});

it('a copy for analysts is not given such a name either', async () => {
  const source = path.join(folder, 'currents.duckdb');
  (await Database.open({ path: source })).close();
  const target = path.join(folder, 'events.duckdb');
  await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
    code: 'SETTINGS_INVALID',
  });
});
