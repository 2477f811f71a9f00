/**
 * Three people by hand: every column of their profiles is written down here, as worked out from the list of
 * events with pencil and paper. A column that is not named has its value for "nothing known": 0, null, [].
 *
 *   Ann   was anonymous, was merged; reads email in Berlin, over a change of clocks; buys in euros
 *   Ben   never told who he is; push and in-app; his time zone is no zone; removed the app
 *   Cleo  gets more SMS than she answers; converts by the channel that reached her last; buys in two currencies
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIVITY_KINDS } from '../../../src/profiles/activity-kinds.ts';
import { PROFILE_COLUMNS } from '../../../src/profiles/attributes.ts';
import { buildProfiles } from '../../../src/profiles/build-profiles.ts';
import { createProfilesTable } from '../../../src/profiles/profiles-table.ts';
import type { Database } from '../../../src/warehouse/database.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

const AS_OF = new Date('2026-09-02T12:00:00Z');
const [ANN, ANN_BEFORE, BEN, CLEO] = [1, 2, 3, 4];

type Activity = readonly [user: number, time: string, kind: number, message?: number];

const ANNS: readonly Activity[] = [
  [ANN_BEFORE, '2025-08-01 10:00:00', 2000],
  [ANN_BEFORE, '2025-08-02 09:00:00', 2202],
  [ANN, '2025-08-02 09:00:00', 2000],
  [ANN, '2026-01-10 08:00:00', 100, 2],
  [ANN, '2026-01-15 08:30:00', 102, 2], // 9:30 in Berlin in winter
  [ANN, '2026-01-15 09:00:00', 2004],
  [ANN, '2026-08-26 12:00:00', 100, 1], // exactly seven days before: no longer in that window
  [ANN, '2026-08-26 12:00:01', 100, 1],
  [ANN, '2026-08-26 12:01:00', 101, 1],
  [ANN, '2026-08-26 12:01:00', 101, 1],
  [ANN, '2026-08-27 07:00:00', 103, 1],
  [ANN, '2026-08-27 07:01:00', 105, 1],
  [ANN, '2026-08-27 07:30:00', 102, 1], // 9:30 in Berlin in summer
  [ANN, '2026-08-27 07:31:00', 104, 1],
  [ANN, '2026-08-28 10:00:00', 2004],
  [ANN, '2026-08-28 10:00:00', 2004],
  [ANN, '2026-08-28 10:00:00', 3000, 1],
  [ANN, '2026-09-02 12:00:01', 102, 1], // after the instant
];

const BENS: readonly Activity[] = [
  [BEN, '2026-08-20 10:00:00', 2000],
  [BEN, '2026-08-20 10:00:00', 2002],
  [BEN, '2026-08-20 10:00:05', 206],
  [BEN, '2026-08-21 10:00:00', 700, 4],
  [BEN, '2026-08-22 10:00:00', 3102, 4],
  [BEN, '2026-08-22 11:00:00', 3102, 9], // of a Canvas that never reached him
  [BEN, '2026-08-25 17:00:00', 200, 3],
  [BEN, '2026-08-25 18:00:00', 201, 3],
  [BEN, '2026-08-30 08:00:00', 2007],
  [BEN, '2026-08-31 09:00:00', 0],
];

const CLEOS: readonly Activity[] = [
  ...Array.from(
    { length: 13 },
    (_, day): Activity => [CLEO, `2026-08-${10 + day} 09:00:00`, 300, 5],
  ),
  [CLEO, '2026-08-10 10:00:00', 3000, 5],
  [CLEO, '2026-08-12 08:00:00', 400, 5],
  [CLEO, '2026-08-12 08:30:00', 3000, 5],
  [CLEO, '2026-03-01 10:00:00', 2004],
  [CLEO, '2026-03-02 10:00:00', 2004],
  [CLEO, '2026-07-01 10:00:00', 2004],
];

/** user, time, currency, amount, product, event */
const PURCHASES = [
  [ANN, '2026-01-15 09:00:00', 'EUR', '100.10', 'boots', 'e1'],
  [ANN, '2026-08-28 10:00:00', 'EUR', '19.99', 'socks', 'e2'],
  [ANN, '2026-08-28 10:00:00', 'EUR', '5.01', 'laces', 'e3'],
  [CLEO, '2026-03-01 10:00:00', 'JPY', '1200', 'tea', 'e4'],
  [CLEO, '2026-03-02 10:00:00', 'JPY', '800', 'tea', 'e5'],
  [CLEO, '2026-07-01 10:00:00', 'USD', '0.1', 'pen', 'e6'],
] as const;

type Fact = readonly [
  user: number,
  name: string,
  key: string,
  value: string,
  first: string,
  last: string,
];

const FACTS: readonly Fact[] = [
  [ANN, 'external_id', 'ann-2', 'true', '2026-01-01', '2026-08-01'],
  [ANN, 'external_id', 'ann-1', 'true', '2025-08-02', '2025-12-01'],
  [ANN_BEFORE, 'external_id', 'ann-0', 'true', '2025-08-01', '2026-08-30'],
  [ANN, 'attribute', 'first_name', '"Ann"', '2025-09-01', '2025-09-01'],
  [ANN_BEFORE, 'attribute', 'first_name', '"Anna"', '2025-08-01', '2025-08-01'],
  [ANN_BEFORE, 'attribute', 'last_name', '"Archer"', '2025-08-01', '2025-08-01'],
  [ANN, 'attribute', 'email_address', '"ann@example.com"', '2025-09-01', '2025-09-01'],
  [ANN, 'attribute', 'email_address', '"later@example.com"', '2026-09-03', '2026-09-03'],
  [ANN, 'attribute', 'dob', '"1990-02-03T00:00:00.000+00:00"', '2025-09-01', '2025-09-01'],
  [ANN, 'attribute', 'timezone', '"Europe/Berlin"', '2025-09-01', '2025-09-01'],
  [ANN, 'custom_attribute', 'tier', '"gold"', '2025-09-01', '2025-09-01'],
  [ANN, 'custom_attribute', 'tier', '"silver"', '2026-01-01', '2026-01-01'],
  [ANN_BEFORE, 'custom_attribute', 'points', '7.50', '2025-08-01', '2025-08-01'],
  [ANN_BEFORE, 'custom_attribute', 'store', '"Berlin"', '2025-08-01', '2025-08-01'],
  [ANN, 'custom_attribute', 'store', 'null', '2025-09-02', '2025-09-02'],
  [ANN, 'consent', 'email', '"opted_in"', '2025-09-01', '2025-09-01'],
  [ANN, 'random_bucket', '', '4711', '2025-09-01', '2025-09-01'],
  [
    BEN,
    'attribute',
    'timezone',
    '"f47ac10b-58cc-4372-a567-0e02b2c3d479"',
    '2026-08-20',
    '2026-08-20',
  ],
  [BEN, 'device', 'd2', '{"platform":"android","model":"Pixel"}', '2026-08-21', '2026-08-25'],
  [BEN, 'device', 'd1', '{"platform":"ios","app_version":"4.1"}', '2026-08-20', '2026-08-22'],
  [
    BEN,
    'push_token',
    't1',
    '{"state":"add","platform":"ios","device_id":"d1"}',
    '2026-08-20',
    '2026-08-20',
  ],
  [BEN, 'push_token', 't2', '{"state":"remove","platform":"ios"}', '2026-08-20', '2026-08-21'],
  [BEN, 'consent', 'push', '"unsubscribed"', '2026-08-30', '2026-08-30'],
  [BEN, 'install_source', '', '"Search ads"', '2026-08-20', '2026-08-20'],
  [CLEO, 'external_id', 'cleo', 'true', '2026-03-01', '2026-08-01'],
  [
    CLEO,
    'subscription_group',
    'g1',
    '{"status":"unsubscribed","channel":"sms"}',
    '2026-08-01',
    '2026-08-01',
  ],
  [
    CLEO,
    'subscription_group',
    'g2',
    '{"status":"subscribed","channel":"sms"}',
    '2026-08-01',
    '2026-08-01',
  ],
  [
    CLEO,
    'subscription_group',
    'g3',
    '{"status":"unsubscribed","channel":"whatsapp"}',
    '2026-08-02',
    '2026-08-02',
  ],
];

/** A count in total, and in the last 7, 30, 90 and 365 days. */
function counts(name: string, ...values: readonly [number, number, number, number, number]) {
  return Object.fromEntries(
    ['', '_7d', '_30d', '_90d', '_365d'].map((suffix, index) => [
      `${name}${suffix}`,
      String(values[index]),
    ]),
  );
}

const EXPECTED: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  ann: {
    person_id: 'ann',
    external_id: 'ann-2',
    former_external_ids: '[ann-0, ann-1]',
    identified_at: '2025-08-01 00:00:00',
    former_user_ids: '[ann-before]',
    first_name: 'Ann',
    last_name: 'Archer',
    email_address: 'ann@example.com',
    dob: '1990-02-03',
    timezone: 'Europe/Berlin',
    random_bucket_number: '4711',
    custom_attributes: '{"points":7.50,"tier":"silver"}',
    first_seen_at: '2025-08-01 10:00:00',
    last_seen_at: '2026-08-28 10:00:00',
    last_active_at: '2026-08-28 10:00:00',
    first_session_at: '2025-08-01 10:00:00',
    last_session_at: '2025-08-02 09:00:00',
    email_consent: 'opted_in',
    email_consent_at: '2025-09-01 00:00:00',
    first_purchase_at: '2026-01-15 09:00:00',
    last_purchase_at: '2026-08-28 10:00:00',
    recency_score: '5',
    revenue: '{EUR=125.1000}',
    revenue_7d: '{EUR=25.0000}',
    revenue_30d: '{EUR=25.0000}',
    revenue_90d: '{EUR=25.0000}',
    revenue_365d: '{EUR=125.1000}',
    main_currency: 'EUR',
    frequency_12m: '2',
    monetary_12m: '125.1000',
    frequency_score: '2',
    monetary_score: '3',
    last_purchase_amount: '5.0100',
    last_purchase_currency: 'EUR',
    last_product_id: 'laces',
    messages_per_week: '0.5',
    fatigue: 'low',
    preferred_channel: 'email',
    best_hour: '9',
    best_hour_timezone: 'Europe/Berlin',
    ...counts('events', 17, 10, 11, 11, 14),
    ...counts('sessions', 2, 0, 0, 0, 0),
    ...counts('purchases', 3, 2, 2, 2, 3),
    ...counts('messages_sent', 3, 1, 2, 2, 3),
    ...counts('messages_engaged', 3, 2, 2, 2, 3),
    ...counts('conversions', 1, 1, 1, 1, 1),
    ...counts('email_converted', 1, 1, 1, 1, 1),
    ...counts('email_sent', 3, 1, 2, 2, 3),
    ...counts('email_delivered', 2, 2, 2, 2, 2),
    ...counts('email_opened', 2, 1, 1, 1, 2),
    ...counts('email_machine_opened', 1, 1, 1, 1, 1),
    ...counts('email_clicked', 1, 1, 1, 1, 1),
    ...counts('email_bot_clicked', 1, 1, 1, 1, 1),
    email_last_activity_at: '2026-08-27 07:31:00',
    email_last_sent_at: '2026-08-26 12:00:01',
    email_last_engaged_at: '2026-08-27 07:31:00',
  },
  ben: {
    person_id: 'ben',
    timezone: 'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    install_source: 'Search ads',
    first_seen_at: '2026-08-20 10:00:00',
    last_seen_at: '2026-08-31 09:00:00',
    last_active_at: '2026-08-25 18:00:00',
    first_session_at: '2026-08-20 10:00:00',
    last_session_at: '2026-08-20 10:00:00',
    uninstalled_at: '2026-08-30 08:00:00',
    is_uninstalled: 'true',
    push_consent: 'unsubscribed',
    push_consent_at: '2026-08-30 00:00:00',
    devices:
      '[{"first_seen_at":"2026-08-20 00:00:00","last_seen_at":"2026-08-22 00:00:00","device_id":"d1","platform":"ios","model":null,"os_version":null,"app_version":"4.1"},{"first_seen_at":"2026-08-21 00:00:00","last_seen_at":"2026-08-25 00:00:00","device_id":"d2","platform":"android","model":"Pixel","os_version":null,"app_version":null}]',
    platforms: '[android, ios]',
    last_platform: 'android',
    app_versions: '[4.1]',
    push_tokens:
      '[{"changed_at":"2026-08-20 00:00:00","token":"t1","platform":"ios","device_id":"d1"}]',
    messages_per_week: '0.2',
    fatigue: 'low',
    preferred_channel: 'push',
    best_hour: '10',
    best_hour_timezone: 'UTC',
    ...counts('events', 10, 2, 10, 10, 10),
    ...counts('sessions', 1, 0, 1, 1, 1),
    ...counts('messages_sent', 1, 0, 1, 1, 1),
    ...counts('messages_engaged', 1, 0, 1, 1, 1),
    ...counts('conversions', 2, 0, 2, 2, 2),
    ...counts('in_app_message_converted', 1, 0, 1, 1, 1),
    ...counts('in_app_message_viewed', 1, 0, 1, 1, 1),
    in_app_message_last_activity_at: '2026-08-21 10:00:00',
    in_app_message_last_viewed_at: '2026-08-21 10:00:00',
    ...counts('push_sent', 1, 0, 1, 1, 1),
    ...counts('push_opened', 1, 0, 1, 1, 1),
    push_token_changed: '1',
    push_last_activity_at: '2026-08-25 18:00:00',
    push_last_sent_at: '2026-08-25 17:00:00',
    push_last_engaged_at: '2026-08-25 18:00:00',
  },
  cleo: {
    person_id: 'cleo',
    external_id: 'cleo',
    identified_at: '2026-03-01 00:00:00',
    first_seen_at: '2026-03-01 10:00:00',
    last_seen_at: '2026-08-22 09:00:00',
    last_active_at: '2026-07-01 10:00:00',
    sms_consent: 'subscribed',
    whatsapp_consent: 'unsubscribed',
    subscription_groups:
      '[{"group_id":"g1","channel":"sms","status":"unsubscribed","changed_at":"2026-08-01 00:00:00"},{"group_id":"g2","channel":"sms","status":"subscribed","changed_at":"2026-08-01 00:00:00"},{"group_id":"g3","channel":"whatsapp","status":"unsubscribed","changed_at":"2026-08-02 00:00:00"}]',
    first_purchase_at: '2026-03-01 10:00:00',
    last_purchase_at: '2026-07-01 10:00:00',
    recency_score: '3',
    revenue: '{JPY=2000.0000, USD=0.1000}',
    revenue_90d: '{USD=0.1000}',
    revenue_365d: '{JPY=2000.0000, USD=0.1000}',
    main_currency: 'JPY',
    frequency_12m: '3',
    monetary_12m: '2000.0000',
    frequency_score: '3',
    monetary_score: '5',
    last_purchase_amount: '0.1000',
    last_purchase_currency: 'USD',
    last_product_id: 'pen',
    messages_per_week: '3.3',
    fatigue: 'high',
    best_hour: '10',
    best_hour_timezone: 'UTC',
    ...counts('events', 19, 0, 16, 17, 19),
    ...counts('purchases', 3, 0, 0, 1, 3),
    ...counts('messages_sent', 14, 0, 14, 14, 14),
    ...counts('conversions', 2, 0, 2, 2, 2),
    ...counts('sms_converted', 1, 0, 1, 1, 1),
    ...counts('whatsapp_converted', 1, 0, 1, 1, 1),
    ...counts('sms_sent', 13, 0, 13, 13, 13),
    sms_last_activity_at: '2026-08-22 09:00:00',
    sms_last_sent_at: '2026-08-22 09:00:00',
    ...counts('whatsapp_sent', 1, 0, 1, 1, 1),
    whatsapp_last_activity_at: '2026-08-12 08:00:00',
    whatsapp_last_sent_at: '2026-08-12 08:00:00',
  },
};

/** Nothing known, by type. */
const NOTHING: Readonly<Record<string, string | null>> = {
  integer: '0',
  double: '0.0',
  'varchar[]': '[]',
  'map(varchar, decimal(38, 4))': '{}',
};
const NOTHING_BY_NAME: Readonly<Record<string, string | null>> = {
  as_of: '2026-09-02 12:00:00',
  custom_attributes: '{}',
  devices: '[]',
  push_tokens: '[]',
  subscription_groups: '[]',
  is_uninstalled: 'false',
  random_bucket_number: null,
  recency_score: null,
  frequency_12m: null,
  frequency_score: null,
  monetary_score: null,
  best_hour: null,
};

let database: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  const literal = (value: string | number | undefined) =>
    value === undefined ? 'null' : `'${value}'`;
  const rows = (all: readonly (readonly (string | number | undefined)[])[]) =>
    all.map((row) => `(${row.map(literal).join(', ')})`).join(', ');
  const events = [...ANNS, ...BENS, ...CLEOS].map(([user, time, kind, message]) => [
    user,
    time,
    kind,
    message,
  ]);
  await database.run(`
    insert into c360.users values ${rows([
      [ANN, 'ann'],
      [ANN_BEFORE, 'ann-before'],
      [BEN, 'ben'],
      [CLEO, 'cleo'],
      [5, 'only-in-future'],
    ])};
    insert into c360.activity values ${rows([...events, [5, '2026-10-01', 2000, undefined]])};
    insert into c360.purchases values ${rows(PURCHASES)};
    insert into c360.facts
    select user_no, name, key, value, epoch_ms(first_at::timestamp), epoch_ms(last_at::timestamp)
    from (values ${rows(FACTS)}) fact(user_no, name, key, value, first_at, last_at);
    create temp table identity_map as
    select user_no, case user_no when ${ANN_BEFORE} then ${ANN} else user_no end as person_no from c360.users;
    create temp table everybody as select distinct person_no from identity_map`);
  await createProfilesTable(database, 'c360.profiles');
  await build('everybody');
}, 60_000);

afterAll(() => database.close());

async function build(people: string): Promise<void> {
  await buildProfiles(database, {
    asOf: AS_OF,
    people,
    identityMap: 'identity_map',
    target: 'c360.profiles',
  });
}

async function readProfiles(): Promise<Record<string, string | null>[]> {
  return database.rows('select columns(*)::varchar from c360.profiles order by person_id');
}

describe('profiles of three people', () => {
  it.each(Object.keys(EXPECTED))('has every column of %s as worked out by hand', async (person) => {
    const found = (await readProfiles()).find(({ person_id }) => person_id === person);
    const expected = Object.fromEntries(
      PROFILE_COLUMNS.map(({ name, type }) => [
        name,
        EXPECTED[person]?.[name] ??
          (name in NOTHING_BY_NAME ? NOTHING_BY_NAME[name] : (NOTHING[type] ?? null)),
      ]),
    );
    expect(found).toEqual(expected);
  });

  it('has one row for each person with an event up to the instant, and none for others', async () => {
    const people = (await readProfiles()).map(({ person_id }) => person_id);
    expect(people).toEqual(['ann', 'ben', 'cleo']);
  });

  it('names only columns that exist', () => {
    const names = new Set(PROFILE_COLUMNS.map(({ name }) => name));
    for (const person of Object.values(EXPECTED))
      for (const name of Object.keys(person)) expect(names).toContain(name);
  });

  it('counts what a plain query over the activity counts, for every metric and window', async () => {
    const found = new Map((await readProfiles()).map((row) => [row.person_id, row]));
    const plain = await database.rows<{ person: string; kind: number; ages: readonly number[] }>(
      `select u.user_id as person, kind::integer as kind,
         list(epoch(timestamp '2026-09-02 12:00:00') - epoch(time)) as ages
       from c360.activity join identity_map using (user_no) join c360.users u on u.user_no = person_no
       where time <= timestamp '2026-09-02 12:00:00' group by all`,
    );
    let checked = 0;
    for (const { code, channel, metric } of ACTIVITY_KINDS) {
      if (channel === null) continue;
      const name = `${channel}_${metric}`;
      for (const [person, row] of found) {
        const same = ACTIVITY_KINDS.filter(
          (kind) => kind.channel === channel && kind.metric === metric,
        ).map((kind) => kind.code);
        const ages = plain
          .filter((group) => group.person === person && same.includes(group.kind))
          .flatMap((group) => group.ages);
        for (const [suffix, days] of [
          ['', Infinity],
          ['_7d', 7],
          ['_30d', 30],
          ['_90d', 90],
          ['_365d', 365],
        ] as const) {
          if (!(`${name}${suffix}` in row)) continue;
          const expected = ages.filter((age) => age < days * 86_400).length;
          expect(row[`${name}${suffix}`], `${person} ${name}${suffix} (${code})`).toBe(
            String(expected),
          );
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(900);
  });

  it('builds the same rows for some as for all, and again for each alone', async () => {
    const before = await readProfiles();
    await database.run(
      'create or replace temp table chosen as select * from (values (3), (4)) t(person_no)',
    );
    await build('chosen');
    expect(await readProfiles()).toEqual(before);
    await database.run('delete from c360.profiles_rows');
    for (const person of [CLEO, ANN, BEN]) {
      await database.run(`create or replace temp table chosen as select ${person} as person_no`);
      await build('chosen');
    }
    expect(await readProfiles()).toEqual(before);
  });
});
