/**
 * An object was overwritten: its old rows go in the transaction in which its new rows come.
 *
 * The surprise: an event of the old version may have been delivered a second time in another object, where
 * it was left out as a duplicate. If the new version no longer has it, that other object is the only one
 * that does. So the ids that went for good make every object of the type that had duplicates wait again,
 * in the same transaction. Overwriting is rare in a Currents bucket; being right costs a reload.
 */

import { type Database, quoteIdentifier } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, readEventTable } from './event-tables.ts';

interface Replacement {
  readonly objectId: number;
  readonly key: string;
}

/**
 * Deletes the rows of all versions of these objects that were loaded before, and marks those versions
 * `superseded`. Their ids stay in a temporary table for `requeueLostDuplicates`.
 *
 * @returns the name of that table, or undefined when nothing was replaced: the usual case
 */
export async function removeOldRows(
  database: Database,
  source: string,
  objects: readonly Replacement[],
  eventType: string,
): Promise<string | undefined> {
  const keys = JSON.stringify(objects.map((object) => object.key));
  const old = await database.rows<{ object_id: number; event_type: string }>(
    `select object_id::double as object_id, event_type from ops.objects
     where source = ? and row_count is not null and event_type is not null
       and key in (select unnest(from_json(?, '["VARCHAR"]')))`,
    [source, keys],
  );
  if (old.length === 0) return undefined;
  await database.run('create or replace temp table old_keys (id varchar, time varchar)');
  for (const type of new Set(old.map((row) => row.event_type))) {
    const table = await readEventTable(database, type);
    if (table === undefined) continue;
    const ids = old.filter((row) => row.event_type === type).map((row) => row.object_id);
    const target = `events.${quoteIdentifier(table.name)}`;
    const of = `${OBJECT_ID_COLUMN} in (${ids.join(', ')})`;
    // Rows of another event type can not be missed in this one.
    const keyColumns = type === eventType ? selectKey(table) : undefined;
    if (keyColumns) {
      await database.run(`insert into old_keys select ${keyColumns} from ${target} where ${of}`);
    }
    await database.run(`delete from ${target} where ${of}`);
  }
  const current = new Set(objects.map((object) => object.objectId));
  const superseded = old.map((row) => row.object_id).filter((id) => !current.has(id));
  await database.run(
    `update ops.objects set row_count = null where object_id in (${old.map((row) => row.object_id).join(', ')})`,
  );
  if (superseded.length > 0) {
    await database.run(
      `update ops.objects set status = 'superseded' where object_id in (${superseded.join(', ')})`,
    );
  }
  return 'old_keys';
}

/** Makes objects wait again whose duplicates may now be needed; drops the temporary table. */
export async function requeueLostDuplicates(
  database: Database,
  table: EventTable,
  oldKeys: string,
  loaded: readonly Replacement[],
): Promise<void> {
  const key = selectKey(table);
  if (key !== undefined) {
    const { lost } = await database.row<{ lost: boolean }>(
      `select count(*) > 0 as lost from (
         select id, time from ${oldKeys} where id is not null
         except select ${key} from events.${quoteIdentifier(table.name)})`,
    );
    if (lost) {
      await database.run(
        `update ops.objects set status = 'discovered'
         where event_type = ? and status = 'loaded' and duplicate_count > 0
           and object_id not in (${loaded.map((object) => object.objectId).join(', ')})`,
        [table.eventType],
      );
    }
  }
  await database.run(`drop table ${oldKeys}`);
}

function selectKey(table: EventTable): string | undefined {
  const id = table.columns.find((column) => column.field === 'id');
  const time = table.columns.find((column) => column.field === 'time');
  if (id === undefined) return undefined;
  const timeText = time ? `${quoteIdentifier(time.name)}::varchar` : 'null';
  return `${quoteIdentifier(id.name)}::varchar as id, ${timeText} as time`;
}
