/**
 * The event tables of two databases, row by row and value by value, whichever of two deliveries of an
 * event a row came from. For databases that were filled in different orders, or not wholly yet.
 */

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

export interface EventComparison {
  /** Events of the truth that are not there yet. */
  readonly missing: number;
  /** Rows that the truth does not have, or more often than the truth has them. */
  readonly wrong: number;
  /** Rows whose object is not marked as loaded. */
  readonly ownerless: number;
  /** Rows of loaded objects that the ledger does not count, or counts and are not there. */
  readonly miscounted: number;
}

export async function compareEvents(truth: string, found: string): Promise<EventComparison> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const count = async (query: string): Promise<number> => {
    const reader = await connection.runAndReadAll(`select count(*)::integer from (${query})`);
    return Number(reader.getRows()[0]?.[0]);
  };
  try {
    await connection.run(`attach '${truth}' as truth (read_only)`);
    await connection.run(`attach '${found}' as found (read_only)`);
    const sum = { missing: 0, wrong: 0, ownerless: 0, miscounted: 0 };
    const there = await listTables(connection, 'found');
    for (const table of await listTables(connection, 'truth')) {
      const rows = (database: string) =>
        `select * exclude (_object_id) from ${database}.events."${table}"`;
      if (!there.includes(table)) {
        sum.missing += await count(rows('truth'));
        continue;
      }
      sum.missing += await count(`${rows('truth')} except all ${rows('found')}`);
      sum.wrong += await count(`${rows('found')} except all ${rows('truth')}`);
      sum.ownerless += await count(
        `from found.events."${table}" t anti join
           (from found.ops.objects where status = 'loaded') o on o.object_id = t._object_id`,
      );
    }
    for (const table of there) {
      sum.miscounted += await count(
        `select o.object_id from found.ops.objects o
         left join (select _object_id, count(*) as rows from found.events."${table}" group by all) t
           on t._object_id = o.object_id
         where o.status = 'loaded' and replace(lower(o.event_type), '.', '_') = '${table}'
           and o.row_count <> coalesce(t.rows, 0)`,
      );
    }
    return sum;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function listTables(connection: DuckDBConnection, database: string): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `select table_name from duckdb_tables()
     where database_name = '${database}' and schema_name = 'events' order by 1`,
  );
  return reader.getRows().map(([name]) => String(name));
}
