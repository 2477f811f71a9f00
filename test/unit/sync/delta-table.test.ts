/**
 * The truth table of the delta: for every type of attribute and every way in which a value can be different
 * or the same, what is sent. Typed so that a cell that is forgotten does not compile; a cell that cannot be
 * says why.
 */
import { describe, expect, it } from 'vitest';
import { TestSync } from '../../support/test-sync.ts';

const TYPES = [
  'boolean',
  'integer',
  'float',
  'decimal',
  'date',
  'datetime',
  'string',
  'array',
  'set',
  'array of floats',
  'object',
  'array of objects',
] as const;

type TypeName = (typeof TYPES)[number];

/** From what Braze accepted last to what is wanted now. */
const CELLS = [
  'absent to value',
  'absent to null',
  'absent to empty',
  'absent to zero',
  'absent to false',
  'value to absent',
  'value to null',
  'value to empty',
  'value to zero',
  'value to false',
  'null to value',
  'null to null',
  'empty to empty',
  'empty to null',
  'zero to zero',
  'zero to null',
  'false to false',
  'false to null',
  'unchanged',
  'changed',
  'changed type',
  'set order',
  'float noise',
] as const;

type CellName = (typeof CELLS)[number];

interface Cell {
  /** SQL, or undefined for a person without a row. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** JSON of the attribute; NOTHING; or the code of a finding. */
  readonly sends: unknown;
}

interface Impossible {
  readonly impossible: string;
}

const NOTHING: unique symbol = Symbol('nothing is sent');

/** Cells that follow from a few facts about a type; the others are written out for each. */
interface TypeFacts {
  readonly type: string;
  readonly value: readonly [sql: string, json: unknown];
  readonly other: readonly [sql: string, json: unknown];
  readonly empty: readonly [sql: string, json: unknown] | Impossible;
  readonly zero: readonly [sql: string, json: unknown] | Impossible;
  readonly isFalse: readonly [sql: string, json: unknown] | Impossible;
  readonly changedType: Cell | Impossible;
  readonly setOrder: Cell | Impossible;
  readonly floatNoise: Cell | Impossible;
}

const NO_EMPTY = { impossible: 'this type has no empty value' };
const NO_ZERO = { impossible: 'this type has no zero' };
const NO_FALSE = { impossible: 'this type has no false' };
const NO_ORDER = { impossible: 'a single value has no order' };
const NO_FLOAT = { impossible: 'there is no float in this type' };

const FACTS: Readonly<Record<TypeName, TypeFacts>> = {
  boolean: {
    type: 'boolean',
    value: ['true', true],
    other: ['false', false],
    empty: NO_EMPTY,
    zero: NO_ZERO,
    isFalse: ['false', false],
    changedType: { from: 'true', to: '1::integer', sends: 'type_changed' },
    setOrder: NO_ORDER,
    floatNoise: NO_FLOAT,
  },
  integer: {
    type: 'bigint',
    value: ['7', 7],
    other: ['8', 8],
    empty: NO_EMPTY,
    zero: ['0', 0],
    isFalse: NO_FALSE,
    changedType: { from: '7', to: "'7'::varchar", sends: 'type_changed' },
    setOrder: NO_ORDER,
    floatNoise: { from: '7', to: '7.0::double', sends: NOTHING },
  },
  float: {
    type: 'double',
    value: ['0.3', 0.3],
    other: ['0.300001', 0.300001],
    empty: NO_EMPTY,
    zero: ['0', 0],
    isFalse: NO_FALSE,
    changedType: { from: '0.3', to: "'0.3'::varchar", sends: 'type_changed' },
    setOrder: NO_ORDER,
    floatNoise: { from: '0.3', to: '(0.1::double + 0.2::double)', sends: NOTHING },
  },
  decimal: {
    type: 'decimal(12, 2)',
    value: ['1.50', 1.5],
    other: ['1.51', 1.51],
    empty: NO_EMPTY,
    zero: ['0', 0],
    isFalse: NO_FALSE,
    changedType: { from: '1.50', to: "'1.50'::varchar", sends: 'type_changed' },
    setOrder: NO_ORDER,
    floatNoise: { from: '1.50', to: '1.5::decimal(20, 10)', sends: NOTHING },
  },
  date: {
    type: 'date',
    value: ["'2026-01-02'", '2026-01-02'],
    other: ["'2026-01-03'", '2026-01-03'],
    empty: NO_EMPTY,
    zero: ["'1970-01-01'", '1970-01-01'],
    isFalse: NO_FALSE,
    changedType: {
      from: "'2026-01-02'",
      to: "'second of January'::varchar",
      sends: 'type_changed',
    },
    setOrder: NO_ORDER,
    floatNoise: { from: "'2026-01-02'", to: "timestamp '2026-01-02 00:00:00'", sends: NOTHING },
  },
  datetime: {
    type: 'timestamptz',
    value: ["'2026-01-02 03:04:05+00'", '2026-01-02T03:04:05Z'],
    other: ["'2026-01-02 03:04:06+00'", '2026-01-02T03:04:06Z'],
    empty: NO_EMPTY,
    zero: ["'1970-01-01 00:00:00+00'", '1970-01-01T00:00:00Z'],
    isFalse: NO_FALSE,
    changedType: {
      from: "'2026-01-02 03:04:05+00'",
      to: '1767323045::bigint',
      sends: 'type_changed',
    },
    setOrder: NO_ORDER,
    // The same instant in another zone and another type.
    floatNoise: {
      from: "'2026-01-02 03:04:05+00'",
      to: "timestamptz '2026-01-02 05:04:05.0004+02'",
      sends: NOTHING,
    },
  },
  string: {
    type: 'varchar',
    value: ["'blue'", 'blue'],
    other: ["'Blue'", 'Blue'],
    empty: ["''", ''],
    zero: ["'0'", '0'],
    isFalse: ["'false'", 'false'],
    changedType: { from: "'7'", to: '7::integer', sends: 'type_changed' },
    setOrder: NO_ORDER,
    floatNoise: { from: "'0.3'", to: "'0.30000000000000004'", sends: '0.30000000000000004' },
  },
  array: {
    type: 'varchar[]',
    value: ["['a', 'b']", ['a', 'b']],
    other: ["['a', 'c']", ['a', 'c']],
    empty: ['[]', []],
    zero: ["['0']", ['0']],
    isFalse: ["['false']", ['false']],
    changedType: { from: "['a']", to: "'a'::varchar", sends: 'type_changed' },
    setOrder: { from: "['a', 'b']", to: "['b', 'a']", sends: ['b', 'a'] },
    floatNoise: NO_FLOAT,
  },
  set: {
    type: 'varchar[]',
    value: ["['b', 'a']", ['a', 'b']],
    other: ["['c', 'a']", ['a', 'c']],
    empty: ['[]', []],
    zero: ["['0']", ['0']],
    isFalse: ["['false']", ['false']],
    changedType: { from: "['a']", to: "'a'::varchar", sends: 'type_changed' },
    setOrder: { from: "['b', 'a']", to: "['a', 'b', 'a']", sends: NOTHING },
    floatNoise: NO_FLOAT,
  },
  'array of floats': {
    type: 'double[]',
    value: ['[0.3, 1]', [0.3, 1]],
    other: ['[0.31, 1]', [0.31, 1]],
    empty: ['[]', []],
    zero: ['[0]', [0]],
    isFalse: NO_FALSE,
    changedType: { from: '[0.3]', to: '0.3::double', sends: 'type_changed' },
    setOrder: { from: '[0.3, 1]', to: '[1, 0.3]', sends: [1, 0.3] },
    floatNoise: { from: '[0.3]', to: '[0.1::double + 0.2::double]', sends: NOTHING },
  },
  object: {
    type: 'struct(city varchar, score double, since date)',
    value: [
      "{city: 'Bonn', score: 0.3, since: '2026-01-02'}",
      { city: 'Bonn', score: 0.3, since: { $time: '2026-01-02' } },
    ],
    // What is null is left out: Braze drops an object with a null in it.
    other: ["{city: 'Bonn', score: 0.4, since: null}", { city: 'Bonn', score: 0.4 }],
    empty: ['{city: null, score: null, since: null}', {}],
    zero: ['{city: null, score: 0, since: null}', { score: 0 }],
    isFalse: NO_FALSE,
    changedType: {
      from: "{city: 'Bonn', score: 0.3, since: null}",
      to: "'Bonn'::varchar",
      sends: 'type_changed',
    },
    setOrder: {
      impossible: 'the keys of a struct have the order of its type',
    },
    floatNoise: {
      from: "{city: 'Bonn', score: 0.3, since: null}",
      to: "{city: 'Bonn', score: 0.1::double + 0.2::double, since: null}",
      sends: NOTHING,
    },
  },
  'array of objects': {
    type: 'struct(id integer, name varchar)[]',
    value: ["[{id: 1, name: 'a'}]", [{ id: 1, name: 'a' }]],
    other: ["[{id: 1, name: 'b'}]", [{ id: 1, name: 'b' }]],
    empty: ['[]', []],
    zero: ['[{id: 0, name: null}]', [{ id: 0 }]],
    isFalse: NO_FALSE,
    changedType: { from: "[{id: 1, name: 'a'}]", to: "{id: 1, name: 'a'}", sends: 'type_changed' },
    setOrder: {
      from: "[{id: 1, name: 'a'}, {id: 2, name: 'b'}]",
      to: "[{id: 2, name: 'b'}, {id: 1, name: 'a'}]",
      sends: [
        { id: 2, name: 'b' },
        { id: 1, name: 'a' },
      ],
    },
    floatNoise: NO_FLOAT,
  },
};

function buildRow(facts: TypeFacts): Readonly<Record<CellName, Cell | Impossible>> {
  const [value, json] = facts.value;
  const [other, otherJson] = facts.other;
  /** A cell between a special value and something else. */
  function from(
    special: readonly [sql: string, json: unknown] | Impossible,
    build: (sql: string, json: unknown) => Cell,
  ): Cell | Impossible {
    return 'impossible' in special ? special : build(special[0], special[1]);
  }
  const { empty, zero, isFalse } = facts;
  return {
    'absent to value': { from: undefined, to: value, sends: json },
    'absent to null': { from: undefined, to: 'null', sends: NOTHING },
    'absent to empty': from(empty, (to, sends) => ({ from: undefined, to, sends })),
    'absent to zero': from(zero, (to, sends) => ({ from: undefined, to, sends })),
    'absent to false': from(isFalse, (to, sends) => ({ from: undefined, to, sends })),
    'value to absent': { from: value, to: undefined, sends: NOTHING },
    'value to null': { from: value, to: 'null', sends: null },
    'value to empty': from(empty, (to, sends) => ({ from: value, to, sends })),
    'value to zero': from(zero, (to, sends) => ({ from: value, to, sends })),
    'value to false': from(isFalse, (to, sends) => ({ from: value, to, sends })),
    'null to value': { from: 'null', to: value, sends: json },
    'null to null': { from: 'null', to: 'null', sends: NOTHING },
    'empty to empty': from(empty, (sql) => ({ from: sql, to: sql, sends: NOTHING })),
    'empty to null': from(empty, (sql) => ({ from: sql, to: 'null', sends: null })),
    'zero to zero': from(zero, (sql) => ({ from: sql, to: sql, sends: NOTHING })),
    'zero to null': from(zero, (sql) => ({ from: sql, to: 'null', sends: null })),
    'false to false': from(isFalse, (sql) => ({ from: sql, to: sql, sends: NOTHING })),
    'false to null': from(isFalse, (sql) => ({ from: sql, to: 'null', sends: null })),
    unchanged: { from: value, to: value, sends: NOTHING },
    changed: { from: value, to: other, sends: otherJson },
    'changed type': facts.changedType,
    'set order': facts.setOrder,
    'float noise': facts.floatNoise,
  };
}

/** All people of one run. The last column is a new value in each run, so that nobody is skipped as a whole. */
function formatQuery(
  type: string,
  people: readonly (readonly [string, string | undefined])[],
  run: number,
) {
  const rows = people.flatMap(([person, sql]) =>
    sql === undefined
      ? []
      : [`select '${person}' as external_id, (${sql})::${type} as x, ${run} as run`],
  );
  return [`select 'nobody' as external_id, null::${type} as x, ${run} as run`, ...rows].join(
    ' union all ',
  );
}

function sentTo(sync: TestSync, person: string): unknown {
  const { x = NOTHING } = (sync.sent.get(person) ?? {}) as { x?: unknown };
  return x;
}

/** Cells in which the column has another type the second time; DuckDB finds out which. */
const OWN_TYPES: ReadonlySet<CellName> = new Set(['changed type', 'float noise']);

describe.each(TYPES)('%s', (name) => {
  const facts = FACTS[name];
  const row = buildRow(facts);
  const options = { attributes: { sets: name === 'set' ? ['x'] : [] } };
  const possible = CELLS.flatMap((cell) => {
    const found = row[cell];
    return 'impossible' in found ? [] : [{ cell, ...found }];
  });

  it('every cell with one type', async () => {
    const cells = possible.filter(({ cell }) => !OWN_TYPES.has(cell));
    const sync = await TestSync.forTest(options);
    await sync.run(
      formatQuery(
        facts.type,
        cells.map(({ cell, from }) => [cell, from]),
        1,
      ),
    );
    const wanted = cells.map(({ cell, to }) => [cell, to] as const);
    const receipt = await sync.run(formatQuery(facts.type, wanted, 2));
    expect(receipt.rejections).toEqual([]);
    expect(sync.sent.get('nobody')).toEqual({ run: 2 });
    expect(cells.map(({ cell }) => [cell, sentTo(sync, cell)])).toEqual(
      cells.map(({ cell, sends }) => [cell, sends]),
    );
    // Whatever it was, Braze has it now.
    await sync.run(formatQuery(facts.type, wanted, 2));
    expect(sync.sent.size).toBe(0);
    await sync.run(formatQuery(facts.type, wanted, 3));
    expect([...sync.sent.values()]).toEqual([...sync.sent.keys()].map(() => ({ run: 3 })));
  });

  /** The second run has another type in the column. */
  async function runTwice(cell: CellName) {
    const { from, to, sends } = possible.find((found) => found.cell === cell) as Cell;
    const sync = await TestSync.forTest(options);
    await sync.run(`select 'ada' as external_id, (${from})::${facts.type} as x, 1 as run`);
    const query = `select 'ada' as external_id, ${to} as x, 2 as run`;
    const { rejections } = await sync.run(query);
    expect(sync.sent.get('ada')).toMatchObject({ run: 2 });
    return { sync, query, sends, rejections };
  }

  it.runIf('from' in facts.floatNoise)('float noise', async () => {
    const { sync, query, sends, rejections } = await runTwice('float noise');
    expect(rejections).toEqual([]);
    expect(sentTo(sync, 'ada')).toEqual(sends);
    await sync.run(query);
    expect(sync.sent.size).toBe(0);
  });

  it.runIf('from' in facts.changedType)('changed type', async () => {
    const { sync, query, sends, rejections } = await runTwice('changed type');
    expect(rejections).toMatchObject([{ attribute: 'x', code: sends }]);
    expect(sentTo(sync, 'ada')).toBe(NOTHING);
    await sync.run(query, { allow: ['x'] });
    expect(sentTo(sync, 'ada')).not.toBe(NOTHING);
    await sync.run(query);
    expect(sync.sent.size).toBe(0);
  });
});

it('a cell is impossible only where the type says so', () => {
  const impossible = TYPES.flatMap((name) =>
    CELLS.filter((cell) => 'impossible' in buildRow(FACTS[name])[cell]),
  );
  expect(impossible.length).toBeLessThan((TYPES.length * CELLS.length) / 3);
});
