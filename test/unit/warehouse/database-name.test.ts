/** File names that DuckDB would take for one of our schemas. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
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

it('a copy for analysts is not given such a name either', async () => {
  const source = path.join(folder, 'currents.duckdb');
  (await Database.open({ path: source })).close();
  const target = path.join(folder, 'events.duckdb');
  await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
    code: 'SETTINGS_INVALID',
  });
});
