/**
 * What docs/tables.md says about columns, written down a second time: the column that an Avro type gets,
 * what a new schema makes of it, and whether a value has a place in it. The judge of new-schemas.ts; it
 * shares no code with src/.
 */

import type { AvroJson } from './newer-schemas.ts';

export type ColumnType =
  | string
  | { readonly list: ColumnType }
  | { readonly map: ColumnType }
  | { readonly struct: ReadonlyMap<string, ColumnType> };

interface TypeObject {
  readonly type: string;
  readonly logicalType?: string;
  readonly precision?: number;
  readonly scale?: number;
  readonly items?: AvroJson;
  readonly values?: AvroJson;
  readonly fields?: readonly { readonly name: string; readonly type: AvroJson }[];
}

const PLAIN: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  enum: 'VARCHAR',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  bytes: 'BLOB',
  fixed: 'BLOB',
};
const LOGICAL: Readonly<Record<string, string>> = {
  'timestamp-millis': 'TIMESTAMP WITH TIME ZONE',
  date: 'DATE',
  uuid: 'UUID',
};
const NUMBERS = ['INTEGER', 'BIGINT', 'FLOAT', 'DOUBLE'];

/** T of `["null", T]`; other unions stay what they are. */
export function withoutNull(type: AvroJson): AvroJson {
  if (!Array.isArray(type)) return type;
  const rest = type.filter((branch) => branch !== 'null');
  return rest.length === 1 ? rest[0] : type;
}

export function columnOf(field: string, type: AvroJson): ColumnType {
  const inner = withoutNull(type);
  if (field === 'time' && (inner === 'int' || inner === 'long')) return 'TIMESTAMP';
  if (['properties', 'custom_attributes'].includes(field) && inner === 'string') return 'JSON';
  return naturalOf(inner);
}

function naturalOf(type: AvroJson): ColumnType {
  const inner = withoutNull(type);
  if (Array.isArray(inner)) return 'JSON';
  if (typeof inner === 'string') return PLAIN[inner] ?? inner;
  const object = inner as TypeObject;
  if (object.logicalType === 'decimal') return `DECIMAL(${object.precision},${object.scale})`;
  if (object.logicalType !== undefined) return LOGICAL[object.logicalType] ?? 'unknown';
  if (object.type === 'array') return { list: naturalOf(object.items ?? 'null') };
  if (object.type === 'map') return { map: naturalOf(object.values ?? 'null') };
  if (object.type !== 'record') return naturalOf(object.type);
  const fields = object.fields ?? [];
  return { struct: new Map(fields.map(({ name, type: field }) => [name, naturalOf(field)])) };
}

/** The column after a schema with another type arrived in `evolve`; unchanged if it cannot widen. */
export function widen(column: ColumnType, incoming: ColumnType): ColumnType {
  return tryWiden(column, incoming, false) ?? column;
}

export function canWiden(column: ColumnType, incoming: ColumnType): boolean {
  return tryWiden(column, incoming, false) !== undefined;
}

function tryWiden(
  column: ColumnType,
  incoming: ColumnType,
  isInside: boolean,
): ColumnType | undefined {
  if (formatColumn(column) === formatColumn(incoming)) return column;
  if (typeof column === 'string' || typeof incoming === 'string') {
    const both = [column, incoming];
    if (!both.every((type) => typeof type === 'string' && NUMBERS.includes(type))) return undefined;
    if (both.every((type) => type === 'INTEGER' || type === 'BIGINT')) return 'BIGINT';
    // In a list, what a double cannot hold could not be set aside.
    return isInside && both.includes('BIGINT') ? undefined : 'DOUBLE';
  }
  if ('list' in column && 'list' in incoming) {
    const list = tryWiden(column.list, incoming.list, true);
    return list && { list };
  }
  if ('struct' in column && 'struct' in incoming) {
    const struct = new Map(column.struct);
    for (const [name, type] of incoming.struct) {
      const known = struct.get(name);
      const wide = known === undefined ? type : tryWiden(known, type, true);
      if (wide === undefined) return undefined;
      struct.set(name, wide);
    }
    return { struct };
  }
  return undefined;
}

/** As DuckDB writes it, without quotes. */
export function formatColumn(type: ColumnType): string {
  if (typeof type === 'string') return type;
  if ('list' in type) return `${formatColumn(type.list)}[]`;
  if ('map' in type) return `MAP(VARCHAR, ${formatColumn(type.map)})`;
  const fields = [...type.struct].map(([name, field]) => `${name} ${formatColumn(field)}`);
  return `STRUCT(${fields.join(', ')})`;
}

/** Whether the column holds a value of this Avro type without loss; what it does not is rescued. */
export function fits(value: unknown, written: ColumnType, column: ColumnType): boolean {
  if (value === null || value === undefined) return true;
  if (typeof written === 'string' || typeof column === 'string') {
    if (written === column) return true;
    const areNumbers = [written, column].every((type) => NUMBERS.includes(type as string));
    return areNumbers && isExact(value as number | bigint, column as string);
  }
  if ('list' in written && 'list' in column) {
    return (value as readonly unknown[]).every((item) => fits(item, written.list, column.list));
  }
  if ('struct' in written && 'struct' in column) {
    return [...written.struct].every(([name, type]) => {
      const place = column.struct.get(name);
      return place !== undefined && fits((value as Record<string, unknown>)[name], type, place);
    });
  }
  return formatColumn(written) === formatColumn(column);
}

function isExact(value: number | bigint, column: string): boolean {
  const number = Number(value);
  if (typeof value === 'bigint' && column !== 'BIGINT' && BigInt(number) !== value) return false;
  switch (column) {
    case 'INTEGER':
      return number === (number | 0);
    case 'BIGINT':
      return typeof value === 'bigint' || (Number.isInteger(value) && Math.abs(value) < 2 ** 63);
    case 'FLOAT':
      return Math.fround(number) === number;
    default:
      return true;
  }
}
