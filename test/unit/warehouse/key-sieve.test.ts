/** Events that are certainly new are told from others while they are decoded; the others lose nothing by it. */

import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_KEYS } from '../../../src/avro/kernel-memory.ts';
import { DoubtfulRecords } from '../../../src/warehouse/doubtful-records.ts';
import { type EventTable, readEventTable } from '../../../src/warehouse/event-tables.ts';
import { KeySieve } from '../../../src/warehouse/key-sieve.ts';
import type { BatchLoader } from '../../../src/warehouse/load-batch.ts';
import { anEvent, aSchema, events, FIRST_SECOND } from '../../support/event-builders.ts';
import { type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

const NULLABLE_TEXT = ['null', 'string'];
const SCHEMA = aSchema({
  id: NULLABLE_TEXT,
  time: ['null', 'int'],
  n: ['null', 'int'],
  note: NULLABLE_TEXT,
  tags: { type: 'array', items: NULLABLE_TEXT },
  properties: NULLABLE_TEXT,
});
/** No compiled decoder covers maps. */
const UNCOVERED = aSchema({ ...fieldsOf(SCHEMA), extra: { type: 'map', values: 'int' } });
/** `n` may be too large for the column of the others. */
const WIDE = aSchema({ ...fieldsOf(SCHEMA), n: ['null', 'long'] });

function fieldsOf(schema: string): Record<string, unknown> {
  const { fields } = JSON.parse(schema) as { fields: { name: string; type: unknown }[] };
  return Object.fromEntries(fields.map(({ name, type }) => [name, type]));
}

/** All values of an event follow from its number, nulls among them. */
function describeEvent(number: number, hasId = true, hasTime = true) {
  return {
    id: hasId ? `${number % 3 === 0 ? 'a long id of event ' : ''}${number}` : null,
    time: hasTime ? FIRST_SECOND + number * 60 : null,
    n: number % 4 === 0 ? null : number,
    note: number % 5 === 0 ? null : `note ${'of some length '.repeat(number % 3)}${number}`,
    tags: Array.from({ length: number % 6 }, (_, at) => (at % 2 === 0 ? `tag ${number}` : null)),
    // Not all of it is JSON, which its column has to be.
    properties: number % 7 === 5 ? `{"n": ${number}` : number % 7 === 6 ? null : `{"n":${number}}`,
    extra: {},
  };
}

async function loadWith(
  warehouse: TestWarehouse,
  loader: BatchLoader,
  objects: readonly TestObject[],
): Promise<string[]> {
  const { outcomes } = await loader.load(await warehouse.discover(objects));
  return outcomes.map(({ readCount, duplicateCount }) => `${readCount}-${duplicateCount}`);
}

async function count(warehouse: TestWarehouse, table = 'test_event'): Promise<number> {
  const [rows] = await warehouse.column<number>(`select count(*)::int from events.${table}`);
  return rows as number;
}

describe('for any events, split into objects of any shape and batches of one loader', () => {
  const deliveries = fc.array(
    fc.record({
      number: fc.nat(30),
      hasId: fc.nat(9).map((n) => n > 0),
      hasTime: fc.nat(9).map((n) => n > 0),
      begins: fc.constantFrom('', '', '', 'object', 'batch'),
      schema: fc.constantFrom(SCHEMA, SCHEMA, WIDE, UNCOVERED),
    }),
    { minLength: 1, maxLength: 120 },
  );

  it('each is in the table once, with all its values', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, fc.integer({ min: 1, max: 9 }), async (all, recordsPerBlock) => {
        const warehouse = await TestWarehouse.open();
        try {
          const batches: { schema: string; records: object[]; recordsPerBlock: number }[][] = [];
          const distinct = new Map<string, string>();
          for (const [at, { number, hasId, hasTime, begins, schema }] of all.entries()) {
            if (at === 0 || begins === 'batch') batches.push([]);
            const batch = batches.at(-1) as (typeof batches)[number];
            if (batch.length === 0 || begins === 'object')
              batch.push({ schema, records: [], recordsPerBlock });
            const { extra: _, ...event } = describeEvent(number, hasId, hasTime);
            batch.at(-1)?.records.push({ ...event, extra: {} });
            const name = hasId ? `${event.id} ${event.time}` : `without an id ${at}`;
            distinct.set(name, JSON.stringify(event));
          }
          const loader = warehouse.loader();
          for (const batch of batches) await loadWith(warehouse, loader, batch as TestObject[]);
          // It comes with the first value that has no place.
          await warehouse.database.run(
            'alter table events.test_event add column if not exists _rescued json',
          );
          const rows = await warehouse.column<string>(
            `select to_json({id: id, time: epoch(time)::int, n: n, note: note, tags: tags,
                             properties: coalesce(properties::varchar, _rescued->>'properties')})::varchar
             from events.test_event`,
          );
          expect(rows.toSorted()).toEqual([...distinct.values()].toSorted());
        } finally {
          warehouse.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a batch', () => {
  it('that is in the table to a large part, or as a whole, is compared with it', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema();
    const loader = warehouse.loader();
    const load = async (...objects: object[][]) =>
      loadWith(
        warehouse,
        loader,
        objects.map((records) => ({ schema, records: records as TestObject['records'] })),
      );
    expect(await load(events(0, 30_000))).toEqual(['30000-0']);
    expect(await load(events(0, 30_000))).toEqual(['30000-30000']);
    // What cannot be sifted comes last: so the few stay, and the same events of the many are duplicates.
    expect(await load(events(20_000, 50_000), events(45_000, 46_000))).toEqual([
      '30000-11000',
      '1000-0',
    ]);
    const mixed = Array.from({ length: 30_000 }, (_, at) =>
      anEvent(at % 3 === 0 ? 60_000 + at : at),
    );
    expect(await load(mixed)).toEqual(['30000-20000']);
    expect(await count(warehouse)).toBe(60_000);
  });

  it('of late events that the table does not have is loaded', async () => {
    const warehouse = await TestWarehouse.forTest();
    const loader = warehouse.loader();
    const schema = aSchema();
    await loadWith(warehouse, loader, [{ schema, records: [anEvent(100_000)] }]);
    // A loader of its own knows of the table only how late it is.
    const later = warehouse.loader();
    expect(await loadWith(warehouse, later, [{ schema, records: events(0, 20_000) }])).toEqual([
      '20000-0',
    ]);
    expect(await count(warehouse)).toBe(20_001);
  });

  it('of late events is compared with the table where it lies, and copied where it is mixed', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema();
    await loadWith(warehouse, warehouse.loader(), [{ schema, records: [anEvent(100_000)] }]);
    const late = await warehouse.discover([{ schema, records: events(0, 5_000) }]);
    const records = Array.from({ length: 5_000 }, (_, at) =>
      anEvent(at % 2 === 0 ? 10_000 + at : 200_000 + at),
    );
    const mixed = await warehouse.discover([{ schema, records }]);
    const memoryOf = (objects: typeof late) =>
      objects.flatMap(({ container }) => container.blocks.map(({ bytes }) => bytes.buffer));
    const ofLate = memoryOf(late);
    const ofMixed = memoryOf(mixed);
    const add = vi.spyOn(DoubtfulRecords.prototype, 'add');
    onTestFinished(() => add.mockRestore());
    const loader = warehouse.loader();
    await loader.load(late);
    expect(add.mock.calls.length).toBeGreaterThan(0);
    expect(add.mock.calls.every(([, { buffer }]) => ofLate.includes(buffer))).toBe(true);
    add.mockClear();
    await loader.load(mixed);
    expect(add.mock.calls.length).toBeGreaterThan(0);
    expect(add.mock.calls.some(([, { buffer }]) => ofMixed.includes(buffer))).toBe(false);
    expect(await count(warehouse)).toBe(10_001);
  });

  it('of which a part has a value without a place is loaded, and that rescued', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema({ n: 'int' });
    const wide = aSchema({ n: 'long' });
    const loader = warehouse.loader();
    const first = [{ schema, records: events(0, 10).map((event) => ({ ...event, n: 1 })) }];
    expect(await loadWith(warehouse, loader, first)).toEqual(['10-0']);
    expect(await count(warehouse)).toBe(10);
    const rescuing = warehouse.loader('rescue');
    const records = events(5, 5_000).map((event, at) => ({
      ...event,
      n: at === 2_500 ? 2n ** 40n : BigInt(at),
    }));
    expect(await loadWith(warehouse, rescuing, [{ schema: wide, records }])).toEqual(['4995-5']);
    expect(
      await warehouse.rows(
        'select id, _rescued::varchar as r from events.test_event where _rescued is not null',
      ),
    ).toEqual([{ id: 'event-2505', r: `{"n":${2n ** 40n}}` }]);
    expect(await count(warehouse)).toBe(5_000);
  });
});

describe('the sieve', () => {
  const schema = aSchema();
  const objects = (first: number, end: number) => [{ schema, records: events(first, end) }];

  it('serves one loader at a time and mixes up none of their tables', async () => {
    const [one, other] = [await TestWarehouse.forTest(), await TestWarehouse.forTest()];
    const loaders = [one.loader(), other.loader()] as const;
    for (const first of [0, 500, 1_000]) {
      const counts = await Promise.all([
        loadWith(one, loaders[0], objects(first, first + 1_000)),
        loadWith(other, loaders[1], objects(first, first + 1_000)),
      ]);
      expect(counts).toEqual(Array(2).fill([first === 0 ? '1000-0' : '1000-500']));
    }
    expect([await count(one), await count(other)]).toEqual([2_000, 2_000]);
  });

  it('keeps the keys of one table from those of another', async () => {
    const warehouse = await TestWarehouse.forTest();
    const loader = warehouse.loader();
    const both = ['a', 'b'].map((eventType) => ({ schema, eventType, records: events(0, 5_000) }));
    expect(await loadWith(warehouse, loader, both)).toEqual(['5000-0', '5000-0']);
    expect(await count(warehouse, 'a')).toBe(5_000);
    expect(await count(warehouse, 'b')).toBe(5_000);
  });

  it('asks the tables anew after a batch that was too large for it', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load(objects(0, 10));
    const table = (await readEventTable(warehouse.database, 'test.Event')) as EventTable;
    const sieve = new KeySieve();
    const ask = async (records: number) =>
      sieve.lend(records, async (lent) => (await lent?.of(warehouse.database, table))?.knownUntil);
    const atSecond = (number: number) => BigInt(FIRST_SECOND + number) * 1_000_000n;
    expect(await ask(1)).toBe(atSecond(9));
    await warehouse.load(objects(10, 20));
    const before = await ask(1);
    expect(await ask(MAX_KEYS + 1)).toBeUndefined();
    expect(before).toBe(atSecond(19));
    await warehouse.database.run(
      "insert into events.test_event (id, time) values ('x', '2027-01-01')",
    );
    expect(await ask(MAX_KEYS + 1)).toBeUndefined();
    expect(await ask(1)).toBe(BigInt(Date.UTC(2027, 0, 1)) * 1_000n);
  });

  it('is emptied when what it has seen was rolled back', async () => {
    const warehouse = await TestWarehouse.forTest();
    const loader = warehouse.loader();
    const opened = await warehouse.discover(objects(0, 1_000));
    await warehouse.database.run('alter table ops.objects rename to objects_away');
    await expect(loader.load(opened)).rejects.toThrow('objects');
    await warehouse.database.run('alter table ops.objects_away rename to objects');
    expect((await loader.load(opened)).outcomes[0]).toMatchObject({
      readCount: 1_000,
      duplicateCount: 0,
    });
    expect(await count(warehouse)).toBe(1_000);
  });
});
