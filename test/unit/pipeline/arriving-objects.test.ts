/** Objects on their way to whoever loads them: their order, how many are ahead, and what is wrong with some. */

import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ArrivingObjects } from '../../../src/arriving-objects.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { loadConfig } from '../../../src/config.ts';
import type { ListedObject, ObjectStore } from '../../../src/discovery/object-store.ts';
import { FailureRow } from '../../../src/download-objects.ts';
import { CurrentsError } from '../../../src/errors.ts';
import type { PendingObject } from '../../../src/warehouse/object-ledger.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';

const MIB = 2 ** 20;
const CONFIG = loadConfig({ flags: { 'source.url': '/nowhere' }, env: {}, cwd: '/' });

/** A store of sound objects; `fails` says how the download of one fails, if it does. */
class TestStore {
  readonly asked: string[] = [];
  readonly #sizes: readonly number[];
  readonly #fails: (at: number) => unknown;

  constructor(sizes: readonly number[], fails: (at: number) => unknown = () => undefined) {
    this.#sizes = sizes;
    this.#fails = fails;
  }

  arriving(signal?: AbortSignal): ArrivingObjects {
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
    const store = { fetch: async (object: ListedObject) => this.#fetch(object) };
    const whole = store as Partial<ObjectStore> as ObjectStore;
    return new ArrivingObjects(objects, CONFIG, whole, new FailureRow(), signal);
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
}

/** Long enough for everything that can happen without a taker. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await turn();
}

async function takeAll(arriving: ArrivingObjects): Promise<string[]> {
  const taken: string[] = [];
  for (let next = await arriving.next(); next !== undefined; next = await arriving.next()) {
    const what = next.opened ? 'opened' : (next.failure ?? next.defect)?.code;
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

  it('that need not be held back come two at a time where there is room', async () => {
    const count = async (isHeldBack: boolean) => {
      const store = new TestStore(Array(4).fill(20 * MIB));
      const arriving = store.arriving();
      arriving.isHeldBack = isHeldBack;
      await arriving.next();
      await arriving.wait();
      await settle();
      return store.asked.length;
    };
    expect(await count(false)).toBeGreaterThan(await count(true));
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
