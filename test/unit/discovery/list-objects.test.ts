/** What a poll looks at, and what it costs. The clock stands at noon of 10 September 2026. */

import { describe, expect, it } from 'vitest';
import { type ListingPlanInput, listNewObjects } from '../../../src/discovery/list-objects.ts';
import {
  eventTypeFolderOf,
  formatKeyHour,
  formatObjectKey,
  parseKeyHour,
} from '../../../src/discovery/object-key.ts';
import { ListedStore } from './listed-store.ts';

const HOUR_MS = 3_600_000;
const NOW = new Date('2026-09-10T12:00:00Z');

describe('an incremental listing', () => {
  it('lists each event type from the lookback before its newest hour on', async () => {
    const store = new ListedStore([
      ...['07-12', '08-11', '08-12', '10-12'].map((hour) => aKey({ hour: `2026-09-${hour}` })),
      ...['01-00', '04-00'].map((hour) => aKey({ eventType: 'a.Quiet', hour: `2026-09-${hour}` })),
    ]);
    const newestHours = new Map([
      [folderOf('a.B'), new Date('2026-09-10T12:00:00Z')],
      [folderOf('a.Quiet'), new Date('2026-09-04T00:00:00Z')],
    ]);
    expect(await listHours(store, { newestHours, lookbackMs: 48 * HOUR_MS })).toEqual([
      'a.B 2026-09-08T12',
      'a.B 2026-09-10T12',
      'a.Quiet 2026-09-04T00',
    ]);
  });

  it('lists an event type never seen before from its start, also beside known ones', async () => {
    const store = new ListedStore([
      aKey({ hour: '2026-09-10-11' }),
      aKey({ eventType: 'a.New', hour: '2020-01-01-00' }),
      aKey({ integrationId: 'second', eventType: 'a.B', hour: '2020-01-01-00' }),
    ]);
    const newestHours = new Map([[folderOf('a.B'), new Date('2026-09-10T11:00:00Z')]]);
    expect(await listHours(store, { newestHours })).toEqual([
      'a.B 2020-01-01T00',
      'a.B 2026-09-10T11',
      'a.New 2020-01-01T00',
    ]);
  });

  it('is not blinded by a newest hour in the future', async () => {
    const store = new ListedStore([
      aKey({ hour: '2026-09-10-11' }),
      aKey({ hour: '2099-01-01-00' }),
    ]);
    const newestHours = new Map([[folderOf('a.B'), new Date('2099-01-01T00:00:00Z')]]);
    expect(await listHours(store, { newestHours })).toEqual([
      'a.B 2026-09-10T11',
      'a.B 2099-01-01T00',
    ]);
  });

  it('follows since instead of the lookback', async () => {
    const store = new ListedStore(['01', '02', '03'].map((h) => aKey({ hour: `2026-08-01-${h}` })));
    const newestHours = new Map([[folderOf('a.B'), NOW]]);
    const since = new Date('2026-08-01T02:30:00Z');
    expect(await listHours(store, { newestHours, since })).toEqual([
      'a.B 2026-08-01T02',
      'a.B 2026-08-01T03',
    ]);
  });

  it('finds event types two folders below the prefix, and objects lying on the way', async () => {
    const store = new ListedStore(
      ['lone.avro', aKey({ prefix: 'team/one/' }), aKey({ prefix: 'other/' }), 'team/x.AVRO'].map(
        (key) => `base/${key}`,
      ),
      'base/',
    );
    const found = await listAll(store, {});
    expect(found.map((object) => object.key).toSorted()).toEqual([
      'base/lone.avro',
      `base/${aKey({ prefix: 'other/' })}`,
      `base/${aKey({ prefix: 'team/one/' })}`,
      'base/team/x.AVRO',
    ]);
  });

  it('visits known folders at any depth, which a search would not reach', async () => {
    const deep = { prefix: 'a/b/c/d/e/f/', hour: '2026-09-10-11' };
    const store = new ListedStore([aKey(deep), aKey({ ...deep, eventType: 'a.New' })]);
    expect(await listHours(store, {})).toEqual([]);
    const newestHours = new Map([[`${deep.prefix}${folderOf('a.B')}`, NOW]]);
    expect(await listHours(store, { newestHours })).toEqual([
      'a.B 2026-09-10T11',
      'a.New 2026-09-10T11',
    ]);
  });

  it('lists only what is below a prefix inside an event type', async () => {
    const keys = [aKey({ hour: '2026-09-10-11' }), aKey({ hour: '2026-09-10-12' })];
    const store = new ListedStore(keys, `${folderOf('a.B')}date=2026-09-10-11/`);
    expect(await listHours(store, {})).toEqual(['a.B 2026-09-10T11']);
  });

  it('does not search a bucket that others have filled with folders, and still finds Braze in it', async () => {
    const others = Array.from({ length: 5000 }, (_, n) => `aaa/${n}/deep/er/x.parquet`);
    const store = new ListedStore([...others, aKey({ prefix: 'zzz/' })]);
    expect(await listHours(store, {})).toHaveLength(1);
    // The prefix, aaa/ (5 pages), zzz/, 48 of its folders, the integration, the event type.
    expect(store.requestCounts.list).toBeLessThan(100);
  });

  it('costs about one request an event type when 200,000 objects hold nothing new', async () => {
    const { store, newestHours } = aBigBucket();
    const found = await listAll(store, { newestHours, lookbackMs: 48 * HOUR_MS });
    expect(found.length).toBeGreaterThan(0);
    expect(store.requestCounts.list).toBeLessThanOrEqual(94 + 3);
  });
});

describe('a full listing', () => {
  it('sees everything in flat listings, keys of unknown layouts too', async () => {
    const { store, newestHours, keys } = aBigBucket(['odd/layout.avro', 'README.txt', 'odd.AVRO']);
    const found = await listAll(store, { full: true, newestHours });
    expect(found).toHaveLength(keys + 2);
    expect(found.find((object) => object.key === 'odd/layout.avro')).toMatchObject({
      eventType: undefined,
      hour: undefined,
      schemaVersion: undefined,
    });
    // A page for every thousand keys, and at most one beyond the end of each of four stretches.
    expect(store.requestCounts.list).toBeLessThan(4 + Math.ceil((keys + 3) / 1000));
  });

  it('with a filter reads the folders of those event types alone, at any depth', async () => {
    const deep = 'a/b/c/d/e/f/';
    const store = new ListedStore([
      'lone.avro',
      ...['a.B', 'a.C', 'b.B'].map((eventType) => aKey({ prefix: deep, eventType })),
    ]);
    expect(await listHours(store, { full: true, eventTypes: ['a.*'] })).toEqual([
      'a.B 2026-09-10T12',
      'a.C 2026-09-10T12',
    ]);
    expect(store.listed).not.toContain(`${deep}${folderOf('b.B')}`);
  });

  it('takes the event type and hour of unknown layouts from their folders', async () => {
    const store = new ListedStore(['event_type=a.B/date=2026-09-10-11/version=v7/x.avro']);
    expect(await listAll(store, { full: true, eventTypes: ['a.B'] })).toMatchObject([
      { eventType: 'a.B', hour: new Date('2026-09-10T11:00:00Z'), schemaVersion: 'v7' },
    ]);
  });
});

describe('since and until', () => {
  const hours = ['09', '10', '11', '12'].map((hour) => aKey({ hour: `2026-09-10-${hour}` }));
  const bounds = {
    since: new Date('2026-09-10T10:30:00Z'),
    until: new Date('2026-09-10T12:00:00Z'),
  };

  it.each([true, false])('take whole hours, the last not included (full: %s)', async (full) => {
    const store = new ListedStore([...hours, 'no-hour.avro']);
    expect(await listHours(store, { full, ...bounds })).toEqual([
      'a.B 2026-09-10T10',
      'a.B 2026-09-10T11',
    ]);
  });

  it('take an hour that until falls into', async () => {
    const until = new Date('2026-09-10T09:00:00.001Z');
    expect(await listHours(new ListedStore(hours), { until })).toEqual(['a.B 2026-09-10T09']);
  });

  it('skip the hours behind until, but not what lies behind them in other folders', async () => {
    const { store, newestHours } = aBigBucket([
      `${folderOf('a.Type0')}zone/date=2026-07-01-00/x.avro`,
    ]);
    const until = new Date('2026-07-01T01:00:00Z');
    const found = await listAll(store, { full: true, eventTypes: ['a.Type0'], until, newestHours });
    expect(found.map((object) => object.key)).toContain(
      `${folderOf('a.Type0')}zone/date=2026-07-01-00/x.avro`,
    );
    // Prefix, integration, first page of the type, and what is not in a date folder.
    expect(store.requestCounts.list).toBe(4);
  });
});

it('a listing that is asked to stop throws', async () => {
  const store = new ListedStore([aKey({})]);
  const stop = new AbortController();
  const pages = listNewObjects(store, aPlan({ full: true, eventTypes: ['*'] }), stop.signal);
  stop.abort(new Error('enough'));
  await expect(pages.next()).rejects.toThrow('enough');
});

/** 94 event types, one object each hour for 89 days: a little over 200,000 objects. */
function aBigBucket(more: readonly string[] = []) {
  const types = Array.from({ length: 94 }, (_, n) => `a.Type${n}`);
  const hours = Array.from({ length: 89 * 24 }, (_, n) => new Date(NOW.getTime() - n * HOUR_MS));
  const keys = types.flatMap((eventType) => {
    const key = aKey({ eventType, hour: '2026-09-10-12' });
    return hours.map((hour) => key.replace('2026-09-10-12', formatKeyHour(hour)));
  });
  const newestHours = new Map(types.map((eventType) => [folderOf(eventType), NOW]));
  return { store: new ListedStore([...keys, ...more]), newestHours, keys: keys.length };
}

function aKey(given: {
  prefix?: string;
  integrationId?: string;
  eventType?: string;
  hour?: string;
}) {
  const { prefix = '', integrationId = '5f0c', eventType = 'a.B', hour = '2026-09-10-12' } = given;
  return formatObjectKey({
    layout: 'schema-id',
    prefix,
    cluster: 'prod-01',
    integrationId,
    eventType,
    hour: parseKeyHour(hour) ?? NOW,
    schemaVersion: '1210',
    zone: 'eu',
    partition: '0',
    offset: '0000000001',
  });
}

function folderOf(eventType: string): string {
  return eventTypeFolderOf(aKey({ eventType })) ?? '';
}

function aPlan(input: Partial<ListingPlanInput>): ListingPlanInput {
  return {
    eventTypes: [],
    full: false,
    lookbackMs: HOUR_MS,
    now: NOW,
    newestHours: new Map(),
    ...input,
  };
}

async function listAll(store: ListedStore, input: Partial<ListingPlanInput>) {
  const found = [];
  for await (const page of listNewObjects(store, aPlan(input))) found.push(...page);
  return found;
}

async function listHours(store: ListedStore, input: Partial<ListingPlanInput>): Promise<string[]> {
  const found = await listAll(store, input);
  return found.map((o) => `${o.eventType} ${o.hour?.toISOString().slice(0, 13)}`).toSorted();
}
