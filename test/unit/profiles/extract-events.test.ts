/** What of an event gets into the state tables of c360, whatever its table looks like. */
import { expect, it } from 'vitest';
import { listPortions } from '../../../src/profiles/applied-objects.ts';
import { extractObjects } from '../../../src/profiles/extract-events.ts';
import { FIRST_SECOND } from '../../support/event-builders.ts';
import { anObjectOf } from '../../support/person-events.ts';
import { type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

const FIRST_MS = FIRST_SECOND * 1000;
const AS_OF = "timestamp '2026-10-01 00:00:00'";

async function extract(...objects: TestObject[]): Promise<TestWarehouse> {
  const warehouse = await TestWarehouse.forTest();
  await warehouse.load(objects);
  for (const portion of await listPortions(warehouse.database)) {
    await extractObjects(warehouse.database, { state: 'c360', asOf: AS_OF }, portion.objects);
  }
  return warehouse;
}

/** `user name key value`, in order; without `seen`. */
async function facts(warehouse: TestWarehouse): Promise<string[]> {
  return warehouse.column(
    `select concat_ws(' ', user_id, name, key, value) from c360.facts join c360.users using (user_no)
     where name <> 'seen' order by all`,
  );
}

it('an event is one narrow row with its kind, campaign and time', async () => {
  const warehouse = await extract(
    anObjectOf('users.messages.email.Send', [{ user_id: 'a', campaign_id: 'c' }]),
    anObjectOf('users.messages.email.Open', [
      { user_id: 'a', campaign_id: 'c', machine_open: 'true', time: FIRST_SECOND + 1 },
      { user_id: 'a', canvas_id: 'v', machine_open: null, time: FIRST_SECOND + 2 },
    ]),
    anObjectOf('users.behaviors.app.SessionStart', [{ user_id: 'b' }]),
  );
  expect(
    await warehouse.column(
      `select concat_ws(' ', user_id, epoch(time)::bigint - ${FIRST_SECOND}, kind, campaign_id, canvas_id)
       from c360.activity join c360.users using (user_no) left join c360.messages using (message_no) order by all`,
    ),
  ).toEqual(['a 0 100 c', 'a 1 103 c', 'a 2 102 v', 'b 0 2000']);
});

it('an event of a Canvas that names a campaign too belongs to the Canvas', async () => {
  const warehouse = await extract(
    anObjectOf('users.messages.email.Send', [
      { user_id: 'a', campaign_id: 'c', canvas_id: 'v' },
      { user_id: 'a', campaign_id: 'd', canvas_id: 'v' },
      { user_id: 'a', campaign_id: '', canvas_id: '[REDACTED]' },
    ]),
  );
  expect(await warehouse.rows('select campaign_id, canvas_id from c360.messages')).toEqual([
    { campaign_id: null, canvas_id: 'v' },
  ]);
});

it('who has no user id, an empty or a redacted one is nobody', async () => {
  const warehouse = await extract(
    anObjectOf('users.messages.rcs.InboundReceive', [
      { user_id: null },
      { user_id: '' },
      { user_id: '[REDACTED]' },
      { user_id: 'a' },
    ]),
    anObjectOf('agentconsole.ToolInvocation', [{ tool_name: 'search' }]),
  );
  expect(await warehouse.column('select user_id from c360.users')).toEqual(['a']);
  expect(await warehouse.column('select count(*)::integer from c360.activity')).toEqual([1]);
});

it('an event type that nobody knows yet counts as seen and tells the external id', async () => {
  const warehouse = await extract(
    anObjectOf('users.messages.telepathy.Send', [
      { user_id: 'a', external_user_id: 'x', timezone: 'UTC', first_name: 'Ann' },
    ]),
  );
  expect(await warehouse.column('select kind from c360.activity')).toEqual([0]);
  expect(await facts(warehouse)).toEqual(['a external_id x true']);
});

it('opens and clicks of email tell nothing about who somebody is', async () => {
  const event = { user_id: 'a', external_user_id: 'x', email_address: 'a@b.c', timezone: 'UTC' };
  const warehouse = await extract(
    anObjectOf('users.messages.email.Open', [event]),
    anObjectOf('users.messages.email.Click', [event]),
  );
  expect(await facts(warehouse)).toEqual([]);
  expect(await warehouse.column('select count(*)::integer from c360.activity')).toEqual([2]);
});

it('of several values the latest counts, of the same instant the greatest', async () => {
  const late = { time_ms: FIRST_MS + 5 };
  const warehouse = await extract(
    anObjectOf('users.profile.Update', [
      { user_id: 'a', time_ms: FIRST_MS + 5, first_name: 'Bea', home_city: 'Rome' },
      { user_id: 'a', time_ms: FIRST_MS + 4, first_name: 'Zoe', language: 'en', home_city: null },
      { user_id: 'a', time_ms: FIRST_MS + 6, first_name: '', language: '[REDACTED]' },
    ]),
    anObjectOf('users.profile.Update', [{ user_id: 'a', ...late, first_name: 'Ann' }]),
  );
  expect(await facts(warehouse)).toEqual([
    'a attribute first_name "Bea"',
    'a attribute home_city "Rome"',
    'a attribute language "en"',
  ]);
});

it('custom attributes come key by key, and what is no object has none', async () => {
  const update = (time: number, custom_attributes: string) => ({
    user_id: 'a',
    time_ms: FIRST_MS + time,
    custom_attributes,
  });
  const warehouse = await extract(
    anObjectOf('users.profile.Update', [
      update(1, '{"color":"red","a.b\\"c":{"deep":[1,2]},"gone":true,"":1}'),
      update(2, '{"color":"blue","gone":null,"empty":"","hidden":"[REDACTED]"}'),
      update(3, '["color"]'),
      update(4, '7'),
      update(5, 'not json'),
      update(6, '{}'),
    ]),
  );
  expect(await facts(warehouse)).toEqual([
    'a custom_attribute  1',
    'a custom_attribute a.b"c {"deep":[1,2]}',
    'a custom_attribute color "blue"',
    'a custom_attribute gone null',
  ]);
});

it('consent, groups, tokens, devices and the like are facts of their own', async () => {
  const warehouse = await extract(
    anObjectOf('users.behaviors.subscription.GlobalStateChange', [
      { user_id: 'a', subscription_status: 'Opted-In', channel: 'email' },
      { user_id: 'a', subscription_status: 'unsubscribed', channel: 'Push' },
      { user_id: 'b', subscription_status: 'Subscribed', channel: null },
    ]),
    anObjectOf('users.behaviors.subscriptiongroup.StateChange', [
      {
        user_id: 'a',
        subscription_group_id: 'g',
        subscription_status: 'Subscribed',
        channel: 'sms',
      },
    ]),
    anObjectOf('users.behaviors.pushnotification.TokenStateChange', [
      { user_id: 'a', push_token: 't', push_token_state_change_type: 'add', platform: 'ios' },
    ]),
    anObjectOf('users.behaviors.app.SessionStart', [
      { user_id: 'a', device_id: 'd', platform: 'ios', os_version: '17', device_model: 'X' },
    ]),
    anObjectOf('users.messages.pushnotification.Send', [
      { user_id: 'a', device_id: 'd', platform: 'ios', time: FIRST_SECOND + 1 },
    ]),
    anObjectOf('users.RandomBucketNumberUpdate', [{ user_id: 'a', random_bucket_number: 42 }]),
    anObjectOf('users.behaviors.InstallAttribution', [{ user_id: 'a', source: 'search' }]),
  );
  expect(await facts(warehouse)).toEqual([
    'a consent email "opted_in"',
    'a consent push "unsubscribed"',
    'a device d {"platform":"ios","model":"X","os_version":"17","app_version":null,"sdk_version":null}',
    'a install_source  "search"',
    'a push_token t {"state":"add","platform":"ios","device_id":null}',
    'a random_bucket  "42"',
    'a subscription_group g {"status":"subscribed","channel":"sms"}',
    'b consent email "subscribed"',
  ]);
});

it('an amount is the shortest decimal that is the 32-bit price', async () => {
  const warehouse = await extract(
    anObjectOf('users.behaviors.Purchase', [
      { user_id: 'a', price: 3.14, currency: 'eur', product_id: 'p' },
      { user_id: 'a', price: 1_234_567.9, currency: 'JPY', product_id: 'p' },
      { user_id: 'a', price: 1e30, currency: 'EUR', product_id: 'p' },
      { user_id: 'a', price: -0.1, currency: null, product_id: 'p' },
    ]),
  );
  expect(
    await warehouse.column(
      "select concat_ws(' ', amount, currency) from c360.purchases order by amount",
    ),
  ).toEqual(['-0.1000', '3.1400 EUR', '1234567.9000 JPY']);
  expect(await warehouse.column('select count(*)::integer from c360.activity')).toEqual([4]);
});

it('a merge that says nothing is none', async () => {
  const warehouse = await extract(
    anObjectOf('users.UserOrphan', [
      { user_id: 'a', orphaned_by_id: 'b' },
      { user_id: 'a', orphaned_by_id: 'a' },
      { user_id: 'c', orphaned_by_id: null },
      { user_id: null, orphaned_by_id: 'd' },
    ]),
  );
  expect(
    await warehouse.rows(
      `select u.user_id as one, i.user_id as other from c360.merges m
       join c360.users u using (user_no) join c360.users i on i.user_no = into_user_no`,
    ),
  ).toEqual([{ one: 'a', other: 'b' }]);
});

it('facts later than the instant keep those before them', async () => {
  const future = Date.parse('2026-11-01T00:00:00Z');
  const warehouse = await extract(
    anObjectOf('users.profile.Update', [
      { user_id: 'a', time_ms: FIRST_MS, home_city: 'Oslo' },
      { user_id: 'a', time_ms: future, home_city: 'Bern' },
      { user_id: 'a', time_ms: future + 1, home_city: 'Cork' },
    ]),
  );
  expect(await facts(warehouse)).toEqual([
    'a attribute home_city "Bern"',
    'a attribute home_city "Cork"',
    'a attribute home_city "Oslo"',
  ]);
});

it('tables of other senders are read as far as they make sense', async () => {
  const number = JSON.stringify({
    type: 'record',
    name: 'shop.Order',
    fields: [
      { name: 'user_id', type: 'long' },
      { name: 'time_ms', type: 'long' },
      { name: 'external_user_id', type: { type: 'array', items: 'string' } },
    ],
  });
  const timeless = JSON.stringify({
    type: 'record',
    name: 'shop.Note',
    fields: [{ name: 'user_id', type: 'string' }],
  });
  const warehouse = await extract(
    {
      schema: number,
      eventType: 'shop.Order',
      records: [
        { user_id: 7n, time_ms: BigInt(FIRST_MS), external_user_id: ['x'] },
        { user_id: 8n, time_ms: 2n ** 62n, external_user_id: ['x'] },
      ],
    },
    { schema: timeless, eventType: 'shop.Note', records: [{ user_id: 'a' }] },
  );
  expect(await warehouse.column('select user_id from c360.users')).toEqual(['7']);
  expect(await facts(warehouse)).toEqual([]);
});
