/**
 * Avro types to DuckDB types, and Avro values to DuckDB values: the one place where both are known.
 *
 * Two fields are changed on purpose (design of the tables): `time`, seconds since 1970, becomes a UTC
 * TIMESTAMP; fields that hold JSON text become JSON columns. Shapes that DuckDB has no column for
 * (unions of several types, records that contain themselves, records without fields or with fields
 * that differ in case only) become JSON too, so that every Avro container has a table.
 *
 * A converter never throws for a value: it answers MISFIT, and the caller keeps the value in `_rescued`.
 */

import {
  BIGINT,
  BLOB,
  BOOLEAN,
  blobValue,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUUIDValue,
  type DuckDBValue,
  DuckDBVarCharType,
  dateValue,
  decimalValue,
  FLOAT,
  INTEGER,
  INTERVAL,
  intervalValue,
  LIST,
  listValue,
  MAP,
  mapValue,
  STRUCT,
  structValue,
  TIME,
  TIMESTAMP,
  TIMESTAMP_NS,
  TIMESTAMPTZ,
  timestampNanosValue,
  timestampTZValue,
  timestampValue,
  timeValue,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import {
  type AvroType,
  type Field,
  isRecursive,
  type LogicalType,
  type RecordType,
} from '../avro/avro-schema.ts';
import { formatAvroJson, isStorableJson } from './json-text.ts';

/** The value has no place in the column; it belongs in `_rescued`. */
export const MISFIT: unique symbol = Symbol('misfit');

export type Converter = (value: unknown) => DuckDBValue | typeof MISFIT;

/** DuckDB's JSON: text that is known to be valid JSON. */
export const JSON_TYPE: DuckDBType = DuckDBVarCharType.create('JSON');

/** Fields whose text is JSON (facts of the Currents schemas); they become JSON columns. */
const JSON_TEXT_FIELDS: ReadonlySet<string> = new Set(['properties', 'custom_attributes']);

/** DuckDB's timestamps run from 290309-12-22 (BC) to 294247-01-10, in microseconds as 64 bits. */
export const MAX_MICROS = 9_223_372_036_854_775_806n;
export const MIN_MICROS = -9_223_372_022_400_000_000n;

/** The same in nanoseconds: from 1677-09-22 to the moment before 64 bits mean infinity. */
export const MAX_NANOS = 2n ** 63n - 2n;
export const MIN_NANOS = -9_223_286_400_000_000_000n;

/** DuckDB's dates run from 5877642-06-25 (BC) to 5881580-07-10; the days beyond mean infinity. */
export const MAX_DAYS = 2 ** 31 - 2;

/** A day in microseconds: times end before it. */
export const DAY_MICROS = 86_400_000_000n;

/** Decimals of more digits stay bytes: as text they would cost seconds a value, and nobody counts like that. */
const MAX_DECIMAL_DIGITS = 1_000;

/**
 * The column type that fits a top-level field exactly, or undefined when the field is always null and
 * there is nothing to store.
 */
export function columnTypeOfField(field: Field): DuckDBType | undefined {
  const type = withoutNull(field.type);
  if (type === undefined) return undefined;
  if (isTimeField(field.name, type)) return TIMESTAMP;
  if (isJsonText(field.name, type)) return JSON_TYPE;
  return columnTypeOf(type);
}

export function isJsonText(name: string, type: AvroType): boolean {
  return JSON_TEXT_FIELDS.has(name) && type.kind === 'string';
}

export function isTimeField(name: string, type: AvroType): boolean {
  return name === 'time' && (type.kind === 'int' || type.kind === 'long') && !type.logical;
}

/** T of `["null", T]`, undefined of null alone, and any other type as it is. */
export function withoutNull(type: AvroType): AvroType | undefined {
  if (type.kind === 'null') return undefined;
  if (type.kind !== 'union') return type;
  const rest = type.branches.filter((branch) => branch.kind !== 'null');
  return rest.length > 1 ? type : rest[0];
}

function columnTypeOf(type: AvroType): DuckDBType {
  switch (type.kind) {
    case 'null':
      return JSON_TYPE;
    case 'boolean':
      return BOOLEAN;
    case 'int':
    case 'long':
    case 'bytes':
    case 'string':
    case 'fixed':
      return (type.logical && logicalColumnType(type.logical)) ?? PLAIN_TYPES[type.kind];
    case 'float':
      return FLOAT;
    case 'double':
      return DOUBLE;
    case 'enum':
      return VARCHAR;
    case 'array':
      return LIST(columnTypeOf(type.items));
    case 'map':
      return MAP(VARCHAR, columnTypeOf(type.values));
    case 'union': {
      const inner = withoutNull(type);
      return inner === undefined || inner.kind === 'union' ? JSON_TYPE : columnTypeOf(inner);
    }
    case 'record': {
      if (!fitsStruct(type)) return JSON_TYPE;
      const entries = nullPrototype<DuckDBType>();
      for (const field of type.fields) entries[field.name] = columnTypeOf(field.type);
      return STRUCT(entries);
    }
  }
}

/** DuckDB's names inside a STRUCT ignore case and end at a NUL, and there has to be one. */
function fitsStruct(record: RecordType): boolean {
  const names = new Set(record.fields.map((field) => field.name.toLowerCase()));
  const areDistinct = names.size > 0 && names.size === record.fields.length;
  return areDistinct && ![...names].some((name) => name.includes('\0')) && !isRecursive(record);
}

const PLAIN_TYPES = { int: INTEGER, long: BIGINT, bytes: BLOB, string: VARCHAR, fixed: BLOB };

function logicalColumnType(logical: LogicalType): DuckDBType | undefined {
  switch (logical.name) {
    case 'decimal':
      // DuckDB's DECIMAL ends at 38 digits; longer ones are kept exact as text.
      if (logical.precision <= 38) return DECIMAL(logical.precision, logical.scale);
      return logical.precision <= MAX_DECIMAL_DIGITS ? VARCHAR : undefined;
    case 'date':
      return DATE;
    case 'time-millis':
    case 'time-micros':
      return TIME;
    case 'timestamp-millis':
    case 'timestamp-micros':
      return TIMESTAMPTZ;
    case 'local-timestamp-millis':
    case 'local-timestamp-micros':
      return TIMESTAMP;
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return TIMESTAMP_NS;
    case 'uuid':
      return UUID;
    case 'duration':
      return INTERVAL;
  }
}

/** A DuckDB type as SQL. Unlike the bindings' own text it tells JSON from VARCHAR at any depth. */
export function formatColumnType(type: DuckDBType): string {
  if (type instanceof DuckDBVarCharType) return type.alias === 'JSON' ? 'JSON' : 'VARCHAR';
  if (type instanceof DuckDBListType) return `${formatColumnType(type.valueType)}[]`;
  if (type instanceof DuckDBMapType) {
    return `MAP(${formatColumnType(type.keyType)}, ${formatColumnType(type.valueType)})`;
  }
  if (type instanceof DuckDBStructType) {
    const entries = type.entryNames.map(
      (name, index) =>
        `"${name.replaceAll('"', '""')}" ${formatColumnType(type.entryTypes[index] as DuckDBType)}`,
    );
    return `STRUCT(${entries.join(', ')})`;
  }
  return type.toString();
}

const NUMBER_RANKS: ReadonlyMap<DuckDBTypeId, number> = new Map([
  [DuckDBTypeId.INTEGER, 0],
  [DuckDBTypeId.BIGINT, 1],
  [DuckDBTypeId.FLOAT, 2],
  [DuckDBTypeId.DOUBLE, 3],
]);

/**
 * The type that holds every value of both, when one can be had by widening: int → long → double, float →
 * double, the same inside lists, maps and records, and records with more fields. Otherwise undefined.
 */
export function widenColumnType(current: DuckDBType, incoming: DuckDBType): DuckDBType | undefined {
  if (formatColumnType(current) === formatColumnType(incoming)) return current;
  const from = NUMBER_RANKS.get(current.typeId);
  const to = NUMBER_RANKS.get(incoming.typeId);
  if (from !== undefined && to !== undefined) {
    // Integers and 32-bit floats meet in DOUBLE: FLOAT holds integers only up to 2^24.
    if (Math.max(from, to) === 1) return BIGINT;
    return DOUBLE;
  }
  if (current instanceof DuckDBListType && incoming instanceof DuckDBListType) {
    const items = widenInner(current.valueType, incoming.valueType);
    return items && LIST(items);
  }
  if (current instanceof DuckDBMapType && incoming instanceof DuckDBMapType) {
    const values = widenInner(current.valueType, incoming.valueType);
    return values && MAP(VARCHAR, values);
  }
  if (current instanceof DuckDBStructType && incoming instanceof DuckDBStructType) {
    return widenStruct(current, incoming);
  }
  return undefined;
}

/**
 * Inside lists, maps and records a long does not become a double: values that lose digits could not be
 * set aside one by one there.
 */
function widenInner(current: DuckDBType, incoming: DuckDBType): DuckDBType | undefined {
  const widened = widenColumnType(current, incoming);
  const loses =
    widened?.typeId === DuckDBTypeId.DOUBLE &&
    [current, incoming].some((type) => type.typeId === DuckDBTypeId.BIGINT);
  return loses ? undefined : widened;
}

function widenStruct(current: DuckDBStructType, incoming: DuckDBStructType) {
  const entries = nullPrototype<DuckDBType>();
  const spelling = new Map<string, string>();
  current.entryNames.forEach((name, index) => {
    entries[name] = current.entryTypes[index] as DuckDBType;
    spelling.set(name.toLowerCase(), name);
  });
  for (const [index, name] of incoming.entryNames.entries()) {
    const type = incoming.entryTypes[index] as DuckDBType;
    const known = spelling.get(name.toLowerCase());
    if (known === undefined) {
      entries[name] = type;
      continue;
    }
    const widened = known === name && widenInner(entries[name] as DuckDBType, type);
    if (!widened) return undefined;
    entries[name] = widened;
  }
  return STRUCT(entries);
}

/**
 * SQL that turns `expression` of type `from` into type `to`, where `to` came from widenColumnType.
 * Spelled out for records, because a cast between records does not add fields.
 */
export function formatWideningCast(expression: string, from: DuckDBType, to: DuckDBType): string {
  if (formatColumnType(from) === formatColumnType(to)) return expression;
  if (from instanceof DuckDBListType && to instanceof DuckDBListType) {
    return `list_transform(${expression}, lambda x: ${formatWideningCast('x', from.valueType, to.valueType)})`;
  }
  if (from instanceof DuckDBStructType && to instanceof DuckDBStructType) {
    const entries = to.entryNames.map((name, index) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      const target = to.entryTypes[index] as DuckDBType;
      const at = from.entryNames.indexOf(name);
      const source = at < 0 ? undefined : (from.entryTypes[at] as DuckDBType);
      return `${quoted} := ${
        source === undefined
          ? `null::${formatColumnType(target)}`
          : formatWideningCast(`(${expression}).${quoted}`, source, target)
      }`;
    });
    return `case when (${expression}) is not null then struct_pack(${entries.join(', ')}) end`;
  }
  return `cast(${expression} as ${formatColumnType(to)})`;
}

/**
 * Compiles the conversion of one field's values into a column's values.
 *
 * @param field as the writer schema has it
 * @param column the type of the table's column, which may be wider than the field or another one
 *   altogether (then values that do not fit are MISFIT, one by one)
 */
export function createConverter(field: Field, column: DuckDBType): Converter {
  const type = withoutNull(field.type);
  if (type === undefined) return () => null;
  if (isTimeField(field.name, type) && column.typeId === DuckDBTypeId.TIMESTAMP) {
    return nullable((value) => microsToTimestamp(BigInt(value as number | bigint) * 1_000_000n));
  }
  if (isJsonText(field.name, type) && isJson(column)) {
    return nullable((value) => (isStorableJson(value as string) ? (value as string) : MISFIT));
  }
  return converterOf(type, column);
}

/** Whether a decoded value is null: a union of several types says so in its branch. */
export function createNullCheck(type: AvroType): (value: unknown) => boolean {
  const nullBranch =
    type.kind === 'union' && withoutNull(type)?.kind === 'union'
      ? type.branches.findIndex((branch) => branch.kind === 'null')
      : -1;
  if (nullBranch < 0) return (value) => value === null;
  return (value) => value === null || (value as { readonly branch: number }).branch === nullBranch;
}

function nullable(convert: Converter): Converter {
  return (value) => (value === null ? null : convert(value));
}

function isJson(type: DuckDBType): boolean {
  return type instanceof DuckDBVarCharType && type.alias === 'JSON';
}

const NEVER_FITS: Converter = nullable(() => MISFIT);
const AS_IS: Converter = (value) => value as DuckDBValue;

function converterOf(type: AvroType, column: DuckDBType): Converter {
  const inner = withoutNull(type);
  if (inner === undefined) return () => null;
  const natural = columnTypeOf(inner);
  if (isJson(natural)) {
    const isNull = createNullCheck(inner);
    return (value) => {
      if (isNull(value)) return null;
      return isJson(column) ? formatAvroJson(value, inner) : MISFIT;
    };
  }
  if (NUMBER_RANKS.has(natural.typeId) && NUMBER_RANKS.has(column.typeId)) {
    return nullable(numberConverter(natural.typeId, column.typeId));
  }
  switch (inner.kind) {
    case 'array':
      return column instanceof DuckDBListType
        ? nullable(listConverter(inner.items, column))
        : NEVER_FITS;
    case 'map':
      return column instanceof DuckDBMapType
        ? nullable(mapConverter(inner.values, column))
        : NEVER_FITS;
    case 'record':
      return column instanceof DuckDBStructType
        ? nullable(structConverter(inner, column))
        : NEVER_FITS;
    default:
      if (formatColumnType(natural) !== formatColumnType(column)) return NEVER_FITS;
      return nullable(scalarConverter(inner, column));
  }
}

/** Between the four number types, value by value: what the target holds exactly fits, the rest does not. */
function numberConverter(from: DuckDBTypeId, to: DuckDBTypeId): Converter {
  if (from === to) return AS_IS;
  if (to === DuckDBTypeId.BIGINT) {
    return (value) =>
      typeof value === 'bigint'
        ? value
        : Number.isInteger(value) && Math.abs(value as number) < 2 ** 63
          ? BigInt(value as number)
          : MISFIT;
  }
  const toNumber: Converter = (value) => {
    if (typeof value !== 'bigint') return value as number;
    const number = Number(value);
    return BigInt(number) === value ? number : MISFIT;
  };
  if (to === DuckDBTypeId.DOUBLE) return toNumber;
  const holds =
    to === DuckDBTypeId.INTEGER
      ? (value: number) => (value | 0) === value
      : (value: number) => Object.is(Math.fround(value), value);
  return (value) => {
    const number = toNumber(value);
    return typeof number === 'number' && holds(number) ? number : MISFIT;
  };
}

function listConverter(items: AvroType, column: DuckDBListType): Converter {
  const convert = converterOf(items, column.valueType);
  return (value) => {
    const converted: DuckDBValue[] = [];
    for (const item of value as readonly unknown[]) {
      const one = convert(item);
      if (one === MISFIT) return MISFIT;
      converted.push(one);
    }
    return listValue(converted);
  };
}

/** Avro allows a map to repeat a key, DuckDB does not: the last one wins, as when read into an object. */
function mapConverter(values: AvroType, column: DuckDBMapType): Converter {
  const convert = converterOf(values, column.valueType);
  return (value) => {
    const entries = new Map<string, DuckDBValue>();
    for (const [key, item] of value as readonly [string, unknown][]) {
      const one = convert(item);
      if (one === MISFIT) return MISFIT;
      entries.set(key, one);
    }
    return mapValue([...entries].map(([key, one]) => ({ key, value: one })));
  };
}

function structConverter(record: RecordType, column: DuckDBStructType): Converter {
  const entries = column.entryNames.map((name, index) => {
    const at = record.fields.findIndex((field) => field.name === name);
    const field = record.fields[at];
    const type = column.entryTypes[index] as DuckDBType;
    return { name, at, convert: field ? converterOf(field.type, type) : () => null };
  });
  const complete = record.fields.every((field) => column.entryNames.includes(field.name));
  if (!complete) return () => MISFIT;
  return (value) => {
    const fields = value as readonly unknown[];
    const converted = nullPrototype<DuckDBValue>();
    for (const { name, at, convert } of entries) {
      const one = convert(at < 0 ? null : fields[at]);
      if (one === MISFIT) return MISFIT;
      converted[name] = one;
    }
    return structValue(converted);
  };
}

/** Names such as `__proto__` are plain keys of an object without a prototype. */
function nullPrototype<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

function scalarConverter(type: AvroType, column: DuckDBType): Converter {
  if (type.kind === 'boolean' || type.kind === 'enum') return AS_IS;
  const logical = 'logical' in type ? type.logical : undefined;
  if (logical === undefined) {
    return type.kind === 'bytes' || type.kind === 'fixed'
      ? (value) => blobValue(value as Buffer)
      : AS_IS;
  }
  switch (logical.name) {
    case 'decimal':
      return decimalConverter(logical, column);
    case 'date':
      return (value) =>
        Math.abs(value as number) <= MAX_DAYS ? dateValue(value as number) : MISFIT;
    case 'time-millis':
      return (value) => microsToTime(BigInt(value as number) * 1000n);
    case 'time-micros':
      return (value) => microsToTime(value as bigint);
    case 'timestamp-millis':
      return (value) => microsToInstant((value as bigint) * 1000n);
    case 'timestamp-micros':
      return (value) => microsToInstant(value as bigint);
    case 'local-timestamp-millis':
      return (value) => microsToTimestamp((value as bigint) * 1000n);
    case 'local-timestamp-micros':
      return (value) => microsToTimestamp(value as bigint);
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return (value) =>
        (value as bigint) >= MIN_NANOS && (value as bigint) <= MAX_NANOS
          ? timestampNanosValue(value as bigint)
          : MISFIT;
    case 'uuid':
      return type.kind === 'fixed'
        ? (value) => bytesToUuid(value as Buffer)
        : (value) => textToUuid(value as string);
    case 'duration':
      return (value) => bytesToInterval(value as Buffer);
  }
}

function microsToTimestamp(micros: bigint): DuckDBValue | typeof MISFIT {
  return micros >= MIN_MICROS && micros <= MAX_MICROS ? timestampValue(micros) : MISFIT;
}

function microsToInstant(micros: bigint): DuckDBValue | typeof MISFIT {
  return micros >= MIN_MICROS && micros <= MAX_MICROS ? timestampTZValue(micros) : MISFIT;
}

function microsToTime(micros: bigint): DuckDBValue | typeof MISFIT {
  return micros >= 0n && micros < DAY_MICROS ? timeValue(micros) : MISFIT;
}

/** Big-endian two's complement of any length, as the Avro specification has decimals. */
export function parseUnscaled(bytes: Buffer): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

function decimalConverter(
  logical: Extract<LogicalType, { name: 'decimal' }>,
  column: DuckDBType,
): Converter {
  const { precision, scale } = logical;
  if (precision > MAX_DECIMAL_DIGITS) return (value) => blobValue(value as Buffer);
  const limit = 10n ** BigInt(precision);
  return (value) => {
    const unscaled = parseUnscaled(value as Buffer);
    if (unscaled >= limit || unscaled <= -limit) return MISFIT;
    return column.typeId === DuckDBTypeId.DECIMAL
      ? decimalValue(unscaled, precision, scale)
      : formatDecimal(unscaled, scale);
  };
}

function formatDecimal(unscaled: bigint, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const UUID_TEXT = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** The 32 digits of a UUID, or undefined when the text is none. */
export function parseUuidText(text: string): string | undefined {
  return UUID_TEXT.test(text) ? text.replaceAll('-', '') : undefined;
}

function textToUuid(text: string): DuckDBValue | typeof MISFIT {
  const digits = parseUuidText(text);
  return digits === undefined ? MISFIT : DuckDBUUIDValue.fromUint128(BigInt(`0x${digits}`));
}

function bytesToUuid(bytes: Buffer): DuckDBValue | typeof MISFIT {
  return bytes.length === 16
    ? DuckDBUUIDValue.fromUint128(BigInt(`0x${bytes.toString('hex')}`))
    : MISFIT;
}

/**
 * Three little-endian unsigned 32-bit numbers: months, days, milliseconds. Undefined when an INTERVAL, whose
 * months and days are signed, cannot hold them.
 */
export function parseDuration(bytes: Buffer) {
  const months = bytes.readUInt32LE(0);
  const days = bytes.readUInt32LE(4);
  if (months > 0x7fffffff || days > 0x7fffffff) return undefined;
  return { months, days, micros: BigInt(bytes.readUInt32LE(8)) * 1000n };
}

function bytesToInterval(bytes: Buffer): DuckDBValue | typeof MISFIT {
  const duration = parseDuration(bytes);
  return duration === undefined
    ? MISFIT
    : intervalValue(duration.months, duration.days, duration.micros);
}
