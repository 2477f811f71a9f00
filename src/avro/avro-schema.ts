/**
 * The JSON of an Avro schema → a graph of types in which every reference is resolved.
 *
 * Comes from whoever wrote the object, so nothing is trusted: sizes and depths have limits, and any
 * non-empty string is taken as a name, because a strange name is no reason to refuse data. What the
 * specification forbids for good reason (duplicate definitions, ambiguous unions) is SCHEMA_INVALID.
 * Defaults and aliases are not kept: we read every object by the schema in its own header.
 */
import { createHash } from 'node:crypto';
import { CurrentsError } from '../errors.ts';
import {
  type AvroType,
  type Field,
  formatCanonical,
  listInnerTypes,
  type PrimitiveKind,
  type RecordType,
} from './avro-type.ts';
import { parseLogicalType } from './logical-type.ts';

export {
  type AvroType,
  type Field,
  formatTypeName,
  isRecursive,
  type LogicalType,
  type RecordType,
} from './avro-type.ts';

/** A schema as found in a header, ready to decode by. */
export interface WriterSchema {
  readonly type: RecordType;
  /** Hex SHA-256 of the canonical form with logical types: equal for schemas of the same structure. */
  readonly fingerprint: string;
  /** As it was written. */
  readonly json: string;
}

/** Deeper nesting than any sane schema has; our walks over it are recursive. */
const MAX_NESTING = 128;
/** Above this the functions that avsc generates hit limits of the JavaScript engine. */
const MAX_FIELDS = 10_000;
/** Values in one record without arrays and maps: records that hold records twice, thirty deep, have a billion. */
const MAX_EXPANDED_TYPES = 100_000;

const PRIMITIVES: ReadonlySet<string> = new Set<PrimitiveKind>([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

type Attributes = { readonly [name: string]: unknown };

/**
 * Parses an Avro schema whose root is a record.
 *
 * @param json the value of `avro.schema`, or the text of an .avsc file
 * @throws CurrentsError SCHEMA_INVALID, naming the place by type and field names
 */
export function parseAvroSchema(json: string): WriterSchema {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    // Without the cause's text in the message: V8 quotes the input there.
    throw invalid('it is not JSON', 'a JSON object with "type": "record"', '', cause);
  }
  const type = new SchemaParser().parse(parsed, '', '', 0);
  if (type.kind !== 'record') {
    throw invalid(`its root is of type ${type.kind}`, 'a record', '');
  }
  if (countExpandedTypes(type) > MAX_EXPANDED_TYPES) {
    throw invalid('one record has too many values', `at most ${MAX_EXPANDED_TYPES}`, '');
  }
  const fingerprint = createHash('sha256').update(formatCanonical(type)).digest('hex');
  return Object.freeze({ type, fingerprint, json });
}

class SchemaParser {
  readonly #named = new Map<string, AvroType>();

  /** @param path where we are, for messages: `a.B.field` */
  parse(schema: unknown, namespace: string, path: string, depth: number): AvroType {
    if (depth > MAX_NESTING) {
      throw invalid('types are nested too deeply', `at most ${MAX_NESTING} levels`, path);
    }
    if (typeof schema === 'string') return this.#parseReference(schema, namespace, path);
    if (Array.isArray(schema)) return this.#parseUnion(schema, namespace, path, depth);
    if (!isAttributes(schema)) {
      throw invalid(`found ${describe(schema)}`, 'a type name, an object or an array', path);
    }
    const { type } = schema;
    switch (type) {
      case 'record':
      case 'error':
        return this.#parseRecord(schema, namespace, path, depth);
      case 'enum':
        return this.#parseEnum(schema, namespace, path);
      case 'fixed':
        return this.#parseFixed(schema, namespace, path);
      case 'array':
        return {
          kind: 'array',
          items: this.parse(schema.items, namespace, `${path}[]`, depth + 1),
        };
      case 'map':
        return {
          kind: 'map',
          values: this.parse(schema.values, namespace, `${path}{}`, depth + 1),
        };
      default:
        break;
    }
    if (typeof type === 'string' && PRIMITIVES.has(type)) {
      const logical = parseLogicalType(schema, type, 0);
      return { kind: type as PrimitiveKind, ...(logical === undefined ? {} : { logical }) };
    }
    // `{"type": {"type": "string"}}` and `{"type": "a.B"}`: attributes around another schema.
    return this.parse(type, namespace, path, depth + 1);
  }

  #parseReference(name: string, namespace: string, path: string): AvroType {
    if (PRIMITIVES.has(name)) return { kind: name as PrimitiveKind };
    const found = this.#named.get(qualify(name, namespace)) ?? this.#named.get(name);
    if (found === undefined) {
      throw invalid(
        `there is no type "${name}"`,
        'a primitive type or one that is defined before',
        path,
      );
    }
    return found;
  }

  #parseUnion(
    branches: readonly unknown[],
    namespace: string,
    path: string,
    depth: number,
  ): AvroType {
    const types = branches.map((branch) => this.parse(branch, namespace, path, depth + 1));
    if (types.length === 0) throw invalid('a union is empty', 'at least one branch', path);
    const seen = new Set<string>();
    for (const type of types) {
      if (type.kind === 'union') throw invalid('a union holds a union', 'other types', path);
      const key = 'name' in type ? `name ${type.name}` : type.kind;
      if (seen.has(key)) throw invalid(`a union holds ${key} twice`, 'one branch of each', path);
      seen.add(key);
    }
    return { kind: 'union', branches: types };
  }

  #parseRecord(schema: Attributes, namespace: string, path: string, depth: number): AvroType {
    const { name, inner } = readName(schema, namespace, path);
    const fields: Field[] = [];
    const record: RecordType = { kind: 'record', name, fields, ...readDoc(schema) };
    // Before its fields: they may refer to it.
    this.#define(name, record, path);
    if (!Array.isArray(schema.fields)) {
      throw invalid(`record ${name} has no "fields"`, 'an array', path);
    }
    if (schema.fields.length > MAX_FIELDS) {
      throw invalid(
        `record ${name} has ${schema.fields.length} fields`,
        `at most ${MAX_FIELDS}`,
        path,
      );
    }
    const names = new Set<string>();
    for (const field of schema.fields as readonly unknown[]) {
      if (!isAttributes(field) || typeof field.name !== 'string' || field.name === '') {
        throw invalid(`record ${name} has a field without a name`, 'a non-empty string', path);
      }
      if (names.has(field.name)) {
        throw invalid(`record ${name} has two fields "${field.name}"`, 'unique names', path);
      }
      refuseHalfCharacters(field.name, `record ${name}`);
      names.add(field.name);
      fields.push({
        name: field.name,
        type: this.parse(field.type, inner, `${name}.${field.name}`, depth + 1),
        ...readDoc(field),
        ...(field.pii === true ? { pii: true } : {}),
      });
    }
    return record;
  }

  #parseEnum(schema: Attributes, namespace: string, path: string): AvroType {
    const { name } = readName(schema, namespace, path);
    const { symbols } = schema;
    if (!Array.isArray(symbols) || !symbols.every((symbol) => typeof symbol === 'string')) {
      throw invalid(`enum ${name} has no "symbols"`, 'an array of strings', path);
    }
    for (const symbol of symbols as string[]) refuseHalfCharacters(symbol, `enum ${name}`);
    if (new Set(symbols).size !== symbols.length) {
      throw invalid(`enum ${name} has a symbol twice`, 'unique symbols', path);
    }
    const type: AvroType = { kind: 'enum', name, symbols };
    this.#define(name, type, path);
    return type;
  }

  #parseFixed(schema: Attributes, namespace: string, path: string): AvroType {
    const { name } = readName(schema, namespace, path);
    const { size } = schema;
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > 0x7fffffff) {
      throw invalid(`fixed ${name} has no usable "size"`, 'a whole number of bytes', path);
    }
    const logical = parseLogicalType(schema, 'fixed', size);
    const type: AvroType = {
      kind: 'fixed',
      name,
      size,
      ...(logical === undefined ? {} : { logical }),
    };
    this.#define(name, type, path);
    return type;
  }

  #define(name: string, type: AvroType, path: string): void {
    if (PRIMITIVES.has(name) || this.#named.has(name)) {
      throw invalid(`type "${name}" is defined twice`, 'one definition of each name', path);
    }
    this.#named.set(name, type);
  }
}

/** Full name, and the namespace for names inside. A name with a dot is full; its namespace attribute is ignored. */
function readName(
  schema: Attributes,
  namespace: string,
  path: string,
): { name: string; inner: string } {
  const { name } = schema;
  if (typeof name !== 'string' || name === '') {
    throw invalid(`a ${String(schema.type)} has no name`, 'a non-empty string', path);
  }
  refuseHalfCharacters(name, 'the schema');
  const full = qualify(name, typeof schema.namespace === 'string' ? schema.namespace : namespace);
  return { name: full, inner: full.slice(0, Math.max(0, full.lastIndexOf('.'))) };
}

/** Half a surrogate pair can be escaped in JSON but not be written as UTF-8, so nothing could keep it. */
function refuseHalfCharacters(name: string, where: string): void {
  if (!/\p{Surrogate}/u.test(name)) return;
  throw invalid(`${where} has a name with half a character in it`, 'Unicode text', '');
}

function qualify(name: string, namespace: string): string {
  return namespace === '' || name.includes('.') ? name : `${namespace}.${name}`;
}

function readDoc(schema: Attributes): { doc?: string } {
  return typeof schema.doc === 'string' && schema.doc !== '' ? { doc: schema.doc } : {};
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Types in one value of this type when named types are written out at each use; cycles count once. */
function countExpandedTypes(root: AvroType): number {
  const counts = new Map<AvroType, number>();
  const count = (type: AvroType): number => {
    const known = counts.get(type);
    if (known !== undefined) return known;
    counts.set(type, 1);
    const total = listInnerTypes(type).reduce((sum, inner) => sum + count(inner), 1);
    counts.set(type, total);
    return total;
  };
  return count(root);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return `a ${typeof value}`;
}

function invalid(found: string, expected: string, path: string, cause?: unknown): CurrentsError {
  const place = path === '' ? '' : ` at ${path}`;
  return new CurrentsError({
    code: 'SCHEMA_INVALID',
    message: `cannot read the Avro schema${place}: ${found} (expected ${expected})`,
    hint: 'the writer of this file has to correct its schema; keep the file quarantined until then',
    ...(path === '' ? {} : { context: { field: path } }),
    ...(cause === undefined ? {} : { cause }),
  });
}
