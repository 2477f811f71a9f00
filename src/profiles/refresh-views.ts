/**
 * The event tables as they are → the views of c360 over them, with a comment on each column.
 *
 * Run after every load. Views name the columns that they read, so they are made again when a table or a
 * column is new or has another type, or when this release builds them differently; otherwise nothing is written. All in one transaction: a reader finds the old views or the new ones.
 */
import { createHash } from 'node:crypto';
import { type Database, quoteIdentifier, quoteLiteral } from '../warehouse/database.ts';
import { buildCampaignPerformance } from './campaign-performance.ts';
import { buildEngagementDaily } from './engagement-daily.ts';
import type { EventView } from './event-view.ts';
import { buildTimeline, type TimelineTable } from './timeline.ts';

/** Makes the views that are missing or out of date. Not to be called inside a transaction. */
export async function refreshViews(database: Database): Promise<void> {
  const tables = await readTables(database);
  // Each may read those before it.
  const views = [buildTimeline(tables), buildCampaignPerformance(), buildEngagementDaily()];
  const definition = createHash('sha256').update(JSON.stringify(views)).digest('hex');
  const known = await database.rows<{ definition: string }>(
    'select definition from c360.view_definitions',
  );
  if (known[0]?.definition === definition) return;
  await database.withTransaction(async () => {
    for (const view of views) await createView(database, view);
    await database.run('delete from c360.view_definitions');
    await database.run('insert into c360.view_definitions values ($1)', [definition]);
  });
}

async function createView(
  database: Database,
  { name, comment, columns, sql }: EventView,
): Promise<void> {
  const view = `c360.${quoteIdentifier(name)}`;
  const comments = Object.entries(columns).map(
    ([column, meaning]) =>
      `comment on column ${view}.${quoteIdentifier(column)} is ${quoteLiteral(meaning)}`,
  );
  await database.run(
    [
      `create or replace view ${view} as ${sql}`,
      `comment on view ${view} is ${quoteLiteral(comment)}`,
      ...comments,
    ].join(';\n'),
  );
}

/** In the order of their names, so that the same tables give the same views. */
async function readTables(database: Database): Promise<TimelineTable[]> {
  const rows = await database.rows<{
    event_type: string;
    table_name: string;
    field_name: string;
    column_name: string;
    data_type: string;
  }>(
    `select t.event_type, t.table_name, e.field_name, e.column_name, c.data_type
     from ops.event_tables t
     join ops.event_columns e using (event_type)
     join duckdb_columns() c on c.database_name = current_database() and c.schema_name = 'events'
       and c.table_name = t.table_name and c.column_name = e.column_name
     order by t.table_name, c.column_index`,
  );
  const tables = new Map<string, TimelineTable>();
  for (const row of rows) {
    const { event_type: eventType, table_name: name, data_type: type } = row;
    const before = tables.get(name)?.columns ?? [];
    const columns = new Map([...before, [row.field_name, { name: row.column_name, type }]]);
    tables.set(name, { eventType, name, columns });
  }
  return [...tables.values()];
}
