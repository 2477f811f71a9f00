/** Sources beside Currents: joined in statements that name them, and no trouble to others when they are away. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { withSources } from '../../src/attached-sources.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { refreshAudiences } from '../../src/profiles/refresh-audiences.ts';
import { Database } from '../../src/warehouse/database.ts';
import { readQuery } from '../../src/warehouse/query.ts';
import { openTestDatabase } from '../support/test-warehouse.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-attached-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function settings(yaml: string): Config {
  mkdirSync(path.join(folder, 'conf'), { recursive: true });
  writeFileSync(path.join(folder, 'conf/currents.yaml'), yaml);
  return loadConfig({ cwd: folder, env: {}, configPath: 'conf/currents.yaml' });
}

/** A database file open read-only, as for `currents query`. */
async function openReader(): Promise<Database> {
  const file = path.join(folder, 'currents.duckdb');
  const writer = await Database.open({ path: file });
  await writer.run("create table people as select 'ann' as user_id union all select 'bob'");
  writer.close();
  const reader = await Database.open({ path: file, readOnly: true });
  onTestFinished(() => reader.close());
  return reader;
}

async function query(database: Database, config: Config, sql: string) {
  const { rows } = await withSources(database, config.attach, sql, async () =>
    readQuery(database, sql, 100),
  );
  return rows;
}

async function makeSources(): Promise<Config> {
  mkdirSync(path.join(folder, 'conf/data'), { recursive: true });
  writeFileSync(path.join(folder, 'conf/data/crm.csv'), 'user_id,tier\nann,gold\nzoe,iron\n');
  const maker = await Database.open({ path: path.join(folder, 'conf/data/shop.duckdb') });
  await maker.run("create table orders as select 'ann' as user_id, 3 as orders");
  for (const number of [1, 2])
    await maker.run(
      `copy (select 'bob' as user_id, ${number} as n) to '${folder}/conf/data/part${number}.parquet' (format parquet)`,
    );
  maker.close();
  return settings(`
attach:
  crm: { kind: csv, path: data/crm.csv }
  parts: { kind: parquet, path: data/part*.parquet }
  shop: { kind: duckdb, path: data/shop.duckdb }
  gone: { kind: csv, path: data/gone.csv }
  away: { kind: duckdb, path: data/away.duckdb }
  erp: { kind: postgres, connection: { env: NOT_SET_ANYWHERE } }
`);
}

describe('a statement', () => {
  it('joins CSV, Parquet and DuckDB files with ours, read-only', async () => {
    const config = await makeSources();
    const reader = await openReader();
    const sql = `
      select p.user_id, crm.tier, sum(parts.n), any_value(o.orders) from people p
      left join crm using (user_id) left join parts using (user_id)
      left join shop.orders o using (user_id) group by all order by all`;
    const expected = [
      ['ann', 'gold', 'NULL', '3'],
      ['bob', 'NULL', '3', 'NULL'],
    ];
    expect(await query(reader, config, sql)).toEqual(expected);
    expect(await query(reader, config, sql)).toEqual(expected);
    await expect(reader.run('insert into shop.orders values (1, 2)')).rejects.toThrow(/read-only/);
  });

  it('is not troubled by sources that are away, unless it needs them', async () => {
    const config = await makeSources();
    const reader = await openReader();
    expect(
      await query(reader, config, "select 'gone' as away, 1 as erp from people limit 1"),
    ).toEqual([['gone', '1']]);
    await expect(query(reader, config, 'from gone')).rejects.toMatchObject({
      code: 'ATTACH_FAILED',
      message: expect.stringContaining('cannot read gone of the setting attach: IO Error'),
      hint: expect.stringContaining(path.join(folder, 'conf/data/gone.csv')),
    });
    await expect(query(reader, config, 'from away.orders')).rejects.toMatchObject({
      code: 'ATTACH_FAILED',
      context: { attached: 'away' },
    });
    await expect(query(reader, config, 'from nobody')).rejects.toMatchObject({
      code: 'QUERY_FAILED',
    });
  });

  it('that needs Postgres is told what is missing, without the connection', async () => {
    const config = await makeSources();
    const reader = await openReader();
    // No extension, no network: neither its repository nor a server may be asked by a test.
    await reader.run("set extension_directory = '/nonexistent'");
    await reader.run("set custom_extension_repository = 'http://127.0.0.1:9'");
    await expect(query(reader, config, 'from erp.public.orders')).rejects.toMatchObject({
      code: 'ATTACH_FAILED',
      message:
        "cannot read erp of the setting attach: DuckDB's extension postgres is not installed and could not be fetched",
      hint: expect.stringContaining('extensions.duckdb.org'),
    });
  });
});

describe('an audience', () => {
  it('can be of people that a file names, and only it fails when the file is away', async () => {
    const config = await makeSources();
    const withAudiences = settings(`
attach: { crm: { kind: csv, path: data/crm.csv }, gone: { kind: csv, path: data/gone.csv } }
audiences:
  gold: { query: "from crm where tier = 'gold'" }
  lost: { query: from gone }`);
    expect(withAudiences.attach.crm).toEqual(config.attach.crm);
    const database = await openTestDatabase();
    onTestFinished(() => database.close());
    await database.run(
      "insert into c360.identities by name select 'ann' as user_id, 'ann' as person_id, [] as external_ids",
    );
    const [gold, lost] = await refreshAudiences(database, withAudiences, new Date());
    expect(gold).toMatchObject({ members: 1, error: null });
    expect(lost?.error).toContain('cannot read gone of the setting attach');
  });
});

describe('the setting', () => {
  it.each([
    ['attach: { ops: { kind: csv, path: a } }', 'attach.ops: found the name of a schema'],
    ['attach: { crm: { kind: csv } }', 'attach.crm: found no path (expected one)'],
    [
      'attach: { crm: { kind: xls, path: a } }',
      'attach.crm.kind: found "xls" (expected one of csv',
    ],
    ['attach: { erp: { kind: postgres, path: a } }', 'found path (expected connection)'],
    [
      'attach: { crm: { kind: csv, path: a, connection: { env: A } } }',
      'found connection (expected path; only postgres has a connection)',
    ],
  ])('%j is refused', (yaml, sentence) => {
    expect(() => settings(yaml)).toThrow(sentence);
  });

  it('never repeats what may be a password', () => {
    const yaml = 'attach: { erp: { kind: postgres, connection: "postgres://me:hunter2@host" } }';
    expect(() => settings(yaml)).toThrow(/attach\.erp\.connection/);
    expect(() => settings(yaml)).not.toThrow(/hunter2/);
  });
});
