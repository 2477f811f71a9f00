/**
 * One table of Avro types with values at their edges. Values are in the form that the decoder returns.
 */
export interface AvroCase {
  readonly name: string;
  /** Schema of the one field `value`. */
  readonly type: unknown;
  readonly values: readonly unknown[];
}

export const AVRO_CASES: readonly AvroCase[] = [
  { name: 'null', type: 'null', values: [null] },
  { name: 'boolean', type: 'boolean', values: [true, false] },
  { name: 'int', type: 'int', values: [0, -1, 1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)] },
  {
    name: 'long',
    type: 'long',
    values: [
      0n,
      -1n,
      64n,
      2n ** 31n,
      2n ** 48n - 1n,
      -(2n ** 48n),
      2n ** 53n - 1n,
      2n ** 53n,
      2n ** 53n + 1n,
      -(2n ** 53n) - 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ],
  },
  {
    name: 'float',
    type: 'float',
    values: [0, -0, 1.5, Math.fround(3.14), 3.4028234663852886e38, Infinity, -Infinity, NaN],
  },
  {
    name: 'double',
    type: 'double',
    values: [0, -0, 3.14, Number.MAX_VALUE, Number.MIN_VALUE, Infinity, -Infinity, NaN],
  },
  {
    name: 'bytes',
    type: 'bytes',
    values: [Buffer.alloc(0), Buffer.from([0, 255, 128]), Buffer.alloc(10_000, 1)],
  },
  {
    name: 'string',
    type: 'string',
    values: [
      '',
      'a',
      'é',
      '日本語',
      '👩‍👩‍👧',
      '\0',
      '\ufffd',
      'x'.repeat(63),
      'x'.repeat(64),
      'ü'.repeat(5_000),
    ],
  },
  { name: 'string with attributes', type: { type: 'string', 'connect.doc': 'x' }, values: ['a'] },
  {
    name: 'fixed',
    type: { type: 'fixed', name: 'F', size: 3 },
    values: [Buffer.from([1, 2, 3]), Buffer.alloc(3)],
  },
  {
    name: 'fixed of no bytes',
    type: { type: 'fixed', name: 'F', size: 0 },
    values: [Buffer.alloc(0)],
  },
  {
    name: 'enum',
    type: { type: 'enum', name: 'E', symbols: ['A', 'B c', "d'"] },
    values: ['A', 'B c', "d'"],
  },
  { name: 'array', type: { type: 'array', items: 'long' }, values: [[], [1n], [3n, -2n, 1n]] },
  {
    name: 'array of nulls',
    type: { type: 'array', items: 'null' },
    values: [[], [null, null, null]],
  },
  {
    name: 'array of arrays of nullable enums',
    type: {
      type: 'array',
      items: { type: 'array', items: ['null', { type: 'enum', name: 'E', symbols: ['A', 'B'] }] },
    },
    values: [[], [[], ['A', null, 'B']]],
  },
  {
    name: 'map',
    type: { type: 'map', values: 'int' },
    values: [
      [],
      [
        ['a', 1],
        ['', 2],
        ['__proto__', 3],
        ['constructor', 4],
        ['a', 5],
      ],
    ],
  },
  {
    name: 'map of maps of records',
    type: {
      type: 'map',
      values: {
        type: 'map',
        values: { type: 'record', name: 'P', fields: [{ name: 'x', type: 'int' }] },
      },
    },
    values: [[], [['a', [['b', [7]]]]]],
  },
  {
    name: 'record in a record',
    type: {
      type: 'record',
      name: 'Outer',
      fields: [
        { name: 'a', type: 'string' },
        {
          name: 'b',
          type: { type: 'record', name: 'Inner', fields: [{ name: 'c', type: 'long' }] },
        },
        { name: 'd', type: ['null', 'Inner'] },
      ],
    },
    values: [
      ['x', [1n], null],
      ['y', [2n], [3n]],
    ],
  },
  {
    name: 'record without fields',
    type: { type: 'record', name: 'Empty', fields: [] },
    values: [[], []],
  },
  { name: 'nullable', type: ['null', 'string'], values: [null, '', 'a'] },
  { name: 'nullable, null last', type: ['double', 'null'], values: [null, 1.5] },
  { name: 'union of one', type: ['int'], values: [1, 2] },
  { name: 'union of null', type: ['null'], values: [null] },
  {
    name: 'union of many',
    type: [
      'null',
      'int',
      'long',
      'float',
      'string',
      'bytes',
      { type: 'fixed', name: 'F', size: 1 },
      { type: 'enum', name: 'E', symbols: ['A'] },
      { type: 'array', items: 'int' },
      { type: 'map', values: 'int' },
      { type: 'record', name: 'P', fields: [{ name: 'x', type: ['null', 'int'] }] },
    ],
    values: [
      { branch: 0, value: null },
      { branch: 1, value: 1 },
      { branch: 2, value: 1n },
      { branch: 3, value: 0.5 },
      { branch: 4, value: 'A' },
      { branch: 5, value: Buffer.from('b') },
      { branch: 6, value: Buffer.from('f') },
      { branch: 7, value: 'A' },
      { branch: 8, value: [1, 2] },
      { branch: 9, value: [['k', 1]] },
      { branch: 10, value: [null] },
    ],
  },
  {
    name: 'union without null',
    type: ['string', 'boolean'],
    values: [
      { branch: 0, value: 's' },
      { branch: 1, value: true },
    ],
  },
  { name: 'date', type: { type: 'int', logicalType: 'date' }, values: [0, -719_162, 20_000] },
  {
    name: 'timestamp-micros',
    type: { type: 'long', logicalType: 'timestamp-micros' },
    values: [0n, 253_402_300_799_999_999n],
  },
  {
    name: 'decimal in bytes',
    type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
    values: [Buffer.from([0x04, 0xd2]), Buffer.from([0xff])],
  },
  {
    name: 'uuid in a string',
    type: { type: 'string', logicalType: 'uuid' },
    values: ['00000000-0000-4000-8000-000000000000'],
  },
  {
    name: 'recursive list',
    type: {
      type: 'record',
      name: 'Node',
      fields: [
        { name: 'value', type: 'int' },
        { name: 'next', type: ['null', 'Node'] },
      ],
    },
    values: [
      [1, null],
      [1, [2, [3, null]]],
    ],
  },
  {
    name: 'recursive tree by way of array, map and union',
    type: {
      type: 'record',
      name: 'Tree',
      fields: [
        { name: 'children', type: { type: 'array', items: 'Tree' } },
        { name: 'named', type: { type: 'map', values: ['int', 'Tree'] } },
      ],
    },
    values: [
      [[], []],
      [
        [
          [[], []],
          [[[[], []]], []],
        ],
        [
          ['a', { branch: 0, value: 1 }],
          ['b', { branch: 1, value: [[], []] }],
        ],
      ],
    ],
  },
];
