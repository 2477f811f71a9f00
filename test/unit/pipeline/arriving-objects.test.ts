/** Objects on their way to whoever loads them: their order, how many are ahead, and what is wrong with some. */

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ArrivingObjects } from '../../../src/arriving-objects.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { loadConfig } from '../../../src/config.ts';
import type {
  ListedObject,
  ObjectReading,
  ObjectStore,
} from '../../../src/discovery/object-store.ts';
import { FailureRow } from '../../../src/download-objects.ts';
import { CurrentsError } from '../../../src/errors.ts';
import type { PendingObject } from '../../../src/warehouse/object-ledger.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';

const MIB = 2 ** 20;
const CONFIG = loadConfig({ flags: { 'source.url': '/nowhere' }, env: {}, cwd: '/' });

/** A store of sound objects; `fails` says how the download of one fails, if it does. */
class TestStore {
  readonly asked: string[] = [];
  /** Objects that are being read. */
  readonly open = new Set<string>();
  /** Reading fails behind so many bytes. */
  breaksAfter = Number.POSITIVE_INFINITY;
  readonly #sizes: readonly number[];
  readonly #fails: (at: number) => unknown;

  constructor(sizes: readonly number[], fails: (at: number) => unknown = () => undefined) {
    this.#sizes = sizes;
    this.#fails = fails;
  }

  arriving(signal?: AbortSignal, inParts = false): ArrivingObjects {
    const objects = this.#sizes.map(
      (sizeBytes, objectId): PendingObject => ({
        objectId,
        key: `${objectId}`,
        etag: 'e',
        sizeBytes,
        lastModified: new Date(0),
        eventType: 'test.Event',
        schemaVersion: undefined,
      }),
    );
    const store = {
      fetch: async (object: ListedObject) => this.#fetch(object),
      open: async (object: ListedObject, stop?: AbortSignal) => this.#open(object, stop),
    };
    const whole = store as Partial<ObjectStore> as ObjectStore;
    const row = new FailureRow();
    return new ArrivingObjects(objects, { config: CONFIG, store: whole, row, signal, inParts });
  }

  async #fetch(object: ListedObject) {
    this.asked.push(object.key);
    const at = Number(object.key);
    const failure = this.#fails(at);
    if (failure instanceof Buffer) return { ...object, bytes: failure };
    if (failure !== undefined) throw failure;
    const note = 'x'.repeat(Math.max(0, object.sizeBytes - 200));
    const records = [anEvent(at, { note })];
    return { ...object, bytes: await writeContainer(aSchema({ note: 'string' }), records) };
  }

  async #open(object: ListedObject, stop: AbortSignal | undefined): Promise<ObjectReading> {
    const { key } = object;
    const at = Number(key);
    this.asked.push(`open ${key}`);
    const failure = this.#fails(at);
    if (failure !== undefined && !(failure instanceof Buffer)) throw failure;
    const note = 'x'.repeat(MIB);
    const records = Array.from({ length: Math.floor(object.sizeBytes / MIB) }, (_, n) =>
      anEvent(1_000 * at + n, { note }),
    );
    const bytes =
      failure ??
      (await writeContainer(aSchema({ note: 'string' }), records, { recordsPerBlock: 1 }));
    let filled = 0;
    this.open.add(key);
    return {
      ...object,
      sizeBytes: bytes.length,
      fill: async (into) => {
        if (stop?.aborted) throw new CurrentsError({ code: 'INTERRUPTED', message: 'stopped' });
        if (filled + into.length > this.breaksAfter) {
          throw new CurrentsError({
            code: 'OBJECT_INCOMPLETE',
            message: 'broken',
            transient: true,
          });
        }
        filled += bytes.copy(into, 0, filled, filled + into.length);
      },
      close: async () => void this.open.delete(key),
    };
  }
}

/** Long enough for everything that can happen without a taker. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await turn();
}

async function takeAll(arriving: ArrivingObjects): Promise<string[]> {
  const taken: string[] = [];
  for (let next = await arriving.next(); next !== undefined; next = await arriving.next()) {
    const what = next.opened ? 'opened' : (next.failure ?? next.defect?.error)?.code;
    taken.push(`${next.object.key} ${what}`);
  }
  return taken;
}

describe('objects', () => {
  it('come in their order, whatever becomes of some', async () => {
    const store = new TestStore(Array(6).fill(1_000), (at) => {
      if (at === 2) return new CurrentsError({ code: 'OBJECT_MISSING', message: 'gone' });
      return at === 4 ? Buffer.from('no container') : undefined;
    });
    expect(await takeAll(store.arriving())).toEqual([
      '0 opened',
      '1 opened',
      '2 OBJECT_MISSING',
      '3 opened',
      '4 CONTAINER_INVALID',
      '5 opened',
    ]);
  });

  it('are ready before they are asked for, one at a time', async () => {
    const arriving = new TestStore(Array(3).fill(1_000)).arriving();
    await arriving.wait();
    expect(arriving.ready?.object.key).toBe('0');
    arriving.take();
    expect(arriving.ready).toBeUndefined();
    expect((await arriving.next())?.object.key).toBe('1');
  });

  it('that are small are downloaded while those before are taken', async () => {
    const store = new TestStore(Array(1_500).fill(1_000));
    const arriving = store.arriving();
    await arriving.wait();
    await settle();
    // A group has 512 at the most.
    expect(store.asked).toHaveLength(1_024);
  });

  it('that are large are downloaded when the one before is taken', async () => {
    const store = new TestStore(Array(3).fill(40 * MIB));
    const arriving = store.arriving();
    await arriving.wait();
    await settle();
    expect(store.asked).toEqual(['0']);
    arriving.take();
    await arriving.wait();
    expect(store.asked).toEqual(['0', '1']);
  });
});

describe('large objects in parts', () => {
  const readParts = async (arriving: ArrivingObjects) => {
    const parts: string[] = [];
    for (let next = await arriving.next(); next !== undefined; next = await arriving.next()) {
      const { recordCount } = next.opened?.container ?? {};
      const { part } = next.opened ?? {};
      const what = part === undefined ? 'whole' : part.isLast ? 'last' : 'part';
      parts.push(`${next.object.key} ${next.defect?.error.code ?? `${what} ${recordCount}`}`);
    }
    return parts;
  };

  it('come one behind the other, smaller ones between them as a whole', async () => {
    const store = new TestStore([10 * MIB, 5 * MIB, 1_000, 9 * MIB]);
    expect(await readParts(store.arriving(undefined, true))).toEqual([
      '0 part 3',
      '0 part 3',
      '0 part 3',
      '0 last 1',
      '1 whole 5',
      '2 whole 1',
      '3 part 3',
      '3 part 3',
      '3 last 3',
    ]);
    expect(store.open.size).toBe(0);
  });

  it('are read a few parts ahead, and no further', async () => {
    const store = new TestStore([100 * MIB, 100 * MIB]);
    const arriving = store.arriving(undefined, true);
    await arriving.wait();
    await settle();
    expect(store.asked).toEqual(['open 0']);
    for (let taken = 0; taken < 3; taken++) {
      expect(arriving.ready?.opened?.part?.isLast).toBe(false);
      arriving.take();
    }
    arriving.stop();
  });

  it('are tried as a whole when their first part cannot be had, and their defects are told', async () => {
    const broken = new TestStore([20 * MIB]);
    broken.breaksAfter = 0;
    expect(await readParts(broken.arriving(undefined, true))).toEqual(['0 whole 1']);
    expect(broken.asked).toEqual(['open 0', '0']);
    const damaged = new TestStore([20 * MIB], () => Buffer.alloc(3 * MIB));
    expect(await readParts(damaged.arriving(undefined, true))).toEqual(['0 CONTAINER_INVALID']);
    expect([...broken.open, ...damaged.open]).toEqual([]);
  });

  it('that break off later throw when their turn comes', async () => {
    const store = new TestStore([30 * MIB, 1_000]);
    store.breaksAfter = 9 * MIB;
    const arriving = store.arriving(undefined, true);
    expect((await arriving.next())?.opened?.part?.isLast).toBe(false);
    expect((await arriving.next())?.opened?.part?.isLast).toBe(false);
    await expect(arriving.next()).rejects.toThrow('broken');
    await settle();
    expect(store.open.size).toBe(0);
  });

  it('are closed when nobody wants the rest', async () => {
    const store = new TestStore([100 * MIB]);
    const arriving = store.arriving(undefined, true);
    await arriving.next();
    expect(store.open.size).toBe(1);
    arriving.stop();
    await settle();
    expect(store.open.size).toBe(0);
  });

  it('come to their end after a wish to stop, once they were begun', async () => {
    const stop = new AbortController();
    const store = new TestStore([60 * MIB, 60 * MIB]);
    const arriving = store.arriving(stop.signal, true);
    await arriving.next();
    await settle();
    stop.abort();
    let last = await arriving.next();
    while (last?.opened?.part?.isLast === false) last = await arriving.next();
    expect(last?.object.key).toBe('0');
    await expect(arriving.next()).rejects.toThrow('stopped');
  });
});

describe('a store that fails for all', () => {
  it('is told by the next taker, and by nobody who only waits', async () => {
    const error = new CurrentsError({ code: 'SOURCE_NOT_FOUND', message: 'no such bucket' });
    const store = new TestStore([40 * MIB, 40 * MIB], (at) => (at === 1 ? error : undefined));
    const arriving = store.arriving();
    expect((await arriving.next())?.object.key).toBe('0');
    await arriving.wait();
    expect(arriving.ready).toBeUndefined();
    await expect(arriving.next()).rejects.toThrow('no such bucket');
  });
});
