import { describe, expect, it } from 'vitest';
import {
  type AvroType,
  formatTypeName,
  isRecursive,
  parseAvroSchema,
} from '../../../src/avro/avro-schema.ts';
import { getMinimumBytes } from '../../../src/avro/avro-type.ts';
import { recordOf } from '../../support/avro-bytes.ts';
import { catchError } from '../../support/avro-read.ts';

function parse(schema: unknown) {
  return parseAvroSchema(JSON.stringify(schema));
}

/** The type of the only field. */
function parseField(type: unknown): AvroType {
  return parse(recordOf({ v: type })).type.fields[0]?.type as AvroType;
}

function parseError(schema: unknown) {
  return catchError(async () => parse(schema));
}

describe('parseAvroSchema', () => {
  it('keeps names, documentation, marks and the text itself', () => {
    const schema = {
      type: 'record',
      name: 'Open',
      namespace: 'a.b',
      doc: 'An open.',
      fields: [{ name: 'email', type: 'string', doc: 'Address.', pii: true, default: 'x' }],
    };
    const parsed = parse(schema);
    expect(parsed.type).toEqual({
      kind: 'record',
      name: 'a.b.Open',
      doc: 'An open.',
      fields: [{ name: 'email', type: { kind: 'string' }, doc: 'Address.', pii: true }],
    });
    expect(parsed.json).toBe(JSON.stringify(schema));
  });

  it('resolves a name to the type that it means, one object for all uses', () => {
    const inner = { type: 'record', name: 'In', fields: [{ name: 'x', type: 'int' }] };
    const parsed = parse({
      type: 'record',
      name: 'Out',
      namespace: 'n',
      fields: [
        { name: 'a', type: inner },
        { name: 'b', type: 'In' },
        { name: 'c', type: 'n.In' },
        { name: 'd', type: { type: 'array', items: { type: 'In' } } },
      ],
    });
    const [a, b, c, d] = parsed.type.fields.map((field) => field.type);
    expect(a).toMatchObject({ name: 'n.In' });
    expect(b).toBe(a);
    expect(c).toBe(a);
    expect((d as { items: AvroType }).items).toBe(a);
  });

  it('gives a type inside the namespace of the full name around it', () => {
    const fixed = { type: 'fixed', name: 'F', size: 1 };
    const inner = { type: 'record', name: 'x.y.In', fields: [{ name: 'f', type: fixed }] };
    expect(parseField(inner)).toMatchObject({ fields: [{ type: { name: 'x.y.F' } }] });
  });

  it('takes attributes around a type for that type', () => {
    expect(parseField({ type: 'string', 'connect.doc': 'x' })).toEqual({ kind: 'string' });
    expect(parseField({ type: { type: 'long' } })).toEqual({ kind: 'long' });
    expect(parseField({ type: ['null', 'int'] })).toMatchObject({ kind: 'union' });
  });

  it.each([
    ['text that is not JSON', '{', 'it is not JSON'],
    ['a root that is no record', '"string"', 'its root is of type string'],
    ['null', 'null', 'found null'],
    ['an unknown type', JSON.stringify(recordOf({ v: 'nope' })), 'at R.v: there is no type "nope"'],
    ['a field without a type', JSON.stringify(recordOf({ v: undefined })), 'found nothing'],
    ['a number for a type', JSON.stringify(recordOf({ v: 7 })), 'at R.v: found a number'],
    ['a record without a name', '{"type":"record","fields":[]}', 'a record has no name'],
    ['a record without fields', '{"type":"record","name":"R"}', 'record R has no "fields"'],
    ['a field without a name', '{"type":"record","name":"R","fields":[{}]}', 'without a name'],
    [
      'two fields of one name',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}',
      'two fields "a"',
    ],
    ['an empty union', JSON.stringify(recordOf({ v: [] })), 'a union is empty'],
    ['a union in a union', JSON.stringify(recordOf({ v: ['int', ['null']] })), 'holds a union'],
    ['a union of one kind twice', JSON.stringify(recordOf({ v: ['int', 'int'] })), 'int twice'],
    [
      'a type defined twice',
      JSON.stringify(recordOf({ v: { type: 'fixed', name: 'R', size: 1 } })),
      'type "R" is defined twice',
    ],
    [
      'an enum without symbols',
      JSON.stringify(recordOf({ v: { type: 'enum', name: 'E' } })),
      'enum E has no "symbols"',
    ],
    [
      'a symbol twice',
      JSON.stringify(recordOf({ v: { type: 'enum', name: 'E', symbols: ['A', 'A'] } })),
      'a symbol twice',
    ],
    [
      'a fixed of negative size',
      JSON.stringify(recordOf({ v: { type: 'fixed', name: 'F', size: -1 } })),
      'no usable "size"',
    ],
    ['an array without items', JSON.stringify(recordOf({ v: { type: 'array' } })), 'found nothing'],
  ])('refuses %s', async (_, json, message) => {
    const error = await catchError(async () => parseAvroSchema(json));
    expect(error.code).toBe('SCHEMA_INVALID');
    expect(error.message).toContain(message);
  });

  it('refuses types that are nested too deeply to be walked', async () => {
    const array = (levels: number): unknown =>
      levels === 0 ? 'int' : { type: 'array', items: array(levels - 1) };
    expect(parse(recordOf({ v: array(127) })).type.fields).toHaveLength(1);
    expect((await parseError(recordOf({ v: array(128) }))).message).toContain('too deeply');
    const json = `{"type":"record","name":"R","fields":[{"name":"v","type":${'['.repeat(1e5)}${']'.repeat(1e5)}}]}`;
    const error = await catchError(async () => parseAvroSchema(json));
    expect(error.code).toBe('SCHEMA_INVALID');
  });

  it('refuses a small schema whose records are huge', async () => {
    // Each record holds the one before it twice: 2^40 values in one.
    const twice = (n: number): unknown =>
      n === 0
        ? { type: 'fixed', name: 'T0', size: 0 }
        : {
            type: 'record',
            name: `T${n}`,
            fields: [
              { name: 'a', type: twice(n - 1) },
              { name: 'b', type: `T${n - 1}` },
            ],
          };
    expect(parse(recordOf({ v: twice(10) })).type.name).toBe('R');
    expect((await parseError(recordOf({ v: twice(40) }))).message).toContain('too many values');
  });

  it('refuses more fields than can be decoded', async () => {
    const fields = Array.from({ length: 10_001 }, (_, i) => [`f${i}`, 'int']);
    const error = await parseError(recordOf(Object.fromEntries(fields)));
    expect(error.message).toContain('record R has 10001 fields (expected at most 10000)');
  });
});

describe('logical types', () => {
  const fixed = (size: number) => ({ type: 'fixed', name: 'F', size });
  it.each([
    [{ type: 'int', logicalType: 'date' }, { name: 'date' }],
    [{ type: 'int', logicalType: 'time-millis' }, { name: 'time-millis' }],
    [{ type: 'long', logicalType: 'time-micros' }, { name: 'time-micros' }],
    [{ type: 'long', logicalType: 'timestamp-millis' }, { name: 'timestamp-millis' }],
    [{ type: 'long', logicalType: 'timestamp-micros' }, { name: 'timestamp-micros' }],
    [{ type: 'long', logicalType: 'timestamp-nanos' }, { name: 'timestamp-nanos' }],
    [{ type: 'long', logicalType: 'local-timestamp-millis' }, { name: 'local-timestamp-millis' }],
    [{ type: 'long', logicalType: 'local-timestamp-micros' }, { name: 'local-timestamp-micros' }],
    [{ type: 'long', logicalType: 'local-timestamp-nanos' }, { name: 'local-timestamp-nanos' }],
    [{ type: 'string', logicalType: 'uuid' }, { name: 'uuid' }],
    [{ ...fixed(16), logicalType: 'uuid' }, { name: 'uuid' }],
    [{ ...fixed(12), logicalType: 'duration' }, { name: 'duration' }],
    [
      { type: 'bytes', logicalType: 'decimal', precision: 38, scale: 10 },
      { name: 'decimal', precision: 38, scale: 10 },
    ],
    [
      { type: 'bytes', logicalType: 'decimal', precision: 4 },
      { name: 'decimal', precision: 4, scale: 0 },
    ],
    [
      { ...fixed(4), logicalType: 'decimal', precision: 9 },
      { name: 'decimal', precision: 9, scale: 0 },
    ],
  ])('%j is kept', (schema, logical) => {
    expect(parseField(schema)).toMatchObject({ logical });
  });

  it.each([
    { type: 'long', logicalType: 'date' },
    { type: 'int', logicalType: 'timestamp-millis' },
    { type: 'string', logicalType: 'decimal', precision: 4 },
    { type: 'bytes', logicalType: 'decimal' },
    { type: 'bytes', logicalType: 'decimal', precision: 0 },
    { type: 'bytes', logicalType: 'decimal', precision: 2, scale: 3 },
    { type: 'bytes', logicalType: 'decimal', precision: 2, scale: -1 },
    { type: 'bytes', logicalType: 'decimal', precision: 2.5 },
    { ...fixed(4), logicalType: 'decimal', precision: 10 },
    { ...fixed(15), logicalType: 'uuid' },
    { ...fixed(16), logicalType: 'duration' },
    { type: 'string', logicalType: 'constructor' },
    { type: 'string', logicalType: 7 },
  ])('%j is read as the type below', (schema) => {
    expect(parseField(schema)).not.toHaveProperty('logical');
  });
});

describe('fingerprint', () => {
  const base = recordOf({ a: 'int', b: ['null', 'string'] }) as { fields: object[] };

  it('is 64 hexadecimal digits', () => {
    expect(parse(base).fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not see documentation, defaults, aliases, marks or how a type is written', () => {
    const same = {
      ...base,
      doc: 'x',
      aliases: ['S'],
      fields: [
        { name: 'a', type: { type: 'int', extra: 1 }, default: 3, doc: 'y' },
        { name: 'b', pii: true, type: ['null', { type: 'string' }], order: 'ignore' },
      ],
    };
    expect(parse(same).fingerprint).toBe(parse(base).fingerprint);
  });

  it.each([
    ['another type', recordOf({ a: 'long', b: ['null', 'string'] })],
    ['another order of fields', recordOf({ b: ['null', 'string'], a: 'int' })],
    ['another order of branches', recordOf({ a: 'int', b: ['string', 'null'] })],
    ['another name', { ...base, name: 'S' }],
    ['a namespace', { ...base, namespace: 'n' }],
    [
      'a logical type',
      recordOf({ a: { type: 'int', logicalType: 'date' }, b: ['null', 'string'] }),
    ],
  ])('sees %s', (_, schema) => {
    expect(parse(schema).fingerprint).not.toBe(parse(base).fingerprint);
  });

  it('sees the scale of a decimal and the order of symbols', () => {
    const decimal = (scale: number) => ({
      type: 'bytes',
      logicalType: 'decimal',
      precision: 9,
      scale,
    });
    const symbols = (...names: string[]) => ({ type: 'enum', name: 'E', symbols: names });
    const print = (type: unknown) => parse(recordOf({ v: type })).fingerprint;
    expect(print(decimal(1))).not.toBe(print(decimal(2)));
    expect(print(symbols('A', 'B'))).not.toBe(print(symbols('B', 'A')));
  });
});

describe('what a type is', () => {
  const node = { type: 'record', name: 'N', fields: [{ name: 'next', type: ['null', 'N'] }] };

  it.each([
    ['int', 'int'],
    [['null', 'string'], 'null | string'],
    [{ type: 'array', items: 'long' }, 'array<long>'],
    [{ type: 'map', values: { type: 'array', items: 'int' } }, 'map<array<int>>'],
    [{ type: 'record', name: 'a.B', fields: [] }, 'record a.B'],
    [{ type: 'enum', name: 'E', symbols: [] }, 'enum E'],
    [{ type: 'fixed', name: 'F', size: 4 }, 'fixed F[4]'],
    [{ type: 'long', logicalType: 'timestamp-micros' }, 'long (timestamp-micros)'],
    [{ type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }, 'bytes (decimal 9,2)'],
  ])('%j is written for people', (schema, name) => {
    expect(formatTypeName(parseField(schema))).toBe(name);
  });

  it.each([
    ['int', false],
    [{ type: 'array', items: ['null', 'string'] }, false],
    [node, true],
    [{ type: 'map', values: node }, true],
    [['null', 'R'], true],
  ])('%j is recursive: %s', (schema, expected) => {
    expect(isRecursive(parseField(schema))).toBe(expected);
  });

  it('is not recursive because it is used twice', () => {
    const inner = { type: 'record', name: 'In', fields: [] };
    expect(isRecursive(parse(recordOf({ a: inner, b: 'In' })).type)).toBe(false);
  });

  it.each([
    ['null', 0],
    ['string', 1],
    ['float', 4],
    ['double', 8],
    [{ type: 'fixed', name: 'F', size: 5 }, 5],
    [['null', 'double'], 1],
    [['double', 'float'], 5],
    [{ type: 'array', items: 'double' }, 1],
    [recordOfTwo(), 9],
    [node, 1],
  ])('%j takes at least %i bytes', (schema, bytes) => {
    expect(getMinimumBytes(parseField(schema))).toBe(bytes);
  });

  function recordOfTwo(): unknown {
    return {
      type: 'record',
      name: 'Two',
      fields: [
        { name: 'a', type: 'double' },
        { name: 'b', type: 'int' },
      ],
    };
  }
});
