/**
 * Every Avro type: which column it gets and what SQL reads back. One table of types drives it all, from
 * the container's bytes through the loader into a real DuckDB.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AvroJson, aRecord } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

interface TypeCase {
  readonly type: AvroJson;
  readonly column: string;
  /** Value written → text of what SQL reads. */
  readonly values: readonly (readonly [unknown, string | null])[];
  /** What has no place in the column → how `_rescued` has it. */
  readonly rescued?: readonly (readonly [unknown, string])[];
  /** Instead of `value`. */
  readonly field?: string;
  /** SQL over `v` instead of its text. */
  readonly read?: string;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

function fixed(name: string, size: number, more: Readonly<Record<string, unknown>> = {}) {
  return { type: 'fixed', name, size, ...more };
}

function logical(type: string, logicalType: string, more: Readonly<Record<string, unknown>> = {}) {
  return { type, logicalType, ...more };
}

/** Big-endian two's complement with as few bytes as it takes. */
function unscaled(value: bigint): Buffer {
  let size = 1;
  while (BigInt.asIntN(size * 8, value) !== value) size += 1;
  return Buffer.from(
    BigInt.asUintN(size * 8, value)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  );
}

/** Months, days and milliseconds, little-endian. */
function duration(months: number, days: number, millis: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(months, 0);
  bytes.writeUInt32LE(days, 4);
  bytes.writeUInt32LE(millis, 8);
  return bytes;
}

const TREE = {
  type: 'record',
  name: 'Tree',
  fields: [
    { name: 'label', type: 'string' },
    { name: 'branches', type: { type: 'array', items: 'Tree' } },
  ],
};

const CASES: Readonly<Record<string, TypeCase>> = {
  boolean: {
    type: 'boolean',
    column: 'BOOLEAN',
    values: [
      [true, 'true'],
      [false, 'false'],
    ],
  },
  int: {
    type: 'int',
    column: 'INTEGER',
    values: [
      [2147483647, '2147483647'],
      [-2147483648, '-2147483648'],
      [0, '0'],
    ],
  },
  'long, exact beyond 2^53': {
    type: 'long',
    column: 'BIGINT',
    values: [
      [9007199254740993n, '9007199254740993'],
      [-9007199254740993n, '-9007199254740993'],
      [INT64_MAX, '9223372036854775807'],
      [INT64_MIN, '-9223372036854775808'],
    ],
  },
  'float, as 32 bits have it': {
    type: 'float',
    column: 'FLOAT',
    read: 'v::double::varchar',
    values: [
      [3.14, '3.140000104904175'],
      [Number.NaN, 'nan'],
      [Number.POSITIVE_INFINITY, 'inf'],
      [Number.NEGATIVE_INFINITY, '-inf'],
      [-0, '-0.0'],
    ],
  },
  double: {
    type: 'double',
    column: 'DOUBLE',
    values: [
      [0.1, '0.1'],
      [Number.MAX_VALUE, '1.7976931348623157e+308'],
      [5e-324, '5e-324'],
      [Number.NaN, 'nan'],
      [Number.POSITIVE_INFINITY, 'inf'],
      [Number.NEGATIVE_INFINITY, '-inf'],
      [-0, '-0.0'],
    ],
  },
  string: {
    type: 'string',
    column: 'VARCHAR',
    values: [
      ['', ''],
      ['Käse 🧀', 'Käse 🧀'],
      ["'; drop table events.test_event; --", "'; drop table events.test_event; --"],
      ['line\nbreak\ttab', 'line\nbreak\ttab'],
      ['a\0b', 'a\0b'],
      [
        'more than the twelve bytes that DuckDB keeps in place',
        'more than the twelve bytes that DuckDB keeps in place',
      ],
    ],
  },
  bytes: {
    type: 'bytes',
    column: 'BLOB',
    read: 'hex(v)',
    values: [
      [Buffer.from('00ff10', 'hex'), '00FF10'],
      [Buffer.alloc(0), ''],
    ],
  },
  fixed: {
    type: fixed('F', 3),
    column: 'BLOB',
    read: 'hex(v)',
    values: [[Buffer.from('0a0b0c', 'hex'), '0A0B0C']],
  },
  'fixed of no bytes': {
    type: fixed('F', 0),
    column: 'BLOB',
    read: 'hex(v)',
    values: [[Buffer.alloc(0), '']],
  },
  enum: {
    type: { type: 'enum', name: 'E', symbols: ['OPEN', 'CLOSED'] },
    column: 'VARCHAR',
    values: [['CLOSED', 'CLOSED']],
  },
  'nullable string': {
    type: ['null', 'string'],
    column: 'VARCHAR',
    values: [
      ['a', 'a'],
      [null, null],
    ],
  },
  'nullable int, null last': {
    type: ['int', 'null'],
    column: 'INTEGER',
    values: [
      [1, '1'],
      [null, null],
    ],
  },
  'union of one': { type: ['long'], column: 'BIGINT', values: [[5n, '5']] },
  array: {
    type: { type: 'array', items: 'string' },
    column: 'VARCHAR[]',
    values: [
      [['a', 'b'], '[a, b]'],
      [[], '[]'],
    ],
  },
  'nullable array of nullable longs': {
    type: ['null', { type: 'array', items: ['null', 'long'] }],
    column: 'BIGINT[]',
    values: [
      [[1n, null, INT64_MAX], '[1, NULL, 9223372036854775807]'],
      [null, null],
    ],
  },
  'array of arrays': {
    type: { type: 'array', items: { type: 'array', items: 'int' } },
    column: 'INTEGER[][]',
    values: [[[[1, 2], [], [3]], '[[1, 2], [], [3]]']],
  },
  map: {
    type: { type: 'map', values: 'int' },
    column: 'MAP(VARCHAR, INTEGER)',
    values: [
      [{ a: 1, b: 2 }, '{a=1, b=2}'],
      [{}, '{}'],
      // Avro may write a key twice: the last one counts.
      [
        [
          ['a', 1],
          ['b', 2],
          ['a', 3],
        ],
        '{a=3, b=2}',
      ],
      [[['__proto__', 4]], '{__proto__=4}'],
    ],
  },
  'map of arrays of nullable doubles': {
    type: { type: 'map', values: { type: 'array', items: ['null', 'double'] } },
    column: 'MAP(VARCHAR, DOUBLE[])',
    values: [[{ a: [1.5, null] }, '{a=[1.5, NULL]}']],
  },
  record: {
    type: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'b', type: ['null', 'string'] },
      ],
    },
    column: 'STRUCT(a INTEGER, b VARCHAR)',
    read: 'to_json(v)::varchar',
    values: [
      [{ a: 1, b: 'x' }, '{"a":1,"b":"x"}'],
      [{ a: 2, b: null }, '{"a":2,"b":null}'],
    ],
  },
  'record with hostile field names': {
    type: {
      type: 'record',
      name: 'R',
      fields: ['"; drop', '__proto__', 'constructor', '2', '1', 'select'].map((name) => ({
        name,
        type: 'int',
      })),
    },
    column:
      'STRUCT("1" INTEGER, "2" INTEGER, """; drop" INTEGER, __proto__ INTEGER, constructor INTEGER, "select" INTEGER)',
    read: 'to_json(v)::varchar',
    values: [
      [[1, 2, 3, 4, 5, 6], '{"1":5,"2":4,"\\"; drop":1,"__proto__":2,"constructor":3,"select":6}'],
    ],
  },
  'array of records with maps': {
    type: {
      type: 'array',
      items: {
        type: 'record',
        name: 'R',
        fields: [{ name: 'm', type: { type: 'map', values: 'long' } }],
      },
    },
    column: 'STRUCT(m MAP(VARCHAR, BIGINT))[]',
    read: 'to_json(v)::varchar',
    values: [[[{ m: { a: 1n } }, { m: {} }], '[{"m":{"a":1}},{"m":{}}]']],
  },
  'record without fields, as JSON': {
    type: { type: 'record', name: 'R', fields: [] },
    column: 'JSON',
    values: [[{}, '{}']],
  },
  'record with fields that differ in case only, as JSON': {
    type: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'id', type: 'int' },
        { name: 'ID', type: 'int' },
      ],
    },
    column: 'JSON',
    values: [[[1, 2], '{"id":1,"ID":2}']],
  },
  'record with a NUL in a field name, as JSON': {
    type: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a\0b', type: 'int' },
        { name: 'a\0c', type: 'int' },
      ],
    },
    column: 'JSON',
    values: [[[1, 2], '{"a\\u0000b":1,"a\\u0000c":2}']],
  },
  'recursive record, as JSON': {
    type: TREE,
    column: 'JSON',
    values: [
      [
        { label: 'a', branches: [{ label: 'b"', branches: [] }] },
        '{"label":"a","branches":[{"label":"b\\"","branches":[]}]}',
      ],
    ],
  },
  'union of several types, as JSON': {
    type: [
      'null',
      'string',
      'long',
      'double',
      'bytes',
      { type: 'array', items: ['null', 'boolean'] },
      { type: 'map', values: 'float' },
    ],
    column: 'JSON',
    values: [
      [{ branch: 1, value: 'a"b' }, '"a\\"b"'],
      [{ branch: 2, value: INT64_MAX }, '9223372036854775807'],
      [{ branch: 3, value: Number.NaN }, '"NaN"'],
      [{ branch: 3, value: Number.NEGATIVE_INFINITY }, '"-Infinity"'],
      [{ branch: 3, value: 0.1 }, '0.1'],
      [{ branch: 4, value: Buffer.from('ÿ', 'latin1') }, '"/w=="'],
      [{ branch: 5, value: [true, null] }, '[true,null]'],
      [{ branch: 6, value: { a: 0.5 } }, '{"a":0.5}'],
      [{ branch: 0, value: null }, null],
    ],
  },
  'array of unions': {
    type: { type: 'array', items: ['null', 'string', 'boolean', 'long', 'double'] },
    column: 'JSON[]',
    read: 'to_json(v)::varchar',
    values: [
      [
        [
          { branch: 1, value: 'a' },
          { branch: 0, value: null },
          { branch: 3, value: 7n },
        ],
        '["a",null,7]',
      ],
    ],
  },
  'array of nulls': {
    type: { type: 'array', items: 'null' },
    column: 'JSON[]',
    values: [[[null, null], '[NULL, NULL]']],
  },
  'time in seconds': {
    type: 'int',
    field: 'time',
    column: 'TIMESTAMP',
    values: [
      [1788220800, '2026-09-01 00:00:00'],
      [-1, '1969-12-31 23:59:59'],
      [0, '1970-01-01 00:00:00'],
    ],
  },
  'time as a nullable long': {
    type: ['null', 'long'],
    field: 'time',
    column: 'TIMESTAMP',
    values: [
      [1788220800n, '2026-09-01 00:00:00'],
      [null, null],
      [9223372036854n, '294247-01-10 04:00:54'],
      [-9223372022400n, '290309-12-22 (BC) 00:00:00'],
    ],
    rescued: [
      [9223372036855n, '9223372036855'],
      [-9223372022401n, '-9223372022401'],
      [INT64_MAX, '9223372036854775807'],
      [INT64_MIN, '-9223372036854775808'],
    ],
  },
  'time that is text, as text': {
    type: 'string',
    field: 'time',
    column: 'VARCHAR',
    values: [['noon', 'noon']],
  },
  date: {
    type: logical('int', 'date'),
    column: 'DATE',
    values: [
      [0, '1970-01-01'],
      [20697, '2026-09-01'],
      [-719528, '0001-01-01 (BC)'],
      [2147483646, '5881580-07-10'],
      [-2147483646, '5877642-06-25 (BC)'],
    ],
    rescued: [
      // DuckDB's infinity, its negative, and one that it has no date for.
      [2147483647, '2147483647'],
      [-2147483647, '-2147483647'],
      [-2147483648, '-2147483648'],
    ],
  },
  'time-millis': {
    type: logical('int', 'time-millis'),
    column: 'TIME',
    values: [
      [0, '00:00:00'],
      [86_399_999, '23:59:59.999'],
    ],
    rescued: [
      [-1, '-1'],
      [86_400_000, '86400000'],
    ],
  },
  'time-micros': {
    type: logical('long', 'time-micros'),
    column: 'TIME',
    values: [[86_399_999_999n, '23:59:59.999999']],
    rescued: [
      [86_400_000_000n, '86400000000'],
      [-1n, '-1'],
    ],
  },
  'timestamp-millis': {
    type: logical('long', 'timestamp-millis'),
    column: 'TIMESTAMP WITH TIME ZONE',
    read: "timezone('UTC', v)::varchar",
    values: [
      [1788220800123n, '2026-09-01 00:00:00.123'],
      [-1n, '1969-12-31 23:59:59.999'],
    ],
    rescued: [
      [INT64_MAX, '9223372036854775807'],
      [INT64_MIN, '-9223372036854775808'],
    ],
  },
  'timestamp-micros': {
    type: logical('long', 'timestamp-micros'),
    column: 'TIMESTAMP WITH TIME ZONE',
    read: 'epoch_us(v)::varchar',
    values: [
      [1788220800123456n, '1788220800123456'],
      [9223372036854775806n, '9223372036854775806'],
      [-9223372022400000000n, '-9223372022400000000'],
    ],
    rescued: [
      // DuckDB's infinity and its negative.
      [INT64_MAX, '9223372036854775807'],
      [-INT64_MAX, '-9223372036854775807'],
      [-9223372022400000001n, '-9223372022400000001'],
    ],
  },
  'timestamp-nanos': {
    type: logical('long', 'timestamp-nanos'),
    column: 'TIMESTAMP_NS',
    values: [
      [1788220800123456789n, '2026-09-01 00:00:00.123456789'],
      [INT64_MAX - 1n, '2262-04-11 23:47:16.854775806'],
      [-9223286400000000000n, '1677-09-22 00:00:00'],
    ],
    rescued: [
      [INT64_MAX, '9223372036854775807'],
      [INT64_MIN, '-9223372036854775808'],
    ],
  },
  'local-timestamp-millis': {
    type: logical('long', 'local-timestamp-millis'),
    column: 'TIMESTAMP',
    values: [[1788220800123n, '2026-09-01 00:00:00.123']],
    rescued: [[INT64_MAX, '9223372036854775807']],
  },
  'local-timestamp-micros': {
    type: logical('long', 'local-timestamp-micros'),
    column: 'TIMESTAMP',
    values: [[1788220800123456n, '2026-09-01 00:00:00.123456']],
    rescued: [[INT64_MIN, '-9223372036854775808']],
  },
  'local-timestamp-nanos': {
    type: logical('long', 'local-timestamp-nanos'),
    column: 'TIMESTAMP_NS',
    values: [[1n, '1970-01-01 00:00:00.000000001']],
  },
  'decimal in bytes': {
    type: logical('bytes', 'decimal', { precision: 10, scale: 2 }),
    column: 'DECIMAL(10,2)',
    values: [
      [unscaled(12345n), '123.45'],
      [unscaled(-1n), '-0.01'],
      [unscaled(9999999999n), '99999999.99'],
      [Buffer.from('000000000000000000000001', 'hex'), '0.01'],
      [Buffer.alloc(0), '0.00'],
    ],
    rescued: [[unscaled(10000000000n), '"AlQL5AA="']],
  },
  'decimal of 38 digits in fixed': {
    type: fixed('D', 17, { logicalType: 'decimal', precision: 38, scale: 38 }),
    column: 'DECIMAL(38,38)',
    values: [
      [Buffer.alloc(17, 0xff), `-.${'1'.padStart(38, '0')}`],
      [Buffer.from((10n ** 38n - 1n).toString(16).padStart(34, '0'), 'hex'), `.${'9'.repeat(38)}`],
    ],
    rescued: [
      [
        Buffer.from((10n ** 38n).toString(16).padStart(34, '0'), 'hex'),
        '"AEs7TKhahsR6CYoiQAAAAAA="',
      ],
    ],
  },
  'decimal of more than 38 digits, exact as text': {
    type: logical('bytes', 'decimal', { precision: 50, scale: 3 }),
    column: 'VARCHAR',
    values: [
      [unscaled(10n ** 50n - 1n), `${'9'.repeat(47)}.999`],
      [unscaled(-5n), '-0.005'],
    ],
    rescued: [[unscaled(10n ** 50n), `"${unscaled(10n ** 50n).toString('base64')}"`]],
  },
  'decimal of a million digits, as bytes': {
    type: logical('bytes', 'decimal', { precision: 1_000_000_000, scale: 900_000_000 }),
    column: 'BLOB',
    read: 'hex(v)',
    values: [[Buffer.from('01', 'hex'), '01']],
  },
  'uuid in text': {
    type: logical('string', 'uuid'),
    column: 'UUID',
    values: [
      ['01234567-89ab-CDEF-0123-456789abcdef', '01234567-89ab-cdef-0123-456789abcdef'],
      ['ffffffff-ffff-ffff-ffff-ffffffffffff', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
      ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000'],
    ],
    rescued: [
      ['not a uuid', '"not a uuid"'],
      ['', '""'],
    ],
  },
  'uuid in fixed': {
    type: fixed('U', 16, { logicalType: 'uuid' }),
    column: 'UUID',
    values: [
      [
        Buffer.from('800123456789abcdef0123456789abcd', 'hex'),
        '80012345-6789-abcd-ef01-23456789abcd',
      ],
    ],
  },
  duration: {
    type: fixed('D', 12, { logicalType: 'duration' }),
    column: 'INTERVAL',
    values: [
      [duration(14, 3, 1500), '1 year 2 months 3 days 00:00:01.5'],
      [duration(0, 0, 4294967295), '1193:02:47.295'],
    ],
    rescued: [
      [duration(0x80000000, 0, 0), `"${duration(0x80000000, 0, 0).toString('base64')}"`],
      [duration(0, 0xffffffff, 0), `"${duration(0, 0xffffffff, 0).toString('base64')}"`],
    ],
  },
  'logical type on the wrong type, as the type below': {
    type: logical('string', 'timestamp-millis'),
    column: 'VARCHAR',
    values: [['x', 'x']],
  },
  'array of logical types': {
    type: { type: 'array', items: logical('int', 'date') },
    column: 'DATE[]',
    values: [[[0, 1], '[1970-01-01, 1970-01-02]']],
    // One item without a place takes the whole list along.
    rescued: [[[0, 2147483647], '[0,2147483647]']],
  },
  'record of every kind of column': {
    type: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'u', type: ['null', 'int', 'string'] },
        { name: 'd', type: logical('bytes', 'decimal', { precision: 4, scale: 1 }) },
        { name: 't', type: logical('long', 'timestamp-micros') },
        { name: 'n', type: logical('long', 'timestamp-nanos') },
        { name: 'i', type: fixed('I', 12, { logicalType: 'duration' }) },
        { name: 'b', type: 'bytes' },
      ],
    },
    column:
      'STRUCT(u JSON, d DECIMAL(4,1), t TIMESTAMP WITH TIME ZONE, n TIMESTAMP_NS, i INTERVAL, b BLOB)',
    read: `concat_ws(' ', v.u, v.d, epoch_us(v.t), v.n, v.i, hex(v.b))`,
    values: [
      [
        [{ branch: 2, value: 'x' }, unscaled(15n), 1n, 1n, duration(1, 0, 0), Buffer.from([7])],
        '"x" 1.5 1 1970-01-01 00:00:00.000000001 1 month 07',
      ],
    ],
  },
};

/** Each case has a table of its own in one database; another for what does not fit. */
let warehouse: TestWarehouse;

const NAMES = Object.keys(CASES);

function aCase(name: string) {
  const { field = 'value', read = 'v::varchar', rescued = [], ...rest } = CASES[name] as TypeCase;
  const schema = aRecord({ number: 'int', [field]: rest.type });
  return { ...rest, field, read, rescued, schema, number: NAMES.indexOf(name) };
}

function number(values: readonly (readonly [unknown, unknown])[]) {
  return values.map(([value], at) => [at, value]);
}

beforeAll(async () => {
  warehouse = await TestWarehouse.open();
  const objects = NAMES.map(aCase).flatMap(({ schema, values, rescued, number: at }) => [
    { schema, eventType: `fits.${at}`, records: number(values) },
    { schema, eventType: `misfits.${at}`, records: number(rescued) },
  ]);
  await warehouse.load(objects);
});

afterAll(() => warehouse.close());

describe.each(NAMES)('%s', (name) => {
  const { column, field, read, values, number: at } = aCase(name);

  it(`is ${column} and reads back as written`, async () => {
    expect(await warehouse.columns(`fits_${at}`)).toEqual([
      'number INTEGER',
      `${field} ${column}`,
      '_object_id BIGINT',
    ]);
    const found = await warehouse.column(
      `select ${read} from (select number, "${field}" as v from events.fits_${at}) order by number`,
    );
    expect(found).toEqual(values.map(([, text]) => text));
  });
});

describe.each(NAMES.filter((name) => aCase(name).rescued.length > 0))('%s', (name) => {
  it('keeps what does not fit in _rescued', async () => {
    const { field, rescued, number: at } = aCase(name);
    const rows = await warehouse.rows(
      `select "${field}" is null as is_null, json_extract(_rescued, '$.${field}')::varchar as kept
       from events.misfits_${at} order by number`,
    );
    expect(rows).toEqual(rescued.map(([, json]) => ({ is_null: true, kept: json })));
  });
});

it.each(['evolve', 'rescue', 'freeze'] as const)(
  'no type changes its table when its schema comes again in a later run, in mode %s',
  async (mode) => {
    const objects = NAMES.map(aCase).map(({ schema, number: at }) => ({
      schema,
      eventType: `fits.${at}`,
      records: [],
    }));
    const { outcomes, changes } = await warehouse.load(objects, mode);
    expect(changes).toEqual([]);
    expect(outcomes.filter(({ status }) => status !== 'loaded')).toEqual([]);
    expect(
      await warehouse.column(
        `select table_name from duckdb_columns()
         where column_name = '_rescued' and table_name like 'fits%'`,
      ),
    ).toEqual([]);
  },
);
