/**
 * What DuckDB itself needs for the same rows: `create table … as select` from memory into a database file,
 * one transaction, with the checkpoint. Nobody who writes these tables with DuckDB can be much faster.
 *
 * The rows come from a finished database and are in memory before the phase begins. They stay there, so
 * they count in the peak of memory; DuckDB's limit is what an ingest has by default, on top of them.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { importBuilt } from '../built-package.ts';
import { measure, readTask } from '../measure.ts';

const { loadConfig } = (await importBuilt('config')) as typeof import('../../src/config.ts');
const { quoteIdentifier, quoteLiteral } = (await importBuilt(
  'warehouse/database',
)) as typeof import('../../src/warehouse/database.ts');
const { database, reference, storageVersion } = readTask();
const { memoryLimitBytes } = loadConfig({ env: {}, cwd: '/' }).load;
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();

await connection.run(`attach ${quoteLiteral(reference)} as reference (read_only)`);
const listing = await connection.runAndReadAll(
  "select table_name from duckdb_tables() where database_name = 'reference' and schema_name = 'events'",
);
const tables = listing.getRows().map(([name]) => quoteIdentifier(String(name)));
for (const table of tables) {
  await connection.run(`create table memory.${table} as from reference.events.${table}`);
}
await connection.run('detach reference');
const usage = await connection.runAndReadAll(
  'select sum(memory_usage_bytes)::double from duckdb_memory()',
);
const rowsBytes = Number(usage.getRows()[0]?.[0]);
await connection.run(`set memory_limit = '${memoryLimitBytes + rowsBytes}B'`);
await connection.run('set preserve_insertion_order = false');

await measure(async () => {
  await connection.run(
    `attach ${quoteLiteral(database)} as target (storage_version ${quoteLiteral(storageVersion)})`,
  );
  await connection.run('begin');
  await connection.run('create schema target.events');
  for (const table of tables) {
    await connection.run(`create table target.events.${table} as from memory.${table}`);
  }
  await connection.run('commit');
  await connection.run('checkpoint target');
  await connection.run('detach target');
});
