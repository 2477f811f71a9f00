/** The door to DuckDB: transactions, errors without values, quoting, and the format of our own tables. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  Database,
  isRefusal,
  quoteIdentifier,
  quoteLiteral,
} from '../../../src/warehouse/database.ts';
import { migrate } from '../../../src/warehouse/migrations.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

let database: Database;

beforeEach(async () => {
  database = await Database.open({ path: ':memory:', threads: 1 });
  onTestFinished(() => database.close());
});

function aFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-database-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('a transaction', () => {
  beforeEach(async () => database.run('create table t (a integer)'));

  const count = async () => database.row('select count(*)::integer as n from t');

  it('is committed when its work is done', async () => {
    const result = await database.withTransaction(async () => {
      await database.run('insert into t values (1)');
      return 'done';
    });
    expect([result, await count()]).toEqual(['done', { n: 1 }]);
  });

  it('is rolled back by any error, ours or DuckDB’s, and the next one works', async () => {
    const failures = [
      async () => Promise.reject(new Error('ours')),
      async () => database.run('insert into nowhere values (1)'),
      async () => database.run("insert into t values ('x'::integer)"),
      // Ends the transaction behind our back: the rollback that follows has nothing to do.
      async () => database.run('rollback; select nothing'),
    ];
    for (const fail of failures) {
      const work = database.withTransaction(async () => {
        await database.run('insert into t values (1)');
        await fail();
      });
      await expect(work).rejects.toThrow(/ours|nowhere|value was refused|nothing/);
      expect(await count()).toEqual({ n: 0 });
    }
    await database.withTransaction(async () => database.run('insert into t values (1)'));
    expect(await count()).toEqual({ n: 1 });
  });

  it('is not to be nested', async () => {
    const inner = async () => database.withTransaction(async () => undefined);
    await expect(database.withTransaction(inner)).rejects.toThrow('inside a transaction');
  });
});

describe('an error', () => {
  it.each([
    "select 'person@example.com'::integer",
    "select 'person@example.com'::timestamp",
    "select from_json('person@example.com', '[\"VARCHAR\"]')",
    "select json_merge_patch('{', '{\"a\":\"person@example.com')",
    'select 1e300::integer -- person@example.com',
  ])('of %s does not quote the value', async (sql) => {
    const error = await database.run(sql).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DATABASE_FAILED' });
    expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain('person@');
    expect((error as Error).cause).toBeUndefined();
    expect(isRefusal(error)).toBe(true);
  });

  it.each([
    ['select nothing', true],
    ['selec 1', true],
    ['from nowhere', true],
    ['commit', false],
  ])('of %s is a refusal: %s', async (sql, expected) => {
    const error = await database.run(sql).catch((thrown: unknown) => thrown);
    expect([(error as { code?: string }).code, isRefusal(error)]).toEqual([
      'DATABASE_FAILED',
      expected,
    ]);
  });

  it('comes for a database that is to be read and is not there', async () => {
    const missing = path.join(aFolder(), 'none.duckdb');
    await expect(Database.open({ path: missing, readOnly: true })).rejects.toMatchObject({
      code: 'DATABASE_MISSING',
    });
    expect(existsSync(missing)).toBe(false);
  });

  it('comes when a query that always has a row has none', async () => {
    await expect(database.row('select 1 where false')).rejects.toMatchObject({
      code: 'DATABASE_FAILED',
    });
  });

  it('names the setting when the memory does not suffice', async () => {
    const database = await Database.open({ path: ':memory:', memoryLimitBytes: 4_000_000 });
    const error = await database
      .run("set max_temp_directory_size = '0KB'; select list(i) from range(10_000_000) t(i)")
      .catch((caught: unknown) => caught);
    database.close();
    expect(error).toMatchObject({
      code: 'DATABASE_FAILED',
      hint: expect.stringContaining('--memory-limit') as string,
    });
  });

  it('is INTERRUPTED for a statement that was stopped', async () => {
    const running = database.rows(
      'select sum(a.range * b.range) from range(10000000) a, range(1000000) b',
    );
    setTimeout(() => database.interrupt(), 50);
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

describe('quoting', () => {
  const texts = [
    'plain',
    '"',
    "'",
    '""',
    "''",
    'a"b\'c',
    '\\',
    '\n',
    '🧀',
    '; drop table t; --',
    '?',
    '$1',
  ];

  it.each(texts)('keeps %j as an identifier and as a literal', async (text) => {
    const sql = `select ${quoteLiteral(text)} as ${quoteIdentifier(text)}`;
    expect(await database.rows(sql)).toEqual([{ [text]: text }]);
  });

  it('leaves NUL out, which no SQL can hold', () => {
    expect([quoteIdentifier('a\0b'), quoteLiteral('a\0b')]).toEqual(['"ab"', "'ab'"]);
  });
});

describe('our own tables', () => {
  const describeTables = async (of: Database) =>
    of.rows(
      "select * from duckdb_columns() where schema_name = 'ops' order by table_name, column_index",
    );

  it('are made once: a second migration changes nothing', async () => {
    const migrated = await openTestDatabase();
    onTestFinished(() => migrated.close());
    const before = await describeTables(migrated);
    const steps = await migrated.rows('from ops.migrations');
    expect(before.length).toBeGreaterThan(40);
    await migrate(migrated);
    expect(await describeTables(migrated)).toEqual(before);
    expect(await migrated.rows('from ops.migrations')).toEqual(steps);
  });

  it('all have a comment', async () => {
    await migrate(database);
    expect(
      await database.rows(
        "select table_name from duckdb_tables() where schema_name = 'ops' and comment is null",
      ),
    ).toEqual([]);
  });

  it('stand beside what somebody else keeps in the same file', async () => {
    await database.run('create table mine as select 1 as a; create schema other');
    await migrate(database);
    expect(await database.rows('from mine')).toEqual([{ a: 1 }]);
  });

  it('are completed when the process died while they were being made', async () => {
    await database.run('create schema ops; create table ops.migrations (step integer not null)');
    await migrate(database);
    expect(await database.rows('from ops.objects')).toEqual([]);
  });

  it('of a newer release are refused, with what to do', async () => {
    await migrate(database);
    const { newest } = await database.row<{ newest: number }>(
      'select max(step)::integer as newest from ops.migrations',
    );
    await database.run(`insert into ops.migrations values (${newest + 1}), (${newest + 2})`);
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'DATABASE_NEWER',
      hint: expect.stringContaining('npm install'),
      context: { found: newest + 2, expected: newest },
    });
  });
});

it('readers share a file, and what was committed is there after closing', async () => {
  const file = path.join(aFolder(), 'shared.duckdb');
  const writer = await Database.open({ path: file, threads: 1 });
  await writer.run('create table t as select 42 as a');
  writer.close();
  const readers = await Promise.all([
    Database.open({ path: file, readOnly: true }),
    Database.open({ path: file, readOnly: true }),
  ]);
  for (const reader of readers) {
    expect(await reader.rows('from t')).toEqual([{ a: 42 }]);
    await expect(reader.run('insert into t values (1)')).rejects.toMatchObject({
      code: 'DATABASE_FAILED',
    });
    reader.close();
  }
});
