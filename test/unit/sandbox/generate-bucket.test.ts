/**
 * The generated bucket as a whole: what any reader of it may rely on. A small world is read back with our
 * own container reader; the other files in this folder look at single parts.
 */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { listEventTypes } from '../../../src/avro/schema-registry.ts';
import { parseObjectKey } from '../../../src/discovery/object-key.ts';
import { generateBucket } from '../../../src/sandbox/generate-bucket.ts';
import type { GenerateOptions } from '../../../src/sandbox/generate-options.ts';
import {
  generateInMemory,
  listRecords,
  type StoredObjects,
  type StoredRecord,
} from './generated-world.ts';

describe('generateBucket', () => {
  it('gives the same keys and bytes for the same seed, and others for another', async () => {
    const options = { events: 1_500, users: 80, hours: 12, seed: 7 };
    const first = await generateInMemory(options);
    const second = await generateInMemory(options);
    const other = await generateInMemory({ ...options, seed: 8 });
    expect(digest(second.objects)).toEqual(digest(first.objects));
    expect(second.summary).toEqual(first.summary);
    const ids = new Set((await listRecords(first.objects)).map(({ values }) => values.id));
    const otherIds = (await listRecords(other.objects)).map(({ values }) => values.id);
    expect(otherIds.filter((id) => ids.has(id))).toEqual([]);
  });

  it('gives exactly as many distinct events as asked for, and counts them', async () => {
    for (const events of [1, 17, 1_200]) {
      const { objects, summary } = await generateInMemory({ events, duplicates: 0.2, late: 0.1 });
      const records = await listRecords(objects);
      const distinct = new Map(records.map(({ values, type }) => [values.id, type]));
      expect(distinct.size).toBe(events);
      expect(records.length).toBe(events + summary.duplicates);
      expect(summary.events).toBe(events);
      expect(summary.objects).toBe(objects.size);
      expect(summary.bytes).toBe(
        [...objects.values()].reduce((sum, { length }) => sum + length, 0),
      );
      const counted: Record<string, number> = {};
      for (const type of distinct.values()) counted[type] = (counted[type] ?? 0) + 1;
      expect(summary.byEventType).toEqual(counted);
    }
  });

  it('has every event type that we have a schema for', async () => {
    const { summary } = await generateInMemory({ events: 3_000 });
    expect(Object.keys(summary.byEventType)).toEqual(listEventTypes());
  });

  it('has the important event types first when there is room for few', async () => {
    const { summary } = await generateInMemory({ events: 60, hours: 6 });
    expect(Object.keys(summary.byEventType)).toEqual(
      expect.arrayContaining(['users.behaviors.app.SessionStart', 'users.behaviors.Purchase']),
    );
  });

  it('delivers the asked share of events twice, each time with the same values', async () => {
    const { objects, summary } = await generateInMemory({ events: 2_500, duplicates: 0.1 });
    expect(summary.duplicates / summary.events).toBeCloseTo(0.1, 1.5);
    const byId = groupById(await listRecords(objects));
    const twice = [...byId.values()].filter((records) => records.length > 1);
    expect(twice.length).toBe(summary.duplicates);
    expect(twice.some(([one, two]) => one?.key === two?.key)).toBe(true);
    expect(twice.some(([one, two]) => one?.hour.getTime() !== two?.hour.getTime())).toBe(true);
    for (const [one, two] of twice) {
      // A later release may have other fields; those in both are equal.
      const both = Object.keys(one?.values ?? {}).filter((name) => name in (two?.values ?? {}));
      expect(both.length).toBeGreaterThan(2);
      for (const name of both) expect(two?.values[name]).toEqual(one?.values[name]);
    }
  });

  it('lets the asked share of events arrive in a later hour, and none in an earlier one', async () => {
    const { objects, summary } = await generateInMemory({
      events: 4_000,
      late: 0.1,
      duplicates: 0,
    });
    const records = await listRecords(objects);
    const hoursLate = records.map(
      ({ hour, time }) => hour.getTime() / 3_600_000 - Math.floor(time / 3_600),
    );
    expect(Math.min(...hoursLate)).toBe(0);
    expect(Math.max(...hoursLate)).toBeGreaterThan(6);
    expect(hoursLate.filter((hours) => hours > 0).length).toBe(summary.late);
    expect(summary.late / summary.events).toBeCloseTo(0.1, 1.5);
  });

  it('keeps all events and objects within the period', async () => {
    const until = new Date('2025-03-01T10:20:30Z');
    const { objects, summary } = await generateInMemory({
      until,
      hours: 5,
      late: 0.3,
      duplicates: 0.3,
    });
    expect(summary.from).toEqual(new Date('2025-03-01T05:00:00Z'));
    expect(summary.until).toEqual(new Date('2025-03-01T10:00:00Z'));
    for (const { hour, time } of await listRecords(objects)) {
      expect(time * 1_000).toBeGreaterThanOrEqual(summary.from.getTime());
      expect(hour.getTime()).toBeLessThan(summary.until.getTime());
    }
  });

  it('writes keys of the layout that was asked for, or of one after the other', async () => {
    const layoutsOf = async (layout: GenerateOptions['layout']) => {
      const { objects } = await generateInMemory({ events: 500, layout, late: 0, duplicates: 0 });
      const keys = [...objects.keys()].map((key) => parseObjectKey(key));
      expect(keys).not.toContain(undefined);
      return keys.toSorted((a, b) => Number(a?.hour) - Number(b?.hour)).map((key) => key?.layout);
    };
    expect(new Set(await layoutsOf('schema-id'))).toEqual(new Set(['schema-id']));
    expect(new Set(await layoutsOf('version'))).toEqual(new Set(['version']));
    const both = await layoutsOf('both');
    expect(both.indexOf('version')).toBe(both.lastIndexOf('schema-id') + 1);
    expect(both.indexOf('version')).toBeGreaterThan(0);
  });

  it('never writes two objects under one key, and none above the limit', async () => {
    const keys: string[] = [];
    const put = async (key: string) => void keys.push(key);
    const summary = await generateBucket({ put }, { events: 3_000, hours: 3, eventsPerObject: 10 });
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBe(summary.objects);
    const { objects } = await generateInMemory({ events: 3_000, hours: 3, eventsPerObject: 10 });
    const sizes = new Map<string, number>();
    for (const { key } of await listRecords(objects)) sizes.set(key, (sizes.get(key) ?? 0) + 1);
    expect(Math.max(...sizes.values())).toBe(10);
  });

  it('gives a demonstration bucket a sensible number of objects', async () => {
    const { summary } = await generateInMemory({ events: 20_000 });
    expect(summary.objects).toBeLessThanOrEqual(450);
  });

  it('gives only the event types that were asked for', async () => {
    for (const eventType of ['users.messages.email.Open', 'users.messages.rcs.Rejection']) {
      const { summary } = await generateInMemory({ events: 2_000, eventTypes: [eventType] });
      expect(summary.byEventType).toEqual({ [eventType]: 2_000 });
    }
    const merges = ['users.UserOrphan'];
    const many = await generateInMemory({ events: 300, users: 20, eventTypes: merges });
    expect(many.summary.events).toBe(300);
    const { summary } = await generateInMemory({ eventTypes: ['users.canvas.*', '*.Purchase'] });
    const types = Object.keys(summary.byEventType);
    expect(types).toContain('users.behaviors.Purchase');
    expect(types.filter((type) => !/^users\.canvas\.|Purchase$/.test(type))).toEqual([]);
  });

  it('puts names and identifiers at places that belong to nobody', async () => {
    const { objects } = await generateInMemory({ events: 3_000 });
    const emails = new Set<unknown>();
    const phones = new Set<unknown>();
    for (const { values } of await listRecords(objects)) {
      emails.add(values.email_address);
      for (const name of ['phone_number', 'to_phone_number', 'user_phone_number'])
        phones.add(values[name]);
    }
    for (const empty of [null, undefined]) {
      emails.delete(empty);
      phones.delete(empty);
    }
    expect(emails.size).toBeGreaterThan(100);
    expect([...emails].filter((email) => !/@example\.(com|org|net)$/.test(String(email)))).toEqual(
      [],
    );
    expect(phones.size).toBeGreaterThan(10);
    expect([...phones].filter((phone) => !/^\+1\d{3}55501\d\d$/.test(String(phone)))).toEqual([]);
  });

  it('reports progress after every object', async () => {
    const seen: number[] = [];
    const summary = await generateBucket({ put: async () => {} }, { events: 500 }, (progress) => {
      seen.push(progress.objects);
    });
    expect(seen).toEqual(Array.from({ length: summary.objects }, (_, at) => at + 1));
  });

  it('stops when asked, with the error that says so', async () => {
    const controller = new AbortController();
    let puts = 0;
    const put = async () => {
      if (++puts === 3) controller.abort();
    };
    await expect(
      generateBucket({ put }, { events: 5_000 }, undefined, controller.signal),
    ).rejects.toMatchObject({ name: 'CurrentsError', code: 'INTERRUPTED' });
    expect(puts).toBeLessThan(20);
  });

  it('passes on what the store throws', async () => {
    const put = async () => {
      throw new RangeError('full');
    };
    await expect(generateBucket({ put }, { events: 100 })).rejects.toThrow('full');
  });

  it.each<[string, Partial<GenerateOptions>]>([
    ['events', { events: 0 }],
    ['events', { events: 1.5 }],
    ['users', { users: 0 }],
    ['hours', { hours: -1 }],
    ['seed', { seed: -1 }],
    ['duplicates', { duplicates: 1.1 }],
    ['late', { late: Number.NaN }],
    ['codec', { codec: 'brotli' as 'null' }],
    ['layout', { layout: 'flat' as 'both' }],
    ['release', { release: 'v999' }],
    ['until', { until: new Date('nonsense') }],
    ['prefix', { prefix: 'no-slash' }],
    ['eventsPerObject', { eventsPerObject: 0 }],
    ['eventTypes', { eventTypes: ['users.messages.pigeon.*'] }],
    ['eventTypes', { eventTypes: ['users.UserOrphan'], release: 'v1' }],
  ])('refuses a wrong %s before it writes anything', async (option, options) => {
    const put = async () => expect.unreachable('nothing may be written');
    await expect(generateBucket({ put }, options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(option),
    });
  });
});

/** Keys and bytes as short texts: comparing the buffers themselves takes vitest ten seconds. */
function digest(objects: StoredObjects): readonly string[] {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  return [...objects].map(([key, bytes]) => `${key} ${hash(bytes)}`);
}

function groupById(records: readonly StoredRecord[]): Map<unknown, StoredRecord[]> {
  const byId = new Map<unknown, StoredRecord[]>();
  for (const record of records) {
    const id = record.values.id;
    const same = byId.get(id);
    if (same === undefined) byId.set(id, [record]);
    else same.push(record);
  }
  return byId;
}
