/**
 * Our graph of types → avsc's types that read the same bytes, and back from avsc's values to ours.
 *
 * avsc builds code and object keys from names and refuses the strange ones, so it never sees a name of
 * the sender's: fields are f0, f1…, types T0, T1…. For the same reason a map goes in as an array of
 * (key, value) records, whose bytes are equal, an enum as an int, and each branch of a union that is
 * more than nullable as a record of one field, named f and the branch's number. Logical
 * types stay outside: what to make of them is decided where columns are made.
 */
import avro from 'avsc';
import { type AvroType, getNullableBranch, type RecordType, type UnionType } from './avro-type.ts';

/** Turns what avsc decoded into what we promise; `undefined` where both are the same. */
export type Convert = (value: unknown) => unknown;

type Schema = string | Schema[] | { readonly [attribute: string]: unknown };

/** What decodes one record: all of it, or by way of a resolver that skips fields. */
export interface AvscSource {
  readonly type: avro.types.RecordType;
  readonly resolver?: ReturnType<avro.Type['createResolver']>;
}

export interface AvscRecord extends AvscSource {
  /** By index of the root's fields. avsc holds the value of field i under `f${i}`. */
  readonly converts: readonly (Convert | undefined)[];
}

export function buildAvscRecord(root: RecordType): AvscRecord {
  const schema = new SchemaWriter().write(root);
  const type = avro.Type.forSchema(schema as unknown as avro.Type, {
    registry: { long: BIGINT_LONG },
  });
  const builder = new ConvertBuilder();
  return {
    type: type as avro.types.RecordType,
    converts: root.fields.map((field) => builder.build(field.type)),
  };
}

/**
 * The root must not be recursive: avsc's resolvers remember failed attempts at a union's branches and
 * hand them out when the same union is met again by way of the root.
 */
export function createProjection(
  writer: avro.types.RecordType,
  fieldIndexes: readonly number[],
): AvscSource {
  const fields = fieldIndexes.map((i) => ({
    name: nameField(i),
    type: writer.field(nameField(i)).type,
  }));
  const schema = { type: 'record', name: 'Projection', aliases: [writer.name], fields };
  const type = avro.Type.forSchema(schema as unknown as avro.Type);
  return { type: type as avro.types.RecordType, resolver: type.createResolver(writer) };
}

/** The key under which avsc's records hold the value of a field. */
export function nameField(index: number): string {
  return `f${index}`;
}

/** Exact 64-bit integers: avsc hands over the varint as it stands. */
const BIGINT_LONG = avro.types.LongType.__with(
  {
    fromBuffer: readZigzag,
    toBuffer: writeZigzag,
    fromJSON: BigInt,
    toJSON: String,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => Number(a > b) - Number(a < b),
  },
  true,
);

function readZigzag(varint: Buffer): bigint {
  const { length } = varint;
  // Up to 49 bits fit a number exactly; almost every long in practice does.
  const near = Math.min(length, 7);
  let low = 0;
  let factor = 1;
  for (let i = 0; i < near; i++) {
    low += ((varint[i] as number) & 0x7f) * factor;
    factor *= 128;
  }
  if (length <= 7) return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2);
  let high = 0;
  factor = 1;
  for (let i = 7; i < length; i++) {
    high += ((varint[i] as number) & 0x7f) * factor;
    factor *= 128;
  }
  const zigzag = (BigInt(high) << 49n) | BigInt(low);
  return (zigzag >> 1n) ^ -(zigzag & 1n);
}

/** avsc asks for it, and its writer is the oracle in our tests. */
function writeZigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Writes each named type out where it is met first and refers to it by name afterwards, as Avro wants. */
class SchemaWriter {
  readonly #names = new Map<AvroType, string>();
  #made = 0;

  write(type: AvroType): Schema {
    switch (type.kind) {
      case 'record': {
        const known = this.#names.get(type);
        if (known !== undefined) return known;
        const name = this.#makeName();
        this.#names.set(type, name);
        const fields = type.fields.map((field, i) => this.#writeField(field.type, i));
        return { type: 'record', name, fields };
      }
      case 'enum':
        return 'int';
      case 'fixed': {
        const known = this.#names.get(type);
        if (known !== undefined) return known;
        const name = this.#makeName();
        this.#names.set(type, name);
        // avsc refuses a fixed of no bytes; an empty record has as many.
        if (type.size === 0) return { type: 'record', name, fields: [] };
        return { type: 'fixed', name, size: type.size };
      }
      case 'array':
        return { type: 'array', items: this.write(type.items) };
      case 'map': {
        const name = this.#makeName();
        const fields = [{ name: 'f0', type: 'string' }, this.#writeField(type.values, 1)];
        return { type: 'array', items: { type: 'record', name, fields } };
      }
      case 'union':
        return this.#writeUnion(type);
      default:
        return type.kind;
    }
  }

  #writeField(type: AvroType, index: number): Schema {
    return { name: nameField(index), type: this.write(type) };
  }

  #writeUnion(type: UnionType): Schema {
    if (getNullableBranch(type) !== undefined) {
      return type.branches.map((branch) => this.write(branch));
    }
    return type.branches.map((branch, i) => {
      const name = this.#makeName();
      return { type: 'record', name, fields: [this.#writeField(branch, i)] };
    });
  }

  #makeName(): string {
    return `T${this.#made++}`;
  }
}

type Values = { readonly [name: string]: unknown };

class ConvertBuilder {
  readonly #built = new Map<AvroType, Convert>();

  build(type: AvroType): Convert | undefined {
    switch (type.kind) {
      case 'record':
        return this.#buildRecord(type);
      case 'enum': {
        const { symbols } = type;
        return (index) => symbols[index as number];
      }
      case 'fixed':
        return type.size === 0 ? () => Buffer.alloc(0) : undefined;
      case 'array':
        return convertItems(this.build(type.items));
      case 'map': {
        const convert = this.build(type.values);
        return convertItems((entry) => {
          const { f0: key, f1: value } = entry as Values;
          return [key, convert === undefined ? value : convert(value)];
        });
      }
      case 'union':
        return this.#buildUnion(type);
      default:
        return undefined;
    }
  }

  #buildRecord(type: RecordType): Convert {
    const known = this.#built.get(type);
    if (known !== undefined) return known;
    const names = type.fields.map((_, i) => nameField(i));
    const converts: (Convert | undefined)[] = [];
    const convert: Convert = (record) =>
      names.map((name, i) => {
        const value = (record as Values)[name];
        return converts[i] === undefined ? value : converts[i](value);
      });
    // Before its fields: they may lead back here.
    this.#built.set(type, convert);
    for (const field of type.fields) converts.push(this.build(field.type));
    return convert;
  }

  #buildUnion(type: UnionType): Convert | undefined {
    const nullable = getNullableBranch(type);
    if (nullable !== undefined) {
      const convert = this.build(nullable);
      if (convert === undefined) return undefined;
      return (value) => (value === null ? null : convert(value));
    }
    const converts = type.branches.map((branch) => this.build(branch));
    return (wrapped) => {
      // { T7: { f2: value } } for branch 2.
      const [inner] = Object.values(wrapped as Values) as Values[];
      const [name, value] = Object.entries(inner as Values)[0] as [string, unknown];
      const branch = Number(name.slice(1));
      const convert = converts[branch];
      return { branch, value: convert === undefined ? value : convert(value) };
    };
  }
}

/** In place: the array is ours alone. */
function convertItems(convert: Convert | undefined): Convert | undefined {
  if (convert === undefined) return undefined;
  return (value) => {
    const items = value as unknown[];
    for (let i = 0; i < items.length; i++) items[i] = convert(items[i]);
    return items;
  };
}
