/** Every event is in its table once: within an object, between objects of a batch, across batches. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anEvent, aSchema, events, FIRST_SECOND } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

const SCHEMA = aSchema();
const NULLABLE = aSchema({ id: ['null', 'string'], time: ['null', 'int'] });

type Records = readonly Readonly<Record<string, unknown>>[];

/** Read and duplicate counts of each object, as `read-duplicates`. */
async function load(warehouse: TestWarehouse, schema: string, ...objects: Records[]) {
  const { outcomes } = await warehouse.load(objects.map((records) => ({ schema, records })));
  return outcomes.map(({ readCount, duplicateCount }) => `${readCount}-${duplicateCount}`);
}

async function readIds(warehouse: TestWarehouse): Promise<(string | null)[]> {
  return warehouse.column('select id from events.test_event order by id, time');
}

describe('an event', () => {
  it('twice in an object is loaded once, and counted', async () => {
    const warehouse = await TestWarehouse.forTest();
    const records = [anEvent(1), anEvent(2), anEvent(1), anEvent(1)];
    expect(await load(warehouse, SCHEMA, records)).toEqual(['4-2']);
    expect(await readIds(warehouse)).toEqual(['event-1', 'event-2']);
    expect(
      await warehouse.rows('select row_count, duplicate_count, status from ops.objects'),
    ).toEqual([{ row_count: 2n, duplicate_count: 2n, status: 'loaded' }]);
  });

  it('in two objects of a batch is loaded from the first', async () => {
    const warehouse = await TestWarehouse.forTest();
    const counts = await load(warehouse, SCHEMA, [anEvent(1)], [anEvent(1), anEvent(2)]);
    expect(counts).toEqual(['1-0', '2-1']);
    expect(
      await warehouse.rows('select id, _object_id from events.test_event order by id'),
    ).toEqual([
      { id: 'event-1', _object_id: 1n },
      { id: 'event-2', _object_id: 2n },
    ]);
  });

  it('that came in an earlier batch is not loaded again, however long ago', async () => {
    const warehouse = await TestWarehouse.forTest();
    const old = anEvent(-86_400 * 400);
    expect(await load(warehouse, SCHEMA, [old, anEvent(1)])).toEqual(['2-0']);
    expect(await load(warehouse, SCHEMA, [anEvent(5)])).toEqual(['1-0']);
    expect(await load(warehouse, SCHEMA, [anEvent(1), old, anEvent(6)])).toEqual(['3-2']);
    expect(await readIds(warehouse)).toHaveLength(4);
  });

  it('of another event type with the same id is another event', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([
      { schema: SCHEMA, eventType: 'a', records: [anEvent(1)] },
      { schema: SCHEMA, eventType: 'b', records: [anEvent(1)] },
    ]);
    expect(
      await warehouse.column('select id from events.a union all select id from events.b'),
    ).toHaveLength(2);
  });

  it('with the same id and another time is another event', async () => {
    const warehouse = await TestWarehouse.forTest();
    const later = { ...anEvent(1), time: FIRST_SECOND + 500 };
    expect(await load(warehouse, SCHEMA, [anEvent(1), later])).toEqual(['2-0']);
    expect(await load(warehouse, SCHEMA, [later])).toEqual(['1-1']);
  });

  it('without an id is never a duplicate, with one and without a time it is', async () => {
    const warehouse = await TestWarehouse.forTest();
    const records = [
      { time: 1 },
      { time: 1 },
      {},
      {},
      { id: 'a' },
      { id: 'a' },
      { id: 'a', time: 1 },
    ];
    expect(await load(warehouse, NULLABLE, records)).toEqual(['7-1']);
    expect(await load(warehouse, NULLABLE, records)).toEqual(['7-3']);
    expect(await readIds(warehouse)).toHaveLength(10);
  });

  it('is told from one whose id differs by case, space, accent or an invisible character', async () => {
    const warehouse = await TestWarehouse.forTest();
    const ids = ['a', 'A', 'a ', ' a', 'é', 'e\u0301', 'a\u200b', 'a\0', '', '\0'];
    const records = ids.map((id) => ({ id, time: 1 }));
    expect(await load(warehouse, SCHEMA, records)).toEqual(['10-0']);
    expect(await load(warehouse, SCHEMA, records)).toEqual(['10-10']);
  });

  it('is found again at the ends of what a timestamp can be', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema({ time: 'long' });
    const times = [-9_223_372_022_400n, -1n, 0n, 9_223_372_036_854n, -62_135_596_801n];
    const records = times.map((time) => ({ id: 'a', time }));
    expect(await load(warehouse, schema, records)).toEqual(['5-0']);
    for (const record of records) expect(await load(warehouse, schema, [record])).toEqual(['1-1']);
  });

  it('is found again when its time has become a long', async () => {
    const warehouse = await TestWarehouse.forTest();
    await load(warehouse, SCHEMA, [anEvent(1)]);
    const schema = aSchema({ time: ['null', 'long'] });
    const again = { id: 'event-1', time: BigInt(FIRST_SECOND + 1) };
    expect(await load(warehouse, schema, [again])).toEqual(['1-1']);
  });
});

describe('many events', () => {
  it.each([2047, 2048, 2049, 4096, 4097])(
    'up to %d, the first and last of them twice, are each loaded once',
    async (count) => {
      const warehouse = await TestWarehouse.forTest();
      const ends = [anEvent(0), anEvent(count - 1), anEvent(2047 % count), anEvent(2048 % count)];
      const first = [...ends, ...events(0, count)];
      const counts = await load(warehouse, SCHEMA, first, events(0, count), [
        ...events(count, count + 1),
        ...ends,
      ]);
      expect(counts).toEqual([`${count + 4}-4`, `${count}-${count}`, '5-4']);
      expect(
        await warehouse.rows(
          'select count(*)::integer as n, count(distinct id)::integer as ids from events.test_event',
        ),
      ).toEqual([{ n: count + 1, ids: count + 1 }]);
    },
  );

  it('that are all known leave nothing to insert', async () => {
    const warehouse = await TestWarehouse.forTest();
    await load(warehouse, SCHEMA, events(0, 5000));
    expect(await load(warehouse, SCHEMA, events(0, 2500), events(2500, 5000))).toEqual([
      '2500-2500',
      '2500-2500',
    ]);
    expect(await warehouse.column('select count(*)::integer from events.test_event')).toEqual([
      5000,
    ]);
    expect(
      await warehouse.column(
        "select sum(row_count)::integer from ops.objects where status = 'loaded'",
      ),
    ).toEqual([5000]);
  });

  it('keep their own values when some of their neighbours are left out', async () => {
    const warehouse = await TestWarehouse.forTest();
    const schema = aSchema({ n: 'int', tags: { type: 'array', items: 'string' } });
    const record = (n: number) => anEvent(n, { n, tags: Array(n % 5).fill(`t${n}`) });
    const numbers = Array.from({ length: 6000 }, (_, at) => (at % 3 === 2 ? at - 2 : at));
    await load(warehouse, schema, numbers.map(record));
    const wrong = await warehouse.rows(
      `select n from events.test_event where id <> 'event-' || n or len(tags) <> n % 5
         or (n % 5 > 0 and tags[1] <> 't' || n) or epoch(time) <> ${FIRST_SECOND} + n`,
    );
    expect(wrong).toEqual([]);
    expect(await warehouse.column('select count(*)::integer from events.test_event')).toEqual([
      4000,
    ]);
  });
});

describe('for any events with duplicates, split into objects and batches in any way', () => {
  const deliveries = fc
    .array(fc.record({ number: fc.nat(12), hasTime: fc.boolean() }), {
      minLength: 1,
      maxLength: 40,
    })
    .chain((delivered) =>
      fc.record({
        delivered: fc.constant(delivered),
        // For each delivery: whether a new object, and a new batch, begins before it.
        cuts: fc.array(fc.constantFrom('', '', 'object', 'batch'), {
          minLength: delivered.length,
          maxLength: delivered.length,
        }),
        recordsPerBlock: fc.integer({ min: 1, max: 7 }),
      }),
    );

  it('the table is the set of distinct events, and loading all again adds nothing', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, async ({ delivered, cuts, recordsPerBlock }) => {
        const warehouse = await TestWarehouse.open();
        try {
          const records = delivered.map(({ number, hasTime }) => ({
            id: `e${number}`,
            time: hasTime ? number : null,
          }));
          const batches: { schema: string; records: object[]; recordsPerBlock: number }[][] = [];
          records.forEach((record, at) => {
            if (at === 0 || cuts[at] === 'batch') batches.push([]);
            const batch = batches.at(-1) as (typeof batches)[number];
            if (batch.length === 0 || cuts[at] === 'object')
              batch.push({ schema: NULLABLE, records: [], recordsPerBlock });
            batch.at(-1)?.records.push(record);
          });
          const distinct = new Set(records.map(({ id, time }) => `${id} ${time}`));
          let duplicates = 0;
          const loadAll = async () => {
            for (const batch of batches) {
              const { outcomes } = await warehouse.load(
                batch as Parameters<typeof warehouse.load>[0],
              );
              for (const { duplicateCount } of outcomes) duplicates += duplicateCount;
            }
          };
          const read = async () =>
            warehouse.column<string>(
              "select id || ' ' || coalesce(epoch(time)::bigint::varchar, 'null') from events.test_event order by 1",
            );
          await loadAll();
          expect(await read()).toEqual([...distinct].toSorted());
          expect(duplicates).toBe(records.length - distinct.size);
          await loadAll();
          expect(await read()).toEqual([...distinct].toSorted());
        } finally {
          warehouse.close();
        }
      }),
      { numRuns: 12, seed: 2026 },
    );
  });
});
