/** The database file written anew: everything is there, nothing of what was deleted is, whatever happens meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
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
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
import { rewriteDatabase } from '../../../src/warehouse/rewrite-database.ts';

function aFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-rewrite-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function withDatabase<Result>(file: string, work: (database: Database) => Promise<Result>) {
  const database = await Database.open({ path: file, threads: 1 });
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

/** A table of ten thousand rows, half of them deleted ones about zelda, and what can stand around it. */
async function makeDatabase(folder: string): Promise<string> {
  const file = path.join(folder, 'main.duckdb');
  await withDatabase(file, async (database) => {
    await database.run(`
      create schema a; create schema b; create sequence a.numbers start 7;
      create table b.people as select range as n, case when range % 2 = 0 then 'zelda' else 'otto' end
        || range || '@acme.test' as email from range(10000);
      create view a.first as select email from b.people where n < 10;
      create view a.second as select count(*) as people from a.first;
      comment on table b.people is 'whoever'; comment on column b.people.email is 'an address';
      comment on view a.second is 'how many';
      checkpoint`);
    await database.run("delete from b.people where email like 'zelda%'");
  });
  return file;
}

async function describeDatabase(file: string) {
  return withDatabase(file, async (database) => ({
    tables: await database.rows(
      "select schema_name, table_name, comment from duckdb_tables() where table_name = 'people'",
    ),
    columns: await database.rows(
      "select column_name, comment from duckdb_columns() where table_name = 'people'",
    ),
    views: await database.rows(
      "select view_name, comment from duckdb_views() where schema_name = 'a' order by view_name",
    ),
    sequences: await database.rows('select sequence_name, start_value from duckdb_sequences()'),
    rows: await database.rows(
      'select count(*)::integer as n, (select people from a.second)::integer as first from b.people',
    ),
  }));
}

describe('a rewritten database', () => {
  it('has everything that it had, and no byte of deleted rows', async () => {
    const file = await makeDatabase(aFolder());
    const before = await describeDatabase(file);
    expect(before.rows).toEqual([{ n: 5000, first: 5 }]);
    expect(readFileSync(file, 'latin1')).toContain('zelda');
    mkdirSync(`${file}.tmp`);
    writeFileSync(path.join(`${file}.tmp`, 'duckdb_temp_storage-0.tmp'), 'zelda');
    await rewriteDatabase({ path: file });
    expect(readdirSync(path.dirname(file))).toEqual(['main.duckdb']);
    expect(readFileSync(file, 'latin1')).not.toContain('zelda');
    expect(readFileSync(file, 'latin1')).toContain('otto');
    expect(await describeDatabase(file)).toEqual(before);
  });

  it('has what a killed writer left in the log', async () => {
    const file = await makeDatabase(aFolder());
    const script = `
      import { DuckDBInstance } from '@duckdb/node-api';
      const connection = await (await DuckDBInstance.create(${JSON.stringify(file)})).connect();
      await connection.run("insert into b.people values (1, 'late@acme.test')");
      process.kill(process.pid, 'SIGKILL');`;
    const writer = spawn(process.execPath, ['--input-type=module', '-e', script]);
    await once(writer, 'exit');
    expect(existsSync(`${file}.wal`)).toBe(true);
    await rewriteDatabase({ path: file });
    expect(existsSync(`${file}.wal`)).toBe(false);
    const { rows } = await describeDatabase(file);
    expect(rows).toEqual([{ n: 5001, first: 6 }]);
  });

  it('stays where its link points to', async () => {
    const folder = aFolder();
    const file = await makeDatabase(folder);
    const link = path.join(folder, 'link.duckdb');
    symlinkSync(file, link);
    await rewriteDatabase({ path: link });
    expect(readFileSync(file, 'latin1')).not.toContain('zelda');
  });

  it('is not begun while somebody reads', async () => {
    const file = await makeDatabase(aFolder());
    const script = `
      import { DuckDBInstance } from '@duckdb/node-api';
      await DuckDBInstance.create(${JSON.stringify(file)}, { access_mode: 'READ_ONLY' });
      console.log('open'); setInterval(() => {}, 1000);`;
    const reader = spawn(process.execPath, ['--input-type=module', '-e', script]);
    await once(reader.stdout, 'data');
    await expect(rewriteDatabase({ path: file })).rejects.toThrow('holds it');
    reader.kill('SIGKILL');
    await once(reader, 'exit');
    await rewriteDatabase({ path: file });
    expect(readFileSync(file, 'latin1')).not.toContain('zelda');
  });

  it('is the old one or the new one when its process is killed, and the next one clears up', async () => {
    const folder = aFolder();
    const file = await makeDatabase(folder);
    const before = await describeDatabase(file);
    const module = path.resolve('src/warehouse/rewrite-database.ts');
    const script = `
      const { rewriteDatabase } = await import(${JSON.stringify(module)});
      console.log('begun');
      await rewriteDatabase({ path: ${JSON.stringify(file)} });`;
    for (const waitMs of [5, 20, 40, 60, 90, 130]) {
      const rewriter = spawn(process.execPath, [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
      ]);
      await once(rewriter.stdout, 'data');
      await sleep(waitMs);
      rewriter.kill('SIGKILL');
      await once(rewriter, 'close');
      expect(await describeDatabase(file)).toEqual(before);
    }
    await rewriteDatabase({ path: file });
    expect(readdirSync(folder)).toEqual(['main.duckdb']);
    expect(readFileSync(file, 'latin1')).not.toContain('zelda');
    expect(await describeDatabase(file)).toEqual(before);
  }, 60_000);
});
