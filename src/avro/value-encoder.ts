/**
 * JavaScript values → Avro's binary encoding, appended to one growing buffer.
 *
 * The counterpart of record-decoder.ts for fixtures, tests and the event generator. It does not use avsc,
 * so that each checks the other. Accepts what the decoder returns, and what is pleasant to write by hand:
 * records as objects keyed by field name or as arrays in field order, maps as objects, Maps or
 * [key, value] pairs, longs as number or bigint, `undefined` for null. Schema defaults are not applied.
 */
import {
  type AvroType,
  formatTypeName,
  getNullableBranch,
  type RecordType,
  type UnionType,
} from './avro-type.ts';
import type { ByteSink } from './byte-sink.ts';

/** Appends one value. */
export type Encode = (sink: ByteSink, value: unknown) => void;

/** A value that does not fit its type. Says what kind of value it was, never the value. */
export class ValueMismatch extends Error {
  readonly expected: string;
  readonly found: string;

  constructor(type: AvroType, value: unknown) {
    super('value does not fit its type');
    this.expected = formatTypeName(type);
    this.found = describe(value);
  }
}

/** Builds the encoder of a type; costs a few microseconds a field. It throws ValueMismatch. */
export function createEncoder(type: AvroType): Encode {
  return new EncoderBuilder().build(type);
}

class EncoderBuilder {
  readonly #built = new Map<AvroType, Encode>();

  build(type: AvroType): Encode {
    const known = this.#built.get(type);
    if (known !== undefined) return known;
    // Recursive types meet themselves while they are being built: they call through this.
    let encode: Encode | undefined;
    this.#built.set(type, (sink, value) => (encode as Encode)(sink, value));
    encode = this.#create(type);
    this.#built.set(type, encode);
    return encode;
  }

  #create(type: AvroType): Encode {
    switch (type.kind) {
      case 'null':
        return (_sink, value) => expect(value === null || value === undefined, type, value);
      case 'boolean':
        return (sink, value) => {
          expect(typeof value === 'boolean', type, value);
          sink.writeByte(value === true ? 1 : 0);
        };
      case 'int':
        return (sink, value) => {
          expect(typeof value === 'number' && value === (value | 0), type, value);
          sink.writeLong(value as number);
        };
      case 'long':
        return (sink, value) => {
          expect(isLong(value), type, value);
          sink.writeLong(value as number | bigint);
        };
      case 'float':
        return (sink, value) => {
          expect(typeof value === 'number', type, value);
          sink.writeFloat(value as number);
        };
      case 'double':
        return (sink, value) => {
          expect(typeof value === 'number', type, value);
          sink.writeDouble(value as number);
        };
      case 'bytes':
        return (sink, value) => {
          expect(value instanceof Uint8Array, type, value);
          sink.writeLong((value as Uint8Array).length);
          sink.writeRaw(value as Uint8Array);
        };
      case 'string':
        return (sink, value) => {
          expect(typeof value === 'string', type, value);
          sink.writeText(value as string);
        };
      case 'fixed':
        return (sink, value) => {
          expect(value instanceof Uint8Array && value.length === type.size, type, value);
          sink.writeRaw(value as Uint8Array);
        };
      case 'enum': {
        const indexes = new Map<unknown, number>(type.symbols.map((symbol, i) => [symbol, i]));
        return (sink, value) => {
          const index = indexes.get(value);
          expect(index !== undefined, type, value);
          sink.writeLong(index as number);
        };
      }
      case 'array': {
        const encodeItem = this.build(type.items);
        return (sink, value) => {
          expect(Array.isArray(value), type, value);
          writeItems(sink, value as unknown[], encodeItem);
        };
      }
      case 'map': {
        const encodeValue = this.build(type.values);
        return (sink, value) => {
          expect(typeof value === 'object' && value !== null, type, value);
          writeItems(sink, listEntries(value as object), (itemSink, entry) => {
            const [key, inner] = entry as [string, unknown];
            expect(typeof key === 'string', type, value);
            itemSink.writeText(key);
            encodeValue(itemSink, inner);
          });
        };
      }
      case 'union':
        return this.#createUnion(type);
      case 'record':
        return this.#createRecord(type);
    }
  }

  #createUnion(type: UnionType): Encode {
    const encodes = type.branches.map((branch) => this.build(branch));
    const nullable = getNullableBranch(type);
    if (nullable === undefined) {
      return (sink, value) => {
        expect(typeof value === 'object' && value !== null && 'branch' in value, type, value);
        const { branch, value: inner } = value as { branch: number; value: unknown };
        const encode = encodes[branch];
        expect(encode !== undefined, type, value);
        sink.writeLong(branch);
        (encode as Encode)(sink, inner);
      };
    }
    const valueBranch = type.branches.indexOf(nullable);
    const nullBranch = type.branches.findIndex((branch) => branch.kind === 'null');
    const encode = encodes[valueBranch] as Encode;
    return (sink, value) => {
      const isNull = value === null || value === undefined;
      expect(!isNull || nullBranch >= 0, type, value);
      sink.writeLong(isNull ? nullBranch : valueBranch);
      if (!isNull) encode(sink, value);
    };
  }

  #createRecord(type: RecordType): Encode {
    const gets = type.fields.map((field, i) => createFieldGetter(field.name, i));
    const encodes = type.fields.map((field) => this.build(field.type));
    return (sink, value) => {
      expect(typeof value === 'object' && value !== null, type, value);
      for (let i = 0; i < gets.length; i++) {
        (encodes[i] as Encode)(sink, (gets[i] as FieldGetter)(value as object));
      }
    };
  }
}

export type FieldGetter = (record: object) => unknown;

/** Takes a field's value out of an object by name or out of an array by position. */
export function createFieldGetter(name: string, index: number): FieldGetter {
  // A field may be called `toString`: what every object inherits is not a value. Asking for own
  // properties only costs more than the rest of the encoding, so it is done for such names alone.
  const isInherited = name in Object.prototype;
  return (record) => {
    if (Array.isArray(record)) return record[index];
    if (isInherited && !Object.hasOwn(record, name)) return undefined;
    return (record as { readonly [name: string]: unknown })[name];
  };
}

/** One block of all items; Avro allows several, which only a stream needs. */
function writeItems(sink: ByteSink, items: readonly unknown[], encode: Encode): void {
  if (items.length > 0) {
    sink.writeLong(items.length);
    for (const item of items) encode(sink, item);
  }
  sink.writeLong(0);
}

function listEntries(map: object): readonly unknown[] {
  if (Array.isArray(map)) return map;
  return map instanceof Map ? [...map] : Object.entries(map);
}

function isLong(value: unknown): boolean {
  return typeof value === 'bigint'
    ? BigInt.asIntN(64, value) === value
    : Number.isSafeInteger(value);
}

function expect(isFitting: boolean, type: AvroType, value: unknown): void {
  if (!isFitting) throw new ValueMismatch(type, value);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? 'an array' : typeof value;
}
