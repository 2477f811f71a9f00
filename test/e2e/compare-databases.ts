/**
 * Two databases that were filled from the same bucket in different ways → what differs.
 *
 * Event tables are compared row for row and column for column, with `_object_id` read as the key of its
 * object, since ids may be given out in another order. Of our own tables, what tells the story of the data
 * is compared; runs, attempts and instants may differ.
 */

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** Selects what must be equal; `db` stands for the database. */
const LEDGER_QUERIES = {
  'ops.objects': `
    select key, etag, size_bytes, event_type, hour, status, fingerprint, row_count, duplicate_count
    from db.ops.objects`,
  'ops.quarantine': 'select key, code, reason, block, record, field from db.ops.quarantine',
  'ops.schemas': 'select event_type, fingerprint, version from db.ops.schemas',
  'ops.schema_changes': `
    select event_type, change, column_name, from_type, to_type from db.ops.schema_changes`,
  'ops.event_columns': 'select event_type, field_name, column_name from db.ops.event_columns',
  columns: `
    select table_name, column_name, data_type, comment from duckdb_columns()
    where database_name = 'db' and schema_name = 'events'`,
};

/** One line for each difference; none when the two are alike. */
export async function compareDatabases(
  expected: string,
  found: string,
): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`attach '${expected}' as expected (read_only)`);
    await connection.run(`attach '${found}' as found (read_only)`);
    const differences: string[] = [];
    for (const [what, query] of Object.entries(LEDGER_QUERIES)) {
      differences.push(...(await compare(connection, what, query)));
    }
    const tables = await listTables(connection, 'expected');
    const others = await listTables(connection, 'found');
    if (tables.join() !== others.join())
      return [`tables are ${others.join()}, not ${tables.join()}`];
    for (const table of tables) {
      const query = `
        select o.key, t.* exclude (_object_id)
        from db.events."${table}" t left join db.ops.objects o on o.object_id = t._object_id`;
      differences.push(...(await compare(connection, table, query)));
    }
    return differences;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function compare(connection: DuckDBConnection, what: string, query: string) {
  const expected = query.replaceAll("'db'", "'expected'").replaceAll('db.', 'expected.');
  const found = query.replaceAll("'db'", "'found'").replaceAll('db.', 'found.');
  const reader = await connection.runAndReadAll(
    `select (select count(*) from (${expected} except all ${found}))::integer as missing,
       (select count(*) from (${found} except all ${expected}))::integer as added`,
  );
  const [missing, added] = (reader.getRows()[0] ?? []).map(Number);
  if (missing === 0 && added === 0) return [];
  return [`${what}: ${missing} rows are missing, ${added} are too many`];
}

async function listTables(connection: DuckDBConnection, database: string): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `select table_name from duckdb_tables()
     where database_name = '${database}' and schema_name = 'events' order by 1`,
  );
  return reader.getRows().map(([name]) => String(name));
}
