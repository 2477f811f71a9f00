/**
 * What tables should look like, as text that two sides can be compared by: those that the known schemas
 * make, those that arrivals make of them in `evolve` and `rescue`, the changes to be reported on the way,
 * and the refusals in `freeze`.
 */

import { listKnownSchemas } from '../../src/avro/schema-registry.ts';
import { type ColumnType, canWiden, columnOf, formatColumn, widen } from './expected-columns.ts';
import { EDITED_TYPES, type EditedSchema, type FieldJson, isInvented } from './newer-schemas.ts';

/** By field. */
export type Columns = Map<string, ColumnType>;
/** By event type. */
export type Tables = ReadonlyMap<string, Columns>;

/** As in `ops.schema_changes`, without instants and numbers. */
export type Change = readonly [
  eventType: string,
  change: string,
  column: string,
  from: string,
  to: string,
];

/** What `evolve` makes of the arrivals, on top of tables that are there. */
export function expectEvolved(begun: Tables, arrivals: readonly EditedSchema[]) {
  const tables = new Map([...begun].map(([type, table]) => [type, new Map(table)]));
  const changes: Change[] = [...begun.keys()].map((type) => [type, 'table created', '', '', '']);
  for (const { eventType, fields } of arrivals) {
    const table = tables.get(eventType);
    if (table === undefined) {
      // The schema that makes a table changes nothing.
      tables.set(eventType, makeColumns(fields));
      changes.push([eventType, 'table created', '', '', '']);
      continue;
    }
    for (const { name, type } of fields) {
      const incoming = columnOf(name, type);
      const column = table.get(name);
      if (column === undefined) {
        table.set(name, incoming);
        changes.push([eventType, 'column added', name, '', formatPlain(incoming)]);
        continue;
      }
      const wide = widen(column, incoming);
      table.set(name, wide);
      const [from, to, now] = [column, incoming, wide].map(formatPlain) as [string, string, string];
      if (now !== from) changes.push([eventType, 'column widened', name, from, now]);
      else if (!isWithin(incoming, column))
        changes.push([eventType, 'field rescued', name, from, to]);
    }
  }
  return { tables, changes: sortChanges(changes) };
}

/** In `rescue` known event types have the known columns, others those of their first object. */
export function expectRescued(arrivals: readonly EditedSchema[]): Tables {
  const tables = new Map(listKnownTables());
  for (const { eventType, fields } of arrivals) {
    if (!tables.has(eventType)) tables.set(eventType, makeColumns(fields));
  }
  return tables;
}

/** What `freeze` and `rescue` make tables with: the fields of all known versions. */
export function listKnownTables(): Tables {
  const known = EDITED_TYPES.filter((eventType) => !isInvented(eventType));
  return new Map(
    known.map((eventType) => {
      const columns: Columns = new Map();
      for (const { schema } of listKnownSchemas(eventType).toReversed()) {
        const { fields } = JSON.parse(schema.json) as { fields: readonly FieldJson[] };
        for (const { name, type } of fields) {
          const column = columns.get(name);
          const incoming = columnOf(name, type);
          columns.set(name, column === undefined ? incoming : widen(column, incoming));
        }
      }
      return [eventType, columns];
    }),
  );
}

/** What a refusal has to say about a field; undefined when nothing is wrong with it. */
export function describeRefusal({ name, type }: FieldJson, column: ColumnType | undefined) {
  const incoming = columnOf(name, type);
  if (column === undefined) return `new field ${name} (${formatPlain(incoming)})`;
  if (isWithin(incoming, column)) return undefined;
  return `field ${name} is ${formatPlain(incoming)} (the column is ${formatPlain(column)})`;
}

/** Each table's columns with their types, as one text. */
export function formatTables(tables: Tables): Record<string, string> {
  return sortTables(
    [...tables].map(([eventType, columns]) => [
      tableOf(eventType),
      [...columns].map(([name, type]) => `${name.replaceAll('"', '')} ${formatPlain(type)}`),
    ]),
  );
}

export function sortTables(
  tables: Iterable<readonly [name: string, columns: readonly string[]]>,
): Record<string, string> {
  const formatted = [...tables].map(
    ([name, columns]) => [name, [...columns].sort().join('; ')] as const,
  );
  return Object.fromEntries(formatted.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A change as our JSON or our table has it. */
export function parseChange(one: Readonly<Record<string, unknown>>): Change {
  const text = (part: unknown) => (typeof part === 'string' ? part.replaceAll('"', '') : '');
  return [
    text(one.eventType),
    text(one.change),
    text(one.column),
    text(one.fromType),
    text(one.toType),
  ];
}

export function sortChanges(changes: readonly Change[]): readonly Change[] {
  const plain = changes.map(
    ([type, change, column, ...rest]): Change => [
      type,
      change,
      column.replaceAll('"', ''),
      ...rest,
    ],
  );
  return plain.sort((a, b) => (String(a) < String(b) ? -1 : 1));
}

export function tableOf(eventType: string): string {
  return eventType.replaceAll('.', '_').toLowerCase();
}

function makeColumns(fields: readonly FieldJson[]): Columns {
  return new Map(fields.map(({ name, type }) => [name, columnOf(name, type)]));
}

/** Whether the column holds every value of the other type. */
function isWithin(incoming: ColumnType, column: ColumnType): boolean {
  return (
    canWiden(column, incoming) && formatColumn(widen(column, incoming)) === formatColumn(column)
  );
}

function formatPlain(type: ColumnType): string {
  return formatColumn(type).replaceAll('"', '');
}
