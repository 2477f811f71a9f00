/**
 * What a schema that differs from the table does, in each mode of `schemaChanges`: to the table, to the
 * object, and to the values that have no place. A truth table; a cell that is missing does not compile.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listKnownSchemas } from '../../../src/avro/schema-registry.ts';
import type { SchemaChange, SchemaChangeMode } from '../../../src/warehouse/event-tables.ts';
import { type AvroJson, anEvent, aRecord, aSchema } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

const MODES = ['evolve', 'freeze', 'rescue'] as const satisfies readonly SchemaChangeMode[];

interface Situation {
  /** Fields beside id and time; the table is made from the first. */
  readonly table: Readonly<Record<string, AvroJson>>;
  readonly object: Readonly<Record<string, AvroJson>>;
  /** The object's event. */
  readonly event: Readonly<Record<string, unknown>>;
}

const A = { a: 'string' };

const SITUATIONS = {
  'the same schema': { table: A, object: A, event: { a: 'x' } },
  'a new field': { table: A, object: { a: 'string', b: 'int' }, event: { a: 'x', b: 7 } },
  'a new field that is null': {
    table: A,
    object: { a: 'string', b: ['null', 'int'] },
    event: { a: 'x', b: null },
  },
  'a missing field': { table: { a: 'string', b: 'int' }, object: A, event: { a: 'x' } },
  'reordered fields': {
    table: { a: 'string', b: 'int' },
    object: { b: 'int', a: 'string' },
    event: { a: 'x', b: 7 },
  },
  'int to long': { table: { a: 'int' }, object: { a: 'long' }, event: { a: 2n ** 40n } },
  'long to int, late': { table: { a: 'long' }, object: { a: 'int' }, event: { a: 7 } },
  'int to float': { table: { a: 'int' }, object: { a: 'float' }, event: { a: 0.5 } },
  'float to int': { table: { a: 'float' }, object: { a: 'int' }, event: { a: 7 } },
  'required to nullable': {
    table: A,
    object: { a: ['null', 'string'] },
    event: { a: null },
  },
  'nullable to required': { table: { a: ['null', 'string'] }, object: A, event: { a: 'x' } },
  'text to number': { table: A, object: { a: 'int' }, event: { a: 7 } },
  'a record with a new field': {
    table: { a: JSON.parse(aRecord({ x: 'int' }, { name: 'R' })) },
    object: { a: JSON.parse(aRecord({ x: 'int', y: 'int' }, { name: 'R' })) },
    event: { a: { x: 1, y: 2 } },
  },
} as const satisfies Readonly<Record<string, Situation>>;

/** Columns beside id, time and `_object_id` after the object; how its event reads, as JSON of these. */
interface Outcome {
  readonly columns: readonly string[];
  readonly row?: string;
  readonly changes?: readonly string[];
  /** Why the object went to quarantine. */
  readonly refused?: string;
}

type TruthTable = Readonly<
  Record<keyof typeof SITUATIONS, Readonly<Record<SchemaChangeMode, Outcome>>>
>;

const inAllModes = (outcome: Outcome) => ({ evolve: outcome, freeze: outcome, rescue: outcome });

const RESCUED = '_rescued JSON';

const EXPECTED: TruthTable = {
  'the same schema': inAllModes({ columns: ['a VARCHAR'], row: '{"a":"x"}' }),
  'a new field': {
    evolve: {
      columns: ['a VARCHAR', 'b INTEGER'],
      row: '{"a":"x","b":7}',
      changes: ['column added b INTEGER'],
    },
    freeze: { columns: ['a VARCHAR'], refused: 'new field "b" (INTEGER)' },
    rescue: {
      columns: ['a VARCHAR', RESCUED],
      row: '{"a":"x","_rescued":{"b":7}}',
      changes: ['field rescued b INTEGER'],
    },
  },
  'a new field that is null': {
    evolve: {
      columns: ['a VARCHAR', 'b INTEGER'],
      row: '{"a":"x","b":null}',
      changes: ['column added b INTEGER'],
    },
    freeze: { columns: ['a VARCHAR'], refused: 'new field "b" (INTEGER)' },
    rescue: {
      columns: ['a VARCHAR'],
      row: '{"a":"x"}',
      changes: ['field rescued b INTEGER'],
    },
  },
  'a missing field': inAllModes({
    columns: ['a VARCHAR', 'b INTEGER'],
    row: '{"a":"x","b":null}',
  }),
  'reordered fields': inAllModes({ columns: ['a VARCHAR', 'b INTEGER'], row: '{"a":"x","b":7}' }),
  'int to long': {
    evolve: {
      columns: ['a BIGINT'],
      row: '{"a":1099511627776}',
      changes: ['column widened a INTEGER BIGINT'],
    },
    freeze: { columns: ['a INTEGER'], refused: 'field "a" is BIGINT (the column is INTEGER)' },
    rescue: {
      columns: ['a INTEGER', RESCUED],
      row: '{"a":null,"_rescued":{"a":1099511627776}}',
      changes: ['field rescued a INTEGER BIGINT'],
    },
  },
  'long to int, late': inAllModes({ columns: ['a BIGINT'], row: '{"a":7}' }),
  'int to float': {
    evolve: {
      columns: ['a DOUBLE'],
      row: '{"a":0.5}',
      changes: ['column widened a INTEGER DOUBLE'],
    },
    freeze: { columns: ['a INTEGER'], refused: 'field "a" is FLOAT (the column is INTEGER)' },
    rescue: {
      columns: ['a INTEGER', RESCUED],
      row: '{"a":null,"_rescued":{"a":0.5}}',
      changes: ['field rescued a INTEGER FLOAT'],
    },
  },
  'float to int': {
    evolve: {
      columns: ['a DOUBLE'],
      row: '{"a":7.0}',
      changes: ['column widened a FLOAT DOUBLE'],
    },
    freeze: { columns: ['a FLOAT'], refused: 'field "a" is INTEGER (the column is FLOAT)' },
    // This very value has a place, another one might not have.
    rescue: {
      columns: ['a FLOAT'],
      row: '{"a":7.0}',
      changes: ['field rescued a FLOAT INTEGER'],
    },
  },
  'required to nullable': inAllModes({ columns: ['a VARCHAR'], row: '{"a":null}' }),
  'nullable to required': inAllModes({ columns: ['a VARCHAR'], row: '{"a":"x"}' }),
  'text to number': {
    evolve: {
      columns: ['a VARCHAR', RESCUED],
      row: '{"a":null,"_rescued":{"a":7}}',
      changes: ['field rescued a VARCHAR INTEGER'],
    },
    freeze: { columns: ['a VARCHAR'], refused: 'field "a" is INTEGER (the column is VARCHAR)' },
    rescue: {
      columns: ['a VARCHAR', RESCUED],
      row: '{"a":null,"_rescued":{"a":7}}',
      changes: ['field rescued a VARCHAR INTEGER'],
    },
  },
  'a record with a new field': {
    evolve: {
      columns: ['a STRUCT(x INTEGER, y INTEGER)'],
      row: '{"a":{"x":1,"y":2}}',
      changes: ['column widened a STRUCT("x" INTEGER) STRUCT("x" INTEGER, "y" INTEGER)'],
    },
    freeze: {
      columns: ['a STRUCT(x INTEGER)'],
      refused: 'field "a" is STRUCT("x" INTEGER, "y" INTEGER) (the column is STRUCT("x" INTEGER))',
    },
    rescue: {
      columns: ['a STRUCT(x INTEGER)', RESCUED],
      row: '{"a":null,"_rescued":{"a":{"x":1,"y":2}}}',
      changes: ['field rescued a STRUCT("x" INTEGER) STRUCT("x" INTEGER, "y" INTEGER)'],
    },
  },
};

function describeChange({ change, column, fromType, toType }: SchemaChange): string {
  return [change, column, fromType, toType].filter((part) => part !== undefined).join(' ');
}

async function readColumns(warehouse: TestWarehouse, table?: string): Promise<string[]> {
  const columns = await warehouse.columns(table);
  return columns.filter((column) => !/^(id|time|_object_id) /.test(column));
}

/** The rows of a table as JSON, without what is the same everywhere. */
async function readRows(warehouse: TestWarehouse, table: string): Promise<unknown[]> {
  const rows = await warehouse.column<string>(`select to_json(t) from events.${table} t`);
  return rows.map((json) => {
    const { id: _id, time: _time, _object_id, ...row } = JSON.parse(json);
    if (row._rescued === null) delete row._rescued;
    return row;
  });
}

describe.each(MODES)('in mode %s', (mode) => {
  let warehouse: TestWarehouse;

  beforeAll(async () => {
    warehouse = await TestWarehouse.open();
  });

  afterAll(() => warehouse.close());

  it.each(Object.keys(SITUATIONS) as (keyof typeof SITUATIONS)[])(
    '%s ends as the truth table says',
    async (situation) => {
      const { table, object, event } = SITUATIONS[situation];
      const name = situation.replaceAll(/\W+/g, '_').toLowerCase();
      await warehouse.load([{ schema: aSchema(table), eventType: name, records: [] }]);
      const load = { schema: aSchema(object), eventType: name, records: [anEvent(1, event)] };
      const { outcomes, changes } = await warehouse.load([load], mode);

      const { columns, row, refused, ...expected } = EXPECTED[situation][mode];
      expect(await readColumns(warehouse, name)).toEqual(columns);
      expect(await readRows(warehouse, name)).toEqual(row === undefined ? [] : [JSON.parse(row)]);
      expect(outcomes[0]?.status).toBe(refused === undefined ? 'loaded' : 'quarantined');
      expect(outcomes[0]?.error?.message ?? '').toContain(refused ?? '');
      expect(changes.map(describeChange)).toEqual(expected.changes ?? []);
      const recorded = await warehouse.column(
        `select concat_ws(' ', change, column_name, from_type, to_type) from ops.schema_changes
       where event_type = '${name}' and change <> 'table created'`,
      );
      expect(recorded).toEqual(expected.changes ?? []);
    },
  );
});

const OPEN = 'users.messages.email.Open';
const releases = listKnownSchemas(OPEN);

describe('a table that is made', () => {
  it.each(['freeze', 'rescue'] as const)(
    'from any release of a type that we know has all columns in mode %s, so that releases may come in any order',
    async (mode) => {
      const warehouse = await TestWarehouse.forTest();
      const objects = releases.map(({ schema }) => ({
        schema: schema.json,
        eventType: OPEN,
        records: [],
      }));
      const [oldest, ...newer] = objects;
      await warehouse.load([oldest as (typeof objects)[number]], mode);
      const columns = await warehouse.columns('users_messages_email_open');
      const { outcomes, changes } = await warehouse.load(newer.toReversed(), mode);
      expect(outcomes.map(({ status }) => status)).toEqual(newer.map(() => 'loaded'));
      expect(changes).toEqual([]);
      expect(await warehouse.columns('users_messages_email_open')).toEqual(columns);
    },
  );

  it('in mode evolve follows the headers', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema({ invented: 'string' });
    const { changes } = await warehouse.load([{ schema, eventType: OPEN, records: [] }]);
    expect(changes.map(describeChange)).toEqual(['table created']);
    expect(await readColumns(warehouse, 'users_messages_email_open')).toEqual(['invented VARCHAR']);
  });

  it('of a type that nobody knows is refused in mode freeze', async () => {
    const warehouse = await TestWarehouse.forTest();
    const { outcomes } = await warehouse.load(
      [{ schema: aSchema(), records: [anEvent(1)] }],
      'freeze',
    );
    expect(outcomes[0]?.error?.message).toContain('new event type');
    expect(await warehouse.columns()).toEqual([]);
    expect(await warehouse.rows('from ops.event_tables')).toEqual([]);
  });

  it('of a type that nobody knows follows the first header in mode rescue', async () => {
    const warehouse = await TestWarehouse.forTest();
    const { outcomes, changes } = await warehouse.load(
      [
        { schema: aSchema({ a: 'int' }), records: [anEvent(1, { a: 1 })] },
        { schema: aSchema({ b: 'int' }), records: [anEvent(2, { b: 2 })] },
      ],
      'rescue',
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['loaded', 'loaded']);
    expect(changes.map(describeChange)).toEqual(['table created', 'field rescued b INTEGER']);
    expect(
      await warehouse.column(
        'select coalesce(a::varchar, _rescued) from events.test_event order by id',
      ),
    ).toEqual(['1', '{"b":2}']);
  });

  it('is described by our own schemas, and else by the header', async () => {
    const warehouse = await TestWarehouse.forTest();
    const comments = { doc: 'It\'s "the" event', docs: { url: "where; drop table 'x'" } };
    await warehouse.load([
      { schema: aSchema({ url: 'string' }, comments), records: [] },
      { schema: releases.at(-1)?.schema.json as string, eventType: OPEN, records: [] },
    ]);
    const sql = (columns: string, table: string) =>
      `select ${columns} where schema_name = 'events' and table_name = '${table}'`;
    expect(await warehouse.column(sql('comment from duckdb_tables()', 'test_event'))).toEqual([
      'It\'s "the" event',
    ]);
    expect(
      await warehouse.rows(sql('column_name, comment from duckdb_columns()', 'test_event')),
    ).toEqual([
      { column_name: 'id', comment: null },
      { column_name: 'time', comment: null },
      { column_name: 'url', comment: "where; drop table 'x'" },
      { column_name: '_object_id', comment: expect.stringContaining('ops.objects') },
    ]);
    const uncommented = `column_name from duckdb_columns()`;
    expect(
      await warehouse.column(
        `${sql(uncommented, 'users_messages_email_open')} and comment is null`,
      ),
    ).toEqual([]);
    expect(
      await warehouse.column(`${sql('comment from duckdb_tables()', 'users_messages_email_open')}`),
    ).toEqual([releases.at(-1)?.schema.type.doc]);
  });
});

describe('several schemas', () => {
  it('in one batch make one table, whatever their order', async () => {
    const schemas = [
      aSchema({ a: 'int', b: 'string' }),
      aSchema({ a: 'long' }),
      aSchema({ c: 'float', a: 'int' }),
    ];
    const events = [{ a: 1, b: 'x' }, { a: 2n ** 40n }, { c: 0.5, a: 3 }];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const warehouse = await TestWarehouse.forTest();
      const { changes } = await warehouse.load(
        order.map((at) => ({
          schema: schemas[at] as string,
          records: [anEvent(at, events[at] as Record<string, unknown>)],
        })),
      );
      expect(changes[0]?.change).toBe('table created');
      expect((await readColumns(warehouse)).toSorted()).toEqual([
        'a BIGINT',
        'b VARCHAR',
        'c FLOAT',
      ]);
      expect(
        await warehouse.rows('select a::varchar as a, b, c from events.test_event order by id'),
      ).toEqual([
        { a: '1', b: 'x', c: null },
        { a: '1099511627776', b: null, c: null },
        { a: '3', b: null, c: 0.5 },
      ]);
    }
  });

  it('are told as changes only once, when they are first met', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: aSchema(A), records: [] }]);
    const odd = { schema: aSchema({ a: 'int' }), records: [] };
    const first = await warehouse.load([odd]);
    const second = await warehouse.load([odd]);
    expect([first.changes.length, second.changes.length]).toEqual([1, 0]);
    expect(await warehouse.rows('select fingerprint from ops.schemas')).toHaveLength(2);
  });

  it('of all releases of all types that we know go into one table each', async () => {
    const warehouse = await TestWarehouse.forTest();
    const types = [
      'users.behaviors.CustomEvent',
      'users.messages.rcs.Click',
      'users.profile.Update',
    ];
    const objects = types.flatMap((eventType) =>
      listKnownSchemas(eventType).map(({ schema }) => ({
        schema: schema.json,
        eventType,
        records: [],
      })),
    );
    const { outcomes } = await warehouse.load(objects);
    expect(outcomes.filter(({ status }) => status !== 'loaded')).toEqual([]);
    expect(
      await warehouse.column(
        "select table_name from duckdb_tables() where schema_name = 'events' order by 1",
      ),
    ).toEqual(['users_behaviors_customevent', 'users_messages_rcs_click', 'users_profile_update']);
    expect(
      await warehouse.column('select count(*)::integer from ops.schemas where version is null'),
    ).toEqual([0]);
  });
});

describe('a table through its life', () => {
  it('evolves, freezes, rescues and evolves again without losing a value', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: aSchema({ a: 'int' }), records: [anEvent(1, { a: 1 })] }]);
    const newer = (number: number) => ({
      schema: aSchema({ a: 'int', b: 'string' }),
      records: [anEvent(number, { a: number, b: 'x' })],
    });
    const frozen = await warehouse.load([newer(2)], 'freeze');
    expect(frozen.outcomes[0]?.status).toBe('quarantined');
    await warehouse.load([newer(3)], 'rescue');
    await warehouse.load([newer(4)], 'evolve');
    await warehouse.load([newer(5)], 'freeze');
    expect(
      await warehouse.rows('select a, b, _rescued::varchar as r from events.test_event order by a'),
    ).toEqual([
      { a: 1, b: null, r: null },
      { a: 3, b: null, r: '{"b":"x"}' },
      { a: 4, b: 'x', r: null },
      { a: 5, b: 'x', r: null },
    ]);
  });

  it('takes several misfits of a row, and none of its neighbour', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: aSchema({ a: 'string', b: 'string' }), records: [] }]);
    const schema = aSchema({ a: ['null', 'int'], b: ['null', 'double'], c: 'null' });
    await warehouse.load([
      {
        schema,
        records: [anEvent(1, { a: 1, b: Number.NaN }), anEvent(2), anEvent(3, { b: 0.5 })],
      },
    ]);
    expect(
      await warehouse.column('select _rescued::varchar from events.test_event order by id'),
    ).toEqual(['{"a":1,"b":"NaN"}', null, '{"b":0.5}']);
  });

  it('gets _rescued for several types of a batch at once', async () => {
    const warehouse = await TestWarehouse.forTest();
    const object = (eventType: string, text: string) => ({
      schema: aSchema({ properties: 'string' }),
      eventType,
      records: [anEvent(1, { properties: text })],
    });
    await warehouse.load([object('a', 'no json'), object('b', '{}'), object('c', 'no json')]);
    expect(
      await warehouse.column(
        `select table_name from duckdb_columns() where column_name = '_rescued' order by 1`,
      ),
    ).toEqual(['a', 'c']);
    const sql =
      'select count(*)::integer from (from events.a union all by name from events.b union all by name from events.c)';
    expect(await warehouse.column(sql)).toEqual([3]);
  });
});
