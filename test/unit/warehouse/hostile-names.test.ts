/** Any field name and any event type is just a name: it gets a column or table and harms nobody else's. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import { type AvroJson, anEvent, aRecord, aSchema } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.open();
});

afterAll(() => warehouse.close());

const LONG = 'x'.repeat(300);

const FIELD_NAMES = [
  '"',
  "'",
  '""; drop table ops.objects; --',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'select',
  'from',
  'order',
  'table',
  'rowid',
  'with space',
  ' leading',
  'a.b',
  'a[0]',
  'a-b',
  '$1',
  '?',
  '\\',
  '\n',
  '\t',
  '/*',
  '1',
  '0',
  'é',
  'É',
  'ß',
  '🧀',
  'İ',
  'ı',
  '\u202eabc',
  '_object_id',
  '_OBJECT_ID',
  '_rescued',
  '_Rescued',
  '_row',
  'batch_keys',
  'object_id',
  'row_index',
  'unnamed',
  LONG,
  `${LONG}y`,
  'Name',
  'name',
  'NAME',
  'name_2',
  'Name_2',
];

/** A table with one text column per name. */
async function loadNames(eventType: string, names: readonly string[], runs = 1) {
  const schema = aRecord(names.map((name) => [name, 'string'] as const));
  const values = names.map((_, at) => `value ${at}`);
  for (let run = 0; run < runs; run += 1) {
    const { outcomes } = await warehouse.load([{ schema, eventType, records: [values] }]);
    expect(outcomes[0]?.error).toBeUndefined();
  }
  return values;
}

/** Each field's value, by way of ops.event_columns. */
async function readByField(eventType: string, table: string): Promise<Map<string, string>> {
  const columns = await warehouse.rows<{ field: string; column: string }>(
    `select field_name as field, column_name as column from ops.event_columns where event_type = '${eventType}'`,
  );
  // Not as an object: it could not hold `__proto__`.
  const { names, chunks } = await warehouse.database.stream(
    `select * from events.${table} limit 1`,
  );
  const values = new Map<string, string>();
  for await (const [row] of chunks)
    names.forEach((name, at) => void values.set(name, row?.[at] as string));
  return new Map(columns.map(({ field, column }) => [field, values.get(column) as string]));
}

describe('field names', () => {
  it('all get a column of their own in one table, which the next run finds again', async () => {
    const values = await loadNames('hostile', FIELD_NAMES, 2);
    const found = await readByField('hostile', 'hostile');
    expect(FIELD_NAMES.map((name) => [name, found.get(name)])).toEqual(
      FIELD_NAMES.map((name, at) => [name, values[at]]),
    );
    const [{ n } = { n: 0 }] = await warehouse.rows<{ n: number }>(
      'select count(*)::integer as n from events.hostile',
    );
    expect(n).toBe(2);
    expect(await warehouse.column('select count(*) > 0 from ops.objects')).toEqual([true]);
  });

  it('are kept as they are where DuckDB can tell them apart, and numbered where it cannot', async () => {
    await loadNames('cases', ['Name', 'name', '_row', '_ROW', '_rescued', 'É', 'é', 'name_2']);
    expect(await warehouse.columns('cases')).toEqual([
      'Name VARCHAR',
      'name_2 VARCHAR',
      '_row_2 VARCHAR',
      '_ROW_3 VARCHAR',
      '_rescued_2 VARCHAR',
      'É VARCHAR',
      'é VARCHAR',
      'name_2_2 VARCHAR',
      '_object_id BIGINT',
    ]);
  });

  it('with a NUL lose it, and stay apart', async () => {
    const names = ['a\0b', 'ab', 'a\0', 'a', '\0'];
    await loadNames('nul', names, 2);
    expect((await warehouse.columns('nul')).map((column) => column.split(' ')[0])).toEqual([
      'ab',
      'ab_2',
      'a',
      'a_2',
      'unnamed',
      '_object_id',
    ]);
    expect(await warehouse.column('select count(*)::integer from events.nul')).toEqual([2]);
  });

  it('that are added later take names that are free', async () => {
    await loadNames('later', ['Url']);
    await loadNames('later', ['url']);
    await loadNames('later', ['URL', 'Url', 'url']);
    expect(
      await warehouse.rows('select "Url", "url_2", "URL_3" from events.later order by _object_id'),
    ).toEqual([
      { Url: 'value 0', url_2: null, URL_3: null },
      { Url: null, url_2: 'value 0', URL_3: null },
      { Url: 'value 1', url_2: 'value 2', URL_3: 'value 0' },
    ]);
  });

  it('with half a surrogate pair make the schema invalid: UTF-8 has no such names', () => {
    for (const name of ['\ud800', 'a\udc00b']) {
      const schemas: AvroJson[] = [
        aRecord({ [name]: 'int' }),
        aRecord({ a: 'int' }, { name }),
        aRecord({ a: { type: 'enum', name: 'E', symbols: [name] } }),
      ];
      for (const schema of schemas) {
        expect(() => parseAvroSchema(schema as string)).toThrow(
          expect.objectContaining({ code: 'SCHEMA_INVALID' }),
        );
      }
    }
  });

  it('are rescued under the name that they have in the event', async () => {
    const names = ['"', '__proto__', 'a.b', '\n', "it's"];
    await warehouse.load([{ schema: aRecord([]), eventType: 'odd', records: [[]] }]);
    const schema = aRecord(names.map((name) => [name, 'int'] as const));
    await warehouse.load(
      [{ schema, eventType: 'odd', records: [names.map((_, at) => at)] }],
      'rescue',
    );
    const [json] = await warehouse.column<string>(
      'select _rescued from events.odd where _rescued is not null',
    );
    expect(Object.entries(JSON.parse(json as string))).toEqual(names.map((name, at) => [name, at]));
  });

  it('may be two thousand in one record', async () => {
    const names = Array.from({ length: 2000 }, (_, at) => `field_${at}`);
    await loadNames('wide', names);
    expect(await warehouse.column('select field_1999 from events.wide')).toEqual(['value 1999']);
  });
});

describe('event types', () => {
  const TYPES = [
    'a.b',
    'a_b',
    'A.B',
    'A_B',
    'a b',
    'select',
    '"; drop schema events cascade; --',
    "'",
    '__proto__',
    'constructor',
    'objects',
    'é',
    'É',
    '🧀',
    LONG,
    `${LONG}y`,
    '.',
    '..',
    'n\0l',
    'nl',
    '\0',
  ];

  it('each have a table of their own, and the next run finds it again', async () => {
    const load = async (number: number) =>
      warehouse.load(
        TYPES.map((eventType) => ({
          schema: aSchema({ type: 'string' }),
          eventType,
          key: `hostile-${number}-${TYPES.indexOf(eventType)}.avro`,
          records: [anEvent(number, { type: eventType })],
        })),
      );
    for (const number of [1, 2]) {
      const { outcomes } = await load(number);
      expect(outcomes.map(({ error }) => error)).toEqual(TYPES.map(() => undefined));
    }
    const tables = await warehouse.rows<{ type: string; table: string }>(
      'select event_type as type, table_name as table from ops.event_tables',
    );
    const tableOf = new Map(tables.map(({ type, table }) => [type, table]));
    for (const type of TYPES) {
      const table = tableOf.get(type) as string;
      const quoted = `"${table.replaceAll('"', '""')}"`;
      expect(await warehouse.column(`select distinct type from events.${quoted}`)).toEqual([type]);
      expect(await warehouse.column(`select count(*)::integer from events.${quoted}`)).toEqual([2]);
    }
  });

  it('that differ in nothing that a table name can show are numbered in the order of arrival', async () => {
    const rows = await warehouse.rows<{ table: string }>(
      `select table_name as table from ops.event_tables
       where event_type in ('a.b', 'a_b', 'A.B', 'A_B') order by rowid`,
    );
    expect(rows.map(({ table }) => table)).toEqual(['a_b', 'a_b_2', 'a_b_3', 'a_b_4']);
  });

  it('come from the header when the key does not tell', async () => {
    const name = 'dataexport."prod\'; --".S3.inner.users."Odd"';
    const { outcomes } = await warehouse.load([
      { schema: aSchema({}, { name }), key: 'somewhere.avro', records: [anEvent(1)] },
    ]);
    expect(outcomes[0]?.status).toBe('loaded');
  });
});

describe('records without the fields that events have', () => {
  const load = async (
    eventType: string,
    fields: Readonly<Record<string, AvroJson>>,
    records: readonly (readonly unknown[])[],
  ) => {
    const schema = aRecord(fields);
    const first = await warehouse.load([{ schema, eventType, records }]);
    const second = await warehouse.load([{ schema, eventType, records }]);
    return [first, second].map(({ outcomes }) => outcomes[0]?.duplicateCount);
  };

  it('load without an id, and are never duplicates', async () => {
    expect(await load('no.id', { time: 'int' }, [[1], [1]])).toEqual([0, 0]);
  });

  it('load without a time, and are known by their id', async () => {
    expect(await load('no.time', { id: 'string' }, [['a'], ['a'], ['b']])).toEqual([1, 3]);
  });

  it('tell ids beyond 2^53 apart', async () => {
    expect(await load('exact.id', { id: 'long' }, [[2n ** 60n], [2n ** 60n + 1n]])).toEqual([0, 2]);
  });

  it('load without any field', async () => {
    expect(await load('no.fields', {}, [[], []])).toEqual([0, 0]);
    expect(await warehouse.columns('no_fields')).toEqual(['_object_id BIGINT']);
    expect(await warehouse.column('select count(*)::integer from events.no_fields')).toEqual([4]);
  });

  const decimal = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 1 };
  const tree = {
    type: 'record',
    name: 'Tree',
    fields: [{ name: 'next', type: ['null', 'Tree'] }],
  };

  it.each<[string, AvroJson, readonly [unknown, unknown]]>([
    ['long', 'long', [9_007_199_254n, 9_007_199_255n]],
    ['int', 'int', [1, 2]],
    ['double', 'double', [0.1, Number.NaN]],
    ['float', 'float', [0.5, Number.POSITIVE_INFINITY]],
    ['bytes', 'bytes', [Buffer.from([0]), Buffer.from([0, 0])]],
    ['boolean', 'boolean', [true, false]],
    ['nullable-text', ['null', 'string'], ['a', '']],
    ['list', { type: 'array', items: 'int' }, [[1], [1, 2]]],
    ['map', { type: 'map', values: 'int' }, [{ a: 1 }, { a: 2 }]],
    ['record', JSON.parse(aRecord({ a: 'int' }, { name: 'R' })), [[1], [2]]],
    ['recursive', tree, [[null], [[null]]]],
    [
      'union',
      ['string', 'long'],
      [
        { branch: 0, value: '1' },
        { branch: 1, value: 1n },
      ],
    ],
    [
      'uuid',
      { type: 'string', logicalType: 'uuid' },
      [
        `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
        `${'f'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`,
      ],
    ],
    ['date', { type: 'int', logicalType: 'date' }, [0, 1]],
    ['instant', { type: 'long', logicalType: 'timestamp-micros' }, [0n, 1n]],
    ['decimal', decimal, [Buffer.from([1]), Buffer.from([2])]],
  ])('are known by an id, or by a time, of type %s', async (name, type, [one, other]) => {
    const byId = await load(`id.${name}`, { id: type, time: 'int' }, [
      [one, 1],
      [other, 1],
      [one, 1],
      [one, 2],
    ]);
    expect(byId).toEqual([1, 4]);
    const byTime = await load(`time.${name}`, { id: 'string', time: type }, [
      ['a', one],
      ['a', other],
      ['a', one],
      ['b', one],
    ]);
    expect(byTime).toEqual([1, 4]);
  });
});
