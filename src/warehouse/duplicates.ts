/**
 * Which rows of a batch are events that we have already: twice in one object, in two objects of the
 * batch, or in the table since hours or months.
 *
 * An event is known by its `id`. Braze delivers a duplicate with the same `time` (facts of Currents), so
 * both are compared. Rows without an id are never duplicates.
 *
 * It is one statement, and what it costs hardly depends on the table: the batch's times become a filter on
 * the scan of the table, so that row groups outside their range are skipped and ids are read for rows
 * with a time that the batch has too. Of the weeks that late events come from, that leaves a pass over `time`:
 * about 0.02 CPU seconds for a million rows. Four details of the SQL make DuckDB (1.5) do so; each is
 * explained where it stands, and the answer is right without them too.
 */

import { type Database, quoteIdentifier } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, ROW_COLUMN } from './event-tables.ts';

/**
 * Scans the batch once. Runs inside a transaction or outside, and leaves nothing behind.
 *
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
  const time = columnOf(table, 'time');
  await database.run("set disabled_optimizers = 'join_order,build_side_probe_side'");
  const [objectIds = [], rows = []] = await database.columns(
    `with keys as materialized (
       select ${OBJECT_ID_COLUMN}::double as object_id, ${ROW_COLUMN} as row_index,
         ${id} as id, ${time ?? 'null::timestamp'} as time
       from ${scan} where ${id} is not null)
     ${SELECT_REPEATED}
     union all ${selectTimeless(table, id, time)}
     ${time === undefined ? '' : `union all ${selectKnown(table, id, time)}`}`,
  );
  await restoreOptimizers(database);
  const duplicates = new Map<number, Set<number>>();
  for (const [at, row] of (rows as readonly number[]).entries()) {
    const objectId = objectIds[at] as number;
    const found = duplicates.get(objectId);
    if (found) found.add(row);
    else duplicates.set(objectId, new Set([row]));
  }
  return duplicates;
}

/**
 * Joins are done as they are written, the right side becoming the hash table: DuckDB takes a table for empty
 * while its rows are of this transaction, and would make the hash table of them. To be called as well after the
 * rollback when `findDuplicates` has failed: a transaction that is aborted takes no settings.
 */
export async function restoreOptimizers(database: Database): Promise<void> {
  await database.run('reset disabled_optimizers');
}

/**
 * Rows that repeat an earlier one of the batch. Counting hashes costs half of counting texts, so texts
 * are compared only where a hash occurs twice, which is nearly nowhere.
 */
const SELECT_REPEATED = `
  select object_id, row_index from (
    select object_id, row_index,
      row_number() over (partition by id, time order by object_id, row_index) as occurrence
    from keys where hash(id, time) in (
      select hash(id, time) as hashed from keys group by hashed having count(*) > 1))
  where occurrence > 1`;

/**
 * Rows with a time that are in the table.
 *
 * - The semi join on `time` comes first because DuckDB makes a Bloom filter of the keys of a join with
 *   one condition, and checks it before it reads the other columns.
 * - It does so only when something filters the keys. `strlen(…) >= 0` is true of every id, which DuckDB
 *   does not see; it takes `id is not null` away, having seen that it always holds.
 * - `is not distinct from` instead of `=`: for `=` on `id`, DuckDB would check every id of the table
 *   against the smallest and greatest of the batch, and read them all for that.
 * - The keys come last, to be the hash table: rows of the table that happened in the same seconds may be many
 *   times as many.
 */
function selectKnown(table: EventTable, id: string, time: string): string {
  return `
    select k.object_id, k.row_index
    from (
      select e.${id} as id, e.${time} as time from ${nameOf(table)} e
      semi join (select time from keys where strlen(id::varchar) >= 0) b on e.${time} = b.time) t
      join keys k on k.id is not distinct from t.id and k.time is not distinct from t.time`;
}

/** Rows without a time that are in the table without a time; all of them where there is no such column. */
function selectTimeless(table: EventTable, id: string, time: string | undefined): string {
  return `
    select k.object_id, k.row_index
    from (
      select ${id} as id from ${nameOf(table)} ${time === undefined ? '' : `where ${time} is null`}) t
      join keys k on k.id = t.id
    where k.time is null`;
}

function nameOf(table: EventTable): string {
  return `events.${quoteIdentifier(table.name)}`;
}

function columnOf(table: EventTable, field: string): string | undefined {
  const column = table.columns.find((one) => one.field === field);
  return column && quoteIdentifier(column.name);
}
