/**
 * Random schemas that the compiled decoder covers, and random records of them, as bytes of blocks.
 *
 * Schemas come from fast-check. Records come from a seed: they are written straight into Avro's encoding,
 * with all that it allows and writers seldom use (varints that are longer than they need be, arrays in
 * several blocks, some with their size). What they mean is for the reader to say, so there are no values
 * here to compare with: avsc reads the same bytes.
 */
import fc from 'fast-check';
import { parseAvroSchema } from '../../src/avro/avro-schema.ts';
import type { AvroType, Field, LogicalType, RecordType } from '../../src/avro/avro-type.ts';
import { getNullableBranch } from '../../src/avro/avro-type.ts';
import { type Container, openContainer } from '../../src/avro/container-reader.ts';
import { formatContainer, join, type Part } from './avro-bytes.ts';
import { ROOMY } from './avro-read.ts';

type Schema = string | readonly Schema[] | { readonly [attribute: string]: unknown };
type Random = () => number;

export interface CoveredField {
  readonly name: string;
  readonly type: Schema;
}

export interface RecordOptions {
  /** Whether there are values that their column cannot hold. */
  readonly misfits: boolean;
  /** Items of a list, for the most part. */
  readonly maxItems?: number;
  /** Bytes of a long text. */
  readonly maxTextBytes?: number;
}

const NUMBERS = ['int', 'long', 'float', 'double'] as const;
const LONG_LOGICALS = [
  'time-micros',
  'timestamp-millis',
  'timestamp-micros',
  'timestamp-nanos',
  'local-timestamp-millis',
  'local-timestamp-micros',
  'local-timestamp-nanos',
];
const SHORT_SYMBOLS = ['', 'A', 'exactly12byt', 'ä€😀'];
const LONG_SYMBOLS = ['thirteen_byte', 'a_symbol_of_more_than_twelve_bytes', 'üüüüüüüüüü'];

const enums: fc.Arbitrary<Schema> = fc
  .tuple(fc.subarray(SHORT_SYMBOLS, { minLength: 1 }), fc.subarray(LONG_SYMBOLS))
  .map(([short, long]) => ({ type: 'enum', symbols: [...short, ...long].filter(Boolean) }))
  .filter(({ symbols }) => symbols.length > 0);

const decimals: fc.Arbitrary<Schema> = fc
  .tuple(fc.constantFrom(1, 4, 5, 9, 10, 18, 19, 38), fc.nat(38), fc.boolean())
  .map(([precision, scale, isFixed]) => ({
    ...(isFixed ? { type: 'fixed', size: 17 } : { type: 'bytes' }),
    logicalType: 'decimal',
    precision,
    scale: Math.min(precision, scale),
  }));

const scalars: fc.Arbitrary<Schema> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('boolean', ...NUMBERS) },
  { weight: 5, arbitrary: fc.constantFrom('string', 'bytes') },
  { weight: 2, arbitrary: enums },
  { weight: 2, arbitrary: fc.nat(20).map((size) => ({ type: 'fixed', size: size + 1 })) },
  { weight: 2, arbitrary: decimals },
  {
    weight: 2,
    arbitrary: fc.constantFrom('date', 'time-millis').map((logicalType) => ({
      type: 'int',
      logicalType,
    })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...LONG_LOGICALS).map((logicalType) => ({
      type: 'long',
      logicalType,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { type: 'string', logicalType: 'uuid' },
      { type: 'fixed', size: 16, logicalType: 'uuid' },
      { type: 'fixed', size: 12, logicalType: 'duration' },
    ),
  },
);

function nullables(types: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> {
  return fc.oneof(
    { weight: 3, arbitrary: types },
    { weight: 4, arbitrary: types.map((type): Schema => ['null', type]) },
    { weight: 2, arbitrary: types.map((type): Schema => [type, 'null']) },
    { weight: 1, arbitrary: types.map((type): Schema => [type]) },
  );
}

const lists = nullables(scalars).map((items): Schema => ({ type: 'array', items }));

const anyField: fc.Arbitrary<Schema> = fc.oneof(
  {
    weight: 20,
    arbitrary: nullables(
      fc.oneof({ weight: 3, arbitrary: scalars }, { weight: 1, arbitrary: lists }),
    ),
  },
  // Without bytes; a record of such fields alone is not covered.
  { weight: 1, arbitrary: fc.constantFrom<Schema>('null', { type: 'fixed', size: 0 }) },
);

/** Fields whose names mean something to the warehouse. */
const namedFields: fc.Arbitrary<readonly CoveredField[]> = fc
  .tuple(
    nullables(fc.constantFrom<Schema>('int', 'long')),
    nullables(fc.constant<Schema>('string')),
    nullables(fc.constant<Schema>('string')),
    fc.constantFrom(0, 1, 3),
  )
  .map(([time, properties, attributes, count]) =>
    [
      { name: 'time', type: time },
      { name: 'properties', type: properties },
      { name: 'custom_attributes', type: attributes },
    ].slice(0, count),
  );

/** One schema's fields: of all covered types, at least one. */
export function coveredFields(maxFields = 12): fc.Arbitrary<readonly CoveredField[]> {
  return fc
    .tuple(namedFields, fc.array(anyField, { minLength: 1, maxLength: maxFields }))
    .map(([named, others]) => [
      ...named,
      ...others.map((type, index) => ({ name: `f${index}`, type })),
      { name: 'flag', type: 'boolean' },
    ]);
}

/** Numbers whose type grows from schema to schema, as one value of each of these for every schema. */
export const widening: fc.Arbitrary<readonly string[]> = fc.constantFrom(
  ['int', 'long', 'int', 'long'],
  ['int', 'double', 'long', 'float'],
  ['float', 'double', 'float', 'double'],
  ['long', 'int', 'double', 'int'],
);

/** As a JSON text, with a name for each type that needs one. */
export function formatCovered(fields: readonly CoveredField[]): string {
  let count = 0;
  const name = (schema: Schema): unknown => {
    if (typeof schema === 'string') return schema;
    if (Array.isArray(schema)) return (schema as readonly Schema[]).map(name);
    const { type, items, ...rest } = schema as { type: string; items?: Schema };
    const named = type === 'fixed' || type === 'enum' ? { name: `T${count++}` } : {};
    return { type, ...(items === undefined ? {} : { items: name(items) }), ...named, ...rest };
  };
  const typed = fields.map((field) => ({ name: field.name, type: name(field.type) }));
  return JSON.stringify({ type: 'record', name: 'Covered', fields: typed });
}

/** A container of `count` records in blocks of random sizes, some of which are empty. */
export async function openCovered(
  schema: string,
  count: number,
  random: Random,
  options: RecordOptions,
): Promise<Container> {
  const { type } = parseAvroSchema(schema);
  const blocks: { count: number; bytes: Buffer }[] = [];
  const largest = pick(random, [1, 10, 300, 2047, 2048, 5000]);
  for (let left = count; left > 0; ) {
    const size = Math.min(left, 1 + below(random, largest));
    blocks.push({ count: size, bytes: writeRecords(type, size, random, options) });
    left -= size;
    if (random() < 0.05) blocks.push({ count: 0, bytes: Buffer.alloc(0) });
  }
  return openContainer(formatContainer({ schema, blocks }), ROOMY);
}

/** The bytes of a block. */
export function writeRecords(
  type: RecordType,
  count: number,
  random: Random,
  options: RecordOptions,
): Buffer {
  const writer = new RandomWriter(random, options);
  return join(
    ...Array.from({ length: count }, () => type.fields.map((field) => writer.field(field))).flat(),
  );
}

const EDGES: readonly bigint[] = [
  0n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 63n,
  // Where DuckDB's times, dates and timestamps end, in each unit.
  86_400_000n,
  86_400_000_000n,
  9_223_372_036_854_775_807n,
  9_223_372_022_400_000_000n,
  9_223_372_036_854_775n,
  9_223_372_022_400_000n,
  9_223_372_036_854n,
  9_223_372_022_400n,
  9_223_286_400_000_000_000n,
].flatMap((edge) => [-2n, -1n, 0n, 1n, 2n].flatMap((d) => [edge + d, -edge + d]));

const UNITS: readonly string[] = ['a', 'Z', ' ', '"', '\0', 'é', '€', '😀', '\u{10FFFF}'];

class RandomWriter {
  readonly #random: Random;
  readonly #options: RecordOptions;

  constructor(random: Random, options: RecordOptions) {
    this.#random = random;
    this.#options = options;
  }

  field({ name, type }: Field): Part {
    const inner = type.kind === 'union' ? getNullableBranch(type) : type;
    if (inner?.kind !== 'string' && name !== 'time') return this.#value(type, name);
    if (type.kind === 'union') return this.#union(type, (one) => this.#named(one, name));
    return this.#named(type, name);
  }

  #named(type: AvroType, name: string): Part {
    const isJson = name === 'properties' || name === 'custom_attributes';
    if (isJson) return this.#span(Buffer.from(this.#json()));
    if (name !== 'time' || this.#options.misfits) return this.#value(type, name);
    return this.#varint(BigInt(below(this.#random, 2 ** 31)), 5);
  }

  #union(type: AvroType, write: (branch: AvroType) => Part): Part {
    if (type.kind !== 'union') return write(type);
    const branch = below(this.#random, type.branches.length);
    const index = this.#varint(BigInt(branch), 10);
    const chosen = type.branches[branch] as AvroType;
    return chosen.kind === 'null' ? index : join(index, write(chosen));
  }

  #value(type: AvroType, name: string): Part {
    const random = this.#random;
    switch (type.kind) {
      case 'null':
        return [];
      case 'boolean':
        return [below(random, 2)];
      case 'int':
        return this.#varint(this.#integer(32, type.logical, name), 5);
      case 'long':
        return this.#varint(this.#integer(64, type.logical, name), 10);
      case 'float':
        return this.#float();
      case 'double':
        return this.#double();
      case 'string':
        return this.#span(type.logical ? this.#uuid() : Buffer.from(this.#text()));
      case 'bytes':
        return this.#span(type.logical ? this.#decimal(type.logical, 0) : this.#bytes());
      case 'fixed':
        return this.#fixed(type.size, type.logical);
      case 'enum':
        return this.#varint(BigInt(below(random, type.symbols.length)), 10);
      case 'array':
        return this.#items(type.items, name);
      case 'union':
        return this.#union(type, (branch) => this.#value(branch, name));
      default:
        throw new Error(`no program covers ${type.kind}`);
    }
  }

  #items(items: AvroType, name: string): Part {
    const random = this.#random;
    const most = this.#options.maxItems ?? 3;
    const parts: Part[] = [];
    for (let left = below(random, most + 1); left > 0; ) {
      const count = random() < 0.7 ? left : 1 + below(random, left);
      const bytes = join(...Array.from({ length: count }, () => this.#value(items, name)));
      if (random() < 0.7) parts.push(this.#varint(BigInt(count), 10), bytes);
      else
        parts.push(this.#varint(BigInt(-count), 10), this.#varint(BigInt(bytes.length), 10), bytes);
      left -= count;
    }
    return join(...parts, this.#varint(0n, 10));
  }

  #integer(bits: 32 | 64, logical: LogicalType | undefined, name: string): bigint {
    const random = this.#random;
    if (!this.#options.misfits && logical !== undefined) {
      return logical.name.startsWith('time-')
        ? BigInt(below(random, 86_400_000))
        : BigInt(below(random, 2 ** 32) - 2 ** 31);
    }
    // A double does not hold every long.
    const largest = !this.#options.misfits && name.startsWith('n') ? Math.min(bits, 53) : bits;
    const chance = random();
    if (chance < 0.3) return BigInt(below(random, 200) - 100);
    if (chance < 0.6) return BigInt.asIntN(largest, pick(random, EDGES));
    return BigInt.asIntN(
      largest,
      (BigInt(below(random, 2 ** 32)) << 32n) | BigInt(below(random, 2 ** 32)),
    );
  }

  #float(): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.#random() < 0.5) bytes.writeFloatLE(this.#special());
    else bytes.writeUInt32LE(below(this.#random, 2 ** 32));
    return bytes;
  }

  #double(): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.#random() < 0.5) bytes.writeDoubleLE(this.#special());
    else {
      bytes.writeUInt32LE(below(this.#random, 2 ** 32));
      bytes.writeUInt32LE(below(this.#random, 2 ** 32), 4);
    }
    return bytes;
  }

  #special(): number {
    return pick(this.#random, [0, -0, NaN, Infinity, -Infinity, 3.14, 5e-324, 2 ** 53, -1.5]);
  }

  #text(): string {
    const random = this.#random;
    const chance = random();
    if (chance < 0.1) return '';
    const most = this.#options.maxTextBytes ?? 400;
    let length = below(random, 30);
    if (chance < 0.4) length = pick(random, [3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17]);
    else if (chance < 0.45) length = below(random, most);
    const unit = pick(random, UNITS);
    const filling = pick(random, UNITS);
    // One unit of another kind, at any place.
    const size = Math.max(0, length - Buffer.byteLength(unit));
    const count = Math.floor(size / Buffer.byteLength(filling));
    const before = below(random, count + 1);
    return filling.repeat(before) + unit + filling.repeat(count - before);
  }

  #bytes(): Buffer {
    const length = pick(this.#random, [0, 1, 4, 5, 11, 12, 13, 14, 40]);
    return Buffer.from(Array.from({ length }, () => below(this.#random, 256)));
  }

  #fixed(size: number, logical: LogicalType | undefined): Buffer {
    if (logical?.name === 'decimal') return this.#decimal(logical, size);
    const bytes = Buffer.from(Array.from({ length: size }, () => below(this.#random, 256)));
    if (logical?.name === 'duration' && !(this.#options.misfits && this.#random() < 0.2)) {
      bytes.writeUInt8(bytes.readUInt8(3) & 0x7f, 3);
      bytes.writeUInt8(bytes.readUInt8(7) & 0x7f, 7);
    }
    return bytes;
  }

  /** @param size of a fixed; 0 when the length is free */
  #decimal(logical: LogicalType, size: number): Buffer {
    const random = this.#random;
    if (logical.name !== 'decimal') throw new Error('not a decimal');
    const limit = 10n ** BigInt(logical.precision);
    let value = pick(random, [
      0n,
      1n,
      -1n,
      limit - 1n,
      1n - limit,
      limit / 2n,
      limit / 256n,
      -128n,
    ]);
    if (this.#options.misfits && random() < 0.2) value = pick(random, [limit, -limit]);
    else if (value <= -limit) value = 0n;
    const length = size > 0 ? size : 17 + below(random, 4);
    const hex = BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0');
    const bytes = Buffer.from(hex, 'hex');
    if (size > 0) return bytes;
    if (value === 0n && random() < 0.5) return Buffer.alloc(0);
    // As short as it can be.
    const sign = value < 0n ? 0xff : 0;
    let start = 0;
    while (
      start < length - 1 &&
      bytes[start] === sign &&
      ((bytes[start + 1] as number) & 0x80) === (sign & 0x80)
    ) {
      start++;
    }
    return random() < 0.8 ? bytes.subarray(start) : bytes;
  }

  #uuid(): Buffer {
    const random = this.#random;
    if (this.#options.misfits && random() < 0.2) {
      return Buffer.from(pick(random, ['', 'no', 'é'.repeat(18), '0'.repeat(33), 'g'.repeat(32)]));
    }
    let text = Array.from({ length: 32 }, () => below(random, 16).toString(16)).join('');
    if (random() < 0.7) text = text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    return Buffer.from(random() < 0.2 ? text.toUpperCase() : text);
  }

  #json(): string {
    const random = this.#random;
    if (this.#options.misfits && random() < 0.1) {
      return pick(random, [
        '',
        '{',
        '{"a":1,}',
        '"\\ud800"',
        '1e999',
        '"\n"',
        'nul',
        '[1 2]',
        '"\0"',
      ]);
    }
    return pick(random, [
      'null',
      '{"a": [1, -2.5e3, true, null], "größe": "\\u00e9\\n\\ud83d\\ude00"}',
      '{}',
      '[]',
      '"😀 and text"',
      ` { "a" : { "b" : [ ${below(random, 1000)} ] } } `,
      `${'['.repeat(40)}${']'.repeat(40)}`,
      JSON.stringify({ text: this.#text(), number: random() }),
      JSON.stringify([below(random, 10), 'x'.repeat(below(random, 300))]),
    ]);
  }

  #span(bytes: Buffer): Part {
    return join(this.#varint(BigInt(bytes.length), 10), bytes);
  }

  /** Zigzag; one in thirty is longer than it need be. */
  #varint(value: bigint, mostBytes: number): Buffer {
    const bits = mostBytes === 5 ? 32 : 64;
    let rest = BigInt.asUintN(bits, (value << 1n) ^ (value >> 63n));
    const bytes: number[] = [];
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    if (this.#random() < 0.03) {
      const length = bytes.length + below(this.#random, mostBytes - bytes.length + 1);
      while (bytes.length < length) {
        bytes.push((bytes.pop() as number) | 0x80, 0);
      }
    }
    return Buffer.from(bytes);
  }
}

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}
