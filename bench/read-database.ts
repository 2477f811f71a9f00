/**
 * Questions to a finished database: opened for reading, asked, closed.
 */
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { quoteLiteral } from '../src/warehouse/database.ts';

/** The rows of one SELECT over the database, as arrays. */
export async function readRows(database: string, sql: string): Promise<readonly DuckDBValue[][]> {
  return readRowsOfAll({ one: database }, `use one; ${sql}`);
}

/** The same over several, attached under these names. */
export async function readRowsOfAll(
  databases: Readonly<Record<string, string>>,
  sql: string,
): Promise<readonly DuckDBValue[][]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const [name, path] of Object.entries(databases)) {
      await connection.run(`attach ${quoteLiteral(path)} as ${name} (read_only)`);
    }
    const reader = await connection.runAndReadAll(sql);
    return reader.getRows();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Tables with events, without their schema, not quoted. */
export async function listTables(database: string): Promise<readonly string[]> {
  const rows = await readRows(
    database,
    `select table_name from duckdb_tables()
     where database_name = 'one' and schema_name = 'events' order by table_name`,
  );
  return rows.map(([name]) => String(name));
}

/** The oldest DuckDB that can read it, such as `v1.0.0`: what `storage_version` has to be for one like it. */
export async function readStorageVersion(database: string): Promise<string> {
  const [row] = await readRows(
    database,
    "select tags['storage_version'] from duckdb_databases() where database_name = 'one'",
  );
  return String(row?.[0]).replace(/\+$/, '');
}
