/**
 * The logicalType attribute of a schema, and whether it may stand where it stands.
 *
 * The Avro specification asks readers to ignore a logical type that is unknown, stands on the wrong
 * type or has impossible attributes, and to read the type below it: so nothing here is an error.
 */
import type { LogicalType } from './avro-type.ts';

/** Which types each logical type may annotate; Avro specification 1.12, "Logical Types", 2026-09. */
const BASE_TYPES: Readonly<Record<LogicalType['name'], readonly string[]>> = {
  decimal: ['bytes', 'fixed'],
  date: ['int'],
  'time-millis': ['int'],
  'time-micros': ['long'],
  'timestamp-millis': ['long'],
  'timestamp-micros': ['long'],
  'timestamp-nanos': ['long'],
  'local-timestamp-millis': ['long'],
  'local-timestamp-micros': ['long'],
  'local-timestamp-nanos': ['long'],
  uuid: ['string', 'fixed'],
  duration: ['fixed'],
};

const FIXED_SIZES: { readonly [name: string]: number } = { uuid: 16, duration: 12 };

/**
 * The logical type that a schema object declares, or `undefined` when it has none or it does not hold.
 *
 * @param attributes the schema object as it stands in the JSON
 * @param kind the Avro type that it annotates
 * @param size bytes of a fixed; 0 otherwise
 */
export function parseLogicalType(
  attributes: { readonly [name: string]: unknown },
  kind: string,
  size: number,
): LogicalType | undefined {
  const name = attributes.logicalType;
  if (typeof name !== 'string' || !isLogicalName(name)) return undefined;
  if (!BASE_TYPES[name].includes(kind)) return undefined;
  if (name === 'decimal') return parseDecimal(attributes, kind, size);
  if (kind === 'fixed' && FIXED_SIZES[name] !== size) return undefined;
  return { name };
}

function isLogicalName(name: string): name is LogicalType['name'] {
  return Object.hasOwn(BASE_TYPES, name);
}

function parseDecimal(
  attributes: { readonly [name: string]: unknown },
  kind: string,
  size: number,
): LogicalType | undefined {
  const { precision, scale = 0 } = attributes;
  if (!isCount(precision) || precision < 1) return undefined;
  if (!isCount(scale) || scale > precision) return undefined;
  // A fixed of n bytes holds every number of floor(log10(2^(8n-1) - 1)) digits.
  if (kind === 'fixed' && precision > Math.floor(Math.log10(2) * (8 * size - 1))) return undefined;
  return { name: 'decimal', precision, scale };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
