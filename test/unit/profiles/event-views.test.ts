/** The views over the event tables: what they show, that counts add up, and that they follow the tables. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { refreshViews } from '../../../src/profiles/refresh-views.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { publishDatabase } from '../../../src/warehouse/publish.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';
import { openTestDatabase, TestWarehouse } from '../../support/test-warehouse.ts';
import { type ToldEvent, tell } from '../../support/told-events.ts';

let warehouse: TestWarehouse;

beforeEach(async () => {
  warehouse = await TestWarehouse.open();
  onTestFinished(() => warehouse.close());
});

async function show(events: readonly ToldEvent[]): Promise<void> {
  await tell(warehouse, events);
  await refreshViews(warehouse.database);
}

const MAILING = { user_id: 'ann', campaign_id: 'c1', message_variation_id: 'v1' };

/** The only row of campaign_performance, without what is null, zero or the day's name. */
async function performance(): Promise<Record<string, unknown>[]> {
  const rows = await warehouse.rows<Record<string, unknown>>(
    'select * replace (day::varchar as day, revenue::varchar as revenue) from c360.campaign_performance order by day, channel, campaign_id, canvas_id, currency',
  );
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row)
        .map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value] as const)
        .filter(([, value]) => value !== null && value !== 0),
    ),
  );
}

describe('c360.timeline', () => {
  it('has every event of every type once, with the words of the activity catalogue', async () => {
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-01 10:01', ...MAILING, machine_open: 'true' },
      { type: 'messages.email.Open', at: '2026-09-01 10:02', ...MAILING },
      {
        type: 'messages.email.Click',
        at: '2026-09-01 10:03',
        ...MAILING,
        url: 'https://example.com',
        is_suspected_bot_click: true,
      },
      { type: 'behaviors.CustomEvent', at: '2026-09-01 10:04', user_id: 'bob', name: 'tried' },
      { type: 'UserOrphan', at: '2026-09-01 10:05', user_id: 'bob', orphaned_by_id: 'ann' },
    ]);
    expect(
      await warehouse.rows(
        "select strftime(time, '%H:%M') as at, person_id, channel, action, campaign_id, detail from c360.timeline order by time",
      ),
    ).toEqual(
      [
        ['10:00', 'ann', 'email', 'sent', 'c1', null],
        ['10:01', 'ann', 'email', 'machine_opened', 'c1', null],
        ['10:02', 'ann', 'email', 'opened', 'c1', null],
        ['10:03', 'ann', 'email', 'bot_clicked', 'c1', 'https://example.com'],
        ['10:04', 'bob', null, 'custom_event', null, 'tried'],
        ['10:05', 'bob', null, 'merged_away', null, 'ann'],
      ].map(([at, person_id, channel, action, campaign_id, detail]) => ({
        at,
        person_id,
        channel,
        action,
        campaign_id,
        detail,
      })),
    );
  });

  it('tells the story of a person under all the ids that were merged', async () => {
    await show([
      { type: 'behaviors.CustomEvent', at: '2026-09-01 10:04', user_id: 'bob', name: 'tried' },
      { type: 'behaviors.CustomEvent', at: '2026-09-01 10:05', user_id: 'ann', name: 'bought' },
    ]);
    await warehouse.database.run(
      "insert into c360.identities by name select 'bob' as user_id, 'ann' as person_id, [] as external_ids",
    );
    expect(
      await warehouse.column(
        "select detail from c360.timeline where person_id = 'ann' order by time",
      ),
    ).toEqual(['tried', 'bought']);
  });

  it('follows tables and columns that appear, and leaves views alone that are up to date', async () => {
    await show([{ type: 'messages.email.Send', at: '2026-09-01 10:00', user_id: 'ann' }]);
    expect(await warehouse.column('select send_id from c360.timeline')).toEqual([null]);
    const made = await warehouse.column('select max(view_oid) from duckdb_views()');
    await show([{ type: 'messages.email.Send', at: '2026-09-01 10:00', user_id: 'ann' }]);
    expect(await warehouse.column('select max(view_oid) from duckdb_views()')).toEqual(made);
    await show([{ type: 'messages.email.Send', at: '2026-09-01 10:02', ...MAILING, send_id: 's' }]);
    await show([{ type: 'campaigns.Conversion', at: '2026-09-01 10:03', ...MAILING }]);
    expect(await warehouse.column('select send_id from c360.timeline order by time')).toEqual([
      null,
      null,
      's',
      null,
    ]);
  });

  it('holds after a column was widened, with the amounts that were written as floats', async () => {
    const purchase = (number: number, price: number) =>
      anEvent(number, { user_id: 'ann', price, currency: 'EUR' });
    const schema = (price: string) => aSchema({ user_id: 'string', price, currency: 'string' });
    const eventType = 'users.behaviors.Purchase';
    const floats = [3.14, 19.99, 131_071.99, 0.1].map((price, at) => purchase(at, price));
    await warehouse.load([{ eventType, schema: schema('float'), records: floats }]);
    await refreshViews(warehouse.database);
    const sum = 'select sum(amount)::varchar from c360.timeline';
    expect(await warehouse.column(sum)).toEqual(['131095.2200']);
    await warehouse.load([
      { eventType, schema: schema('double'), records: [purchase(9, 1_234_567.89)] },
    ]);
    await refreshViews(warehouse.database);
    expect(await warehouse.column(sum)).toEqual(['1365663.1100']);
  });

  it('has no place for a type without a time, and is there before any event', async () => {
    await refreshViews(warehouse.database);
    expect(await warehouse.rows('from c360.timeline')).toEqual([]);
    expect(await warehouse.rows('from c360.campaign_performance')).toEqual([]);
    expect(await warehouse.rows('from c360.engagement_daily')).toEqual([]);
    await warehouse.load([
      {
        eventType: 'other.Thing',
        schema: '{"type":"record","name":"x","fields":[{"name":"time","type":"string"}]}',
        records: [{ time: 'noon' }],
      },
    ]);
    await refreshViews(warehouse.database);
    expect(await warehouse.rows('from c360.timeline')).toEqual([]);
  });
});

describe('c360.campaign_performance', () => {
  it('counts what follows a send on the day of the send, once a message and apart from machines', async () => {
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 23:59:59', ...MAILING, campaign_name: 'Hi' },
      { type: 'messages.email.Delivery', at: '2026-09-02 00:00:02', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-02 00:00:03', ...MAILING, machine_open: 'true' },
      { type: 'messages.email.Open', at: '2026-09-04 08:00', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-05 08:00', ...MAILING },
      { type: 'messages.email.Click', at: '2026-09-05 08:01', ...MAILING },
      {
        type: 'messages.email.Click',
        at: '2026-09-02 00:00:04',
        ...MAILING,
        is_suspected_bot_click: true,
      },
      { type: 'messages.email.Unsubscribe', at: '2026-09-05 08:02', ...MAILING },
      {
        type: 'behaviors.subscription.GlobalStateChange',
        at: '2026-09-05 08:02',
        ...MAILING,
        channel: 'email',
        subscription_status: 'Unsubscribed',
      },
      { type: 'campaigns.Conversion', at: '2026-09-06 08:00', ...MAILING },
      { type: 'messages.email.Send', at: '2026-09-01 12:00', ...MAILING, user_id: 'bob' },
      { type: 'messages.email.Bounce', at: '2026-09-01 12:01', ...MAILING, user_id: 'bob' },
    ]);
    expect(await performance()).toEqual([
      {
        day: '2026-09-01',
        channel: 'email',
        source_type: 'campaign',
        campaign_id: 'c1',
        campaign_name: 'Hi',
        variation_id: 'v1',
        sent: 2,
        delivered: 1,
        bounced: 1,
        unique_opens: 1,
        opens: 2,
        machine_opens: 1,
        unique_clicks: 1,
        clicks: 1,
        suspected_bot_clicks: 1,
        unsubscribes: 1,
        unique_conversions: 1,
        conversions: 1,
        delivery_rate: 0.5,
        open_rate: 1,
        click_rate: 1,
        unsubscribe_rate: 1,
        conversion_rate: 1,
      },
    ]);
  });

  it('keeps two sends of one message apart by their dispatch, and by time where there is none', async () => {
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING, dispatch_id: 'd1' },
      { type: 'messages.email.Send', at: '2026-09-02 10:00', ...MAILING, dispatch_id: 'd2' },
      { type: 'messages.email.Open', at: '2026-09-03 10:00', ...MAILING, dispatch_id: 'd1' },
      { type: 'messages.email.Open', at: '2026-09-03 11:00', ...MAILING, dispatch_id: 'lost' },
      { type: 'messages.email.Delivery', at: '2026-09-01 10:01', ...MAILING },
    ]);
    const rows = await performance();
    expect(
      rows.map(({ day, sent, delivered, unique_opens }) => [day, sent, delivered, unique_opens]),
    ).toEqual([
      ['2026-09-01', 1, 1, 1],
      ['2026-09-02', 1, 1, 1],
    ]);
  });

  it('forgets nothing whose send is not there, and lets it break no sum', async () => {
    await show([
      { type: 'messages.email.Open', at: '2026-09-03 10:00', ...MAILING },
      { type: 'messages.email.Click', at: '2026-09-03 10:01', ...MAILING },
      { type: 'canvas.Conversion', at: '2026-09-04 10:00', user_id: 'eve', canvas_id: 'x' },
    ]);
    expect(await performance()).toEqual([
      {
        day: '2026-09-03',
        channel: 'email',
        source_type: 'campaign',
        campaign_id: 'c1',
        variation_id: 'v1',
        events_without_send: 2,
      },
      { day: '2026-09-04', source_type: 'canvas', canvas_id: 'x', conversions: 1 },
    ]);
  });

  it('counts a push as delivered unless it bounced, and a view as the sending of an in-app message', async () => {
    const step = { canvas_id: 'x', canvas_step_id: 's1', canvas_variation_id: 'w' };
    await show([
      { type: 'messages.pushnotification.Send', at: '2026-09-01 10:00', user_id: 'ann', ...step },
      { type: 'messages.pushnotification.Send', at: '2026-09-01 10:00', user_id: 'bob', ...step },
      { type: 'messages.pushnotification.Bounce', at: '2026-09-01 10:00', user_id: 'bob', ...step },
      { type: 'messages.pushnotification.Open', at: '2026-09-01 10:05', user_id: 'ann', ...step },
      { type: 'messages.inappmessage.Impression', at: '2026-09-01 11:00', ...MAILING },
      { type: 'messages.inappmessage.Click', at: '2026-09-01 11:01', ...MAILING },
      {
        type: 'canvas.Entry',
        at: '2026-09-01 09:00',
        user_id: 'eve',
        canvas_id: 'x',
        canvas_variation_id: 'none',
        in_control_group: true,
      },
      { type: 'canvas.Conversion', at: '2026-09-02 09:00', user_id: 'eve', canvas_id: 'x' },
    ]);
    expect(await performance()).toMatchObject([
      { channel: 'control', control_people: 1, conversions: 1, conversion_rate: 1 },
      { channel: 'in_app_message', sent: 1, delivered: 1, viewed: 1, unique_clicks: 1 },
      { channel: 'push', sent: 2, delivered: 1, bounced: 1, unique_opens: 1, open_rate: 1 },
    ]);
  });

  it('gives a purchase to the last click within a week, exact to the cent in its currency', async () => {
    const buy = (at: string, price: number, currency = 'EUR', user_id = 'ann') => ({
      type: 'behaviors.Purchase',
      at,
      user_id,
      product_id: 'p',
      price,
      currency,
    });
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING },
      { type: 'messages.email.Click', at: '2026-09-01 10:05', ...MAILING },
      { type: 'messages.sms.Send', at: '2026-09-02 10:00', user_id: 'ann', campaign_id: 'c2' },
      {
        type: 'messages.sms.ShortLinkClick',
        at: '2026-09-02 10:05',
        user_id: 'ann',
        campaign_id: 'c2',
      },
      buy('2026-09-01 10:04', 1000),
      ...Array.from({ length: 10 }, () => buy('2026-09-01 11:00', 3.14)),
      buy('2026-09-01 12:00', 7.77, 'USD'),
      buy('2026-09-02 12:00', 19.99),
      buy('2026-09-09 10:05', 5.55),
      buy('2026-09-09 10:06', 1000),
      buy('2026-09-02 12:00', 1000, 'EUR', 'bob'),
    ]);
    const rows = await performance();
    expect(
      rows.map(({ campaign_id, sent, currency, purchases, revenue }) => [
        campaign_id,
        sent,
        currency,
        purchases,
        revenue,
      ]),
    ).toEqual([
      ['c1', 1, 'EUR', 10, '31.4000'],
      ['c1', undefined, 'USD', 1, '7.7700'],
      ['c2', 1, 'EUR', 2, '25.5400'],
    ]);
  });

  it('calls campaigns by their newest name', async () => {
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING, campaign_name: null },
      { type: 'messages.email.Send', at: '2026-09-02 10:00', ...MAILING, campaign_name: 'Old' },
      { type: 'messages.email.Send', at: '2026-09-03 10:00', ...MAILING, campaign_name: 'New' },
    ]);
    expect(
      await warehouse.column('select distinct campaign_name from c360.campaign_performance'),
    ).toEqual(['New']);
  });
});

describe('c360.engagement_daily', () => {
  it('counts events and people on the day on which it happened', async () => {
    await show([
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-02 10:00', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-02 11:00', ...MAILING },
      { type: 'messages.email.Open', at: '2026-09-02 12:00', ...MAILING, machine_open: 'true' },
      { type: 'behaviors.app.SessionStart', at: '2026-09-02 12:00', user_id: 'ann' },
      { type: 'behaviors.app.SessionStart', at: '2026-09-02 13:00', user_id: 'bob' },
      { type: 'RandomBucketNumberUpdate', at: '2026-09-02 13:00', user_id: 'bob' },
    ]);
    expect(
      await warehouse.rows(
        'select day::varchar as day, channel, active_people::int as active, sent::int as sent, opens::int as opens, people_opened::int as opened, machine_opens::int as machine, sessions::int as sessions from c360.engagement_daily order by all',
      ),
    ).toEqual([
      {
        day: '2026-09-01',
        channel: 'email',
        active: 0,
        sent: 1,
        opens: 0,
        opened: 0,
        machine: 0,
        sessions: 0,
      },
      {
        day: '2026-09-02',
        channel: 'app',
        active: 2,
        sent: 0,
        opens: 0,
        opened: 0,
        machine: 0,
        sessions: 2,
      },
      {
        day: '2026-09-02',
        channel: 'email',
        active: 1,
        sent: 0,
        opens: 2,
        opened: 1,
        machine: 1,
        sessions: 0,
      },
    ]);
  });
});

describe('every view', () => {
  it('has a comment, and one on each of its columns, also in a published copy', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), aSchema(), [anEvent(1)]);
    await bucket.cycle();
    const folder = mkdtempSync(path.join(tmpdir(), 'currents-views-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const copy = path.join(folder, 'copy.duckdb');
    await publishDatabase({ database: bucket.databasePath, path: copy });
    for (const file of [bucket.databasePath, copy]) {
      const database = await Database.open({ path: file, readOnly: true });
      onTestFinished(() => database.close());
      const views = await database.rows<{ name: string; comment: string }>(
        "select view_name as name, comment from duckdb_views() where schema_name = 'c360' and not internal",
      );
      expect(views.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['campaign_performance', 'engagement_daily', 'timeline']),
      );
      expect(views.filter(({ comment }) => !comment)).toEqual([]);
      const columns = await database.rows(
        `select table_name, column_name from duckdb_columns()
         where schema_name = 'c360' and comment is null
           and table_name in ('timeline', 'campaign_performance', 'engagement_daily')`,
      );
      expect(columns).toEqual([]);
      const [events] = await database.rows<{ count: bigint }>('select count(*) from c360.timeline');
      expect(Object.values(events ?? {})).toEqual([1n]);
    }
  });

  it('is the same whether made at once or after each load', async () => {
    const told = [
      { type: 'messages.email.Send', at: '2026-09-01 10:00', ...MAILING },
      { type: 'messages.sms.Send', at: '2026-09-02 10:00', user_id: 'ann', campaign_id: 'c2' },
    ];
    for (const event of told) await show([event]);
    const other = await TestWarehouse.forTest();
    await tell(other, told);
    await refreshViews(other.database);
    const sql = "select view_name, sql from duckdb_views() where schema_name = 'c360' order by all";
    expect(await other.rows(sql)).toEqual(await warehouse.rows(sql));
    const empty = await openTestDatabase();
    onTestFinished(() => empty.close());
    await refreshViews(empty);
    expect(await empty.rows(sql)).not.toEqual(await warehouse.rows(sql));
  });
});
