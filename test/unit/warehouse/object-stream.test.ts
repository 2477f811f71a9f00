/** Objects that join a batch while it is loaded, and give their memory back as soon as they have been read. */

import { describe, expect, it } from 'vitest';
import { takeMemory } from '../../../src/avro/container-reader.ts';
import { PrivacyRules } from '../../../src/privacy-rules.ts';
import { KeySieve } from '../../../src/warehouse/key-sieve.ts';
import {
  type ObjectStream,
  type OpenedObject,
  StreamBroken,
} from '../../../src/warehouse/load-batch.ts';
import { PrivacyDoor } from '../../../src/warehouse/privacy-door.ts';
import { anEvent, aRecord, aSchema, events } from '../../support/event-builders.ts';
import { type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

const SCHEMA = aSchema();

/** Objects that arrive as told: at once, or each only when somebody waits. */
class TestStream implements ObjectStream {
  readonly upcoming: readonly OpenedObject[];
  readonly #waiting: OpenedObject[];
  readonly #isSlow: boolean | 'at first';
  #waits = 0;
  released = 0;

  constructor(objects: readonly OpenedObject[], isSlow: boolean | 'at first') {
    this.upcoming = objects;
    this.#waiting = [...objects];
    this.#isSlow = isSlow;
  }

  takeReady(accepts: (object: OpenedObject) => boolean): OpenedObject | undefined {
    const isLate = this.#isSlow === 'at first' ? this.#waits === 0 : this.#isSlow;
    return isLate ? undefined : this.#take(accepts);
  }

  async takeBatch(accepts: (object: OpenedObject) => boolean): Promise<readonly OpenedObject[]> {
    this.#waits += 1;
    const object = this.#take(accepts);
    return object === undefined ? [] : [object];
  }

  release({ container }: Pick<OpenedObject, 'container'>): void {
    // What is read afterwards is read wrongly.
    const memory = takeMemory(container);
    for (const bytes of memory) bytes.fill(0xff);
    if (memory.length > 0) this.released += 1;
  }

  #take(accepts: (object: OpenedObject) => boolean): OpenedObject | undefined {
    const [next] = this.#waiting;
    if (next === undefined || !accepts(next)) return undefined;
    return this.#waiting.shift();
  }
}

/** The first object is the batch, the others follow. */
async function stream(warehouse: TestWarehouse, objects: readonly TestObject[], isSlow = false) {
  const [first, ...following] = await warehouse.discover(objects);
  const arriving = new TestStream(following, isSlow);
  const load = warehouse.loader().load([first as OpenedObject], arriving);
  return { load, arriving };
}

const object = (first: number, end: number, more: Partial<TestObject> = {}): TestObject => ({
  schema: SCHEMA,
  records: events(first, end),
  ...more,
});

/** An object as several parts, each with so many of its blocks. */
function divide(whole: OpenedObject, blocksPerPart: number): OpenedObject[] {
  const { blocks, recordCount: expectedRecords } = whole.container;
  const parts: OpenedObject[] = [];
  for (let at = 0; at < blocks.length; at += blocksPerPart) {
    const own = blocks.slice(at, at + blocksPerPart);
    const recordCount = own.reduce((sum, block) => sum + block.recordCount, 0);
    const isLast = at + blocksPerPart >= blocks.length;
    const container = { ...whole.container, blocks: own, recordCount };
    parts.push({ ...whole, container, part: { isLast, expectedRecords } });
  }
  return parts;
}

async function readIds(warehouse: TestWarehouse): Promise<number> {
  const [row] = await warehouse.rows<{ rows: number; ids: number }>(
    'select count(*)::int as rows, count(distinct id)::int as ids from events.test_event',
  );
  expect(row?.ids).toBe(row?.rows);
  return row?.rows as number;
}

describe('objects of a stream', () => {
  it.each([false, true])('are loaded with the batch before them (slow: %s)', async (isSlow) => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(9_000, 9_100)]);
    const { load, arriving } = await stream(
      warehouse,
      [object(0, 3_000), object(2_900, 6_000), object(6_000, 9_050), object(0, 10)],
      isSlow,
    );
    const { outcomes } = await load;
    const counts = outcomes.map((one) => `${one.status} ${one.readCount}-${one.duplicateCount}`);
    expect(counts).toEqual(['loaded 3000-0', 'loaded 3100-100', 'loaded 3050-50', 'loaded 10-10']);
    expect(await readIds(warehouse)).toBe(9_100);
    expect(arriving.released).toBe(4);
    expect(
      await warehouse.column("select count(*)::int from ops.objects where status = 'loaded'"),
    ).toEqual([5]);
  });

  it.each([
    ['of another event type', object(10, 20, { eventType: 'other' })],
    [
      'of another schema',
      {
        ...object(10, 20),
        schema: aSchema({ more: 'string' }),
        records: events(10, 20).map((event) => ({ ...event, more: '' })),
      },
    ],
    ['that are new versions', object(10, 20, { key: 'loaded before' })],
  ])('%s wait for the next batch', async (_, refused) => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(500, 510, { key: 'loaded before', eventType: 'test.Event' })]);
    const { load } = await stream(warehouse, [object(0, 10), refused, object(20, 30)]);
    expect((await load).outcomes).toHaveLength(1);
    expect(await readIds(warehouse)).toBe(20);
  });

  it.each([false, true])(
    'break it when one is damaged, and nothing stays (slow: %s)',
    async (isSlow) => {
      const warehouse = await TestWarehouse.forTest();
      const damage = (block: Buffer) => {
        block[block.length - 1] = 0xff;
      };
      const objects = [object(0, 3_000), object(3_000, 6_000, { damage }), object(6_000, 6_010)];
      const { load } = await stream(warehouse, objects, isSlow);
      await expect(load).rejects.toThrow(StreamBroken);
      expect(await warehouse.columns()).toEqual([]);
      expect(await warehouse.column('select distinct status from ops.objects')).toEqual([
        'discovered',
      ]);
    },
  );

  it('break it when a value has no place, and the loader knows for the next time', async () => {
    const warehouse = await TestWarehouse.forTest();
    const [narrow, wide] = [aSchema({ n: 'int' }), aSchema({ n: 'long' })];
    await warehouse.load([{ schema: narrow, records: [anEvent(1, { n: 1 })] }]);
    const make = (first: number, n: bigint): TestObject => ({
      schema: wide,
      records: events(first, first + 10).map((event) => ({ ...event, n })),
    });
    const loader = warehouse.loader('rescue');
    const opened = await warehouse.discover([make(10, 1n), make(20, 2n ** 40n)]);
    const [first, second] = opened as [OpenedObject, OpenedObject];
    await expect(loader.load([first], new TestStream([second], false))).rejects.toThrow(
      StreamBroken,
    );
    const again = await warehouse.discover([make(10, 1n), make(20, 2n ** 40n)]);
    await loader.load(again);
    expect(
      await warehouse.column(
        'select count(*)::int from events.test_event where _rescued is not null',
      ),
    ).toEqual([10]);
    expect(await readIds(warehouse)).toBe(21);
  });

  it('are not taken by a batch that is refused before it begins', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(0, 10)]);
    const schema = aSchema({ more: 'string' });
    const records = events(10, 20).map((event) => ({ ...event, more: '' }));
    const opened = await warehouse.discover([{ schema, records }, object(20, 30)]);
    const [first, second] = opened as [OpenedObject, OpenedObject];
    const { outcomes } = await warehouse
      .loader('freeze')
      .load([first], new TestStream([second], false));
    expect(outcomes.map(({ status }) => status)).toEqual(['quarantined']);
    expect(await readIds(warehouse)).toBe(10);
  });

  it('release the batch before its commit when none follows', async () => {
    const warehouse = await TestWarehouse.forTest();
    const opened = await warehouse.discover([object(0, 10), object(5, 20, { eventType: 'other' })]);
    const arriving = new TestStream([], false);
    await warehouse.loader().load(opened, arriving);
    expect(arriving.released).toBe(2);
    expect(opened.map(({ container }) => container.blocks)).toEqual([[], []]);
  });

  it.each([
    ['of the batch', ['marked', 'plain', 'plain', 'marked']],
    ['that joins later', ['plain', 'plain', 'marked', 'plain']],
    ['that is alone', ['plain', 'marked']],
  ])('are hashed as the marks of any object %s want it', async (_, kinds) => {
    const warehouse = await TestWarehouse.forTest();
    const plain = aSchema({ note: 'string' });
    // The two have one fingerprint.
    const schemas: Readonly<Record<string, string>> = {
      plain,
      marked: plain.replace('"name":"note"', '"name":"note","pii":true'),
    };
    const objects = kinds.map(
      (kind, at): TestObject => ({
        schema: schemas[kind] as string,
        records: events(at * 10, at * 10 + 10).map((event) => ({
          ...event,
          note: `secret ${kind}`,
        })),
      }),
    );
    const [first, ...following] = await warehouse.discover(objects);
    const door = new PrivacyDoor(new PrivacyRules({ hash: ['pii'], drop: [] }), 'a key for tests');
    const loader = warehouse.loader('evolve', door);
    const { outcomes } = await loader.load(
      [first as OpenedObject],
      new TestStream(following, 'at first'),
    );
    const rest = following.slice(outcomes.length - 1);
    for (const one of rest) await loader.load([one]);
    expect(await readIds(warehouse)).toBe(kinds.length * 10);
    expect(
      await warehouse.column(
        "select count(*)::int from events.test_event where note = 'secret marked'",
      ),
    ).toEqual([0]);
  });
});

describe('objects in parts', () => {
  const inBlocks = { recordsPerBlock: 500 };

  /** Loads the parts of these objects as one stream. */
  async function loadParts(
    warehouse: TestWarehouse,
    objects: readonly TestObject[],
    isSlow = false,
  ) {
    const opened = await warehouse.discover(objects);
    const [first, ...following] = opened.flatMap((one) => divide(one, 3));
    const arriving = new TestStream(following, isSlow);
    const load = warehouse.loader().load([first as OpenedObject], arriving);
    return { load, arriving };
  }

  it.each([false, true])('are loaded, counted and told as one (slow: %s)', async (isSlow) => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(9_000, 9_100)]);
    const { load, arriving } = await loadParts(
      warehouse,
      [
        object(0, 8_000, inBlocks),
        object(7_000, 9_050, inBlocks),
        object(1_000, 6_000, inBlocks),
        object(20_000, 20_100),
      ],
      isSlow,
    );
    const { outcomes } = await load;
    const counts = outcomes.map((one) => `${one.status} ${one.readCount}-${one.duplicateCount}`);
    expect(counts).toEqual([
      'loaded 8000-0',
      'loaded 2050-1050',
      'loaded 5000-5000',
      'loaded 100-0',
    ]);
    expect(await readIds(warehouse)).toBe(9_200);
    expect(arriving.released).toBe(6 + 2 + 4 + 1);
    expect(
      await warehouse.column('select row_count::int from ops.objects order by object_id'),
    ).toEqual([100, 8_000, 1_000, 0, 100]);
  });

  // Late events are in doubt, and a repeated object is so as a whole after some thousand records.
  it('are in doubt part by part', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(10_000, 40_000)]);
    const { load } = await loadParts(warehouse, [object(0, 60_000, inBlocks)]);
    const { outcomes } = await load;
    expect(outcomes).toMatchObject([{ readCount: 60_000, duplicateCount: 30_000 }]);
    expect(await readIds(warehouse)).toBe(60_000);
  });

  it('are loaded when another loader has the sieve', async () => {
    const warehouse = await TestWarehouse.forTest();
    const { outcomes } = await new KeySieve().lend(1, async () => {
      const { load } = await loadParts(warehouse, [object(0, 4_000, inBlocks)]);
      return load;
    });
    expect(outcomes).toMatchObject([{ readCount: 4_000, duplicateCount: 0 }]);
    expect(await readIds(warehouse)).toBe(4_000);
  });

  it.each([
    ['ids that are numbers', 'id'],
    ['no ids', 'number'],
  ])('are loaded with %s', async (_, field) => {
    const warehouse = await TestWarehouse.forTest();
    const records = events(0, 4_000).map(({ time }, at) => ({ [field]: BigInt(at), time }));
    const schema = aRecord({ [field]: 'long', time: 'int' });
    const { load } = await loadParts(warehouse, [{ schema, records, ...inBlocks }]);
    expect((await load).outcomes).toMatchObject([{ readCount: 4_000, duplicateCount: 0 }]);
    expect(await warehouse.column('select count(*)::int from events.test_event')).toEqual([4_000]);
  });

  it('break the stream when what is wrong with one is told before all of it came', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(0, 10)]);
    const schema = aSchema({ more: 'string' });
    const records = events(10, 5_000).map((event) => ({ ...event, more: '' }));
    const [whole] = await warehouse.discover([{ schema, records, ...inBlocks }]);
    const [first, ...following] = divide(whole as OpenedObject, 3);
    const load = warehouse
      .loader('freeze')
      .load([first as OpenedObject], new TestStream(following, false));
    await expect(load).rejects.toThrow(StreamBroken);
    expect(await readIds(warehouse)).toBe(10);
  });

  it('take the place of an older version', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([object(0, 3_000, { key: 'again' })]);
    const { load } = await loadParts(warehouse, [
      object(2_000, 7_000, { key: 'again', etag: 'new', ...inBlocks }),
    ]);
    expect((await load).outcomes).toMatchObject([{ readCount: 5_000, duplicateCount: 0 }]);
    expect(await readIds(warehouse)).toBe(5_000);
  });
});
