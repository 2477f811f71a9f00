/**
 * An object was overwritten: its old rows go in the transaction in which its new rows come.
 *
 * The surprise: an event of the old version may have been delivered a second time in another object, where
 * it was left out as a duplicate. If the new version no longer has it, that other object is the only one
 * that does. So the ids that went for good make every object of the type that had duplicates wait again,
 * in the same transaction. Overwriting is rare in a Currents bucket; being right costs a reload.
 */

import { describeKey } from '../discovery/object-key.ts';
import { type Database, quoteIdentifier } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, readEventTable } from './event-tables.ts';
import { formatNearby } from './object-ledger.ts';

interface Replacement {
  readonly objectId: number;
  readonly key: string;
}

/**
 * Deletes the rows of all versions of these objects that were loaded before, and marks those versions
 * `superseded`. The ids stay in a temporary table for `requeueLostDuplicates`.
 *
 * To be called before any row of the batch is compared or written: an event must not count as known
 * because of a row that is about to go.
 *
 * @returns the event types that lost rows; none is the usual case
 */
export async function removeOldRows(
  database: Database,
  source: string,
  objects: readonly Replacement[],
): Promise<ReadonlySet<string>> {
  const old = await listLoadedVersions(database, source, objects);
  const eventTypes = new Set(old.map((row) => row.event_type));
  if (old.length === 0) return eventTypes;
  await database.run(
    'create or replace temp table old_keys (event_type varchar, id varchar, time varchar)',
  );
  for (const eventType of eventTypes) {
    const table = await readEventTable(database, eventType);
    if (table === undefined) continue;
    const ids = old.filter((row) => row.event_type === eventType).map((row) => row.object_id);
    const target = `events.${quoteIdentifier(table.name)}`;
    const of = `${OBJECT_ID_COLUMN} in (${ids.join(', ')})`;
    const key = selectKey(table);
    if (key !== undefined) {
      await database.run(`insert into old_keys select ?, ${key} from ${target} where ${of}`, [
        eventType,
      ]);
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
  return eventTypes;
}

/** Versions of these objects whose rows are in the tables. */
export async function listLoadedVersions(
  database: Database,
  source: string,
  objects: readonly { readonly key: string }[],
): Promise<readonly { object_id: number; key: string; event_type: string }[]> {
  const keys = JSON.stringify(objects.map((object) => object.key));
  const nearby = formatNearby(objects.map((object) => describeKey(object.key)));
  return database.rows(
    `select object_id::double as object_id, key, event_type from ops.objects o
     where source = ? and ${nearby} and row_count is not null and event_type is not null
       and key in (select unnest(from_json(?, '["VARCHAR"]')))`,
    [source, keys],
  );
}

/**
 * Makes objects wait again whose duplicates may now be needed; drops the temporary table. To be called
 * when the rows of the batch are in.
 *
 * @param eventTypes what `removeOldRows` returned
 * @param loaded the batch, which was compared with what is left and need not be loaded again
 */
export async function requeueLostDuplicates(
  database: Database,
  eventTypes: ReadonlySet<string>,
  loaded: readonly Replacement[],
): Promise<void> {
  if (eventTypes.size === 0) return;
  for (const eventType of eventTypes) {
    const table = await readEventTable(database, eventType);
    const key = table && selectKey(table);
    if (table === undefined || key === undefined) continue;
    const { lost } = await database.row<{ lost: boolean }>(
      `select count(*) > 0 as lost from (
         select id, time from old_keys where id is not null and event_type = ?
         except select ${key} from events.${quoteIdentifier(table.name)})`,
      [eventType],
    );
    if (!lost) continue;
    await database.run(
      `update ops.objects set status = 'discovered'
       where event_type = ? and status = 'loaded' and duplicate_count > 0
         and object_id not in (${loaded.map((object) => object.objectId).join(', ')})`,
      [eventType],
    );
  }
  await database.run('drop table old_keys');
}

function selectKey(table: EventTable): string | undefined {
  const id = table.columns.find((column) => column.field === 'id');
  const time = table.columns.find((column) => column.field === 'time');
  if (id === undefined) return undefined;
  const timeText = time ? `${quoteIdentifier(time.name)}::varchar` : 'null';
  return `${quoteIdentifier(id.name)}::varchar as id, ${timeText} as time`;
}
