/** What a database holds, in the shortest form that a comparison needs: ids of events, states of objects. */

import { DuckDBInstance } from '@duckdb/node-api';

/** The ids of all events of all tables, one for each row. */
export async function readEventIds(database: string): Promise<readonly string[]> {
  const tables = await readRows(database, 'select table_name from ops.event_tables');
  const ids: string[] = [];
  for (const [table] of tables) {
    for (const [id] of await readRows(database, `select id from events."${String(table)}"`)) {
      ids.push(String(id));
    }
  }
  return ids;
}

/** How many objects the ledger has of each status. */
export async function readStatusCounts(
  database: string,
): Promise<Readonly<Record<string, number>>> {
  const rows = await readRows(database, 'select status, count(*) from ops.objects group by all');
  return Object.fromEntries(rows.map(([status, count]) => [String(status), Number(count)]));
}

async function readRows(database: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
