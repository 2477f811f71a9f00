/**
 * Event type → table: which columns there are, and what a new schema makes of them.
 *
 * `planTable` is pure: from the table as it is and the schemas that arrive it says what to run, what to
 * report and which schemas are refused. apply-plans.ts runs it, inside the transaction that loads the
 * rows, so a table never changes for an object that was not loaded.
 *
 * Any name is just a name. DuckDB ignores case in identifiers and Avro does not, so names that differ in
 * case only (or clash with our own columns) get a number, and ops.event_tables and ops.event_columns keep
 * who is who.
 */

import type { DuckDBType } from '@duckdb/node-api';
import type { WriterSchema } from '../avro/avro-schema.ts';
import { listKnownSchemas } from '../avro/schema-registry.ts';
import { CurrentsError } from '../errors.ts';
import { columnTypeOfField, formatColumnType, widenColumnType } from './column-types.ts';
import { type Database, quoteIdentifier } from './database.ts';

/** What to do with what a table has no place for; see the setting `schemaChanges`. */
export type SchemaChangeMode = 'evolve' | 'freeze' | 'rescue';

export interface EventColumn {
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
  readonly incoming: readonly IncomingSchema[];
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

/** The table of an event type as it is now, or undefined. */
export async function readEventTable(
  database: Database,
  eventType: string,
): Promise<EventTable | undefined> {
  return (await readEventTables(database, [eventType])).get(eventType);
}

/** The tables of these event types as they are now, by event type; a type without one is left out. */
export async function readEventTables(
  database: Database,
  eventTypes: readonly string[],
): Promise<ReadonlyMap<string, EventTable>> {
  if (eventTypes.length === 0) return new Map();
  const rows = await database.rows<{
    event_type: string;
    table_name: string;
    field_name: string | null;
    column_name: string | null;
  }>(
    `select event_type, table_name, field_name, column_name
     from ops.event_tables left join ops.event_columns using (event_type)
     where event_type in (select unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify(eventTypes)],
  );
  const known = new Map<string, { readonly name: string; readonly fieldOf: Map<string, string> }>();
  for (const { event_type, table_name, field_name, column_name } of rows) {
    const table = known.get(event_type) ?? { name: table_name, fieldOf: new Map() };
    known.set(event_type, table);
    if (field_name !== null && column_name !== null) table.fieldOf.set(column_name, field_name);
  }
  const tables = new Map<string, EventTable>();
  for (const [eventType, { name, fieldOf }] of known) {
    const present = await database.columnsOf(`from events.${quoteIdentifier(name)}`);
    const columns: EventColumn[] = [];
    for (const column of present) {
      const field = fieldOf.get(column.name);
      if (field !== undefined) columns.push({ ...column, field });
    }
    const hasRescued = present.some((column) => column.name === RESCUED_COLUMN);
    tables.set(eventType, { eventType, name, columns, hasRescued });
  }
  return tables;
}

/** The names of all event tables; what `chooseTableName` must not give again. */
export async function readTableNames(database: Database): Promise<Set<string>> {
  const rows = await database.rows<{ table_name: string }>(
    'select table_name from ops.event_tables',
  );
  return new Set(rows.map((row) => row.table_name));
}

/** `users.messages.email.Open` → `users_messages_email_open`, with a number if that is taken. */
export function chooseTableName(eventType: string, taken: ReadonlySet<string>): string {
  return freeName(
    asciiLowerCase(eventType.replaceAll('.', '_').replaceAll('\0', '')),
    new Set([...taken].map(asciiLowerCase)),
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
    incoming,
    changes,
    refusals,
  };
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
