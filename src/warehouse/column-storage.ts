/**
 * A field and its column → how the compiled decoder stores the values, or undefined where it does not: then
 * avsc decodes and column-types.ts converts. Both ways give the same rows; column-types.ts is what is right.
 *
 * Cells are DuckDB's own memory (duckdb.h and DuckDB's documentation, "Internal vectors", 2026-09): dates
 * are days as 32 bits, times and timestamps microseconds as 64, decimals the smallest integer that holds
 * their digits, a UUID 128 bits with the highest one flipped, an INTERVAL months, days and microseconds.
 */

import {
  type DuckDBDecimalType,
  DuckDBListType,
  type DuckDBType,
  DuckDBTypeId,
} from '@duckdb/node-api';
import type { AvroType, Field, LogicalType } from '../avro/avro-schema.ts';
import type { CellColumn, CellSize } from '../avro/cell-layout.ts';
import type { Storage, StoreCell } from '../avro/cell-program.ts';
import {
  columnTypeOfField,
  DAY_MICROS,
  formatColumnType,
  isJsonText,
  isTimeField,
  MAX_DAYS,
  MAX_MICROS,
  MAX_NANOS,
  MIN_MICROS,
  MIN_NANOS,
  parseDuration,
  parseUnscaled,
  parseUuidText,
  withoutNull,
} from './column-types.ts';
import { isStorableJson } from './json-text.ts';

const CELL_SIZES: ReadonlyMap<DuckDBTypeId, CellSize> = new Map<DuckDBTypeId, CellSize>([
  [DuckDBTypeId.BOOLEAN, 1],
  [DuckDBTypeId.INTEGER, 4],
  [DuckDBTypeId.BIGINT, 8],
  [DuckDBTypeId.FLOAT, 4],
  [DuckDBTypeId.DOUBLE, 8],
  [DuckDBTypeId.VARCHAR, 16],
  [DuckDBTypeId.BLOB, 16],
  [DuckDBTypeId.DATE, 4],
  [DuckDBTypeId.TIME, 8],
  [DuckDBTypeId.TIMESTAMP, 8],
  [DuckDBTypeId.TIMESTAMP_TZ, 8],
  [DuckDBTypeId.TIMESTAMP_NS, 8],
  [DuckDBTypeId.UUID, 16],
  [DuckDBTypeId.INTERVAL, 16],
]);

/** The cells of a column, or undefined when chunks of this type are not made of cells (maps, records). */
export function cellColumnOf(type: DuckDBType): CellColumn | undefined {
  if (type instanceof DuckDBListType) {
    const items = cellColumnOf(type.valueType);
    if (items === undefined || items.itemSizeBytes !== undefined) return undefined;
    return { sizeBytes: 16, itemSizeBytes: items.sizeBytes };
  }
  const sizeBytes =
    type.typeId === DuckDBTypeId.DECIMAL
      ? decimalSize((type as DuckDBDecimalType).width)
      : CELL_SIZES.get(type.typeId);
  return sizeBytes === undefined ? undefined : { sizeBytes };
}

/** @param column as it is in the table, which may be wider than the field or of another type altogether */
export function storageOf(field: Field, column: DuckDBType): Storage | undefined {
  const type = withoutNull(field.type);
  if (type === undefined) return undefined;
  if (isTimeField(field.name, type) && column.typeId === DuckDBTypeId.TIMESTAMP) {
    return { kind: 'scaled', sizeBytes: 8, factor: 1_000_000, min: MIN_MICROS, max: MAX_MICROS };
  }
  if (isJsonText(field.name, type)) {
    const natural = columnTypeOfField(field);
    const isJson = natural && formatColumnType(natural) === formatColumnType(column);
    return isJson ? { kind: 'json', accepts: isStorableJson } : undefined;
  }
  return storageOfType(type, column);
}

function storageOfType(type: AvroType, column: DuckDBType): Storage | undefined {
  const inner = withoutNull(type);
  if (inner === undefined) return undefined;
  const text = formatColumnType(column);
  if ('logical' in inner && inner.logical !== undefined) {
    return storageOfLogical(inner, inner.logical, column);
  }
  switch (inner.kind) {
    case 'boolean':
      return text === 'BOOLEAN' ? { kind: 'boolean' } : undefined;
    case 'int':
      if (text === 'INTEGER') return { kind: 'int32' };
      return text === 'BIGINT' ? { kind: 'int64' } : asDouble(text);
    case 'long':
      return text === 'BIGINT' ? { kind: 'int64' } : asDouble(text);
    case 'float':
      return text === 'FLOAT' ? { kind: 'float32' } : asDouble(text);
    case 'double':
      return asDouble(text);
    case 'string':
    case 'enum':
      return text === 'VARCHAR' ? { kind: 'text' } : undefined;
    case 'bytes':
    case 'fixed':
      return text === 'BLOB' ? { kind: 'blob' } : undefined;
    case 'array': {
      if (!(column instanceof DuckDBListType)) return undefined;
      const items = storageOfType(inner.items, column.valueType);
      return items && { kind: 'list', items };
    }
    default:
      return undefined;
  }
}

function asDouble(column: string): Storage | undefined {
  return column === 'DOUBLE' ? { kind: 'float64' } : undefined;
}

function storageOfLogical(
  type: AvroType,
  logical: LogicalType,
  column: DuckDBType,
): Storage | undefined {
  const scaled = (wanted: DuckDBTypeId, factor: number, min: bigint, max: bigint) =>
    column.typeId === wanted
      ? ({ kind: 'scaled', sizeBytes: 8, factor, min, max } as const)
      : undefined;
  switch (logical.name) {
    case 'decimal':
      return storageOfDecimal(logical, column);
    case 'date':
      if (column.typeId !== DuckDBTypeId.DATE) return undefined;
      return {
        kind: 'scaled',
        sizeBytes: 4,
        factor: 1,
        min: BigInt(-MAX_DAYS),
        max: BigInt(MAX_DAYS),
      };
    case 'time-millis':
      return scaled(DuckDBTypeId.TIME, 1000, 0n, DAY_MICROS - 1n);
    case 'time-micros':
      return scaled(DuckDBTypeId.TIME, 1, 0n, DAY_MICROS - 1n);
    case 'timestamp-millis':
      return scaled(DuckDBTypeId.TIMESTAMP_TZ, 1000, MIN_MICROS, MAX_MICROS);
    case 'timestamp-micros':
      return scaled(DuckDBTypeId.TIMESTAMP_TZ, 1, MIN_MICROS, MAX_MICROS);
    case 'local-timestamp-millis':
      return scaled(DuckDBTypeId.TIMESTAMP, 1000, MIN_MICROS, MAX_MICROS);
    case 'local-timestamp-micros':
      return scaled(DuckDBTypeId.TIMESTAMP, 1, MIN_MICROS, MAX_MICROS);
    case 'timestamp-nanos':
    case 'local-timestamp-nanos':
      return scaled(DuckDBTypeId.TIMESTAMP_NS, 1, MIN_NANOS, MAX_NANOS);
    case 'uuid':
      if (column.typeId !== DuckDBTypeId.UUID) return undefined;
      return {
        kind: 'stored',
        sizeBytes: 16,
        store: type.kind === 'fixed' ? storeUuidBytes : storeUuidText,
      };
    case 'duration':
      if (column.typeId !== DuckDBTypeId.INTERVAL) return undefined;
      return { kind: 'stored', sizeBytes: 16, store: storeInterval };
  }
}

function storageOfDecimal(
  { precision, scale }: Extract<LogicalType, { name: 'decimal' }>,
  column: DuckDBType,
): Storage | undefined {
  if (formatColumnType(column) !== `DECIMAL(${precision},${scale})`) return undefined;
  const limit = 10n ** BigInt(precision);
  const sizeBytes = decimalSize(precision);
  const store: StoreCell = (bytes, start, end, cells, at) => {
    const unscaled = parseUnscaled(viewOf(bytes, start, end));
    if (unscaled >= limit || unscaled <= -limit) return false;
    if (sizeBytes === 2) cells.setInt16(at, Number(unscaled), true);
    else if (sizeBytes === 4) cells.setInt32(at, Number(unscaled), true);
    else writeInteger(cells, at, unscaled, sizeBytes);
    return true;
  };
  return { kind: 'stored', sizeBytes, store };
}

function decimalSize(width: number): CellSize {
  if (width <= 4) return 2;
  if (width <= 9) return 4;
  return width <= 18 ? 8 : 16;
}

function writeInteger(cells: DataView, at: number, value: bigint, sizeBytes: number): void {
  cells.setBigUint64(at, BigInt.asUintN(64, value), true);
  if (sizeBytes === 16) cells.setBigInt64(at + 8, value >> 64n, true);
}

const storeUuidText: StoreCell = (bytes, start, end, cells, at) => {
  if (end - start > 36) return false;
  const digits = parseUuidText(viewOf(bytes, start, end).toString('latin1'));
  if (digits !== undefined) writeUuid(cells, at, digits);
  return digits !== undefined;
};

const storeUuidBytes: StoreCell = (bytes, start, end, cells, at) => {
  if (end - start !== 16) return false;
  writeUuid(cells, at, viewOf(bytes, start, end).toString('hex'));
  return true;
};

function writeUuid(cells: DataView, at: number, hex: string): void {
  cells.setBigUint64(at, BigInt(`0x${hex.slice(16)}`), true);
  cells.setBigUint64(at + 8, BigInt(`0x${hex.slice(0, 16)}`) ^ (1n << 63n), true);
}

const storeInterval: StoreCell = (bytes, start, end, cells, at) => {
  const duration = parseDuration(viewOf(bytes, start, end));
  if (duration === undefined) return false;
  cells.setInt32(at, duration.months, true);
  cells.setInt32(at + 4, duration.days, true);
  cells.setBigInt64(at + 8, duration.micros, true);
  return true;
};

/** The same bytes as a Buffer, not copied. */
function viewOf(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}
