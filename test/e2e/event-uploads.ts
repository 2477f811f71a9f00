/**
 * Objects with known events, uploaded to a test bucket as Braze does: several event types and
 * integrations, both key layouts, any hour of the last two days, some events delivered a second time.
 *
 * Remembers the ids that each key holds now, so that tables can be compared with them.
 */

import assert from 'node:assert/strict';
import { writeContainer } from '../../src/avro/container-writer.ts';
import { describeKey, formatObjectKey } from '../../src/discovery/object-key.ts';
import { anEvent, aSchema, events } from '../support/event-builders.ts';
import type { TestBucket } from '../support/s3-buckets.ts';
import { createRandom } from '../support/seeded-random.ts';
import { readEventIds } from './event-ids.ts';

export const EVENT_TYPES = [
  'users.messages.email.Open',
  'users.messages.email.Click',
  'users.behaviors.CustomEvent',
  'users.behaviors.app.SessionStart',
  'users.canvas.Entry',
  'users.something.Unheard',
];

const HOUR_MS = 3_600_000;
/** Keys are spread over this many hours up to now: within the default lookback of two days. */
const HOURS = 40;
const EVENTS_PER_OBJECT = 4;
const REPEATED_SHARE = 0.2;

export class EventUploads {
  readonly #bucket: TestBucket;
  readonly #random: () => number;
  readonly #idsByKey = new Map<string, readonly string[]>();
  /** Numbers of events that were uploaded once already, by event type. */
  readonly #delivered = new Map<string | undefined, number[]>();
  #objectCount = 0;
  #eventCount = 0;

  constructor(bucket: TestBucket, seed: number) {
    this.#bucket = bucket;
    this.#random = createRandom(seed);
  }

  /** How many keys there are. */
  get keyCount(): number {
    return this.#idsByKey.size;
  }

  /** Uploads new objects and, with `overwrite`, that share of new versions of old ones. */
  async upload(count: number, overwrite = 0): Promise<void> {
    const existing = [...this.#idsByKey.keys()];
    const keys = new Set<string>();
    for (let added = 0; added < count; added += 1) {
      const old = existing[Math.floor(this.#random() * existing.length)];
      keys.add(old !== undefined && this.#random() < overwrite ? old : this.#pickKey());
    }
    const objects: [string, Buffer][] = [];
    for (const key of keys) objects.push([key, await this.#writeObject(key)]);
    await this.#bucket.putAll(objects);
  }

  /** Each event is in its table once; none is missing, none is of a version that was overwritten. */
  async assertLoaded(database: string): Promise<void> {
    const none = { missing: 0, strange: 0, doubled: 0 };
    assert.deepEqual(await this.#compare(database), none);
  }

  /** What is in the tables is right, though something may be missing. Returns how many events are there. */
  async assertNothingWrong(database: string): Promise<number> {
    const { missing, ...wrong } = await this.#compare(database);
    assert.deepEqual(wrong, { strange: 0, doubled: 0 });
    return this.#expectedIds().size - missing;
  }

  async #compare(database: string) {
    const expected = this.#expectedIds();
    const rows = await readEventIds(database);
    const found = new Set(rows);
    return {
      missing: [...expected].filter((id) => !found.has(id)).length,
      strange: rows.filter((id) => !expected.has(id)).length,
      doubled: rows.length - found.size,
    };
  }

  #expectedIds(): ReadonlySet<string> {
    return new Set([...this.#idsByKey.values()].flat());
  }

  async #writeObject(key: string): Promise<Buffer> {
    const { eventType } = describeKey(key);
    const records = events(this.#eventCount, this.#eventCount + EVENTS_PER_OBJECT);
    const earlier = this.#delivered.get(eventType) ?? [];
    const again = earlier[Math.floor(this.#random() * earlier.length)];
    if (again !== undefined && this.#random() < REPEATED_SHARE) records.push(anEvent(again));
    this.#delivered.set(eventType, [...earlier, this.#eventCount]);
    this.#eventCount += EVENTS_PER_OBJECT;
    this.#idsByKey.set(
      key,
      records.map((record) => String(record.id)),
    );
    return writeContainer(aSchema(), records);
  }

  #pickKey(): string {
    const thisHourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const random = this.#random;
    this.#objectCount += 1;
    return formatObjectKey({
      layout: random() < 0.5 ? 'version' : 'schema-id',
      prefix: random() < 0.5 ? 'currents/' : 'currents/second app/',
      cluster: random() < 0.5 ? 'prod-03' : undefined,
      integrationId: '64b7f0c2a1d3e4f5a6b7c8d9',
      eventType: EVENT_TYPES[Math.floor(random() * EVENT_TYPES.length)] ?? '',
      hour: new Date(thisHourMs - Math.floor(random() * HOURS) * HOUR_MS),
      schemaVersion: String(1 + Math.floor(random() * 3)),
      zone: 'prod',
      partition: String(Math.floor(random() * 4)),
      offset: String(this.#objectCount).padStart(10, '0'),
    });
  }
}
