/** What becomes of the memory of objects when their batch has been loaded. */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CODEC_NAMES, type CodecName } from '../../../src/avro/codecs.ts';
import { CurrentsError } from '../../../src/errors.ts';
import { LoadingMemory } from '../../../src/loading-memory.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { BatchLoader } from '../../../src/warehouse/load-batch.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { createRandom } from '../../support/seeded-random.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema({ note: 'string' });
const EVENTS_PER_OBJECT = 20;
const NOTE_BYTES = 100_000;
const OBJECT_BYTES = EVENTS_PER_OBJECT * NOTE_BYTES;

/** Loads eight objects of 2 MB, each as a batch; how much memory buffers had after each. */
async function loadOneByOne(bucket: TestBucket, codec: CodecName): Promise<readonly number[]> {
  const random = createRandom(7);
  // Deflate makes a seventh of it, as of events.
  const aNote = () =>
    Array.from({ length: NOTE_BYTES / 20 }, () =>
      String(Math.floor(random() * 10_000)).padStart(20),
    ).join('');
  for (let first = 0; first < 8 * EVENTS_PER_OBJECT; first += EVENTS_PER_OBJECT) {
    const events = Array.from({ length: EVENTS_PER_OBJECT }, (_, at) =>
      anEvent(first + at, { note: aNote() }),
    );
    await bucket.put(aKey(first), SCHEMA, events, { codec, recordsPerBlock: 4 });
  }
  const heldBytes: number[] = [];
  await bucket.cycle(
    {},
    // A group of downloads has a quarter of the bytes of a batch, or one object.
    { 'load.batchRows': String(EVENTS_PER_OBJECT), 'load.batchBytes': '3MB' },
    { onProgress: () => heldBytes.push(process.memoryUsage().arrayBuffers) },
  );
  return heldBytes;
}

describe('objects that have been loaded', () => {
  it.each(CODEC_NAMES)('leave nothing to the batches behind them, with codec %s', async (codec) => {
    const bucket = new TestBucket();
    await loadOneByOne(bucket, codec);
    expect(
      await bucket.rows(
        `select count(*)::int as events, count(distinct note)::int as notes,
           min(length(note))::int as length
         from events.test_event`,
      ),
    ).toEqual([{ events: 160, notes: 160, length: NOTE_BYTES }]);
  });

  it.each(['null', 'deflate'] as const)('give back their memory, with codec %s', async (codec) => {
    const heldBytes = await loadOneByOne(new TestBucket(), codec);
    expect(Math.max(...heldBytes) - Math.min(...heldBytes)).toBeLessThan(4 * OBJECT_BYTES);
  });
});

describe('large objects of one event type', () => {
  const COUNT = 7;
  const RECORDS = 5_000;
  // Above what counts as a large object, and below what counts as a large record.
  const BYTES = 1_800;
  const FLAGS = { 'load.batchRows': String(RECORDS), 'load.batchBytes': '60MB' };

  /** Each event's note is its number again and again. */
  async function putAll(bucket: TestBucket): Promise<readonly string[]> {
    const keys = Array.from({ length: COUNT }, (_, at) => aKey(at));
    for (const [at, key] of keys.entries()) {
      // The first event of each object is the last of the one before.
      const events = Array.from(
        { length: RECORDS },
        (_, n) => at * RECORDS + n - (n === 0 ? 1 : 0),
      );
      const records = events.map((number) =>
        anEvent(number, {
          note: String(number)
            .padStart(8)
            .repeat(BYTES / 8),
        }),
      );
      await bucket.put(key, SCHEMA, records, { recordsPerBlock: 700 });
    }
    return keys;
  }

  /** The last byte before the sync marker, of the last record's text: it is not UTF-8 any more. */
  function damage(bucket: TestBucket, key: string): void {
    const file = path.join(bucket.folder, key);
    const bytes = readFileSync(file);
    bytes[bytes.length - 17] = 0xff;
    writeFileSync(file, bytes);
  }

  async function countRight(bucket: TestBucket): Promise<number> {
    const [row] = await bucket.rows<{ rows: number; ids: number; wrong: number }>(
      `select count(*)::int as rows, count(distinct id)::int as ids,
         count(*) filter (note <> repeat(lpad(substr(id, 7), 8, ' '), ${BYTES / 8}))::int as wrong
       from events.test_event`,
    );
    expect(row).toMatchObject({ ids: row?.rows, wrong: 0 });
    return row?.rows as number;
  }

  it('are loaded as they arrive, a few of them in memory at a time', async () => {
    const bucket = new TestBucket();
    await putAll(bucket);
    const loaded: number[] = [];
    const { objects, events } = await bucket.cycle({}, FLAGS, {
      onProgress: (progress) => {
        if (progress.phase === 'loading') loaded.push(progress.objects);
      },
    });
    // A transaction takes four batches.
    expect(loaded).toEqual([0, 4, COUNT]);
    expect(objects).toMatchObject({ loaded: COUNT, quarantined: 0 });
    expect(events).toMatchObject({ read: COUNT * RECORDS, duplicates: COUNT - 1 });
    expect(await countRight(bucket)).toBe(COUNT * RECORDS - COUNT + 1);
  });

  it.each([1, 3, 6])('are loaded but for a damaged one, here number %d', async (damaged) => {
    const bucket = new TestBucket();
    const keys = await putAll(bucket);
    damage(bucket, keys[damaged] as string);
    const { objects } = await bucket.cycle({}, FLAGS);
    expect(objects).toMatchObject({ loaded: COUNT - 1, quarantined: 1, pending: 0 });
    expect(await bucket.rows('select key from ops.quarantine')).toEqual([{ key: keys[damaged] }]);
    expect(await countRight(bucket)).toBe((COUNT - 1) * RECORDS - COUNT + (damaged === 6 ? 2 : 3));
  });

  it('are loaded to the number that was asked for, also when one is damaged', async () => {
    const bucket = new TestBucket();
    const keys = await putAll(bucket);
    damage(bucket, keys[1] as string);
    expect((await bucket.cycle({ limit: 4 }, FLAGS)).objects).toMatchObject({
      loaded: 3,
      quarantined: 1,
      pending: 3,
    });
    expect((await bucket.cycle({}, FLAGS)).objects).toMatchObject({ loaded: 3, pending: 0 });
  });

  it('join no batch that is in doubt as a whole, and so stays in memory', async () => {
    const bucket = new TestBucket();
    // All others happened before it.
    await bucket.put(aKey(0, '2026-09-01-09'), SCHEMA, [anEvent(10_000_000, { note: '' })]);
    await bucket.cycle();
    await putAll(bucket);
    const held: number[] = [];
    await bucket.cycle({}, FLAGS, {
      onProgress: (progress) => {
        if (progress.phase === 'loading') held.push(progress.objects);
      },
    });
    // 24 MB are two fifths of a batch: three objects, and the one that goes beyond.
    expect(Math.max(...held.map((loaded, at) => loaded - (held[at - 1] ?? 0)))).toBeLessThanOrEqual(
      4,
    );
    expect(held.at(-1)).toBe(COUNT);
  });
});

/** What DuckDB is given from now on, which it does not get. */
function watchLimits(): readonly number[] {
  const limits: number[] = [];
  const limit = vi.spyOn(Database.prototype, 'limitMemory').mockImplementation(async (bytes) => {
    limits.push(bytes);
  });
  onTestFinished(() => limit.mockRestore());
  return limits;
}

describe('the memory of DuckDB', () => {
  it('leaves more for objects when there are many at a time', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1, { note: '' })]);
    await bucket.put(aKey(2), SCHEMA, [anEvent(2, { note: '' })]);
    const limits = watchLimits();
    await bucket.cycle();
    expect(limits).toEqual([96_000_000, 256_000_000]);
    await bucket.put(aKey(3), SCHEMA, [anEvent(3, { note: '' })]);
    await bucket.cycle();
    expect(limits.slice(2)).toEqual([224_000_000]);
    await bucket.cycle();
    expect(limits).toHaveLength(3);
  });

  it('has less when large objects have been loaded for a while', async () => {
    const limits = watchLimits();
    const database = await Database.open({ path: ':memory:' });
    const memory = new LoadingMemory(database, 256_000_000);
    try {
      for (const by of ['stream', 'batch', 'stream', 'stream', 'stream'] as const) {
        await memory.divide(by);
      }
      await memory.end();
      expect(limits.map((bytes) => bytes / 1e6)).toEqual([224, 96, 224, 192, 192]);
    } finally {
      database.close();
    }
  });

  it('is set for each batch, so that what the one before has freed goes back', async () => {
    const bucket = new TestBucket();
    for (const at of [1, 2, 3, 4, 5, 6])
      await bucket.put(aKey(at), SCHEMA, [anEvent(at, { note: '' })]);
    const limits = watchLimits();
    await bucket.cycle({}, { 'load.batchRows': '2' });
    expect(limits).toEqual([96_000_000, 96_000_000, 96_000_000, 256_000_000]);
  });

  it('goes back to the system every second, also while a statement runs', async () => {
    const database = await Database.open({ path: ':memory:', memoryLimitBytes: 256_000_000 });
    const memory = new LoadingMemory(database, 256_000_000);
    const returned = vi.spyOn(Database.prototype, 'returnMemory');
    onTestFinished(() => returned.mockRestore());
    try {
      await memory.divide('stream');
      await memory.during(async () => {
        const endless = database.run(
          'select max(a.range + b.range) from range(10_000_000) a, range(10_000_000) b',
        );
        endless.catch(() => undefined);
        const isReturned = () => expect(returned.mock.settledResults.length).toBeGreaterThan(0);
        await vi.waitFor(isReturned, 30_000);
        database.interrupt();
        await expect(endless).rejects.toThrow('interrupt');
      });
      expect(returned.mock.settledResults[0]?.type).toBe('fulfilled');
    } finally {
      database.close();
    }
  });

  it('goes back to the system from a thread that has nothing else to do', async () => {
    const database = await Database.open({ path: ':memory:' });
    try {
      expect(
        await database.row("select current_setting('allocator_background_threads') as isSet"),
      ).toEqual({ isSet: true });
    } finally {
      database.close();
    }
  });
});

describe('a load that takes more memory than it was given', () => {
  it('goes on with all that there is, once', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1, { note: '' })]);
    const limits = watchLimits();
    const error = new CurrentsError({
      code: 'DATABASE_FAILED',
      message: 'Out of Memory Error',
      context: { isOutOfMemory: true },
    });
    const load = vi.spyOn(BatchLoader.prototype, 'load').mockRejectedValueOnce(error);
    onTestFinished(() => load.mockRestore());
    expect((await bucket.cycle()).objects).toMatchObject({ loaded: 1, pending: 0 });
    expect(limits).toEqual([224_000_000, 256_000_000]);
    load.mockRejectedValue(error);
    await bucket.put(aKey(2), SCHEMA, [anEvent(2, { note: '' })]);
    await expect(bucket.cycle()).rejects.toThrow('Out of Memory');
    expect(load).toHaveBeenCalledTimes(4);
  });
});
