/** What `status`, `objects` and `quarantine` tell about a ledger. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findObject, listObjects, listQuarantine } from '../../src/object-report.ts';
import { findMissingHours, readStatus } from '../../src/status.ts';
import { Database } from '../../src/warehouse/database.ts';
import { migrate } from '../../src/warehouse/migrations.ts';

const NEWEST = Date.parse('2026-09-30T12:00:00Z');

/** `hoursAgo(3, 1)`: the starts of the hours three and one before the newest. */
function hoursAgo(...counts: number[]): Date[] {
  return counts.map((count) => new Date(NEWEST - count * 3_600_000));
}

function lastHours(count: number): number[] {
  return Array.from({ length: count }, (_, index) => count - index);
}

describe('missing hours', () => {
  const newest = new Date(NEWEST);

  it('are those without an object where nearly all others have one', () => {
    const present = lastHours(30).filter((count) => count !== 7);
    expect(findMissingHours(hoursAgo(...present), newest)).toEqual(hoursAgo(7));
  });

  it('reach to the newest hour of all event types, which itself may still be filling', () => {
    const present = lastHours(30).filter((count) => count > 3);
    expect(findMissingHours(hoursAgo(...present), newest)).toEqual(hoursAgo(3, 2, 1));
  });

  it.each([
    ['an event type that is rare', lastHours(40).filter((count) => count % 3 === 0)],
    ['an event type that is new', lastHours(6).filter((count) => count !== 3)],
    ['an event type without a gap', lastHours(40)],
    ['nothing', []],
  ])('are none for %s', (_what, present) => {
    expect(findMissingHours(hoursAgo(...present), newest)).toEqual([]);
  });

  it('older than a week are no news', () => {
    const present = lastHours(400).filter((count) => count !== 300 && count !== 20);
    expect(findMissingHours(hoursAgo(...present), newest)).toEqual(hoursAgo(20));
  });
});

describe('a ledger', () => {
  let folder: string;
  let database: Database;

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'currents-status-'));
    database = await Database.open({ path: path.join(folder, 'a.duckdb') });
    await migrate(database);
  });

  afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  async function addObject(
    objectId: number,
    eventType: string,
    status: string,
    hour = '2026-09-30 12:00:00',
  ): Promise<void> {
    await database.run(
      `insert into ops.objects by name select ?::bigint as object_id, 's3://b' as source, ? as key, 'e' as etag,
         1 as size_bytes, now()::timestamp as last_modified, ? as event_type, ?::timestamp as hour, ? as status,
         1 as attempts, now()::timestamp as discovered_at`,
      [objectId, `${eventType}/${objectId}.avro`, eventType, hour, status],
    );
  }

  it('that is empty has a status', async () => {
    expect(await readStatus(database, new Date())).toMatchObject({
      database: { path: path.join(folder, 'a.duckdb') },
      objects: { loaded: 0, discovered: 0 },
      events: 0,
      newestHour: undefined,
      behindSeconds: undefined,
      eventTypes: [],
      runs: [],
    });
  });

  it('is summed up by event type, with what its table holds', async () => {
    await addObject(1, 'a.B', 'loaded');
    await addObject(2, 'a.B', 'discovered', '2026-09-30 13:00:00');
    await addObject(3, 'c.D', 'quarantined');
    await database.run(`
      create table events.a_b (id varchar, time timestamp);
      insert into events.a_b values ('x', '2026-09-29 08:00:00'), ('y', null);
      insert into ops.event_tables values ('a.B', 'a_b')`);
    const status = await readStatus(database, new Date('2026-09-30T15:00:00Z'));
    expect(status).toMatchObject({
      objects: { loaded: 1, discovered: 1, quarantined: 1, missing: 0 },
      events: 2,
      newestHour: new Date('2026-09-30T12:00:00Z'),
      behindSeconds: 7200,
    });
    expect(status.eventTypes).toMatchObject([
      {
        eventType: 'a.B',
        table: 'events.a_b',
        events: 2,
        loaded: 1,
        pending: 1,
        quarantined: 0,
        newestEventAt: new Date('2026-09-29T08:00:00Z'),
        isSilent: false,
      },
      { eventType: 'c.D', table: undefined, events: 0, loaded: 0, quarantined: 1 },
    ]);
  });

  it('tells an event type that has fallen silent', async () => {
    for (let hour = 0; hour < 24; hour++) {
      const start = `2026-09-30 ${String(hour).padStart(2, '0')}:00:00`;
      await addObject(hour, 'goes.On', 'loaded', start);
      if (hour < 21) await addObject(100 + hour, 'goes.Silent', 'loaded', start);
    }
    const { eventTypes } = await readStatus(database, new Date('2026-09-30T23:30:00Z'));
    expect(eventTypes).toMatchObject([
      { eventType: 'goes.On', missingHours: [], isSilent: false },
      {
        eventType: 'goes.Silent',
        missingHours: [new Date('2026-09-30T21:00:00Z'), new Date('2026-09-30T22:00:00Z')],
        isSilent: true,
      },
    ]);
  });

  it('does not take an hour later than now for the newest, and says which there are', async () => {
    for (let hour = 0; hour < 24; hour++) {
      const start = `2026-09-30 ${String(hour).padStart(2, '0')}:00:00`;
      await addObject(hour, 'goes.On', 'loaded', start);
      if (hour < 21) await addObject(100 + hour, 'goes.Silent', 'loaded', start);
    }
    await addObject(200, 'goes.On', 'loaded', '2030-01-01 00:00:00');
    const status = await readStatus(database, new Date('2026-10-01T02:00:00Z'));
    expect(status).toMatchObject({
      newestHour: new Date('2026-09-30T23:00:00Z'),
      behindSeconds: 7200,
      eventTypes: [
        {
          eventType: 'goes.On',
          newestHour: new Date('2026-09-30T23:00:00Z'),
          missingHours: [],
          futureHours: [new Date('2030-01-01T00:00:00Z')],
          isSilent: false,
        },
        { eventType: 'goes.Silent', futureHours: [], isSilent: true },
      ],
    });
  });

  it('lists objects by status, event type and number, the last first', async () => {
    await addObject(1, 'a.B', 'loaded');
    await addObject(2, 'a.B', 'loaded');
    await addObject(3, 'a.B', 'missing');
    await addObject(4, 'c.D', 'loaded');
    const ids = async (filter: Parameters<typeof listObjects>[1]) =>
      (await listObjects(database, filter)).map((object) => object.objectId);
    expect(await ids({})).toEqual([4, 3, 2, 1]);
    expect(await ids({ status: 'loaded' })).toEqual([4, 2, 1]);
    expect(await ids({ matchesEventType: (type) => type === 'a.B', limit: 2 })).toEqual([3, 2]);
    await expect(listObjects(database, { status: 'lost' })).rejects.toMatchObject({
      code: 'USAGE',
    });
    expect(await findObject(database, 'a.B/2.avro')).toMatchObject([{ objectId: 2 }]);
    await expect(findObject(database, 'x')).rejects.toMatchObject({ code: 'OBJECT_UNKNOWN' });
  });

  it('shows why something is in quarantine', async () => {
    await addObject(1, 'a.B', 'quarantined');
    await database.run(
      `insert into ops.quarantine by name select 1 as object_id, 'a.B/1.avro' as key, 'RECORD_INVALID' as code,
         'cannot' as reason, 7 as block, 3 as record, '2026-09-30 12:00:00'::timestamp as quarantined_at, 5 as run_id`,
    );
    expect(await listQuarantine(database)).toEqual([
      {
        objectId: 1,
        key: 'a.B/1.avro',
        eventType: 'a.B',
        code: 'RECORD_INVALID',
        reason: 'cannot',
        block: 7,
        record: 3,
        field: undefined,
        hint: undefined,
        quarantinedAt: new Date('2026-09-30T12:00:00Z'),
        runId: 5,
      },
    ]);
  });
});
