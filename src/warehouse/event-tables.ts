/**
 * Event type → table: which columns there are, and what a new schema makes of them.
 *
 * `planTable` is pure: from the table as it is and the schemas that arrive it says what to run, what to
 * report and which schemas are refused. `applyPlan` runs it, inside the transaction that loads the rows,
 * so a table never changes for an object that was not loaded.
 *
 * Any name is just a name. DuckDB ignores case in identifiers and Avro does not, so names that differ in
 * case only (or clash with our own columns) get a number, and ops.event_tables and ops.event_columns keep
 * who is who.
 */

import type { DuckDBType } from '@duckdb/node-api';
import type { RecordType, WriterSchema } from '../avro/avro-schema.ts';
import { listKnownSchemas } from '../avro/schema-registry.ts';
import { CurrentsError } from '../errors.ts';
import {
  columnTypeOfField,
  formatColumnType,
  formatWideningCast,
  widenColumnType,
} from './column-types.ts';
import { type Database, quoteIdentifier, quoteLiteral } from './database.ts';

/** What to do with what a table has no place for; see the setting `schemaChanges`. */
export type SchemaChangeMode = 'evolve' | 'freeze' | 'rescue';

interface EventColumn {
  readonly name: string;
  /** The Avro field whose values it holds. */
  readonly field: string;
  readonly type: DuckDBType;
}

export interface EventTable {
  readonly eventType: string;
  /** Without the schema `events`, not quoted. */
  readonly name: string;
  readonly columns: readonly EventColumn[];
  readonly hasRescued: boolean;
}

export interface SchemaChange {
  readonly eventType: string;
  readonly objectId: number;
  readonly change: 'table created' | 'column added' | 'column widened' | 'field rescued';
  readonly column?: string;
  readonly fromType?: string;
  readonly toType?: string;
}

export interface IncomingSchema {
  readonly schema: WriterSchema;
  /** The first object of the batch that has it. */
  readonly objectId: number;
}

export interface TablePlan {
  readonly before: EventTable | undefined;
  readonly table: EventTable;
  readonly changes: readonly SchemaChange[];
  /** Refused schemas by fingerprint; their objects go to quarantine. */
  readonly refusals: ReadonlyMap<string, CurrentsError>;
}

/** Our own columns at the end of each event table. */
export const OBJECT_ID_COLUMN = '_object_id';
export const RESCUED_COLUMN = '_rescued';
/** A number that a scan offers beside the columns; taken, so that no field is called so. */
export const ROW_COLUMN = '_row';
const OWN_COLUMNS = [OBJECT_ID_COLUMN, RESCUED_COLUMN, ROW_COLUMN];

const OBJECT_ID_COMMENT = 'The object this row came from: ops.objects.object_id.';
const RESCUED_COMMENT = 'Values that had no place in the columns, as a JSON object by field name.';

/** The table of an event type as it is now, or undefined. */
export async function readEventTable(
  database: Database,
  eventType: string,
): Promise<EventTable | undefined> {
  const [known] = await database.rows<{ table_name: string }>(
    'select table_name from ops.event_tables where event_type = ?',
    [eventType],
  );
  if (known === undefined) return undefined;
  const fields = await database.rows<{ field_name: string; column_name: string }>(
    'select field_name, column_name from ops.event_columns where event_type = ?',
    [eventType],
  );
  const fieldOf = new Map(fields.map((row) => [row.column_name, row.field_name]));
  const present = await database.columnsOf(`from events.${quoteIdentifier(known.table_name)}`);
  const columns: EventColumn[] = [];
  for (const { name, type } of present) {
    const field = fieldOf.get(name);
    if (field !== undefined) columns.push({ name, field, type });
  }
  const hasRescued = present.some((column) => column.name === RESCUED_COLUMN);
  return { eventType, name: known.table_name, columns, hasRescued };
}

/** `users.messages.email.Open` → `users_messages_email_open`, with a number if that is taken. */
export async function chooseTableName(database: Database, eventType: string): Promise<string> {
  const taken = await database.rows<{ table_name: string }>(
    'select table_name from ops.event_tables',
  );
  return freeName(
    asciiLowerCase(eventType.replaceAll('.', '_').replaceAll('\0', '')),
    new Set(taken.map((row) => asciiLowerCase(row.table_name))),
  );
}

/**
 * What the arriving schemas make of the table. Pure; the same input gives the same plan.
 *
 * @param current the table, or only the name that it will get
 * @param incoming in the order in which the objects will be loaded
 * @param needsRescued a value is known that fits no column
 */
export function planTable(
  eventType: string,
  current: EventTable | { readonly name: string },
  incoming: readonly IncomingSchema[],
  { mode, needsRescued }: { readonly mode: SchemaChangeMode; readonly needsRescued: boolean },
): TablePlan {
  const before = 'columns' in current ? current : undefined;
  const columns = [...(before?.columns ?? (mode === 'evolve' ? [] : knownColumns(eventType)))];
  // A table in the making follows the schemas we know; for a type we do not know, the first header.
  const followsHeader = before === undefined && columns.length === 0;
  const changes: SchemaChange[] = [];
  const refusals = new Map<string, CurrentsError>();
  if (before === undefined) {
    changes.push({ eventType, objectId: incoming[0]?.objectId ?? 0, change: 'table created' });
  }

  const seen = new Set<string>();
  for (const { schema, objectId } of incoming) {
    if (seen.has(schema.fingerprint)) continue;
    seen.add(schema.fingerprint);
    // The schema that makes the table is no change of it; only what comes on top is.
    const makesTable = followsHeader && seen.size === 1;
    const mayAdd = mode === 'evolve' || (mode === 'rescue' && makesTable);
    const refused: string[] = [];
    for (const field of schema.type.fields) {
      const type = columnTypeOfField(field);
      if (type === undefined) continue;
      const toType = formatColumnType(type);
      const at = columns.findIndex((column) => column.field === field.name);
      const column = columns[at];
      if (column === undefined) {
        if (mayAdd) {
          const name = freeColumnName(field.name, columns);
          columns.push({ name, field: field.name, type });
          if (!makesTable)
            changes.push({ eventType, objectId, change: 'column added', column: name, toType });
        } else if (mode === 'freeze') {
          refused.push(`new field ${JSON.stringify(field.name)} (${toType})`);
        } else {
          changes.push({
            eventType,
            objectId,
            change: 'field rescued',
            column: field.name,
            toType,
          });
        }
        continue;
      }
      const fromType = formatColumnType(column.type);
      const widened = widenColumnType(column.type, type);
      const wider = widened && formatColumnType(widened);
      if (wider === fromType) continue;
      if (widened && wider && mode === 'evolve') {
        columns[at] = { ...column, type: widened };
        changes.push({
          eventType,
          objectId,
          change: 'column widened',
          column: column.name,
          fromType,
          toType: wider,
        });
      } else if (mode === 'freeze') {
        refused.push(
          `field ${JSON.stringify(field.name)} is ${toType} (the column is ${fromType})`,
        );
      } else {
        changes.push({
          eventType,
          objectId,
          change: 'field rescued',
          column: column.name,
          fromType,
          toType,
        });
      }
    }
    if (mode === 'freeze' && followsHeader) refused.splice(0, refused.length, 'new event type');
    if (refused.length > 0) refusals.set(schema.fingerprint, refuse(eventType, refused));
  }

  // A table that is made with `rescue` has it from the first object on: it is never to change again.
  const hasRescued = before?.hasRescued ?? mode === 'rescue';
  return {
    before,
    table: { eventType, name: current.name, columns, hasRescued: hasRescued || needsRescued },
    changes,
    refusals,
  };
}

/** Brings the table to the planned shape. To be called inside the loading transaction. */
export async function applyPlan(
  database: Database,
  plan: TablePlan,
  incoming: readonly IncomingSchema[],
): Promise<void> {
  const { before, table } = plan;
  const target = `events.${quoteIdentifier(table.name)}`;
  const added = table.columns.filter(
    (column) => !before?.columns.some((old) => old.name === column.name),
  );
  if (before === undefined) {
    const defined = table.columns.map(
      (column) => `${quoteIdentifier(column.name)} ${formatColumnType(column.type)}`,
    );
    await database.run(
      `create table ${target} (${[...defined, `${OBJECT_ID_COLUMN} BIGINT`].join(', ')})`,
    );
    await database.run('insert into ops.event_tables values (?, ?)', [table.eventType, table.name]);
    await commentOn(database, `table ${target}`, docOfType(table.eventType, incoming));
    await commentOn(database, `column ${target}.${OBJECT_ID_COLUMN}`, OBJECT_ID_COMMENT);
  } else {
    for (const { name, type } of added) {
      await database.run(
        `alter table ${target} add column ${quoteIdentifier(name)} ${formatColumnType(type)}`,
      );
    }
    for (const old of before.columns) {
      const now = table.columns.find((column) => column.name === old.name);
      if (now && now.type !== old.type) await widenColumn(database, table, old, now.type);
    }
  }
  if (table.hasRescued && !before?.hasRescued) await addRescuedColumn(database, table.name);
  if (added.length > 0) await recordColumns(database, table, added, incoming);
}

/** Names and comments of new columns, in few statements: a first load makes a hundred tables. */
async function recordColumns(
  database: Database,
  table: EventTable,
  added: readonly EventColumn[],
  incoming: readonly IncomingSchema[],
): Promise<void> {
  const rows = added.map(({ name, field }) => ({ field_name: field, column_name: name }));
  await database.run(
    `insert into ops.event_columns by name
     select $1 as event_type, unnest(from_json($2, '[{"field_name":"VARCHAR","column_name":"VARCHAR"}]'),
       recursive := true)`,
    [table.eventType, JSON.stringify(rows)],
  );
  const docs = docsByField(table.eventType, incoming);
  const comments = added.flatMap(({ name, field }) => {
    const doc = docs.get(field);
    if (doc === undefined) return [];
    const column = `events.${quoteIdentifier(table.name)}.${quoteIdentifier(name)}`;
    return [`comment on column ${column} is ${quoteLiteral(doc)}`];
  });
  if (comments.length > 0) await database.run(comments.join('; '));
}

async function widenColumn(
  database: Database,
  table: EventTable,
  old: EventColumn,
  type: DuckDBType,
) {
  const target = `events.${quoteIdentifier(table.name)}`;
  const column = quoteIdentifier(old.name);
  let cast = formatWideningCast(column, old.type, type);
  if (formatColumnType(old.type) === 'BIGINT' && formatColumnType(type) === 'DOUBLE') {
    // A double has 53 bits: the longs that it cannot hold keep their digits in _rescued.
    const inexact = `${column}::double::hugeint <> ${column}::hugeint`;
    const { found } = await database.row<{ found: boolean }>(
      `select count(*) > 0 as found from ${target} where ${inexact}`,
    );
    if (found) {
      await addRescuedColumn(database, table.name);
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
async function addRescuedColumn(database: Database, tableName: string): Promise<void> {
  const target = `events.${quoteIdentifier(tableName)}`;
  await database.run(`alter table ${target} add column if not exists ${RESCUED_COLUMN} JSON`);
  await commentOn(database, `column ${target}.${RESCUED_COLUMN}`, RESCUED_COMMENT);
}

async function commentOn(database: Database, what: string, doc: string | undefined) {
  if (doc !== undefined) await database.run(`comment on ${what} is ${quoteLiteral(doc)}`);
}

/** Every field that any release known to us has for this event type, newest spelling first. */
function knownColumns(eventType: string): EventColumn[] {
  const columns: EventColumn[] = [];
  for (const { schema } of listKnownSchemas(eventType).toReversed()) {
    for (const field of schema.type.fields) {
      const type = columnTypeOfField(field);
      if (type === undefined) continue;
      const at = columns.findIndex((column) => column.field === field.name);
      const column = columns[at];
      if (column === undefined) {
        columns.push({ name: freeColumnName(field.name, columns), field: field.name, type });
      } else {
        columns[at] = { ...column, type: widenColumnType(column.type, type) ?? column.type };
      }
    }
  }
  return columns;
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

function freeColumnName(field: string, columns: readonly EventColumn[]): string {
  const taken = new Set(
    [...columns.map((column) => column.name), ...OWN_COLUMNS].map(asciiLowerCase),
  );
  return freeName(field.replaceAll('\0', ''), taken);
}

/** `name`, or `name_2`, `name_3`… if that is taken; `taken` is in lower case. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  const wanted = name === '' ? 'unnamed' : name;
  if (!taken.has(asciiLowerCase(wanted))) return wanted;
  for (let number = 2; ; number += 1) {
    const numbered = `${wanted}_${number}`;
    if (!taken.has(asciiLowerCase(numbered))) return numbered;
  }
}

/** DuckDB folds the case of A–Z in identifiers and of nothing else. */
function asciiLowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function refuse(eventType: string, found: readonly string[]): CurrentsError {
  return new CurrentsError({
    code: 'SCHEMA_CHANGE_REFUSED',
    message: `cannot load ${eventType}: ${found.join('; ')} (schemaChanges is freeze)`,
    hint: 'currents quarantine retry --all --schema-changes evolve',
    context: { eventType },
  });
}
