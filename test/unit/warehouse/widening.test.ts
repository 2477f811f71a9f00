/** Columns that become wider while they hold rows, and numbers that meet a column of another kind. */

import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBType,
  FLOAT,
  INTEGER,
  LIST,
  MAP,
  STRUCT,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
} from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import {
  formatColumnType,
  formatWideningCast,
  JSON_TYPE,
  widenColumnType,
} from '../../../src/warehouse/column-types.ts';
import { type AvroJson, aRecord } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

const A = STRUCT({ a: INTEGER });
const AB = STRUCT({ a: INTEGER, b: VARCHAR });

describe('widenColumnType', () => {
  it.each<[DuckDBType, DuckDBType, string | undefined]>([
    [INTEGER, INTEGER, 'INTEGER'],
    [INTEGER, BIGINT, 'BIGINT'],
    [BIGINT, INTEGER, 'BIGINT'],
    [INTEGER, FLOAT, 'DOUBLE'],
    [FLOAT, INTEGER, 'DOUBLE'],
    [FLOAT, DOUBLE, 'DOUBLE'],
    [DOUBLE, FLOAT, 'DOUBLE'],
    [BIGINT, DOUBLE, 'DOUBLE'],
    [DOUBLE, BIGINT, 'DOUBLE'],
    [BIGINT, FLOAT, 'DOUBLE'],
    [INTEGER, VARCHAR, undefined],
    [VARCHAR, INTEGER, undefined],
    [VARCHAR, JSON_TYPE, undefined],
    [JSON_TYPE, VARCHAR, undefined],
    [JSON_TYPE, JSON_TYPE, 'JSON'],
    [BOOLEAN, INTEGER, undefined],
    [TIMESTAMP, TIMESTAMPTZ, undefined],
    [TIMESTAMP, BIGINT, undefined],
    [VARCHAR, LIST(VARCHAR), undefined],
    [LIST(INTEGER), LIST(BIGINT), 'BIGINT[]'],
    [LIST(FLOAT), LIST(INTEGER), 'DOUBLE[]'],
    // A long that a double cannot hold has no place of its own inside a list.
    [LIST(BIGINT), LIST(DOUBLE), undefined],
    [LIST(DOUBLE), LIST(BIGINT), undefined],
    [LIST(LIST(INTEGER)), LIST(LIST(BIGINT)), 'BIGINT[][]'],
    [MAP(VARCHAR, INTEGER), MAP(VARCHAR, BIGINT), 'MAP(VARCHAR, BIGINT)'],
    [MAP(VARCHAR, BIGINT), MAP(VARCHAR, FLOAT), undefined],
    [MAP(VARCHAR, A), MAP(VARCHAR, AB), 'MAP(VARCHAR, STRUCT("a" INTEGER, "b" VARCHAR))'],
    [A, AB, 'STRUCT("a" INTEGER, "b" VARCHAR)'],
    [AB, A, 'STRUCT("a" INTEGER, "b" VARCHAR)'],
    [AB, STRUCT({ b: VARCHAR, a: INTEGER }), 'STRUCT("a" INTEGER, "b" VARCHAR)'],
    [A, STRUCT({ a: BIGINT }), 'STRUCT("a" BIGINT)'],
    [STRUCT({ a: BIGINT }), STRUCT({ a: DOUBLE }), undefined],
    [A, STRUCT({ a: VARCHAR }), undefined],
    [A, STRUCT({ A: INTEGER }), undefined],
    [LIST(A), LIST(AB), 'STRUCT("a" INTEGER, "b" VARCHAR)[]'],
    [A, VARCHAR, undefined],
  ])('makes of %s and %s: %s', (current, incoming, expected) => {
    const widened = widenColumnType(current, incoming);
    expect(widened && formatColumnType(widened)).toBe(expected);
  });
});

interface Widening {
  readonly from: AvroJson;
  readonly to: AvroJson;
  readonly column: string;
  /** Loaded under `from`; then under `to`. */
  readonly before: readonly unknown[];
  readonly after: readonly unknown[];
  /** Texts in the order of both, null for what has no place. */
  readonly found: readonly (string | null)[];
  readonly rescued?: readonly (string | null)[];
}

const record = (name: string, fields: Parameters<typeof aRecord>[0]) =>
  JSON.parse(aRecord(fields, { name })) as AvroJson;

const BIG = 9007199254740993n;

const WIDENINGS: Readonly<Record<string, Widening>> = {
  'int to long': {
    from: 'int',
    to: 'long',
    column: 'BIGINT',
    before: [1, -2147483648],
    after: [BIG],
    found: ['1', '-2147483648', '9007199254740993'],
  },
  'int to float, since a float has 24 bits': {
    from: 'int',
    to: 'float',
    column: 'DOUBLE',
    before: [16777217],
    after: [0.5],
    found: ['16777217.0', '0.5'],
  },
  'float to double': {
    from: 'float',
    to: 'double',
    column: 'DOUBLE',
    before: [3.140000104904175],
    after: [0.1],
    found: ['3.140000104904175', '0.1'],
  },
  'long to double, keeping the digits of those beyond 2^53': {
    from: ['null', 'long'],
    to: 'double',
    column: 'DOUBLE',
    before: [BIG, 2n ** 53n, null, 2n ** 63n - 1n, -(2n ** 63n)],
    after: [0.5],
    found: [null, '9007199254740992.0', null, null, '-9.223372036854776e+18', '0.5'],
    rescued: ['9007199254740993', null, null, '9223372036854775807', null, null],
  },
  'double that meets longs': {
    from: 'double',
    to: 'long',
    column: 'DOUBLE',
    before: [0.5],
    after: [5n, BIG],
    found: ['0.5', '5.0', null],
    rescued: [null, null, '9007199254740993'],
  },
  'list of int to list of long': {
    from: { type: 'array', items: ['null', 'int'] },
    to: { type: 'array', items: 'long' },
    column: 'BIGINT[]',
    before: [[1, null], []],
    after: [[BIG]],
    found: ['[1, NULL]', '[]', '[9007199254740993]'],
  },
  'list of lists': {
    from: { type: 'array', items: { type: 'array', items: 'int' } },
    to: { type: 'array', items: { type: 'array', items: 'double' } },
    column: 'DOUBLE[][]',
    before: [[[1], []]],
    after: [[[0.5]]],
    found: ['[[1.0], []]', '[[0.5]]'],
  },
  'list of longs that meets doubles, value by value': {
    from: { type: 'array', items: 'long' },
    to: { type: 'array', items: 'double' },
    column: 'BIGINT[]',
    before: [[BIG]],
    after: [[2], [0.5]],
    found: ['[9007199254740993]', '[2]', null],
    rescued: [null, null, '[0.5]'],
  },
  'map values': {
    from: { type: 'map', values: 'int' },
    to: { type: 'map', values: 'long' },
    column: 'MAP(VARCHAR, BIGINT)',
    before: [{ a: 1 }],
    after: [{ b: BIG }],
    found: ['{a=1}', '{b=9007199254740993}'],
  },
  'record with a new field': {
    from: ['null', record('R', { a: 'int' })],
    to: ['null', record('R', { b: 'string', a: 'long' })],
    column: 'STRUCT(a BIGINT, b VARCHAR)',
    before: [{ a: 1 }, null],
    after: [{ b: 'x', a: BIG }],
    found: ["{'a': 1, 'b': NULL}", null, "{'a': 9007199254740993, 'b': x}"],
  },
  'record that loses a field': {
    from: record('R', { a: 'int', b: 'string' }),
    to: record('R', { a: 'int' }),
    column: 'STRUCT(a INTEGER, b VARCHAR)',
    before: [{ a: 1, b: 'x' }],
    after: [{ a: 2 }],
    found: ["{'a': 1, 'b': x}", "{'a': 2, 'b': NULL}"],
  },
  'record in a record in a list, with hostile names': {
    from: {
      type: 'array',
      items: record('R', { 'in"ner': record('S', [['__proto__', 'int']]) }),
    },
    to: {
      type: 'array',
      items: record('R', {
        'in"ner': record('S', [
          ['__proto__', 'int'],
          ["it's", 'string'],
        ]),
      }),
    },
    column: `STRUCT("in""ner" STRUCT(__proto__ INTEGER, "it's" VARCHAR))[]`,
    before: [[[[1]]]],
    after: [[[[2, 'x']]]],
    found: [
      `[{'in"ner': {'__proto__': 1, 'it\\'s': NULL}}]`,
      `[{'in"ner': {'__proto__': 2, 'it\\'s': x}}]`,
    ],
  },
  'map of records with a new field': {
    from: { type: 'map', values: record('R', { a: 'int' }) },
    to: { type: 'map', values: record('R', { a: 'int', b: 'string' }) },
    column: 'MAP(VARCHAR, STRUCT(a INTEGER, b VARCHAR))',
    before: [{ k: { a: 1 } }, {}],
    after: [{ k: { a: 2, b: 'x' } }],
    found: ["{k={'a': 1, 'b': NULL}}", '{}', "{k={'a': 2, 'b': x}}"],
  },
  'map of lists of records with a new field': {
    from: { type: 'map', values: { type: 'array', items: record('R', { a: 'int' }) } },
    to: { type: 'map', values: { type: 'array', items: record('R', { a: 'int', b: 'string' }) } },
    column: 'MAP(VARCHAR, STRUCT(a INTEGER, b VARCHAR)[])',
    before: [{ k: [{ a: 1 }] }],
    after: [{ k: [] }],
    found: ["{k=[{'a': 1, 'b': NULL}]}", '{k=[]}'],
  },
  'text that becomes a number': {
    from: 'string',
    to: 'int',
    column: 'VARCHAR',
    before: ['one'],
    after: [2],
    found: ['one', null],
    rescued: [null, '2'],
  },
  'record that becomes recursive': {
    from: record('R', { a: 'int' }),
    to: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'next', type: ['null', 'R'] },
      ],
    },
    column: 'STRUCT(a INTEGER)',
    before: [{ a: 1 }],
    after: [{ a: 2, next: { a: 3, next: null } }],
    found: ["{'a': 1}", null],
    rescued: [null, '{"a":2,"next":{"a":3,"next":null}}'],
  },
};

describe('a column with rows', () => {
  it.each(Object.entries(WIDENINGS))('goes from %s', async (_name, widening) => {
    const { from, to, before, after, column, found, rescued } = widening;
    const warehouse = await TestWarehouse.forTest();
    const rows = (values: readonly unknown[], first: number) =>
      values.map((value, at) => [first + at, value]);
    const schemaOf = (type: AvroJson) => aRecord({ number: 'int', v: type });
    await warehouse.load([{ schema: schemaOf(from), records: rows(before, 0) }]);
    await warehouse.load([{ schema: schemaOf(to), records: rows(after, before.length) }]);
    expect((await warehouse.columns())[1]).toBe(`v ${column}`);
    const sql = 'select v::varchar from events.test_event order by number';
    expect(await warehouse.column(sql)).toEqual(found);
    const kept = (await warehouse.columns()).includes('_rescued JSON')
      ? await warehouse.column('select _rescued->$$v$$ from events.test_event order by number')
      : undefined;
    expect(kept).toEqual(rescued);
  });

  it('keeps what was rescued before when longs become doubles', async () => {
    const warehouse = await TestWarehouse.forTest();
    const first = aRecord({ v: 'long', properties: 'string' });
    await warehouse.load([
      {
        schema: first,
        records: [
          [BIG, 'no json'],
          [1n, '{}'],
        ],
      },
    ]);
    const second = aRecord({ v: 'double', properties: 'string' });
    await warehouse.load([{ schema: second, records: [[0.5, '{}']] }]);
    expect(
      await warehouse.column('select _rescued::varchar from events.test_event order by v'),
    ).toEqual([null, null, '{"properties":"no json","v":9007199254740993}']);
  });

  it.each<[DuckDBType, DuckDBType, string, string]>([
    [INTEGER, BIGINT, '1', '1'],
    [A, AB, "{'a': 1}", "{'a': 1, 'b': NULL}"],
    [LIST(A), LIST(AB), "[{'a': 1}, null]", "[{'a': 1, 'b': NULL}, NULL]"],
    [MAP(VARCHAR, A), MAP(VARCHAR, AB), "map {'k': {'a': 1}}", "{k={'a': 1, 'b': NULL}}"],
    [A, AB, 'null', 'NULL'],
    [LIST(A), LIST(AB), 'null', 'NULL'],
    [MAP(VARCHAR, A), MAP(VARCHAR, AB), 'null', 'NULL'],
  ])('is cast from %s to %s without losing a value', async (from, to, value, expected) => {
    const warehouse = await TestWarehouse.forTest();
    const given = `(${value})::${formatColumnType(from)}`;
    const cast = formatWideningCast('v', from, to);
    const [found] = await warehouse.rows<{ text: string; type: string }>(
      `select coalesce(w::varchar, 'NULL') as text, typeof(w) as type from (select ${cast} as w from (select ${given} as v))`,
    );
    expect(found?.text).toBe(expected);
    expect(found?.type.replaceAll('"', '')).toBe(formatColumnType(to).replaceAll('"', ''));
  });
});
