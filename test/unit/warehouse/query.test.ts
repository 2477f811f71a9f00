/** What `currents query` prints: exact values, in every format, and DuckDB's own words when it refuses. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
import {
  exportParquet,
  formatQuery,
  readQuery,
  type TextFormat,
} from '../../../src/warehouse/query.ts';

let database: Database;

beforeEach(async () => {
  database = await Database.open({ path: ':memory:' });
});

afterEach(() => database.close());

async function query(sql: string, format: TextFormat): Promise<string> {
  let text = '';
  for await (const piece of await formatQuery(database, sql, format)) text += piece;
  return text;
}

describe('JSON', () => {
  it.each([
    ['9007199254740993::bigint', '9007199254740993'],
    ['170141183460469231731687303715884105727::hugeint', '170141183460469231731687303715884105727'],
    ['3.10::decimal(10,2)', '3.10'],
    ["timestamp '2026-09-30 12:34:56'", '"2026-09-30T12:34:56Z"'],
    ["timestamp '2026-09-30 12:34:56.000001'", '"2026-09-30T12:34:56.000001Z"'],
    ["'2026-09-30 12:34:56.123456789'::timestamp_ns", '"2026-09-30T12:34:56.123456789Z"'],
    ["date '2026-09-30'", '"2026-09-30"'],
    ["time '12:34:56'", '"12:34:56"'],
    ['\'{"a": [1, "b"]}\'::json', '{"a": [1, "b"]}'],
    ["'quote \" and \n'", '"quote \\" and \\n"'],
    ["'\\xFF\\x00'::blob", '"/wA="'],
    ["'nan'::double", 'null'],
    ["'infinity'::float", 'null'],
    ['[1, null, 3]', '[1,null,3]'],
    ["map {'a': 1::bigint}", '{"a":1}'],
    ["map {2: timestamp '2026-01-01'}", '{"2":"2026-01-01T00:00:00Z"}'],
    ["{'a': {'b c': true}}", '{"a":{"b c":true}}'],
    ["uuid '00000000-0000-0000-0000-000000000001'", '"00000000-0000-0000-0000-000000000001"'],
    ['null', 'null'],
  ])('of %s is %s', async (sql, json) => {
    expect(await query(`select ${sql} as v`, 'ndjson')).toBe(`{"v":${json}}\n`);
  });

  it('of no rows is an empty array, or nothing', async () => {
    expect(await query('select 1 where false', 'json')).toBe('[]\n');
    expect(await query('select 1 where false', 'ndjson')).toBe('');
  });

  it('has every column, also those that share a name', async () => {
    const sql = 'select 1 as q, 2 as q, 3 as q_2, 4 as q';
    expect(await query(sql, 'ndjson')).toBe('{"q":1,"q_3":2,"q_2":3,"q_4":4}\n');
    expect(await query(sql, 'json')).toBe('[\n{"q":1,"q_3":2,"q_2":3,"q_4":4}\n]\n');
  });

  it('of many chunks is one array with every row', async () => {
    const rows = JSON.parse(await query('select range as i from range(5000)', 'json'));
    expect(rows).toHaveLength(5000);
  });
});

describe('CSV', () => {
  it('quotes what needs it, and tells an empty text from a null', async () => {
    const sql = `select 'a,b' as "x,y", '' as e, null as n, 'say "hi"' as q, timestamp '2026-01-01' as t`;
    expect(await query(sql, 'csv')).toBe(
      '"x,y",e,n,q,t\n"a,b","",,"say ""hi""",2026-01-01T00:00:00Z\n',
    );
  });
});

describe('a table', () => {
  it('has the rows up to a limit and says whether there are more', async () => {
    const sql = 'select i, null as n from range(3) t(i)';
    expect(await readQuery(database, sql, 2)).toEqual({
      names: ['i', 'n'],
      rows: [
        ['0', 'NULL'],
        ['1', 'NULL'],
      ],
      isComplete: false,
    });
    expect((await readQuery(database, sql, 3)).isComplete).toBe(true);
  });

  it('can be had of statements that only describe', async () => {
    await database.run('create table t (a integer)');
    expect((await readQuery(database, 'describe t', 9)).rows[0]?.slice(0, 2)).toEqual([
      'a',
      'INTEGER',
    ]);
  });
});

describe('Parquet', () => {
  it('reads back with the same values, also when the SQL ends in a comment', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'currents-query-'));
    try {
      const file = path.join(folder, "it's.parquet");
      await exportParquet(database, 'select 9007199254740993 as v -- the end', file);
      await exportParquet(database, 'select 9007199254740993 as v ; ', file);
      const sql = `from '${file.replaceAll("'", "''")}'`;
      expect(await query(sql, 'ndjson')).toBe('{"v":9007199254740993}\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('SQL that DuckDB refuses', () => {
  it.each(['csv', 'json', 'ndjson'] as const)(
    'fails before the first piece of %s',
    async (format) => {
      await expect(formatQuery(database, 'select nothing', format)).rejects.toMatchObject({
        code: 'QUERY_FAILED',
        message: expect.stringContaining('Binder Error'),
      });
    },
  );

  it('fails as a Parquet export and as a table in the same way', async () => {
    const failure = { code: 'QUERY_FAILED', message: expect.stringContaining('Parser Error') };
    await expect(exportParquet(database, 'selec 1', '/nowhere')).rejects.toMatchObject(failure);
    await expect(readQuery(database, 'selec 1', 1)).rejects.toMatchObject(failure);
  });
});

describe('SQL that does more than read', () => {
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'currents-query-'));
    await database.run('create table t as select 1 as a');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    "copy (select 1) to 'FILE'",
    "explain analyze copy (select 1) to 'FILE'",
    "/* a */ explain -- b\n /* c */ analyze /* d */ copy (select 1) to 'FILE'",
    "explain (analyze, format json) copy (select 1) to 'FILE'",
    "export database 'FILE'",
    "attach 'FILE' as other",
    "pragma profiling_output = 'FILE'",
    "call enable_logging(storage = 'file', storage_path = 'FILE')",
    'load json',
    'set threads = 1',
    'insert into t values (2)',
    'explain analyze insert into t values (2)',
    'create or replace temp table t as select 2',
  ])('is refused before it runs: %s', async (template) => {
    const sql = template.replace('FILE', path.join(folder, 'written'));
    const failure = {
      code: 'QUERY_FAILED',
      message: expect.stringContaining('does more than read'),
      hint: expect.stringMatching(/--format csv > file .*currents publish/),
    };
    await expect(query(sql, 'csv')).rejects.toMatchObject(failure);
    await expect(readQuery(database, sql, 1)).rejects.toMatchObject(failure);
    const parquet = path.join(folder, 'out.parquet');
    await expect(exportParquet(database, sql, parquet)).rejects.toMatchObject(failure);
    expect(readdirSync(folder)).toEqual([]);
    expect(await database.rows('from t')).toEqual([{ a: 1 }]);
  });

  it.each([
    'select 1; -- the end',
    'from t',
    'with x as (from t) from x',
    'values (1)',
    'describe t',
    'show tables',
    'summarize t',
    'pragma table_info(t)',
    'explain select 1',
    '-- why\nexplain (format json) from t',
    'explain analyze from t',
    'pivot t on a using count(*);',
    'with p as (pivot t on a) from p',
  ])('does not include %s', async (sql) => {
    expect((await readQuery(database, sql, 9)).rows).not.toEqual([]);
  });
});

describe('SQL that is not one statement', () => {
  it.each(['', ' ; ', '-- nothing\n/* at\nall */'])('is a wrong call: none in %j', async (sql) => {
    await expect(query(sql, 'csv')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(exportParquet(database, sql, '/nowhere')).rejects.toMatchObject({ code: 'USAGE' });
  });

  it.each([
    'select 1; select 2',
    'create temp table t as select 1; from t',
    "select 1; export database 'never'",
    "create type mood as enum ('a'); from (select 1)",
  ])('is a wrong call: several in %j', async (sql) => {
    await expect(query(sql, 'csv')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'cannot run the query: there are several (expected one statement)',
    });
  });
});
