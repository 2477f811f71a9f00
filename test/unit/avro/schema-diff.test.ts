/** What a new version of a record did: a truth table of types, order, and the two laws of a diff. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema, type RecordType } from '../../../src/avro/avro-schema.ts';
import { describeChange, diffSchemas, type FieldChange } from '../../../src/avro/schema-diff.ts';
import { findKnownSchema } from '../../../src/avro/schema-registry.ts';

type Fields = readonly (readonly [name: string, type: unknown])[];

function aRecord(fields: Fields): RecordType {
  return parseAvroSchema(
    JSON.stringify({
      type: 'record',
      name: 'R',
      fields: fields.map(([name, type]) => ({ name, type })),
    }),
  ).type;
}

/** The kinds of change that one field underwent. */
function diffTypes(from: unknown, to: unknown): readonly string[] {
  return diffSchemas(aRecord([['f', from]]), aRecord([['f', to]])).map(({ kind }) => kind);
}

const PRIMITIVES = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] as const;
type Primitive = (typeof PRIMITIVES)[number];
/** = same, + widened, - narrowed, x retyped */
type Outcome = '=' | '+' | '-' | 'x';
type Row = readonly [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome];

const KINDS: Record<Outcome, readonly string[]> = {
  '=': [],
  '+': ['widened'],
  '-': ['narrowed'],
  x: ['retyped'],
};

/** Rows are what was, columns in the order of PRIMITIVES what is. */
// biome-ignore format: a table
const TRUTH: Record<Primitive, Row> = {
  //        null boolean int long float double bytes string
  null:    ['=', 'x',   'x', 'x', 'x',  'x',   'x',  'x'],
  boolean: ['x', '=',   'x', 'x', 'x',  'x',   'x',  'x'],
  int:     ['x', 'x',   '=', '+', '+',  '+',   'x',  'x'],
  long:    ['x', 'x',   '-', '=', '+',  '+',   'x',  'x'],
  float:   ['x', 'x',   '-', '-', '=',  '+',   'x',  'x'],
  double:  ['x', 'x',   '-', '-', '-',  '=',   'x',  'x'],
  bytes:   ['x', 'x',   'x', 'x', 'x',  'x',   '=',  'x'],
  string:  ['x', 'x',   'x', 'x', 'x',  'x',   'x',  '='],
};

const CELLS = PRIMITIVES.flatMap((from) =>
  PRIMITIVES.map((to, column) => ({ from, to, outcome: TRUTH[from][column] ?? 'x' })),
);

describe('types', () => {
  it.each(CELLS)('$from → $to is $outcome', ({ from, to, outcome }) => {
    expect(diffTypes(from, to)).toEqual(KINDS[outcome]);
  });

  it.each(CELLS.filter(({ from, to }) => from !== 'null' && to !== 'null'))(
    '$from → $to is $outcome also where null is allowed, in arrays and in maps',
    ({ from, to, outcome }) => {
      expect(diffTypes(['null', from], [to, 'null'])).toEqual(KINDS[outcome]);
      expect(diffTypes({ type: 'array', items: from }, { type: 'array', items: to })).toEqual(
        KINDS[outcome],
      );
      expect(
        diffTypes({ type: 'map', values: ['null', from] }, { type: 'map', values: ['null', to] }),
      ).toEqual(KINDS[outcome]);
    },
  );

  const arrayOf = (items: unknown): unknown => ({ type: 'array', items });
  const anEnum = (...symbols: string[]): unknown => ({ type: 'enum', name: 'E', symbols });
  const aFixed = (name: string, size: number): unknown => ({ type: 'fixed', name, size });
  const nested = (name: string, fields: Fields): unknown => ({
    type: 'record',
    name,
    fields: fields.map(([field, type]) => ({ name: field, type })),
  });
  const date = { type: 'int', logicalType: 'date' };
  const linked = (value: unknown): unknown =>
    nested('Node', [
      ['value', value],
      ['next', ['null', 'Node']],
    ]);

  it.each<[string, unknown, unknown, readonly string[]]>([
    ['null becomes possible', 'string', ['null', 'string'], ['loosened']],
    ['null becomes impossible', ['null', 'string'], 'string', ['tightened']],
    ['the order of the branches', ['null', 'string'], ['string', 'null'], []],
    ['a union of one', ['string'], 'string', []],
    ['two changes at once', 'int', ['null', 'long'], ['loosened', 'widened']],
    ['one up, one down', ['null', 'int'], 'long', ['tightened', 'widened']],
    ['another type and null', 'int', ['null', 'string'], ['retyped']],
    ['one branch more', ['int', 'string'], ['int', 'string', 'boolean'], ['widened']],
    ['one branch less', ['null', 'int', 'string'], ['null', 'string'], ['narrowed']],
    ['a wider branch among others', ['int', 'string'], ['string', 'int', 'null'], ['loosened']],
    ['branches exchanged', ['int', 'string'], ['int', 'boolean'], ['retyped']],
    ['a null union gets a type', 'null', ['null', 'string'], ['widened']],
    ['items that may be null', arrayOf('string'), arrayOf(['null', 'string']), ['loosened']],
    ['items that may not', arrayOf(['null', 'int']), arrayOf('int'), ['tightened']],
    ['an array for its item', 'string', arrayOf('string'), ['retyped']],
    ['an array for a map', arrayOf('int'), { type: 'map', values: 'int' }, ['retyped']],
    ['a symbol more', anEnum('a'), anEnum('b', 'a'), ['widened']],
    ['a symbol less', anEnum('a', 'b'), anEnum('a'), ['narrowed']],
    ['other symbols', anEnum('a', 'b'), anEnum('a', 'c'), ['retyped']],
    ['an enum as text', anEnum('a'), 'string', ['retyped']],
    ['a fixed under another name', aFixed('A', 8), aFixed('B', 8), []],
    ['a longer fixed', aFixed('A', 8), aFixed('A', 9), ['retyped']],
    ['a logical type more', 'int', date, ['retyped']],
    ['a date as a long', date, 'long', ['retyped']],
    ['the same date', date, ['null', date], ['loosened']],
    ['a nested field more', nested('A', []), nested('A', [['a', 'int']]), ['widened']],
    ['a nested field less', nested('A', [['a', 'int']]), nested('A', []), ['narrowed']],
    [
      'a nested field of another name',
      nested('A', [['a', 'int']]),
      nested('A', [['b', 'int']]),
      ['retyped'],
    ],
    [
      'a nested field looser',
      nested('A', [['a', 'int']]),
      nested('A', [['a', ['null', 'int']]]),
      ['loosened'],
    ],
    [
      'a nested record under another name',
      nested('A', [['a', 'int']]),
      nested('B', [['a', 'int']]),
      [],
    ],
    ['a record that holds itself', linked('int'), linked('int'), []],
    ['a change deep in a record that holds itself', linked('int'), linked('long'), ['widened']],
  ])('%s', (_, from, to, kinds) => {
    expect(diffTypes(from, to)).toEqual(kinds);
  });
});

describe('fields', () => {
  const abc: Fields = [
    ['a', 'int'],
    ['b', 'int'],
    ['c', 'int'],
  ];

  it('are told apart by name alone, strange names included', () => {
    const from = aRecord([
      ['__proto__', 'int'],
      ['constructor', 'int'],
      ['a"; drop table', 'int'],
    ]);
    expect(diffSchemas(from, from)).toEqual([]);
    expect(diffSchemas(from, aRecord([['constructor', 'int']]))).toEqual([
      { kind: 'removed', field: '__proto__', from: 'int' },
      { kind: 'removed', field: 'a"; drop table', from: 'int' },
    ]);
  });

  it('that are added or removed move nobody else', () => {
    expect(
      diffSchemas(
        aRecord(abc),
        aRecord([
          ['x', ['null', 'string']],
          ['a', 'int'],
          ['c', 'int'],
        ]),
      ),
    ).toEqual([
      { kind: 'removed', field: 'b', from: 'int' },
      { kind: 'added', field: 'x', to: 'null | string' },
    ]);
  });

  it('that moved are reported with their neighbours, and only they', () => {
    expect(
      diffSchemas(
        aRecord(abc),
        aRecord([
          ['c', 'int'],
          ['a', 'int'],
          ['b', 'int'],
        ]),
      ),
    ).toEqual([{ kind: 'moved', field: 'c', from: 'after b', to: 'first' }]);
  });

  it('can move and change their type at once', () => {
    expect(
      diffSchemas(
        aRecord(abc),
        aRecord([
          ['b', 'int'],
          ['c', 'int'],
          ['a', 'long'],
        ]),
      ),
    ).toEqual([
      { kind: 'widened', field: 'a', from: 'int', to: 'long' },
      { kind: 'moved', field: 'a', from: 'first', to: 'after c' },
    ]);
  });

  /** Any order of a few fields. */
  const orders = fc.shuffledSubarray('abcdefg'.split(''), { minLength: 7 });
  const inOrder = (names: readonly string[]): RecordType =>
    aRecord(names.map((name) => [name, 'int']));

  it('taken out and put back where the moves say give the new order', () => {
    fc.assert(
      fc.property(orders, orders, (before, after) => {
        const moves = diffSchemas(inOrder(before), inOrder(after));
        const names = before.filter((name) => !moves.some(({ field }) => field === name));
        for (const { field, to } of moves) {
          const place = to === 'first' ? 0 : names.indexOf(to?.slice('after '.length) ?? '') + 1;
          names.splice(place, 0, field);
        }
        expect(names).toEqual(after);
      }),
    );
  });

  it('are never reported as moved if fewer moves would do', () => {
    const countStayers = (before: readonly string[], after: readonly string[]): number => {
      // Every subset of 7 names: the largest whose order is the same in both.
      let largest = 0;
      for (let subset = 0; subset < 2 ** before.length; subset += 1) {
        const stays = (name: string): boolean => (subset & (1 << before.indexOf(name))) !== 0;
        const kept = before.filter(stays);
        if (kept.join() === after.filter(stays).join()) largest = Math.max(largest, kept.length);
      }
      return largest;
    };
    fc.assert(
      fc.property(orders, orders, (before, after) => {
        const moves = diffSchemas(inOrder(before), inOrder(after));
        expect(moves.length).toBe(before.length - countStayers(before, after));
      }),
    );
  });

  it('of ten thousand in reverse are compared as well', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `f${index}`);
    expect(diffSchemas(inOrder(names), inOrder(names.toReversed()))).toHaveLength(9_999);
  });
});

describe('a diff', () => {
  /** What the way back does for each kind of change. */
  const OPPOSITE: Record<FieldChange['kind'], FieldChange['kind']> = {
    added: 'removed',
    removed: 'added',
    widened: 'narrowed',
    narrowed: 'widened',
    loosened: 'tightened',
    tightened: 'loosened',
    retyped: 'retyped',
    moved: 'moved',
  };
  const types = fc.constantFrom<unknown>(
    'int',
    'long',
    'string',
    ['null', 'int'],
    ['null', 'long'],
    {
      type: 'array',
      items: ['null', 'double'],
    },
  );
  const records = fc
    .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), types), {
      selector: ([name]) => name,
    })
    .map(aRecord);
  const sortKinds = (changes: readonly FieldChange[]): readonly string[] =>
    changes.map(({ kind, field }) => `${field} ${kind}`).sort();

  it('of a record and itself is empty', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(diffSchemas(record, record)).toEqual([]);
      }),
    );
  });

  it('read backwards is the diff of the way back', () => {
    fc.assert(
      fc.property(records, records, (from, to) => {
        const isMove = ({ kind }: FieldChange): boolean => kind === 'moved';
        const there = diffSchemas(from, to);
        const back = diffSchemas(to, from);
        // Several sets of moves can be equally small, so only their number is the same both ways.
        expect(back.filter(isMove).length).toBe(there.filter(isMove).length);
        expect(sortKinds(back.filter((change) => !isMove(change)))).toEqual(
          sortKinds(
            there
              .filter((change) => !isMove(change))
              .map((change) => ({ ...change, kind: OPPOSITE[change.kind] })),
          ),
        );
      }),
    );
  });

  it('tells the story of a real event type', () => {
    const typeOf = (release: string): RecordType => {
      const known = findKnownSchema('users.messages.rcs.InboundReceive', release);
      if (known === undefined) throw new Error(`no schema for ${release}`);
      return known.schema.type;
    };
    expect(diffSchemas(typeOf('v3'), typeOf('v10')).map(describeChange)).toEqual([
      'user_id can be null now: string → null | string',
      'canvas_variation_name was added: null | string',
      'canvas_id was added: null | string',
    ]);
  });

  const SENTENCES: Record<FieldChange['kind'], readonly [FieldChange, string]> = {
    added: [{ kind: 'added', field: 'f', to: 'int' }, 'f was added: int'],
    removed: [{ kind: 'removed', field: 'f', from: 'int' }, 'f was removed: int'],
    widened: [
      { kind: 'widened', field: 'f', from: 'int', to: 'long' },
      'f can hold more: int → long',
    ],
    narrowed: [
      { kind: 'narrowed', field: 'f', from: 'long', to: 'int' },
      'f can hold less: long → int',
    ],
    loosened: [
      { kind: 'loosened', field: 'f', from: 'int', to: 'null | int' },
      'f can be null now: int → null | int',
    ],
    tightened: [
      { kind: 'tightened', field: 'f', from: 'null | int', to: 'int' },
      'f can no longer be null: null | int → int',
    ],
    retyped: [
      { kind: 'retyped', field: 'f', from: 'int', to: 'string' },
      'f has another type: int → string',
    ],
    moved: [
      { kind: 'moved', field: 'f', from: 'first', to: 'after b' },
      'f moved: first → after b',
    ],
  };

  it.each(Object.values(SENTENCES))('describes %o as "%s"', (change, sentence) => {
    expect(describeChange(change)).toBe(sentence);
  });
});
