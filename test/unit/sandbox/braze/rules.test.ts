/**
 * Every rule of Braze's that the sandbox enforces, at work over loopback. The table is typed by the rules: one without
 * a test does not compile.
 */
import { describe, expect, it } from 'vitest';
import { type Ingestion, ingestFile } from '../../../../src/sandbox/braze/ingest-file.ts';
import { RULES, type RuleId } from '../../../../src/sandbox/braze/rules.ts';
import { createWorkspace } from '../../../../src/sandbox/braze/workspace.ts';
import { type BrazeClient, openBraze } from '../../../support/braze-client.ts';

type Proof = () => Promise<void>;

const TRACK = '/users/track';
const ONE = { attributes: [{ external_id: 'a', tier: 'gold' }] };
const LONG = 'x'.repeat(256);

/** A text whose JSON has so many bytes. */
const textOf = (bytes: number) => 'x'.repeat(bytes - 2);

/** The statuses of requests that should be refused, and that nothing came of them. */
async function expectStatus(
  braze: BrazeClient,
  status: number,
  ...request: Parameters<BrazeClient['post']>
) {
  expect((await braze.post(...request)).status).toBe(status);
  expect([...braze.sandbox.profiles()]).toEqual([]);
}

/** Sends values for one attribute of one person, one request each; the last is lost, for the rule. */
function isLost(rule: RuleId, values: readonly unknown[], left: unknown, merge = false): Proof {
  return async () => {
    const braze = await openBraze();
    for (const value of values)
      await braze.set({ external_id: 'a', x: value, ...(merge ? { _merge_objects: true } : {}) });
    expect(braze.custom()?.x).toEqual(left);
    expect(braze.silent(rule)).toBe(1);
  };
}

/** Each object is refused under the code, and its neighbour is applied. */
function isRefused(type: string, ...objects: object[]): Proof {
  return async () => {
    const braze = await openBraze({ blockedExternalIds: ['blocked'] });
    for (const object of objects)
      expect(await braze.refusal({ external_id: 'a', ...object })).toBe(type);
    expect(braze.person()).toBeUndefined();
    expect(braze.person('sound')).toBeDefined();
  };
}

const ROW = JSON.stringify({ EXTERNAL_ID: 'a', PAYLOAD: '{"x":1}' });

async function ingest(
  braze: BrazeClient,
  name: string,
  text: string,
  kind = 'attributes',
): Promise<Ingestion> {
  const url = `${braze.sandbox.url}/sandbox/ingest?name=${name}&kind=${kind}`;
  const answer = await fetch(url, { method: 'POST', body: text });
  const { ingestions } = (await answer.json()) as { ingestions: [Ingestion] };
  return ingestions[0];
}

function failedRows({ failures }: Ingestion): (readonly [number, string])[] {
  return failures.map(({ row, rule }) => [row, rule]);
}

function isFileRefused(rule: RuleId, name: string, text: string): Proof {
  return async () => {
    const braze = await openBraze();
    const ingestion = await ingest(braze, name, text);
    expect(ingestion).toMatchObject({ status: 'Error', rows: 0 });
    expect(ingestion.reason).toContain(rule);
    expect([...braze.sandbox.profiles()]).toEqual([]);
  };
}

/** Rows with these payloads are refused, the one between them is not. */
function isRowRefused(rule: RuleId, ...payloads: unknown[]): Proof {
  return async () => {
    const braze = await openBraze();
    const bad = payloads.map((PAYLOAD) => JSON.stringify({ EXTERNAL_ID: 'b', PAYLOAD }));
    const ingestion = await ingest(braze, 'a.json', [ROW, ...bad].join('\n'));
    expect(ingestion).toMatchObject({ status: 'Partial Success', rows: payloads.length + 1 });
    expect(failedRows(ingestion)).toEqual(payloads.map((_, at) => [at + 2, rule]));
    expect(braze.custom()).toEqual({ x: 1 });
    expect(braze.person('b')).toBeUndefined();
  };
}

const GROUP = '6f4e2d60-1f0e-4f6c-8a55-0d6f4a3c2b1a';
const group = (fields: object) => ({
  subscription_groups: [
    { subscription_group_id: GROUP, subscription_state: 'subscribed', ...fields },
  ],
});
const token = (fields: object) => ({ push_tokens: [{ app_id: 'app', token: 'token', ...fields }] });

const PROOFS: Record<RuleId, Proof> = {
  PATH_SLASH: async () => expectStatus(await openBraze(), 403, `${TRACK}/`, ONE),
  PATH_UNKNOWN: async () => expectStatus(await openBraze(), 404, '/users/trak', ONE),
  KEY_MISSING: async () => {
    const braze = await openBraze({ apiKeys: { known: ['users.track'] } });
    for (const authorization of ['', 'Bearer', 'known', 'Bearer other', 'Bearer "known"'])
      await expectStatus(braze, 401, TRACK, ONE, { authorization });
    expect((await braze.post(TRACK, ONE, { authorization: 'Bearer known' })).status).toBe(201);
  },
  KEY_PERMISSION: async () => {
    const apiKeys = { weak: ['users.delete'] as const };
    const weak = { authorization: 'Bearer weak' };
    await expectStatus(await openBraze({ apiKeys }), 403, TRACK, ONE, weak);
    await expectStatus(
      await openBraze({ apiKeys, missingPermissionStatus: 401 }),
      401,
      TRACK,
      ONE,
      weak,
    );
  },
  ACCOUNT_INACTIVE: async () =>
    expectStatus(await openBraze({ isAccountActive: false }), 403, TRACK, ONE),
  CONTENT_TYPE: async () => {
    const braze = await openBraze();
    for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded'])
      await expectStatus(braze, 415, TRACK, ONE, { 'content-type': type });
    const utf8 = { 'content-type': 'application/json; charset=utf-8' };
    expect((await braze.post(TRACK, ONE, utf8)).status).toBe(201);
  },
  BODY_TOO_LARGE: async () => {
    const braze = await openBraze();
    const padding = 4_000_000 - JSON.stringify(ONE).length;
    const large = JSON.stringify(ONE) + ' '.repeat(padding);
    await expectStatus(braze, 413, TRACK, `${large} `);
    expect((await braze.post(TRACK, large)).status).toBe(201);
    await expectStatus(await openBraze({ tooLargeStatus: 400 }), 400, TRACK, `${large} `);
  },
  BODY_INVALID: async () => {
    const braze = await openBraze();
    for (const body of ['{', '', '[]', 'null', '{"attributes":{}}'])
      await expectStatus(braze, 400, TRACK, body);
  },
  TOO_MANY_OBJECTS: async () => {
    const objects = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        external_id: `p${index}`,
        name: 'seen',
        time: '2026-09-01T00:00:00Z',
      }));
    const braze = await openBraze();
    const answer = await braze.post(TRACK, { attributes: objects(50), events: objects(26) });
    expect(answer).toMatchObject({ status: 400, body: { message: 'Max Input Length Exceeded' } });
    const fit = await braze.post(TRACK, { attributes: objects(50), events: objects(25) });
    expect(fit.body).toEqual({
      message: 'success',
      attributes_processed: 50,
      events_processed: 25,
    });
    const legacy = await openBraze({ objectLimit: { count: 75, per: 'array' } });
    const each = { attributes: objects(75), events: objects(75) };
    expect((await legacy.post(TRACK, each)).status).toBe(201);
    expect((await legacy.post(TRACK, { attributes: objects(76) })).status).toBe(400);
  },
  NOTHING_VALID: async () => {
    const braze = await openBraze();
    const answer = await braze.post(TRACK, {
      attributes: [{ x: 1 }, { external_id: 'a', email: 'x' }],
    });
    expect(answer.status).toBe(400);
    expect(answer.body.message).toMatch(/^Valid data must be provided/);
    expect(answer.body.errors.map(({ index }: { index: number }) => index)).toEqual([0, 1]);
    await expectStatus(braze, 400, TRACK, {});
    await expectStatus(braze, 400, TRACK, { attributes: [] });
  },
  RATE_LIMITED: async () => {
    const braze = await openBraze({
      clock: () => 0,
      rateLimit: { burst: { requests: 1, perMs: 3000 } },
    });
    expect((await braze.post(TRACK, ONE)).status).toBe(201);
    expect((await braze.post(TRACK, ONE)).status).toBe(429);
  },

  IDENTIFIER_MISSING: async () => {
    const braze = await openBraze();
    expect(await braze.refusal({ tier: 'gold' })).toBe(
      "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
    );
  },
  IDENTIFIERS_SEVERAL: isRefused(
    "only one of 'external_id', 'user_alias' or 'braze_id' may be given",
    { braze_id: '0123' },
    { user_alias: { alias_name: 'n', alias_label: 'l' } },
  ),
  IDENTIFIER_INVALID: async () => {
    const braze = await openBraze();
    for (const externalId of [null, '', 7, ['a']])
      expect(await braze.refusal({ external_id: externalId, email: 'a@example.com' })).toBe(
        "'external_id' must be a non-empty string",
      );
  },
  EXTERNAL_USER_ID_TOO_LARGE: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: `${'é'.repeat(493)}x` });
    expect(await braze.refusal({ external_id: 'é'.repeat(494) })).toBe(
      'EXTERNAL_USER_ID_TOO_LARGE',
    );
  },
  ALIAS_INVALID: async () => {
    const braze = await openBraze();
    const refusal = (name: unknown, label: unknown) =>
      braze.refusal({ user_alias: { alias_name: name, alias_label: label } });
    const pairs = [
      ['', 'l'],
      ['n', ''],
      ['n', undefined],
      ['x'.repeat(237), 'l'],
      [1, 'l'],
    ];
    for (const [name, label] of pairs)
      expect(await refusal(name, label)).toContain('of 1 to 236 bytes');
    const user_alias = { alias_name: 'x'.repeat(236), alias_label: 'l' };
    await braze.set({ user_alias, _update_existing_only: false });
    expect([...braze.sandbox.profiles()]).toHaveLength(2);
  },
  BLACKLISTED_EXTERNAL_USER_ID: isRefused('BLACKLISTED_EXTERNAL_USER_ID', {
    external_id: 'blocked',
  }),
  EMAIL_BAD_FORMAT: isRefused(
    'EMAIL_BAD_FORMAT',
    ...['ann', 'ann@', '@example.com', 'ann@example', 'a b@example.com', '', 7].map((email) => ({
      email,
    })),
  ),
  INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO: isRefused(
    'INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO',
    {
      email_subscription_info: { state: 'subscribed' },
    },
  ),
  BAD_EMAIL_SUBSCRIPTION_STATE: isRefused('BAD_EMAIL_SUBSCRIPTION_STATE', {
    email_subscribe: 'yes',
  }),
  BAD_PUSH_SUBSCRIPTION_STATE: isRefused('BAD_PUSH_SUBSCRIPTION_STATE', { push_subscribe: true }),
  BAD_LOCATION_UPDATE: isRefused(
    'BAD_LOCATION_UPDATE',
    { current_location: 'Berlin' },
    { current_location: { longitude: 13 } },
    { current_location: { longitude: 13, latitude: 91 } },
  ),
  BAD_SUBSCRIPTION_GROUP_ARRAY: isRefused('BAD_SUBSCRIPTION_GROUP_ARRAY', {
    subscription_groups: {},
  }),
  BAD_SUBSCRIPTION_GROUP_HASH: isRefused('BAD_SUBSCRIPTION_GROUP_HASH', {
    subscription_groups: ['x'],
  }),
  BAD_SUBSCRIPTION_GROUP_ID: isRefused(
    'BAD_SUBSCRIPTION_GROUP_ID',
    group({ subscription_group_id: 'news' }),
  ),
  BAD_SUBSCRIPTION_GROUP_STATE: isRefused(
    'BAD_SUBSCRIPTION_GROUP_STATE',
    group({ subscription_state: 'opted_in' }),
  ),
  BAD_PUSH_TOKEN_VALUE: isRefused(
    'BAD_PUSH_TOKEN_VALUE',
    { push_tokens: 'x' },
    { push_tokens: ['x'] },
  ),
  BAD_PUSH_TOKEN_APP_ID: isRefused('BAD_PUSH_TOKEN_APP_ID', token({ app_id: undefined })),
  BAD_PUSH_TOKEN_STRING: isRefused('BAD_PUSH_TOKEN_STRING', token({ token: '' })),
  BAD_PUSH_TOKEN_IMPORT: async () => {
    const braze = await openBraze();
    const tokens = token({});
    expect(await braze.refusal({ external_id: 'a', push_token_import: true, ...tokens })).toBe(
      'BAD_PUSH_TOKEN_IMPORT',
    );
    expect(await braze.refusal({ push_token_import: true })).toBe('BAD_PUSH_TOKEN_IMPORT');
    const before = [...braze.sandbox.profiles()].length;
    for (let time = 0; time < 2; time++) await braze.set({ push_token_import: true, ...tokens });
    expect([...braze.sandbox.profiles()]).toHaveLength(before + 1);
  },
  BAD_DEVICE_ID: isRefused(
    'BAD_DEVICE_ID',
    token({ device_id: '1234567' }),
    token({ device_id: LONG }),
  ),
  EVENT_INVALID: async () => {
    const braze = await openBraze();
    const time = '2026-09-01T10:00:00Z';
    const event = { external_id: 'a', name: 'visited', time };
    const answer = await braze.post(TRACK, {
      events: [event, { ...event, name: '' }, { ...event, time: 'soon' }, event],
    });
    expect(answer.body).toMatchObject({ message: 'success', events_processed: 2 });
    expect(answer.body.errors).toEqual([
      { type: "'name' is required", input_array: 'events', index: 1 },
      { type: "'time' must be a valid ISO 8601 time", input_array: 'events', index: 2 },
    ]);
    const at = '2026-09-01T10:00:00.000Z';
    expect(braze.person()?.custom_events).toEqual([
      { name: 'visited', count: 2, first: at, last: at },
    ]);
  },
  PURCHASE_INVALID: async () => {
    const braze = await openBraze();
    const purchase = {
      external_id: 'a',
      product_id: 'tent',
      currency: 'EUR',
      price: 9.5,
      time: '2026-09-01T10:00:00Z',
    };
    const answer = await braze.post(TRACK, {
      purchases: [purchase, { ...purchase, price: '9' }, { ...purchase, currency: undefined }],
    });
    expect(answer.body.errors.map(({ index }: { index: number }) => index)).toEqual([1, 2]);
    expect(braze.person()?.purchases).toMatchObject([{ name: 'tent', count: 1 }]);
  },
  OBJECT_NOT_AN_OBJECT: async () => {
    const braze = await openBraze();
    for (const object of [null, 'a', 7, []])
      expect(await braze.refusal(object as unknown as object)).toBe('must be an object');
  },

  UPDATE_EXISTING_ONLY: async () => {
    const braze = await openBraze();
    const user_alias = { alias_name: 'n', alias_label: 'l' };
    await braze.set({ external_id: 'a', _update_existing_only: true, x: 1 }, { user_alias, x: 1 });
    expect([...braze.sandbox.profiles()]).toEqual([]);
    expect(braze.silent('UPDATE_EXISTING_ONLY')).toBe(2);
    await braze.set({ user_alias, x: 1, _update_existing_only: false }, { user_alias, y: 2 });
    expect([...braze.sandbox.profiles()]).toMatchObject([{ custom_attributes: { x: 1, y: 2 } }]);
  },
  BRAZE_ID_UNKNOWN: async () => {
    const braze = await openBraze();
    await braze.set({ braze_id: '0123456789abcdef01234567', x: 1 });
    expect([...braze.sandbox.profiles()]).toEqual([]);
    expect(braze.silent('BRAZE_ID_UNKNOWN')).toBe(1);
    await braze.set({ external_id: 'a' });
    await braze.set({ braze_id: braze.person()?.braze_id, x: 1 });
    expect(braze.custom()).toEqual({ x: 1 });
  },

  NAME_INVALID: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', [LONG]: 1, '  ': 1, ['x'.repeat(255)]: 2 });
    expect(Object.values(braze.custom() ?? {})).toEqual([2]);
    expect(braze.silent('NAME_INVALID')).toBe(2);
  },
  NAME_BLOCKLISTED: async () => {
    const braze = await openBraze({ attributes: { x: { isBlocklisted: true } } });
    await braze.set({ external_id: 'a', x: 1, y: 2 });
    expect(braze.custom()).toEqual({ y: 2 });
    expect(braze.silent('NAME_BLOCKLISTED')).toBe(1);
  },
  NAME_TRIMMED: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', ' tier ': 'gold', Tier: 'silver' });
    expect(braze.custom()).toEqual({ tier: 'gold', Tier: 'silver' });
    expect(braze.silent('NAME_TRIMMED')).toBe(1);
  },
  STRING_TOO_LONG: isLost('STRING_TOO_LONG', ['😀'.repeat(255), LONG], '😀'.repeat(255)),
  TEXT_TO_TIME: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', code: '12-1-2021', at: '2021-12-01T10:00:00+02:00' });
    expect(braze.custom()).toEqual({
      code: '2021-12-01T00:00:00.000Z',
      at: '2021-12-01T08:00:00.000Z',
    });
    const person = { kind: 'external_id', value: 'a' } as const;
    expect(braze.sandbox.typesOf(person)).toEqual({ code: 'time', at: 'time' });
    expect(braze.silent('TEXT_TO_TIME')).toBe(2);
  },
  TYPE_FORCED: async () => {
    const braze = await openBraze({
      attributes: { code: { type: 'string' }, vip: { type: 'boolean' }, n: { type: 'number' } },
    });
    await braze.set({ external_id: 'a', code: '12-1-2021', vip: 't', n: '7' });
    expect(braze.custom()).toEqual({ code: '12-1-2021', vip: true, n: 7 });
    await braze.set({ external_id: 'a', code: 5, vip: 0, n: -1.5 });
    expect(braze.custom()).toEqual({ code: '5', vip: false, n: -1.5 });
    expect(braze.silent('TYPE_FORCED')).toBe(4);
  },
  TYPE_UNFIT: async () => {
    const braze = await openBraze({
      attributes: {
        vip: { type: 'boolean' },
        n: { type: 'number' },
        at: { type: 'time' },
        tags: { type: 'array' },
        home: { type: 'object' },
        s: { type: 'string' },
      },
    });
    const unfit = { vip: 'yes', n: 'many', at: 'soon', tags: 'a,b', home: ['x'], s: { a: 1 } };
    await braze.set({ external_id: 'a', ...unfit });
    expect(braze.custom()).toBeUndefined();
    expect(braze.silent('TYPE_UNFIT')).toBe(6);
  },
  ARRAY_AS_SET: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', tags: ['x', 'y', 'x', 1, '1'] });
    expect(braze.custom()).toEqual({ tags: ['y', 'x', 1, '1'] });
    await braze.set({ external_id: 'a', tags: { add: ['y', 'z'] } });
    expect(braze.custom()).toEqual({ tags: ['x', 1, '1', 'y', 'z'] });
    expect(braze.silent('ARRAY_AS_SET')).toBe(1);
  },
  ARRAY_OVER_LIMIT: async () => {
    const braze = await openBraze();
    const items = Array.from({ length: 501 }, (_, index) => index);
    await braze.set({ external_id: 'a', tags: items });
    expect(braze.custom()?.tags).toEqual(items.slice(1));
    await braze.set({ external_id: 'a', tags: { add: ['new'] } });
    expect(braze.custom()?.tags).toEqual([...items.slice(2), 'new']);
    expect(braze.silent('ARRAY_OVER_LIMIT')).toBe(2);
  },
  ARRAY_TOO_LARGE: isLost(
    'ARRAY_TOO_LARGE',
    [['x'], Array.from({ length: 500 }, (_, index) => `${index}`.padEnd(255, 'x'))],
    ['x'],
  ),
  ARRAY_ITEM_INVALID: async () => {
    const braze = await openBraze();
    const bad = { a: [null], b: [LONG], c: [['x']], d: ['x', { y: 1 }], e: [{ y: 1 }, 'x'] };
    await braze.set({ external_id: 'a', ...bad, empty: [] });
    expect(braze.custom()).toEqual({ empty: [] });
    expect(braze.silent('ARRAY_ITEM_INVALID')).toBe(5);
  },
  OPERATOR_UNFIT: async () => {
    const braze = await openBraze();
    const held = { external_id: 'a', text: 'x', n: 1, list: [{ id: 1 }], tags: ['x'] };
    await braze.set(held);
    await braze.set({
      external_id: 'a',
      text: { inc: 1 },
      n: { add: ['x'] },
      list: { add: ['x'] },
      tags: { $add: [{ id: 1 }] },
      other: { $add: {} },
      more: { $add: [], and: 1 },
      last: { $remove: ['x'] },
    });
    const { external_id: _, ...kept } = held;
    expect(braze.custom()).toEqual(kept);
    expect(braze.silent('OPERATOR_UNFIT')).toBe(7);
  },
  INC_NOT_INTEGER: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', n: 1, f: 0.5 });
    await braze.set({ external_id: 'a', n: { inc: -3 }, f: { inc: 1 }, fresh: { inc: 2 } });
    await braze.set({ external_id: 'a', n: { inc: 0.5 } });
    expect(braze.custom()).toEqual({ n: -2, f: 0.5, fresh: 2 });
    expect(braze.silent('INC_NOT_INTEGER')).toBe(2);
  },
  NESTED_INVALID: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', home: { city: 'Oslo', since: { $time: '2020-05-28' } } });
    const bad = [null, LONG, { $time: null }, { $time: 'soon' }, { $time: '3001-01-01' }, [null]];
    for (const value of bad)
      await braze.set({ external_id: 'a', _merge_objects: true, home: { city: 'Rome', value } });
    expect(braze.custom()).toEqual({ home: { city: 'Oslo', since: '2020-05-28T00:00:00.000Z' } });
    expect(braze.silent('NESTED_INVALID')).toBe(bad.length);
  },
  NESTED_KEY_INVALID: async () => {
    const braze = await openBraze();
    for (const key of ['a b', 'a.b', 'a$', LONG])
      await braze.set({ external_id: 'a', home: { deep: { [key]: 1 } } });
    expect(braze.custom()).toBeUndefined();
    expect(braze.silent('NESTED_KEY_INVALID')).toBe(4);
  },
  NESTED_TOO_LARGE: async () => {
    const braze = await openBraze();
    const texts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, textOf(200)]));
    await braze.set({ external_id: 'a', home: texts(400) });
    await braze.set({ external_id: 'a', home: { more: texts(100) }, _merge_objects: true });
    expect(braze.custom()).toEqual({ home: texts(400) });
    expect(braze.silent('NESTED_TOO_LARGE')).toBe(1);
  },
  OBJECT_ARRAY_TOO_LARGE: async () => {
    const braze = await openBraze();
    const objects = (count: number) =>
      Array.from({ length: count }, (_, id) => ({ id, x: textOf(200) }));
    await braze.set({ external_id: 'a', list: objects(400) });
    await braze.set({ external_id: 'a', list: { $add: objects(100) } });
    expect(braze.custom()).toEqual({ list: objects(400) });
    expect(braze.silent('OBJECT_ARRAY_TOO_LARGE')).toBe(1);
  },

  STANDARD_INVALID: async () => {
    const braze = await openBraze();
    const good = {
      first_name: 'Ann',
      language: 'nb',
      dob: '1990-02-28',
      gender: 'F',
      time_zone: 'Europe/Oslo',
      email_open_tracking_disabled: true,
      date_of_first_session: '2026-01-02T03:04:05.000Z',
      facebook: { id: '1', likes: ['x'], num_friends: 2 },
      twitter: { id: 1, screen_name: 'ann' },
    };
    await braze.set({ external_id: 'a', ...good });
    await braze.set({
      external_id: 'a',
      first_name: 7,
      language: 'xx',
      dob: '28.02.1990',
      gender: 'female',
      time_zone: 'Middle/Earth',
      email_open_tracking_disabled: 'true',
      date_of_first_session: 'soon',
      facebook: { likes: 'x' },
      twitter: 'ann',
    });
    expect(braze.person()).toMatchObject(good);
    expect(braze.silent('STANDARD_INVALID')).toBe(9);
  },
  COUNTRY_UNKNOWN: async () => {
    const braze = await openBraze();
    const country = async (sent: string) => {
      await braze.set({ external_id: 'a', country: sent });
      return braze.person()?.country;
    };
    expect(await country('de')).toBe('DE');
    expect(await country('Norway')).toBe('NO');
    for (const unknown of ['XX', 'EU', 'Atlantis', 'SU'])
      expect([unknown, await country(unknown)]).toEqual([unknown, undefined]);
    expect(braze.silent('COUNTRY_UNKNOWN')).toBe(4);
  },
  BIO_GONE: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a', bio: 'x' });
    expect(Object.keys(braze.person() ?? {})).toEqual(['external_id', 'braze_id']);
    expect(braze.silent('BIO_GONE')).toBe(1);
  },

  FILE_TOO_LARGE: async () => {
    const workspace = createWorkspace({});
    const bytes = Object.defineProperty(Buffer.alloc(0), 'length', { value: 512_000_001 });
    const file = { name: 'a.json', bytes, kind: 'attributes' } as const;
    const { status, reason } = await ingestFile(workspace, file);
    expect(status).toBe('Error');
    expect(reason).toContain('512 MB');
  },
  FILE_FORMAT_UNKNOWN: isFileRefused('FILE_FORMAT_UNKNOWN', 'a.json.gz', ROW),
  FILE_LINE_INVALID: isFileRefused('FILE_LINE_INVALID', 'a.json', `${ROW}\n{\n${ROW}`),
  FILE_UNREADABLE: isFileRefused('FILE_UNREADABLE', 'a.csv', 'EXTERNAL_ID,PAYLOAD\na,b,c\n'),
  DELETE_FILE_PAYLOAD: async () => {
    const braze = await openBraze();
    await braze.set({ external_id: 'a' });
    const ingestion = await ingest(braze, 'a.json', ROW, 'deletions');
    expect(ingestion).toMatchObject({ status: 'Error', rows: 0 });
    expect(braze.person()).toBeDefined();
    expect(await ingest(braze, 'b.json', '{"EXTERNAL_ID":"a"}', 'deletions')).toMatchObject({
      status: 'Success',
      rows: 1,
    });
    expect(braze.person()).toBeUndefined();
  },
  ROW_IDENTIFIER: async () => {
    const braze = await openBraze();
    const row = (fields: object) => JSON.stringify({ PAYLOAD: '{"x":1}', ...fields });
    const rows = [
      row({}),
      row({ EXTERNAL_ID: '' }),
      row({ EXTERNAL_ID: 'a', BRAZE_ID: 'b' }),
      row({ EXTERNAL_ID: 'a', EMAIL: 'a@example.com' }),
      row({ ALIAS_NAME: 'n' }),
      row({ EMAIL: 'ann@example.com', PHONE: '+1' }),
    ];
    const ingestion = await ingest(braze, 'a.json', rows.join('\n'));
    expect(ingestion.status).toBe('Partial Success');
    expect(failedRows(ingestion)).toEqual([1, 2, 3, 4, 5].map((at) => [at, 'ROW_IDENTIFIER']));
    expect([...braze.sandbox.profiles()]).toMatchObject([{ email: 'ann@example.com' }]);
    const byEmail = await ingest(braze, 'b.json', '{"EMAIL":"ann@example.com"}', 'deletions');
    expect(failedRows(byEmail)).toEqual([[1, 'ROW_IDENTIFIER']]);
  },
  ROW_PAYLOAD_INVALID: isRowRefused('ROW_PAYLOAD_INVALID', { x: 1 }, '[1]', '{', undefined),
  ROW_PAYLOAD_IDENTIFIER: isRowRefused(
    'ROW_PAYLOAD_IDENTIFIER',
    '{"external_id":"a"}',
    '{"user_alias":{}}',
  ),
  ROW_PAYLOAD_TOO_LARGE: isRowRefused(
    'ROW_PAYLOAD_TOO_LARGE',
    `{"x":"${'é'.repeat(500_000 - 3)}"}`.padEnd(1_000_001 - (500_000 - 3)),
  ),
  ROW_TOO_MANY_KEYS: isRowRefused('ROW_TOO_MANY_KEYS', JSON.stringify(keys(251))),
};

function keys(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
}

describe('the rules of Braze', () => {
  it.each(Object.entries(PROOFS))('%s', async (_rule, proof) => {
    expect.hasAssertions();
    await proof();
  });

  it('all say where they come from', () => {
    for (const { says, source } of Object.values(RULES)) {
      expect(says).not.toBe('');
      expect(source).not.toBe('');
    }
  });
});
