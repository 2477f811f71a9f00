import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareValues } from '../../../bench/compare-values.ts';

describe('comparison of two databases, value by value', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'currents-compare-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** @param table SQL of the columns and rows of events.opens */
  async function makeDatabase(name: string, table: string): Promise<string> {
    const file = path.join(folder, name);
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    await connection.run('create schema events');
    await connection.run(`create table events.opens as ${table}`);
    connection.closeSync();
    instance.closeSync();
    return file;
  }

  const OURS = `select * from (values ('a', 1, null, ['x'], 7), ('b', null, 'k', [null], 7))
    as rows(id, clicks, note, tags, _object_id)`;

  it('finds nothing in the same rows, in whatever order and with other columns of our own', async () => {
    const ours = await makeDatabase('ours', OURS);
    const other = await makeDatabase(
      'other',
      `select id, clicks, note, tags from (${OURS}) order by id desc`,
    );
    expect(await compareValues(ours, other)).toEqual({
      comparedValues: 6,
      differingValues: 0,
      missingRows: 0,
      extraRows: 0,
      columns: {},
    });
  });

  it('counts a value that became null, and one that was null', async () => {
    const ours = await makeDatabase('ours', OURS);
    const other = await makeDatabase(
      'other',
      `select id, 1 as clicks, null::varchar as note, tags from (${OURS})`,
    );
    expect(await compareValues(ours, other)).toMatchObject({
      differingValues: 2,
      columns: { 'opens.clicks': 1, 'opens.note': 1 },
    });
  });

  it('counts rows that only one of them has', async () => {
    const ours = await makeDatabase('ours', OURS);
    const other = await makeDatabase(
      'other',
      `select * from (${OURS}) where id = 'a' union all select 'c', 1, null, [], 7
       union all select 'd', 1, null, [], 7`,
    );
    expect(await compareValues(ours, other)).toMatchObject({
      comparedValues: 3,
      missingRows: 1,
      extraRows: 2,
    });
  });

  it('takes a column that the other lacks for null', async () => {
    const ours = await makeDatabase('ours', OURS);
    const other = await makeDatabase('other', `select id, clicks, tags from (${OURS})`);
    expect(await compareValues(ours, other)).toMatchObject({ columns: { 'opens.note': 1 } });
  });
});
