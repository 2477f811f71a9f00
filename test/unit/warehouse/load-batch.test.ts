/**
 * Batches in which something is wrong or replaced: damaged objects, new versions of objects, tables that
 * are not as we left them, and a machine that fails at any statement.
 */

import { describe, expect, it, vi } from 'vitest';
import { CurrentsError } from '../../../src/errors.ts';
import { listPending } from '../../../src/warehouse/object-ledger.ts';
import { anEvent, aSchema, events } from '../../support/event-builders.ts';
import { SOURCE, type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

const SCHEMA = aSchema();

/** The last block's last byte: the end of a record's varint becomes one that does not end. */
function damageEnd(block: Buffer): void {
  block[block.length - 1] = 0xff;
}

async function readIds(warehouse: TestWarehouse, table = 'test_event'): Promise<string[]> {
  return warehouse.column(`select id from events.${table} order by id`);
}

async function readLedger(warehouse: TestWarehouse): Promise<string[]> {
  return warehouse.column(
    `select concat_ws(' ', key, etag, status, row_count, duplicate_count)
     from ops.objects order by object_id`,
  );
}

describe('a damaged object', () => {
  it('is set aside with its reason and place, and leaves no row; all others load', async () => {
    const warehouse = await TestWarehouse.forTest();
    const sound = (first: number, eventType: string) => ({
      schema: SCHEMA,
      eventType,
      records: events(first, first + 10),
    });
    const damaged = { ...sound(20, 'a'), key: 'damaged', recordsPerBlock: 4, damage: damageEnd };
    const { outcomes } = await warehouse.load([
      sound(0, 'a'),
      damaged,
      sound(10, 'a'),
      { ...sound(0, 'b'), key: 'damaged too', damage: damageEnd },
      sound(5, 'b'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'loaded',
      'quarantined',
      'loaded',
      'quarantined',
      'loaded',
    ]);
    expect(await readIds(warehouse, 'a')).toHaveLength(20);
    expect(await readIds(warehouse, 'b')).toHaveLength(10);
    expect(
      await warehouse.rows(
        'select key, code, block::integer as block, record::integer as record, field from ops.quarantine order by key',
      ),
    ).toEqual([
      { key: 'damaged', code: 'RECORD_INVALID', block: 0, record: 3, field: 'time' },
      { key: 'damaged too', code: 'RECORD_INVALID', block: 0, record: 9, field: 'time' },
    ]);
    const text = await warehouse.column<string>('select reason from ops.quarantine');
    expect(text.join()).not.toContain('event-');
  });

  it.each([0, 1, 2])('at place %d of three keeps none of the others back', async (at) => {
    const warehouse = await TestWarehouse.forTest();
    const objects = [0, 1, 2].map((n) => ({
      schema: SCHEMA,
      records: events(n * 3000, (n + 1) * 3000),
      ...(n === at ? { damage: damageEnd, recordsPerBlock: 3000 } : {}),
    }));
    await warehouse.load(objects);
    expect(await readIds(warehouse)).toHaveLength(6000);
  });

  it('alone, or among others that are all damaged, leaves no table', async () => {
    const warehouse = await TestWarehouse.forTest();
    const damaged = { schema: SCHEMA, records: [anEvent(1)], damage: damageEnd };
    const { outcomes, changes } = await warehouse.load([damaged, damaged, damaged]);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(3).fill('quarantined'));
    expect(changes).toEqual([]);
    expect(await warehouse.columns()).toEqual([]);
    expect(await warehouse.rows('from ops.schemas')).toEqual([]);
  });

  it('does not decide which of two duplicates stays', async () => {
    const warehouse = await TestWarehouse.forTest();
    const records = [anEvent(1)];
    await warehouse.load([
      { schema: SCHEMA, records: [...records, anEvent(2)], damage: damageEnd },
      { schema: SCHEMA, records },
    ]);
    expect(await readIds(warehouse)).toEqual(['event-1']);
  });

  it('with a new schema changes no table', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: SCHEMA, records: [anEvent(1)] }]);
    const columns = await warehouse.columns();
    const schema = aSchema({ b: 'int' });
    const { changes } = await warehouse.load([
      { schema, records: [anEvent(2, { b: 1 })], damage: damageEnd },
      { schema: SCHEMA, records: [anEvent(3)] },
    ]);
    expect(changes).toEqual([]);
    expect(await warehouse.columns()).toEqual(columns);
    expect(await readIds(warehouse)).toEqual(['event-1', 'event-3']);
  });
});

describe('objects that are refused', () => {
  it('are all told at once, and the others load', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: SCHEMA, records: [] }]);
    const begin = vi.spyOn(warehouse.database, 'withTransaction');
    const objects = Array.from({ length: 30 }, (_, at) => ({
      schema: at % 2 === 0 ? SCHEMA : aSchema({ [`new_${at}`]: 'int' }),
      records: [anEvent(at, { [`new_${at}`]: 1 })],
    }));
    const loader = warehouse.loader('freeze');
    const opened = await warehouse.discover(objects);
    begin.mockClear();
    const { outcomes } = await loader.load(opened);
    expect(outcomes.filter(({ status }) => status === 'loaded')).toHaveLength(15);
    expect(begin).toHaveBeenCalledTimes(2);
  });

  it('by DuckDB itself are set aside, and the others load', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: SCHEMA, eventType: 'gone', records: [] }]);
    await warehouse.database.run('drop table events.gone');
    const { outcomes } = await warehouse.load([
      { schema: SCHEMA, eventType: 'a', records: [anEvent(1)] },
      { schema: SCHEMA, eventType: 'gone', records: [anEvent(1)] },
      { schema: SCHEMA, eventType: 'b', records: [anEvent(1)] },
    ]);
    expect(outcomes.map(({ object, status }) => `${object.eventType} ${status}`)).toEqual([
      'a loaded',
      'gone quarantined',
      'b loaded',
    ]);
    expect(outcomes[1]?.error?.message).toContain('Catalog Error');
  });
});

describe('an object with a new version', () => {
  const object = (etag: string, numbers: readonly number[], more: Partial<TestObject> = {}) => ({
    schema: SCHEMA,
    key: 'object',
    etag,
    records: numbers.map((number) => anEvent(number)),
    ...more,
  });
  const other = (numbers: readonly number[], key = 'other') => object('v1', numbers, { key });

  /** Loads what waits after the last load, as the next round of a cycle does. */
  async function loadWaiting(warehouse: TestWarehouse, objects: readonly TestObject[]) {
    const waiting = await listPending(warehouse.database, { source: SOURCE });
    const keys = waiting.map(({ key }) => key);
    const again = objects.filter(({ key }) => keys.includes(key as string));
    if (again.length > 0) await warehouse.load(again);
    return keys;
  }

  it('has the rows of the new version and none of the old', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1, 2]), other([9])]);
    await warehouse.load([object('v2', [2, 3])]);
    expect(await readIds(warehouse)).toEqual(['event-2', 'event-3', 'event-9']);
    expect(await readLedger(warehouse)).toEqual([
      'object v1 superseded 0',
      'other v1 loaded 1 0',
      'object v2 loaded 2 0',
    ]);
  });

  it('gives back the duplicate that lived in another object', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1, 2])]);
    await warehouse.load([other([1, 5])]);
    await warehouse.load([other([6], 'without duplicates')]);
    await warehouse.load([object('v2', [2])]);
    expect(await loadWaiting(warehouse, [other([1, 5])])).toEqual(['other']);
    expect(await readIds(warehouse)).toEqual(['event-1', 'event-2', 'event-5', 'event-6']);
    expect(await loadWaiting(warehouse, [])).toEqual([]);
  });

  it('makes nothing wait when no event is lost', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1, 2])]);
    await warehouse.load([other([1, 5])]);
    await warehouse.load([object('v2', [2, 1, 3])]);
    expect(await loadWaiting(warehouse, [])).toEqual([]);
    expect(await readIds(warehouse)).toHaveLength(4);
  });

  it('keeps its old rows while the new version is damaged', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1, 2])]);
    await warehouse.load([object('v2', [3], { damage: damageEnd })]);
    expect(await readIds(warehouse)).toEqual(['event-1', 'event-2']);
    await warehouse.load([object('v3', [4])]);
    expect(await readIds(warehouse)).toEqual(['event-4']);
    expect(await warehouse.rows('from ops.quarantine')).toEqual([]);
  });

  it('has the rows of the old version when that is put back', async () => {
    const warehouse = await TestWarehouse.forTest();
    for (const [etag, numbers] of [
      ['v1', [1]],
      ['v2', [2]],
      ['v1', [1]],
      ['v2', [2]],
    ] as const)
      await warehouse.load([object(etag, numbers)]);
    expect(await readIds(warehouse)).toEqual(['event-2']);
    expect((await readLedger(warehouse)).map((line) => line.split(' ')[2])).toEqual([
      'superseded',
      'loaded',
    ]);
  });

  it('moves to another table when its event type changes', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1], { eventType: 'a' })]);
    await warehouse.load([object('v2', [1], { eventType: 'b' })]);
    expect(await readIds(warehouse, 'a')).toEqual([]);
    expect(await readIds(warehouse, 'b')).toEqual(['event-1']);
  });

  it('of another event type gives back the duplicate that another object of the old type has', async () => {
    const warehouse = await TestWarehouse.forTest();
    const twin = { ...other([1]), eventType: 'a' };
    await warehouse.load([object('v1', [1], { eventType: 'a' }), twin]);
    await warehouse.load([object('v2', [2], { eventType: 'b' })]);
    expect(await loadWaiting(warehouse, [twin])).toEqual(['other']);
    expect(await readIds(warehouse, 'a')).toEqual(['event-1']);
  });

  it('of another event type hides no event of the old type in its own batch', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1], { eventType: 'a' })]);
    await warehouse.load([
      { ...other([1]), eventType: 'a' },
      object('v2', [2], { eventType: 'b' }),
    ]);
    expect(await readIds(warehouse, 'a')).toEqual(['event-1']);
  });

  it('may bring new columns, wider ones and values without a place', async () => {
    const warehouse = await TestWarehouse.forTest();
    const first = aSchema({ n: 'long', properties: 'string' });
    const big = 9_007_199_254_740_993n;
    await warehouse.load([
      object('v1', [], { schema: first, records: [anEvent(1, { n: big, properties: '{}' })] }),
      { ...other([]), schema: first, records: [anEvent(2, { n: big, properties: '{}' })] },
    ]);
    const second = aSchema({ n: 'double', properties: 'string', m: 'int' });
    const records = [anEvent(3, { n: 0.5, properties: 'none', m: 1 })];
    await warehouse.load([object('v2', [], { schema: second, records })]);
    expect(
      await warehouse.rows(
        'select id, n, m, _rescued::varchar as r from events.test_event order by id',
      ),
    ).toEqual([
      { id: 'event-2', n: null, m: null, r: `{"n":${big}}` },
      { id: 'event-3', n: 0.5, m: 1, r: '{"properties":"none"}' },
    ]);
  });

  it('in the batch of a damaged object is replaced all the same', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object('v1', [1])]);
    await warehouse.load([
      object('v2', [2]),
      { schema: SCHEMA, records: [anEvent(7)], damage: damageEnd },
    ]);
    expect(await readIds(warehouse)).toEqual(['event-2']);
  });
});

describe('a machine that fails', () => {
  /** A batch with everything in it: evolution, duplicates, damage, a misfit, a new version, a new type. */
  async function prepare() {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([
      { schema: SCHEMA, key: 'k1', etag: 'v1', records: events(0, 5) },
      { schema: SCHEMA, key: 'k2', etag: 'v1', records: events(3, 8) },
    ]);
    const misfit = aSchema({ properties: ['null', 'string'] });
    const opened = await warehouse.discover([
      { schema: aSchema({ b: 'int' }), key: 'k1', etag: 'v2', records: [anEvent(20, { b: 1 })] },
      { schema: misfit, key: 'k3', records: [anEvent(21, { properties: 'x' }), anEvent(5)] },
      { schema: SCHEMA, key: 'k4', records: [anEvent(22)], damage: damageEnd },
      { schema: SCHEMA, key: 'k5', eventType: 'new.type', records: [anEvent(22)] },
    ]);
    return { warehouse, opened };
  }

  async function readAll(warehouse: TestWarehouse) {
    const sql = `select concat_ws('|', table_name, column_name, data_type, comment)
      from duckdb_columns() where schema_name = 'events' order by table_name, column_index`;
    return {
      columns: await warehouse.column(sql),
      rows: await warehouse.column(
        'select to_json(t)::varchar from events.test_event t order by id',
      ),
      ledger: await readLedger(warehouse),
      quarantine: await warehouse.column('select key from ops.quarantine'),
      schemas: await warehouse.column('select fingerprint from ops.schemas order by all'),
      changes: await warehouse.column(
        `select concat_ws('|', event_type, change, column_name) from ops.schema_changes order by all`,
      ),
    };
  }

  it('at some statement leaves everything as it was, and the next attempt makes up for it', async () => {
    const undisturbed = await prepare();
    await undisturbed.warehouse.loader().load(undisturbed.opened);
    const expected = await readAll(undisturbed.warehouse);

    const { warehouse, opened } = await prepare();
    const before = await readAll(warehouse);
    const loader = warehouse.loader();
    const { database } = warehouse;
    const run = database.run.bind(database);
    const failure = new CurrentsError({ code: 'DISK_FULL', message: 'no space' });
    let failures = 0;
    // Every fourth statement: each attempt gets a little further, and all of them take too long.
    for (let at = 1; ; at += 4) {
      let left = at;
      const spy = vi.spyOn(database, 'run').mockImplementation(async (sql, values) => {
        if (sql !== 'rollback') left -= 1;
        if (left === 0 && sql !== 'rollback') throw failure;
        await run(sql, values);
      });
      const result = await loader.load(opened).catch((error: unknown) => error);
      spy.mockRestore();
      if (result !== failure) break;
      failures += 1;
      expect(await readAll(warehouse)).toEqual(before);
    }
    expect(failures).toBeGreaterThan(8);
    expect(await readAll(warehouse)).toEqual(expected);
  });
});
