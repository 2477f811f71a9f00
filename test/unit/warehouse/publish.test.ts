/** A published copy: complete, swapped in at once, and no trouble for those who read the old one. */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CurrentsError } from '../../../src/errors.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { publishDatabase } from '../../../src/warehouse/publish.ts';

let folder: string;
let source: string;
let target: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-publish-'));
  source = path.join(folder, 'source.duckdb');
  target = path.join(folder, 'analysts', 'copy.duckdb');
  await write(`
    create schema events;
    create table events.t (id bigint, properties json);
    comment on table events.t is 'opens';
    comment on column events.t.properties is 'as sent';
    create view events.v as select id from events.t;
    insert into events.t values (1, '{"a": 1}')`);
});

afterEach(() => rmSync(folder, { recursive: true }));

async function write(sql: string): Promise<void> {
  const database = await Database.open({ path: source });
  await database.run(sql);
  database.close();
}

async function readTarget<Row>(sql: string): Promise<Row[]> {
  const database = await Database.open({ path: target, readOnly: true });
  try {
    return await database.rows<Row>(sql);
  } finally {
    database.close();
  }
}

describe('a published copy', () => {
  it('has the rows, types, comments and views of the database, in one file', async () => {
    const published = await publishDatabase({ database: source, path: target });
    expect(published.path).toBe(target);
    expect(published.sizeBytes).toBeGreaterThan(0);
    expect(readdirSync(path.dirname(target))).toEqual(['copy.duckdb']);
    expect(await readTarget('select id::integer as id, properties from events.t')).toEqual([
      { id: 1, properties: '{"a": 1}' },
    ]);
    const columns = `select data_type, c.comment as "column", t.comment as "table"
      from duckdb_columns() c join duckdb_tables() t using (table_name) where column_name = 'properties'`;
    expect(await readTarget(columns)).toEqual([
      { data_type: 'JSON', column: 'as sent', table: 'opens' },
    ]);
    expect(await readTarget('select count(*)::integer as n from events.v')).toEqual([{ n: 1 }]);
  });

  it('replaces the one before, while its readers go on reading', async () => {
    await publishDatabase({ database: source, path: target });
    const reader = await Database.open({ path: target, readOnly: true });
    await write(`insert into events.t values (2, null)`);
    await publishDatabase({ database: source, path: target });
    const sql = 'select count(*)::integer as n from events.t';
    expect(await reader.rows(sql)).toEqual([{ n: 1 }]);
    reader.close();
    expect(await readTarget(sql)).toEqual([{ n: 2 }]);
  });

  it('can be made of a database whose file is named like anything', async () => {
    source = path.join(folder, 'it\'s "odd".duckdb');
    target = path.join(folder, "an 'odd' copy.duckdb");
    await write('create table t as select 1 as a');
    await publishDatabase({ database: source, path: target });
    expect(await readTarget('from t')).toEqual([{ a: 1 }]);
  });

  it('leaves nothing behind when it fails, and clears what a killed process left', async () => {
    await publishDatabase({ database: source, path: target });
    const killed = path.join(path.dirname(target), '.copy.duckdb.999999999.unfinished');
    writeFileSync(killed, 'half');
    await publishDatabase({ database: source, path: target });
    expect(existsSync(killed)).toBe(false);

    rmSync(path.dirname(target), { recursive: true });
    writeFileSync(path.dirname(target), 'a file where a folder should be');
    await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringContaining('cannot publish to'),
    });
  });

  it('is never the database itself, however its path is spelled', async () => {
    symlinkSync(folder, path.join(folder, 'linked'));
    linkSync(source, path.join(folder, 'hard.duckdb'));
    symlinkSync(source, path.join(folder, 'soft.duckdb'));
    for (const name of ['source.duckdb', 'linked/source.duckdb', 'hard.duckdb', 'soft.duckdb']) {
      await expect(
        publishDatabase({ database: source, path: path.join(folder, name) }),
      ).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('it is the database itself'),
      });
    }
  });

  it("is never what DuckDB would take for the database's log, nor the other way round", async () => {
    const log = path.join(folder, 'linked', 'source.duckdb.wal');
    symlinkSync(folder, path.dirname(log));
    await expect(publishDatabase({ database: source, path: log })).rejects.toMatchObject({
      code: 'USAGE',
    });
    const named = path.join(folder, 'copy.wal');
    copyFileSync(source, named);
    await expect(
      publishDatabase({ database: named, path: path.join(folder, 'copy') }),
    ).rejects.toMatchObject({ code: 'USAGE' });
    expect(existsSync(named)).toBe(true);
  });

  it('is not changed by the log that a killed writer of the one before left', async () => {
    await publishDatabase({ database: source, path: target });
    const other = path.join(folder, 'other.duckdb');
    copyFileSync(target, other);
    const writer = await Database.open({ path: other });
    await writer.run('create table theirs (a integer)');
    // As it is on disk while the writer lives, and so after it was killed.
    copyFileSync(`${other}.wal`, `${target}.wal`);
    writer.close();
    await publishDatabase({ database: source, path: target });
    expect(readdirSync(path.dirname(target))).toEqual(['copy.duckdb']);
    expect(await readTarget('select table_name from duckdb_tables()')).toEqual([
      { table_name: 't' },
    ]);
  });

  it('does not replace what is no copy', async () => {
    mkdirSync(path.dirname(target));
    for (const content of ['', 'source: s3://bucket/prefix', '12345678DUC']) {
      writeFileSync(target, content);
      await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringMatching(/a file that is not DuckDB's is there \(expected /),
      });
      expect(readFileSync(target, 'utf8')).toBe(content);
    }
    rmSync(target);
    mkdirSync(target);
    await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('a folder is there'),
    });
    expect(readdirSync(path.dirname(target))).toEqual(['copy.duckdb']);
  });

  it('names itself when the disk is full, and leaves no file', async () => {
    const spy = vi.spyOn(Database.prototype, 'run').mockImplementation(async function (
      this: Database,
      sql,
      values,
    ) {
      if (sql.startsWith('checkpoint'))
        throw new CurrentsError({ code: 'DISK_FULL', message: `cannot write ${this.path}: full` });
      await this.rows(sql, values);
    });
    try {
      await expect(publishDatabase({ database: source, path: target })).rejects.toMatchObject({
        code: 'DISK_FULL',
        message: `cannot publish to ${target}: the disk is full`,
      });
    } finally {
      spy.mockRestore();
    }
    expect(readdirSync(path.dirname(target))).toEqual([]);
  });
});
