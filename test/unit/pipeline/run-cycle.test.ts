/** Cycles over a bucket that grows: what is found, what waits, and what a run leaves in the ledger. */

import { describe, expect, it } from 'vitest';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { runCycle } from '../../../src/pipeline.ts';
import { anEvent, aSchema, events } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema();
const NOTHING = { discovered: 0, loaded: 0, quarantined: 0, missing: 0, archived: 0, failed: 0 };

async function readIds(bucket: TestBucket, table = 'test_event'): Promise<string[]> {
  return bucket.column(`select id from events.${table} order by id`);
}

describe('a cycle', () => {
  it('loads what is in the bucket, and the next one finds nothing new', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, events(0, 3), { codec: 'deflate' });
    await bucket.put(aKey(2, '2026-09-01-11', 'test.Other'), SCHEMA, events(2, 4));
    await bucket.put('elsewhere/odd.avro', aSchema({}, { name: 'dataexport.S3.inner.x.Y' }), [
      anEvent(9),
    ]);
    const first = await bucket.cycle();
    expect(first).toMatchObject({
      runId: 1,
      fullListing: true,
      interrupted: false,
      objects: { discovered: 3, loaded: 3, unchanged: 0, pending: 0 },
      events: { read: 6, loaded: 6, duplicates: 0 },
      eventTypes: {
        'test.Event': { objects: 1, events: 3, duplicates: 0 },
        'test.Other': { objects: 1, events: 2, duplicates: 0 },
        'x.Y': { objects: 1, events: 1, duplicates: 0 },
      },
      problems: [],
    });
    expect(first.bytes).toBeGreaterThan(0);
    const second = await bucket.cycle();
    expect(second.objects).toEqual({ ...NOTHING, unchanged: 3, pending: 0 });
    expect(second).toMatchObject({ runId: 2, fullListing: false, bytes: 0, schemaChanges: [] });
    expect(await readIds(bucket, 'x_y')).toEqual(['event-9']);
    expect(
      await bucket.rows(
        'select status, objects_loaded::integer as n, full_listing from ops.runs order by run_id',
      ),
    ).toEqual([
      { status: 'succeeded', n: 3, full_listing: true },
      { status: 'succeeded', n: 0, full_listing: false },
    ]);
  });

  it('refreshes profiles after it has loaded, unless the setting says otherwise', async () => {
    const bucket = new TestBucket();
    const schema = aSchema({ user_id: 'string' });
    await bucket.put(aKey(1), schema, [anEvent(1, { user_id: 'a' })]);
    expect((await bucket.cycle()).profiles).toBeNull();
    const { profiles } = await bucket.cycle({}, { 'profiles.refresh': 'after ingest' });
    expect(profiles).toMatchObject({ rebuilt: 'first refresh', events: 1, people: 1 });
    expect(await bucket.rows('select person_id from c360.profiles')).toEqual([{ person_id: 'a' }]);
  });

  it('over an empty bucket makes a database without tables', async () => {
    const bucket = new TestBucket();
    expect((await bucket.cycle()).objects).toEqual({ ...NOTHING, unchanged: 0, pending: 0 });
    expect(await bucket.rows('from ops.objects')).toEqual([]);
  });

  it.each([1, 2, 7, 1000])('with batches of %d rows ends in the same tables', async (batchRows) => {
    const bucket = new TestBucket();
    for (const at of [0, 1, 2, 3, 4]) {
      await bucket.put(aKey(at, '2026-09-01-10', `t.${at % 2}`), SCHEMA, events(at, at + 5));
    }
    const result = await bucket.cycle({}, { 'load.batchRows': String(batchRows) });
    expect(result.events).toEqual({ read: 25, loaded: 16, duplicates: 9, erased: 0 });
    expect(await readIds(bucket, 't_0')).toHaveLength(9);
    expect(await readIds(bucket, 't_1')).toHaveLength(7);
  });

  it('finds an object of an old hour within the lookback, and an older one by the full listing', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1, '2026-09-02-10'), SCHEMA, [anEvent(1)]);
    await bucket.cycle();
    await bucket.put(aKey(2, '2026-09-01-10'), SCHEMA, [anEvent(2)]);
    await bucket.put(aKey(3, '2026-08-01-10'), SCHEMA, [anEvent(3)]);
    bucket.now = new Date('2026-09-02T13:00:00Z');
    expect((await bucket.cycle()).objects.loaded).toBe(1);
    expect(await readIds(bucket)).toEqual(['event-1', 'event-2']);
    bucket.now = new Date('2026-09-03T12:00:00Z');
    expect(await bucket.cycle()).toMatchObject({ fullListing: true, objects: { loaded: 1 } });
    expect(await readIds(bucket)).toHaveLength(3);
  });

  it('finds everything when it is told to list in full', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1, '2026-09-02-10'), SCHEMA, [anEvent(1)]);
    await bucket.cycle();
    await bucket.put(aKey(3, '2020-01-01-00'), SCHEMA, [anEvent(3)]);
    expect((await bucket.cycle()).objects.loaded).toBe(0);
    expect((await bucket.cycle({ full: true })).objects.loaded).toBe(1);
  });

  it('finds an event type that is new', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    await bucket.cycle();
    await bucket.put(aKey(1, '2020-01-01-00', 'new.Type'), SCHEMA, [anEvent(1)]);
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 1, loaded: 1 });
  });

  it('with a limit leaves the others for the next one', async () => {
    const bucket = new TestBucket();
    for (const at of [1, 2, 3, 4, 5]) await bucket.put(aKey(at), SCHEMA, [anEvent(at)]);
    expect((await bucket.cycle({ limit: 2 })).objects).toMatchObject({
      discovered: 5,
      loaded: 2,
      pending: 3,
    });
    expect((await bucket.cycle({ limit: 2 })).objects).toMatchObject({ loaded: 2, pending: 1 });
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, loaded: 1, pending: 0 });
    expect(await readIds(bucket)).toHaveLength(5);
  });

  it('takes only the hours that were asked for, and later the rest', async () => {
    const bucket = new TestBucket();
    for (const hour of ['09', '10', '11', '12']) {
      await bucket.put(aKey(Number(hour), `2026-09-01-${hour}`), SCHEMA, [anEvent(Number(hour))]);
    }
    const since = new Date('2026-09-01T10:30:00Z');
    const until = new Date('2026-09-01T12:00:00Z');
    expect((await bucket.cycle({ since, until })).objects).toMatchObject({
      discovered: 2,
      loaded: 2,
    });
    expect(await readIds(bucket)).toEqual(['event-10', 'event-11']);
    expect(await bucket.cycle()).toMatchObject({ fullListing: true, objects: { loaded: 2 } });
  });

  it('takes only the event types that were asked for, and later the rest', async () => {
    const bucket = new TestBucket();
    for (const type of ['a.B', 'a.C', 'b.D']) {
      await bucket.put(aKey(1, '2026-09-01-10', type), SCHEMA, [anEvent(1)]);
    }
    await bucket.put('odd.avro', SCHEMA, [anEvent(1)]);
    const result = await bucket.cycle({}, { 'source.eventTypes': ['a.*'] });
    expect(Object.keys(result.eventTypes)).toEqual(['a.B', 'a.C']);
    expect((await bucket.cycle()).objects.loaded).toBe(2);
  });

  it('with event types in the settings lists them in full only now and then', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1, '2026-09-01-10', 'a.B'), SCHEMA, [anEvent(1)]);
    const flags = { 'source.eventTypes': ['a.*', 'b'] };
    expect((await bucket.cycle({}, flags)).fullListing).toBe(true);
    expect((await bucket.cycle({}, flags)).fullListing).toBe(false);
    // The order of the patterns means nothing; other patterns, or none, have not been listed yet.
    expect((await bucket.cycle({}, { 'source.eventTypes': ['b', 'a.*'] })).fullListing).toBe(false);
    expect((await bucket.cycle({}, { 'source.eventTypes': ['b'] })).fullListing).toBe(true);
    expect((await bucket.cycle()).fullListing).toBe(true);
    expect((await bucket.cycle({}, { 'source.eventTypes': ['c'] })).fullListing).toBe(false);
  });

  it('of another source in the same database neither sees nor disturbs the first', async () => {
    const bucket = new TestBucket();
    const other = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1), anEvent(2)]);
    await other.put(aKey(1), SCHEMA, [anEvent(2), anEvent(3)]);
    await bucket.cycle();
    const result = await bucket.cycle({}, { 'source.url': other.folder });
    expect(result).toMatchObject({
      fullListing: true,
      objects: { discovered: 1, loaded: 1 },
      events: { duplicates: 1 },
    });
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, loaded: 0 });
    expect(await readIds(bucket)).toEqual(['event-1', 'event-2', 'event-3']);
  });
});

describe('an object that is overwritten', () => {
  const AT = (second: number) => new Date(Date.UTC(2026, 8, 1, 12, 0, second));

  it('is loaded anew, gives back the duplicates of others, and may be put back', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, events(0, 3), { lastModified: AT(1) });
    await bucket.put(aKey(2), SCHEMA, events(2, 5), { lastModified: AT(1) });
    await bucket.cycle();
    await bucket.put(aKey(1), SCHEMA, [anEvent(7)], { lastModified: AT(2) });
    const result = await bucket.cycle();
    // The new version, and the object that has event 2 as well.
    expect(result.objects).toMatchObject({ discovered: 1, loaded: 2, pending: 0 });
    expect(await readIds(bucket)).toEqual(['event-2', 'event-3', 'event-4', 'event-7']);
    await bucket.put(aKey(1), SCHEMA, events(0, 3), { lastModified: AT(1) });
    await bucket.cycle();
    expect(await readIds(bucket)).toEqual(['event-0', 'event-1', 'event-2', 'event-3', 'event-4']);
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, loaded: 0 });
  });

  it('while it waits is loaded once, in its last version', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)], { lastModified: AT(1) });
    await bucket.put(aKey(2), SCHEMA, [anEvent(2)]);
    await bucket.cycle({ limit: 1 });
    for (const second of [2, 3]) {
      await bucket.put(aKey(2), SCHEMA, [anEvent(second)], { lastModified: AT(second) });
      await bucket.cycle({ limit: 0 });
    }
    expect((await bucket.cycle()).objects).toMatchObject({ discovered: 0, loaded: 1 });
    expect(await readIds(bucket)).toEqual(['event-1', 'event-3']);
  });

  it('between listing and download is loaded as it is then, and not again', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)], { lastModified: AT(1) });
    let isListed = false;
    const newer = bucket.put.bind(bucket, aKey(1), SCHEMA, [anEvent(2)], { lastModified: AT(2) });
    await bucket.put('spare.avro', SCHEMA, []);
    const bytes = await writeContainer(SCHEMA, [anEvent(2)]);
    await bucket.cycle(
      {},
      {},
      {
        onProgress: ({ phase }) => {
          if (phase === 'loading' && !isListed) {
            isListed = true;
            bucket.putBytes(aKey(1), bytes, AT(2));
          }
        },
      },
    );
    expect(await readIds(bucket)).toEqual(['event-2']);
    expect((await bucket.cycle()).objects.discovered).toBe(0);
    await newer();
    expect((await bucket.cycle()).objects.discovered).toBe(0);
  });

  it.each([
    ['which is no container', (bytes: Buffer) => bytes.subarray(0, 3)],
    ['with a damaged record', (bytes: Buffer) => bytes.fill(0xff, bytes.indexOf('event-2'))],
  ])('between listing and download by one %s is in quarantine, once', async (_, damage) => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)], { lastModified: AT(1) });
    const bytes = damage(await writeContainer(SCHEMA, [anEvent(2)]));
    const onProgress = ({ phase }: { readonly phase: string }) => {
      if (phase === 'loading') bucket.putBytes(aKey(1), bytes, AT(2));
    };
    const first = await bucket.cycle({}, {}, { onProgress });
    expect(first.objects).toMatchObject({ discovered: 1, quarantined: 1 });
    const second = await bucket.cycle();
    expect(second.objects).toMatchObject({ discovered: 0, quarantined: 0 });
  });

  it('in an unknown layout moves to the table of its new event type', async () => {
    const bucket = new TestBucket();
    const named = (name: string) => aSchema({}, { name });
    await bucket.put('odd.avro', named('first.Type'), [anEvent(1)], { lastModified: AT(1) });
    await bucket.cycle();
    await bucket.put('odd.avro', named('second.Type'), [anEvent(1)], { lastModified: AT(2) });
    await bucket.cycle({ full: true });
    expect(await readIds(bucket, 'first_type')).toEqual([]);
    expect(await readIds(bucket, 'second_type')).toEqual(['event-1']);
  });
});

describe('a dry run', () => {
  it('makes no database', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [anEvent(1)]);
    expect(await bucket.cycle({ dryRun: true })).toMatchObject({
      runId: 0,
      objects: { discovered: 1, loaded: 0, pending: 1 },
      eventTypes: { 'test.Event': { objects: 1 } },
    });
    expect(bucket.hasDatabase).toBe(false);
  });

  it('writes nothing into a database that is there, and says what a real run then does', async () => {
    const bucket = new TestBucket();
    for (const at of [1, 2, 3]) await bucket.put(aKey(at), SCHEMA, [anEvent(at)]);
    await bucket.cycle({ limit: 1 });
    await bucket.put(aKey(4), SCHEMA, [anEvent(4)]);
    const read = async () => [
      await bucket.rows('from ops.objects order by object_id'),
      await bucket.rows('from ops.runs'),
    ];
    const before = await read();
    const dry = await bucket.cycle({ dryRun: true });
    expect(await read()).toEqual(before);
    expect(dry.objects).toMatchObject({ discovered: 1, unchanged: 3, pending: 3 });
    expect((await bucket.cycle()).objects.loaded).toBe(dry.objects.pending);
  });
});

describe('a source that is wrong', () => {
  it('fails, and leaves no database behind', async () => {
    const bucket = new TestBucket();
    await expect(
      bucket.cycle({}, { 'source.url': `${bucket.folder}-missing` }),
    ).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
    });
    expect(bucket.hasDatabase).toBe(false);
  });

  it('or missing is said in words', async () => {
    const bucket = new TestBucket();
    const { source, ...config } = bucket.config();
    await expect(
      runCycle({ ...config, source: { ...source, url: undefined } }),
    ).rejects.toMatchObject({ code: 'SETTINGS_INVALID' });
  });
});
