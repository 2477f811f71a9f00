/** One person on one screen, found by any id of theirs, now and as they were. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPerson } from '../../src/person-report.ts';
import { refreshProfiles } from '../../src/profiles/refresh-profiles.ts';
import { refreshViews } from '../../src/profiles/refresh-views.ts';
import { anObjectOf } from '../support/person-events.ts';
import { TestWarehouse } from '../support/test-warehouse.ts';

const MERGED_AT = Date.UTC(2026, 7, 10) / 1000;
const AS_OF = new Date('2026-09-01T00:00:00Z');

function secondsOf(day: string): number {
  return Date.parse(`${day}T12:00:00Z`) / 1000;
}

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.open();
  await warehouse.load([
    anObjectOf('users.behaviors.CustomEvent', [
      { user_id: 'old-user', name: 'looked', time: secondsOf('2026-08-01') },
      ...Array.from({ length: 24 }, (_, minute) => ({
        user_id: 'ann',
        external_user_id: 'customer-1',
        name: `step ${minute}`,
        time: secondsOf('2026-08-20') + minute * 60,
      })),
      { user_id: 'bea', external_user_id: 'shared', name: 'x', time: secondsOf('2026-08-20') },
      { user_id: 'cal', external_user_id: 'shared', name: 'x', time: secondsOf('2026-08-20') },
    ]),
    anObjectOf('users.UserOrphan', [
      { user_id: 'old-user', orphaned_by_id: 'ann', time: MERGED_AT },
    ]),
    anObjectOf('users.messages.email.Send', [
      {
        user_id: 'ann',
        campaign_id: 'c1',
        campaign_name: 'Welcome',
        email_address: 'ann@example.com',
        time: secondsOf('2026-08-21'),
      },
    ]),
  ]);
  const { database } = warehouse;
  await refreshProfiles(database, { asOf: AS_OF });
  await refreshViews(database);
  await database.run(`
    insert into c360.audience_members values
      ('vips', 'ann', '2026-08-22', null), ('lapsing', 'ann', '2026-08-01', '2026-08-21'),
      ('others', 'bea', '2026-08-22', null)`);
}, 60_000);

afterAll(() => warehouse.close());

describe('a person', () => {
  it.each(['ann', 'old-user', 'customer-1'])('is found by %s', async (id) => {
    expect((await readPerson(warehouse.database, id)).personId).toBe('ann');
  });

  it('is shown with profile, last twenty events of all users of theirs, and audiences of now', async () => {
    const { profile, events, audiences, braze } = await readPerson(warehouse.database, 'ann');
    expect(profile).toMatchObject({
      external_id: 'customer-1',
      former_user_ids: ['old-user'],
      custom_events: 25,
      email_sent: 1,
      last_seen_at: '2026-08-21T12:00:00Z',
    });
    expect(events).toHaveLength(20);
    expect(events[0]).toMatchObject({ channel: 'email', action: 'sent', source: 'Welcome' });
    expect(events[1]).toMatchObject({ action: 'custom_event', detail: 'step 23' });
    expect(audiences.map(({ name }) => name)).toEqual(['vips']);
    expect(braze).toEqual([]);
  });

  it('is shown as they were, before a merge too', async () => {
    const { database } = warehouse;
    const before = await readPerson(database, 'old-user', { asOf: new Date('2026-08-05') });
    expect(before.personId).toBe('old-user');
    expect(before.profile).toMatchObject({ custom_events: 1, former_user_ids: [] });
    expect(before.events.map(({ detail }) => detail)).toEqual(['looked']);
    const after = await readPerson(database, 'ann', { asOf: new Date('2026-08-15') });
    expect(after.profile).toMatchObject({ custom_events: 1, former_user_ids: ['old-user'] });
    expect(after.audiences.map(({ name }) => name)).toEqual(['lapsing']);
  });

  it('is told to be unknown when nobody has the id, or had it then', async () => {
    const { database } = warehouse;
    await expect(readPerson(database, 'Ann')).rejects.toMatchObject({ code: 'PERSON_UNKNOWN' });
    await expect(
      readPerson(database, 'ann', { asOf: new Date('2026-07-01') }),
    ).rejects.toMatchObject({ code: 'PERSON_UNKNOWN' });
  });

  it('is not chosen among several with one external id', async () => {
    await expect(readPerson(warehouse.database, 'shared')).rejects.toMatchObject({ code: 'USAGE' });
  });
});
