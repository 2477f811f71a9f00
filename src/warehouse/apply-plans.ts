/**
 * Plans of a batch → event tables: makes and alters them, writes down which column holds which field, and puts
 * the schemas' descriptions on tables and columns as comments.
 *
 * A first load makes a hundred tables with two thousand columns, so names go in for all tables at once. DuckDB
 * takes one comment a statement; those of a table go in one text. Not those of all tables: each statement keeps
 * a copy of its whole text.
 *
 * Columns do not say how to compress them (`using compression fsst`), though it would spare DuckDB the trial of
 * its other methods: the word stays with the column, no statement takes it away, and files of storage version
 * 1.3 and newer refuse it. DuckDB 2.0 makes those by default, so nobody could `copy from database` to a file there.
 */

import type { DuckDBType } from '@duckdb/node-api';
import type { RecordType } from '../avro/avro-schema.ts';
import { listKnownSchemas } from '../avro/schema-registry.ts';
import { formatColumnType, formatWideningCast } from './column-types.ts';
import { type Database, quoteIdentifier, quoteLiteral } from './database.ts';
import {
  type EventColumn,
  type EventTable,
  type IncomingSchema,
  OBJECT_ID_COLUMN,
  RESCUED_COLUMN,
  type TablePlan,
} from './event-tables.ts';

const OBJECT_ID_COMMENT = 'The object this row came from: ops.objects.object_id.';
const RESCUED_COMMENT = 'Values that had no place in the columns, as a JSON object by field name.';

/** Brings the tables to their planned shape. To be called inside the loading transaction. */
export async function applyPlans(database: Database, plans: readonly TablePlan[]): Promise<void> {
  for (const plan of plans) {
    if (plan.before === undefined) await createTable(database, plan);
    else await alterTable(database, plan, plan.before);
  }
  const made = plans.filter(({ before }) => before === undefined);
  await database.insert(
    'ops.event_tables',
    { event_type: 'VARCHAR', table_name: 'VARCHAR' },
    made.map(({ table }) => ({ event_type: table.eventType, table_name: table.name })),
  );
  await database.insert(
    'ops.event_columns',
    { event_type: 'VARCHAR', field_name: 'VARCHAR', column_name: 'VARCHAR' },
    plans.flatMap((plan) =>
      listAdded(plan).map(({ name, field }) => ({
        event_type: plan.table.eventType,
        field_name: field,
        column_name: name,
      })),
    ),
  );
}

function listAdded({ before, table }: TablePlan): readonly EventColumn[] {
  return table.columns.filter((column) => !before?.columns.some((old) => old.name === column.name));
}

async function createTable(database: Database, plan: TablePlan): Promise<void> {
  const { table, incoming } = plan;
  const target = targetOf(table);
  const columns = [
    ...table.columns.map(({ name, type }) => `${quoteIdentifier(name)} ${formatColumnType(type)}`),
    `${OBJECT_ID_COLUMN} BIGINT`,
    ...(table.hasRescued ? [`${RESCUED_COLUMN} JSON`] : []),
  ];
  const doc = docOfType(table.eventType, incoming);
  const statements = [
    `create table ${target} (${columns.join(', ')})`,
    ...(doc === undefined ? [] : [formatComment(`table ${target}`, doc)]),
    ...formatColumnComments(table, table.columns, incoming),
    formatComment(`column ${target}.${OBJECT_ID_COLUMN}`, OBJECT_ID_COMMENT),
    ...(table.hasRescued ? [formatRescuedComment(table)] : []),
  ];
  await database.run(statements.join(';\n'));
}

async function alterTable(database: Database, plan: TablePlan, before: EventTable): Promise<void> {
  const { table, incoming } = plan;
  const added = listAdded(plan);
  const statements = added.map(
    ({ name, type }) =>
      `alter table ${targetOf(table)} add column ${quoteIdentifier(name)} ${formatColumnType(type)}`,
  );
  statements.push(...formatColumnComments(table, added, incoming));
  if (statements.length > 0) await database.run(statements.join(';\n'));
  for (const old of before.columns) {
    const now = table.columns.find((column) => column.name === old.name);
    if (now && now.type !== old.type) await widenColumn(database, table, old, now.type);
  }
  if (table.hasRescued && !before.hasRescued) await addRescuedColumn(database, table);
}

async function widenColumn(
  database: Database,
  table: EventTable,
  old: EventColumn,
  type: DuckDBType,
): Promise<void> {
  const target = targetOf(table);
  const column = quoteIdentifier(old.name);
  let cast = formatWideningCast(column, old.type, type);
  if (formatColumnType(old.type) === 'BIGINT' && formatColumnType(type) === 'DOUBLE') {
    // A double has 53 bits: the longs that it cannot hold keep their digits in _rescued.
    const inexact = `${column}::double::hugeint <> ${column}::hugeint`;
    if (await database.hasRows(`${target} where ${inexact}`)) {
      await addRescuedColumn(database, table);
      // Not an update: DuckDB commits no transaction that altered a table after changing its rows.
      await database.run(
        `alter table ${target} alter column ${RESCUED_COLUMN} set data type JSON using
           case when ${inexact} then json_merge_patch(coalesce(${RESCUED_COLUMN}, '{}'),
             json_object(${quoteLiteral(old.field)}, ${column})) else ${RESCUED_COLUMN} end`,
      );
      cast = `case when ${inexact} then null else ${cast} end`;
    }
  }
  await database.run(
    `alter table ${target} alter column ${column} set data type ${formatColumnType(type)} using ${cast}`,
  );
}

/** Widening may have added it already. */
async function addRescuedColumn(database: Database, table: EventTable): Promise<void> {
  await database.run(
    `alter table ${targetOf(table)} add column if not exists ${RESCUED_COLUMN} JSON;
     ${formatRescuedComment(table)}`,
  );
}

function formatColumnComments(
  table: EventTable,
  columns: readonly EventColumn[],
  incoming: readonly IncomingSchema[],
): readonly string[] {
  const docs = docsByField(table.eventType, incoming);
  return columns.flatMap(({ name, field }) => {
    const doc = docs.get(field);
    return doc === undefined
      ? []
      : [formatComment(`column ${targetOf(table)}.${quoteIdentifier(name)}`, doc)];
  });
}

function formatRescuedComment(table: EventTable): string {
  return formatComment(`column ${targetOf(table)}.${RESCUED_COLUMN}`, RESCUED_COMMENT);
}

function formatComment(what: string, doc: string): string {
  return `comment on ${what} is ${quoteLiteral(doc)}`;
}

function targetOf(table: EventTable): string {
  return `events.${quoteIdentifier(table.name)}`;
}

function docsByField(eventType: string, incoming: readonly IncomingSchema[]): Map<string, string> {
  const docs = new Map<string, string>();
  const ours = listKnownSchemas(eventType).map((known) => known.schema.type);
  const theirs = incoming.map(({ schema }) => schema.type);
  for (const type of [...theirs, ...ours] satisfies RecordType[]) {
    for (const field of type.fields) if (field.doc) docs.set(field.name, field.doc);
  }
  return docs;
}

function docOfType(eventType: string, incoming: readonly IncomingSchema[]): string | undefined {
  return listKnownSchemas(eventType).at(-1)?.schema.type.doc ?? incoming[0]?.schema.type.doc;
}
