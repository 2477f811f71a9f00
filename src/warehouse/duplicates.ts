/**
 * Which rows of a batch are events that we have already: twice in one object, in two objects of the
 * batch, or in the table since hours or days.
 *
 * An event is known by its `id`. Braze delivers a duplicate with the same `time` (facts of Currents), so
 * both are compared, and the batch's range of times, written into the query as constants, lets DuckDB
 * skip the row groups of the table that lie outside it. Rows without an id are never duplicates.
 */

import { DuckDBTypeId } from '@duckdb/node-api';
import { type Database, quoteIdentifier } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, ROW_COLUMN } from './event-tables.ts';

/**
 * @param scan SQL of the batch, such as `currents_batch(7)`
 * @returns zero-based rows to leave out, by object; of several alike the first in the batch stays
 */
export async function findDuplicates(
  database: Database,
  table: EventTable,
  scan: string,
): Promise<ReadonlyMap<number, ReadonlySet<number>>> {
  const id = columnOf(table, 'id');
  if (id === undefined) return new Map();
  const time = columnOf(table, 'time') ?? 'null::timestamp';
  await database.run(
    `create or replace temp table batch_keys as
     select ${OBJECT_ID_COLUMN} as object_id, ${ROW_COLUMN} as row_index, ${id} as id, ${time} as time
     from ${scan}`,
  );
  const rows = await database.rows<{ object_id: number; row_index: number }>(
    `select object_id::double as object_id, row_index from (
       select object_id, row_index,
         row_number() over (partition by id, time order by object_id, row_index) as occurrence
       from batch_keys where id is not null)
     where occurrence > 1
     union
     select k.object_id::double, k.row_index from batch_keys k
     semi join (${await selectKnownKeys(database, table, id, time)}) t
       on t.id = k.id and t.time is not distinct from k.time`,
  );
  await database.run('drop table batch_keys');
  const duplicates = new Map<number, Set<number>>();
  for (const { object_id, row_index } of rows) {
    const found = duplicates.get(object_id);
    if (found) found.add(row_index);
    else duplicates.set(object_id, new Set([row_index]));
  }
  return duplicates;
}

/** SQL for the table's keys within the batch's range of times. */
async function selectKnownKeys(database: Database, table: EventTable, id: string, time: string) {
  const keys = `select ${id} as id, ${time} as time from events.${quoteIdentifier(table.name)}`;
  const type = table.columns.find((column) => column.field === 'time')?.type;
  // Any other time than the one we know has no range worth asking for, or none at all.
  if (type?.typeId !== DuckDBTypeId.TIMESTAMP) return keys;
  const bounds = await database.row<{ low: string | null; high: string | null; timeless: boolean }>(
    `select min(time)::varchar as low, max(time)::varchar as high,
       coalesce(bool_or(time is null), false) as timeless
     from batch_keys where id is not null`,
  );
  const within = ['false'];
  if (bounds.low !== null && bounds.high !== null) {
    within.push(`${time} between timestamp '${bounds.low}' and timestamp '${bounds.high}'`);
  }
  if (bounds.timeless) within.push(`${time} is null`);
  return `${keys} where ${within.join(' or ')}`;
}

function columnOf(table: EventTable, field: string): string | undefined {
  const column = table.columns.find((one) => one.field === field);
  return column && quoteIdentifier(column.name);
}
