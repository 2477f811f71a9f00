/**
 * What an Avro schema says, as a plain graph of types, and the pure questions one can ask of it.
 *
 * A named type that is used twice is one object, so the graph of a recursive schema has cycles: whoever
 * walks it must remember where he has been. Names are whatever the schema says, even where Avro's
 * grammar forbids it (quotes, `__proto__`, spaces): never build code, SQL or object keys from them
 * without quoting.
 */

export type LogicalType =
  | { readonly name: 'decimal'; readonly precision: number; readonly scale: number }
  | {
      readonly name:
        | 'date'
        | 'time-millis'
        | 'time-micros'
        | 'timestamp-millis'
        | 'timestamp-micros'
        | 'timestamp-nanos'
        | 'local-timestamp-millis'
        | 'local-timestamp-micros'
        | 'local-timestamp-nanos'
        | 'uuid'
        | 'duration';
    };

export type PrimitiveKind =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'bytes'
  | 'string';

interface PrimitiveType {
  readonly kind: PrimitiveKind;
  readonly logical?: LogicalType;
}

interface FixedType {
  readonly kind: 'fixed';
  readonly name: string;
  readonly size: number;
  readonly logical?: LogicalType;
}

interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly symbols: readonly string[];
}

interface ArrayType {
  readonly kind: 'array';
  readonly items: AvroType;
}

/** Keys are always strings. */
interface MapType {
  readonly kind: 'map';
  readonly values: AvroType;
}

/** Never holds another union directly, nor two branches of the same unnamed kind. */
export interface UnionType {
  readonly kind: 'union';
  readonly branches: readonly AvroType[];
}

export interface RecordType {
  readonly kind: 'record';
  /** Full name, with the namespace. */
  readonly name: string;
  readonly doc?: string;
  readonly fields: readonly Field[];
}

export interface Field {
  readonly name: string;
  readonly type: AvroType;
  readonly doc?: string;
  /** Our own mark in schemas/: the value tells who somebody is. */
  readonly pii?: boolean;
}

export type AvroType =
  | PrimitiveType
  | FixedType
  | EnumType
  | ArrayType
  | MapType
  | UnionType
  | RecordType;

/**
 * The T of `["null", T]`, `[T, "null"]` or `[T]`: unions whose values need no branch to be understood.
 * `undefined` for any other union.
 */
export function getNullableBranch(type: UnionType): AvroType | undefined {
  const [first, second, third] = type.branches;
  if (first === undefined || third !== undefined) return undefined;
  if (second === undefined || second.kind === 'null') return first;
  return first.kind === 'null' ? second : undefined;
}

/** The types directly inside one: fields, items, values, branches. */
export function listInnerTypes(type: AvroType): readonly AvroType[] {
  switch (type.kind) {
    case 'record':
      return type.fields.map((field) => field.type);
    case 'array':
      return [type.items];
    case 'map':
      return [type.values];
    case 'union':
      return type.branches;
    default:
      return [];
  }
}

/** Whether the type refers to itself or holds one that does, so that its values can nest without end. */
export function isRecursive(type: AvroType): boolean {
  const open = new Set<AvroType>();
  const done = new Set<AvroType>();
  const visit = (inner: AvroType): boolean => {
    if (open.has(inner)) return true;
    if (done.has(inner)) return false;
    open.add(inner);
    const found = listInnerTypes(inner).some(visit);
    open.delete(inner);
    done.add(inner);
    return found;
  };
  return visit(type);
}

/** For people: `int`, `null | string`, `array<long>`, `map<bytes>`, `record a.B`, `long (timestamp-millis)`. */
export function formatTypeName(type: AvroType): string {
  switch (type.kind) {
    case 'record':
    case 'enum':
      return `${type.kind} ${type.name}`;
    case 'fixed':
      return `fixed ${type.name}[${type.size}]${formatLogical(type.logical)}`;
    case 'array':
      return `array<${formatTypeName(type.items)}>`;
    case 'map':
      return `map<${formatTypeName(type.values)}>`;
    case 'union':
      return type.branches.map(formatTypeName).join(' | ');
    default:
      return `${type.kind}${formatLogical(type.logical)}`;
  }
}

function formatLogical(logical: LogicalType | undefined): string {
  if (logical === undefined) return '';
  if (logical.name !== 'decimal') return ` (${logical.name})`;
  return ` (decimal ${logical.precision},${logical.scale})`;
}

/**
 * Avro's Parsing Canonical Form (specification 1.12, "Transforming into Parsing Canonical Form"), with
 * logical types added because they change our columns. Documentation, defaults, aliases and marks are
 * left out: two schemas with the same canonical form give the same tables and read the same bytes.
 */
export function formatCanonical(type: AvroType): string {
  const defined = new Set<AvroType>();
  const format = (inner: AvroType): string => {
    if (defined.has(inner) && 'name' in inner) return JSON.stringify(inner.name);
    defined.add(inner);
    switch (inner.kind) {
      case 'record': {
        const fields = inner.fields.map(
          (field) => `{"name":${JSON.stringify(field.name)},"type":${format(field.type)}}`,
        );
        return `{"name":${JSON.stringify(inner.name)},"type":"record","fields":[${fields.join(',')}]}`;
      }
      case 'enum':
        return `{"name":${JSON.stringify(inner.name)},"type":"enum","symbols":${JSON.stringify(inner.symbols)}}`;
      case 'fixed':
        return `{"name":${JSON.stringify(inner.name)},"type":"fixed","size":${inner.size}${canonicalLogical(inner.logical)}}`;
      case 'array':
        return `{"type":"array","items":${format(inner.items)}}`;
      case 'map':
        return `{"type":"map","values":${format(inner.values)}}`;
      case 'union':
        return `[${inner.branches.map(format).join(',')}]`;
      default:
        return inner.logical === undefined
          ? `"${inner.kind}"`
          : `{"type":"${inner.kind}"${canonicalLogical(inner.logical)}}`;
    }
  };
  return format(type);
}

function canonicalLogical(logical: LogicalType | undefined): string {
  if (logical === undefined) return '';
  if (logical.name !== 'decimal') return `,"logicalType":"${logical.name}"`;
  return `,"logicalType":"decimal","precision":${logical.precision},"scale":${logical.scale}`;
}

/**
 * The fewest bytes that a value takes: 0 for null, for records of nulls and for a fixed of no bytes.
 * What is announced in counts can be checked against it before anything is allocated.
 */
export function getMinimumBytes(type: AvroType): number {
  const known = new Map<AvroType, number>();
  const visit = (inner: AvroType): number => {
    const before = known.get(inner);
    if (before !== undefined) return before;
    // A record directly inside itself has no finite value; any bound is true of none.
    known.set(inner, 0);
    const bytes = minimumOf(inner, visit);
    known.set(inner, bytes);
    return bytes;
  };
  return visit(type);
}

function minimumOf(type: AvroType, visit: (inner: AvroType) => number): number {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'float':
      return 4;
    case 'double':
      return 8;
    case 'fixed':
      return type.size;
    case 'record':
      return type.fields.reduce((sum, field) => sum + visit(field.type), 0);
    case 'union':
      return 1 + type.branches.reduce((least, branch) => Math.min(least, visit(branch)), Infinity);
    default:
      return 1;
  }
}
