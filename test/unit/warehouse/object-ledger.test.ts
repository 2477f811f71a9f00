/** The ledger: what a listing means for what is known, and which objects wait. */

import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DiscoveredObject } from '../../../src/discovery/list-objects.ts';
import { CurrentsError } from '../../../src/errors.ts';
import type { Database } from '../../../src/warehouse/database.ts';
import {
  countPending,
  listPending,
  noteFetchFailure,
  quarantineObject,
  readNewestHours,
  recordListing,
  requeueObjects,
  selectUnknown,
} from '../../../src/warehouse/object-ledger.ts';
import { NOW, openTestDatabase, SOURCE } from '../../support/test-warehouse.ts';

let database: Database;

beforeEach(async () => {
  database = await openTestDatabase();
  onTestFinished(() => database.close());
});

function listed(key: string, etag = 'v1', more: Partial<DiscoveredObject> = {}): DiscoveredObject {
  return {
    key,
    etag,
    sizeBytes: 100,
    lastModified: NOW,
    eventType: 'a.B',
    hour: undefined,
    schemaVersion: undefined,
    ...more,
  };
}

async function list(...objects: DiscoveredObject[]) {
  return recordListing(database, SOURCE, objects, NOW, false);
}

/** `key etag status` of every row, in the order of discovery. */
async function readLedger(): Promise<string[]> {
  const rows = await database.rows<{ line: string }>(
    "select concat_ws(' ', key, etag, status) as line from ops.objects order by object_id",
  );
  return rows.map(({ line }) => line);
}

async function setStatus(key: string, etag: string, status: string): Promise<void> {
  await database.run('update ops.objects set status = ? where key = ? and etag = ?', [
    status,
    key,
    etag,
  ]);
}

describe('a listing', () => {
  it('writes down what is new, and nothing when it comes again', async () => {
    expect(await list(listed('b'), listed('a'))).toEqual({ discovered: 2, unchanged: 0 });
    expect(await list(listed('a'), listed('b'), listed('c'))).toEqual({
      discovered: 1,
      unchanged: 2,
    });
    expect(await readLedger()).toEqual(['a v1 discovered', 'b v1 discovered', 'c v1 discovered']);
  });

  it('that has an object twice writes it down once', async () => {
    expect((await list(listed('a'), listed('a'))).discovered).toBe(1);
    expect(await readLedger()).toEqual(['a v1 discovered']);
  });

  it('knows each object again, whatever others it comes with', async () => {
    const hours = [
      undefined,
      '2020-01-01T00:00:00Z',
      '2026-09-01T10:00:00Z',
      '2026-09-01T11:00:00Z',
    ];
    const objects = hours.flatMap((hour) =>
      [undefined, 'a.B', "it's"].map((eventType) =>
        listed(`${eventType} ${hour}`, 'v1', {
          eventType,
          hour: hour ? new Date(hour) : undefined,
        }),
      ),
    );
    await list(...objects);
    // What the key does not tell is filled in when the object is loaded.
    await database.run(
      "update ops.objects set event_type = 'header.Type' where event_type is null",
    );
    for (const object of objects) expect((await list(object)).discovered).toBe(0);
    await fc.assert(
      fc.asyncProperty(fc.subarray(objects), async (page) => {
        expect(await list(...page)).toEqual({ discovered: 0, unchanged: page.length });
        expect(await selectUnknown(database, SOURCE, page)).toEqual([]);
      }),
      { numRuns: 50 },
    );
    const renewed = objects.map((object) => ({ ...object, etag: 'v2' }));
    expect((await list(...renewed)).discovered).toBe(objects.length);
    expect(await readLedger()).toHaveLength(2 * objects.length);
    expect(await countPending(database, { source: SOURCE })).toBe(objects.length);
  });

  it('keeps sources apart', async () => {
    await list(listed('a'));
    const other = await recordListing(database, 's3://other', [listed('a', 'v2')], NOW, false);
    expect(other.discovered).toBe(1);
    expect(await countPending(database, { source: SOURCE })).toBe(1);
    expect(await listPending(database, { source: 's3://other' })).toHaveLength(1);
  });

  it('with a new version leaves the loaded one until the new one is loaded', async () => {
    await list(listed('a'));
    await setStatus('a', 'v1', 'loaded');
    await list(listed('a', 'v2'));
    expect(await readLedger()).toEqual(['a v1 loaded', 'a v2 discovered']);
  });

  it.each(['discovered', 'quarantined', 'missing', 'archived'])(
    'with a new version takes the place of one that is %s',
    async (status) => {
      await list(listed('a'));
      await setStatus('a', 'v1', status);
      await list(listed('a', 'v2'));
      expect(await readLedger()).toEqual(['a v1 superseded', 'a v2 discovered']);
    },
  );

  it('with an old version again takes the place of a new one that was never loaded', async () => {
    await list(listed('a'));
    await setStatus('a', 'v1', 'loaded');
    await list(listed('a', 'v2'));
    await list(listed('a', 'v1'));
    expect(await readLedger()).toEqual(['a v1 loaded', 'a v2 superseded']);
    expect(await countPending(database, { source: SOURCE })).toBe(0);
  });

  it('with an old version again makes it wait after a newer one was loaded', async () => {
    await list(listed('a'));
    await list(listed('a', 'v2'));
    await setStatus('a', 'v2', 'loaded');
    expect((await list(listed('a', 'v1'))).discovered).toBe(1);
    expect(await readLedger()).toEqual(['a v1 discovered', 'a v2 loaded']);
  });

  it('settles when an old version was downloaded under the name of its successor', async () => {
    await list(listed('a'));
    await list(listed('a', 'v2'));
    // Loading v2 found v1 in the bucket again, and wrote down what it really loaded.
    await database.run("update ops.objects set etag = 'v1', status = 'loaded' where etag = 'v2'");
    expect(await list(listed('a', 'v1'))).toEqual({ discovered: 0, unchanged: 1 });
    expect(await readLedger()).toEqual(['a v1 superseded', 'a v1 loaded']);
  });

  it('takes the reasons away of objects that it supersedes, and of no others', async () => {
    await list(listed('a'), listed('b'));
    const [a, b] = await listPending(database, { source: SOURCE });
    for (const object of [a, b]) {
      if (object) await quarantineObject(database, { ...object, error: DAMAGED }, 1, NOW);
    }
    await list(listed('a', 'v2'), listed('b'));
    expect(await database.rows('select key from ops.quarantine')).toEqual([{ key: 'b' }]);
  });

  it('brings back what was missing, and what was archived only when asked to', async () => {
    await list(listed('a'), listed('b'));
    await setStatus('a', 'v1', 'missing');
    await setStatus('b', 'v1', 'archived');
    expect((await list(listed('a'), listed('b'))).discovered).toBe(1);
    expect(await readLedger()).toEqual(['a v1 discovered', 'b v1 archived']);
    await recordListing(database, SOURCE, [listed('b')], NOW, true);
    expect(await readLedger()).toEqual(['a v1 discovered', 'b v1 discovered']);
  });

  it.each(['discovered', 'quarantined', 'loaded'])(
    'leaves an object alone that is %s',
    async (status) => {
      await list(listed('a'));
      await setStatus('a', 'v1', status);
      expect(await list(listed('a'))).toEqual({ discovered: 0, unchanged: 1 });
      expect(await readLedger()).toEqual([`a v1 ${status}`]);
    },
  );

  it('takes keys, ETags and event types as they are', async () => {
    const odd = ['it\'s "odd"; drop table ops.objects', '🧀\n\t\\', '{"a":1}', "'", 'a\0b'];
    await list(...odd.map((text) => listed(text, text, { eventType: text })));
    await list(...odd.map((text) => listed(text, text, { eventType: text })));
    const pending = await listPending(database, { source: SOURCE });
    expect(pending.map(({ key }) => key).toSorted()).toEqual(odd.toSorted());
    expect(pending.map(({ eventType }) => `${eventType}`).toSorted()).toEqual(odd.toSorted());
  });

  it('takes the times and sizes of crafted objects', async () => {
    const crafted = {
      sizeBytes: Number.MAX_SAFE_INTEGER,
      lastModified: new Date(-62_167_219_200_000),
      hour: new Date('0000-01-01T00:00:00Z'),
    };
    await list(listed('a', 'v1', crafted));
    const [found] = await listPending(database, { source: SOURCE });
    expect(found?.sizeBytes).toBe(Number.MAX_SAFE_INTEGER);
    expect(found?.lastModified).toEqual(crafted.lastModified);
  });

  it.each([8.64e15, -8.64e15, Number.NaN])('takes the time of last change %d', async (time) => {
    await list(listed('a', 'v1', { lastModified: new Date(time) }));
    expect(await readLedger()).toEqual(['a v1 discovered']);
  });
});

const DAMAGED = new CurrentsError({
  code: 'RECORD_INVALID',
  message: 'cannot decode it',
  hint: 'have it sent again',
  context: { block: 3, record: 17, field: 'url' },
});

describe('quarantine', () => {
  it('is of the version that was read, so that the next listing knows it', async () => {
    await list(listed('a'));
    const [object] = await listPending(database, { source: SOURCE });
    const aside = { objectId: object?.objectId as number, key: 'a', error: DAMAGED };
    await quarantineObject(database, { ...aside, version: listed('a', 'v2') }, 1, NOW);
    expect(await list(listed('a', 'v2'))).toEqual({ discovered: 0, unchanged: 1 });
    expect(await readLedger()).toEqual(['a v2 quarantined']);
    expect((await list(listed('a', 'v3'))).discovered).toBe(1);
  });

  it('keeps code, reason and place, and only the last of them', async () => {
    await list(listed('a'));
    const [object] = await listPending(database, { source: SOURCE });
    const aside = { objectId: object?.objectId as number, key: 'a', error: DAMAGED };
    await quarantineObject(database, aside, 1, NOW);
    await quarantineObject(database, aside, 2, NOW);
    expect(await database.rows('select * exclude (object_id, run_id) from ops.quarantine')).toEqual(
      [
        {
          key: 'a',
          code: 'RECORD_INVALID',
          reason: 'cannot decode it',
          block: 3n,
          record: 17n,
          field: 'url',
          hint: 'have it sent again',
          quarantined_at: NOW,
        },
      ],
    );
    expect(await database.rows('select attempts, error, status from ops.objects')).toEqual([
      { attempts: 2, error: 'cannot decode it', status: 'quarantined' },
    ]);
  });

  it('lets go of all objects, or of those that are named', async () => {
    await list(listed('a'), listed('b'), listed('c'), listed('d'));
    await setStatus('a', 'v1', 'quarantined');
    await setStatus('b', 'v1', 'quarantined');
    await setStatus('c', 'v1', 'archived');
    await setStatus('d', 'v1', 'loaded');
    expect(await requeueObjects(database, ['b'])).toBe(1);
    expect(await requeueObjects(database, undefined)).toBe(2);
    expect(await readLedger()).toEqual([
      'a v1 discovered',
      'b v1 discovered',
      'c v1 discovered',
      'd v1 loaded',
    ]);
    expect(await requeueObjects(database, undefined)).toBe(0);
  });

  it('does not know keys that are not in it, and then lets nothing go', async () => {
    await list(listed('a'), listed('b'));
    await setStatus('a', 'v1', 'quarantined');
    await expect(requeueObjects(database, ['a', 'b'])).rejects.toMatchObject({
      code: 'OBJECT_UNKNOWN',
      message: expect.stringContaining('cannot retry b'),
    });
    expect((await readLedger())[0]).toBe('a v1 quarantined');
  });
});

describe('pending objects', () => {
  it('come by event type, the ones without a type last, in the order of discovery', async () => {
    await list(
      listed('1', 'v1', { eventType: undefined }),
      listed('2', 'v1', { eventType: 'b' }),
      listed('3', 'v1', { eventType: 'a' }),
      listed('4', 'v1', { eventType: 'b' }),
    );
    const pending = await listPending(database, { source: SOURCE });
    expect(pending.map(({ key }) => key)).toEqual(['3', '2', '4', '1']);
  });

  it('can be asked for by hour and event type, in pages, without some', async () => {
    const hours = ['10', '11', '12'].map((hour) => new Date(`2026-09-01T${hour}:00:00Z`));
    await list(
      ...hours.map((hour, at) => listed(`k${at}`, 'v1', { hour, eventType: `t.${at}` })),
      listed('none', 'v1', { eventType: undefined }),
    );
    const keys = async (
      ...asked: Parameters<typeof listPending> extends [unknown, infer F, ...infer R]
        ? [Partial<F>, ...R]
        : never
    ) => {
      const [filter, ...rest] = asked;
      const found = await listPending(database, { source: SOURCE, ...filter }, ...rest);
      return found.map(({ key }) => key);
    };
    expect(await keys({})).toEqual(['k0', 'k1', 'k2', 'none']);
    expect(await keys({ since: new Date('2026-09-01T11:59:00Z') })).toEqual(['k1', 'k2']);
    expect(await keys({ until: new Date('2026-09-01T12:00:00Z') })).toEqual(['k0', 'k1']);
    expect(await keys({ matchesEventType: (type) => type === 't.1' })).toEqual(['k1']);
    expect(await keys({ matchesEventType: () => false })).toEqual([]);
    expect(await keys({}, 2)).toEqual(['k0', 'k1']);
    const [first] = await listPending(database, { source: SOURCE });
    expect(await keys({}, 2, new Set([first?.objectId as number]))).toEqual(['k1', 'k2']);
  });
});

it('a download that failed is noted, and counted as an attempt', async () => {
  await list(listed('a'));
  const [object] = await listPending(database, { source: SOURCE });
  const aside = { objectId: object?.objectId as number, key: 'a', error: DAMAGED };
  await noteFetchFailure(database, aside, 'discovered', 1);
  await noteFetchFailure(database, aside, 'missing', 2);
  expect(await database.rows('select status, attempts, error, run_id from ops.objects')).toEqual([
    { status: 'missing', attempts: 2, error: 'cannot decode it', run_id: 2n },
  ]);
});

it('a dry run calls unknown exactly what a listing would write down', async () => {
  await list(listed('loaded'), listed('gone'), listed('damaged'));
  await setStatus('loaded', 'v1', 'loaded');
  await setStatus('gone', 'v1', 'missing');
  await setStatus('damaged', 'v1', 'quarantined');
  const page = [
    listed('loaded'),
    listed('gone'),
    listed('damaged'),
    listed('damaged', 'v2'),
    listed('new'),
  ];
  const unknown = await selectUnknown(database, SOURCE, page);
  expect(unknown.map(({ key, etag }) => `${key} ${etag}`)).toEqual([
    'gone v1',
    'damaged v2',
    'new v1',
  ]);
  expect((await list(...page)).discovered).toBe(unknown.length);
  expect(await selectUnknown(undefined, SOURCE, page)).toEqual(page);
});

it('the newest hour is known for each folder of an event type', async () => {
  const folder = (integration: string) =>
    `x/dataexport.prod-01.S3.integration.${integration}/event_type=a.B/`;
  const at = (integration: string, hour: string) =>
    listed(`${folder(integration)}date=2026-09-01-${hour}/1/z/f+0+${hour}.avro`, 'v1', {
      hour: new Date(`2026-09-01T${hour}:00:00Z`),
    });
  await list(at('one', '10'), at('one', '12'), at('two', '11'), listed('elsewhere.avro'));
  expect(await readNewestHours(database, SOURCE)).toEqual(
    new Map([
      [folder('one'), new Date('2026-09-01T12:00:00Z')],
      [folder('two'), new Date('2026-09-01T11:00:00Z')],
    ]),
  );
  await list(at('one', '11'), at('two', '13'));
  expect(await readNewestHours(database, SOURCE)).toEqual(
    new Map([
      [folder('one'), new Date('2026-09-01T12:00:00Z')],
      [folder('two'), new Date('2026-09-01T13:00:00Z')],
    ]),
  );
  expect(await readNewestHours(database, 's3://other')).toEqual(new Map());
});
