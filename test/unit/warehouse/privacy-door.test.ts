/** Fields are hashed or dropped on the way into the tables, whatever way they take. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrivacyRules } from '../../../src/privacy-rules.ts';
import { hashPads, keyedHashOf } from '../../../src/warehouse/keyed-hash.ts';
import { PrivacyDoor } from '../../../src/warehouse/privacy-door.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { openTestDatabase, TestWarehouse } from '../../support/test-warehouse.ts';

const KEY = 'a key for tests that nobody knows';

function hmac(text: string, key = KEY): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

function aDoor(rules: { hash?: string[]; drop?: string[] }): PrivacyDoor {
  return new PrivacyDoor(new PrivacyRules({ hash: [], drop: [], ...rules }), KEY);
}

const SCHEMA = aSchema({
  email_address: ['null', 'string'],
  external_user_id: ['null', 'string'],
  latitude: ['null', 'float'],
  properties: ['null', 'string'],
});

describe('the keyed hash in SQL', () => {
  it('is HMAC-SHA-256 of the exact bytes, for keys and texts of all lengths', async () => {
    const database = await openTestDatabase();
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }),
        fc.string({ unit: 'grapheme', maxLength: 90 }),
        async (key, text) => {
          const sql = `select ${keyedHashOf('$3::varchar')} as hash`;
          const { hash } = await database.row<{ hash: string }>(sql, [...hashPads(key), text]);
          expect(hash).toBe(hmac(text, key));
        },
      ),
      { numRuns: 50 },
    );
    database.close();
  });
});

describe('a door', () => {
  it('gives the same value the same hash in every table, and keeps what says that there is none', async () => {
    const warehouse = await TestWarehouse.forTest();
    const emails = ['Jo@acme.test', 'jo@acme.test', '', '[REDACTED]', null];
    const records = emails.map((email_address, n) =>
      anEvent(n, { email_address, external_user_id: 'jo', latitude: 1, properties: null }),
    );
    const objects = ['a', 'b'].map((eventType) => ({ schema: SCHEMA, eventType, records }));
    await warehouse.load(objects, 'evolve', aDoor({ hash: ['pii.email'] }));
    for (const table of ['a', 'b']) {
      const found = await warehouse.column(`select email_address from events.${table} order by id`);
      expect(found).toEqual([hmac('Jo@acme.test'), hmac('jo@acme.test'), '', '[REDACTED]', null]);
    }
    expect(await warehouse.column('select distinct external_user_id from events.a')).toEqual([
      'jo',
    ]);
  });

  it('drops a field, and what is hashed but is no text', async () => {
    const warehouse = await TestWarehouse.forTest();
    const event = anEvent(1, {
      email_address: 'jo@acme.test',
      external_user_id: 'jo',
      latitude: 1.5,
      properties: '{}',
    });
    const rules = { hash: ['latitude'], drop: ['email_address in test.*'] };
    await warehouse.load([{ schema: SCHEMA, records: [event] }], 'evolve', aDoor(rules));
    expect(
      await warehouse.rows(
        'select email_address, external_user_id, latitude, properties::varchar as properties from events.test_event',
      ),
    ).toEqual([{ email_address: null, external_user_id: 'jo', latitude: null, properties: '{}' }]);
  });

  it('hashes and drops keys of JSON, or all of it', async () => {
    const texts = [
      '{"email": "jo@acme.test", "phone/~": "1", "n": [1, null], "x": null}',
      '{"email": null, "other": 1}',
      '{"email": {"a": 1}}',
      '["jo@acme.test"]',
      '{"email":""}',
      null,
    ];
    const records = texts.map((properties, n) =>
      anEvent(n, { email_address: null, external_user_id: null, latitude: null, properties }),
    );
    async function read(rules: { hash?: string[]; drop?: string[] }) {
      const warehouse = await TestWarehouse.forTest();
      await warehouse.load([{ schema: SCHEMA, records }], 'evolve', aDoor(rules));
      return warehouse.column('select properties::varchar from events.test_event order by id');
    }
    expect(
      await read({ hash: ['properties.email'], drop: ['properties.phone/~', 'properties.x'] }),
    ).toEqual([
      `{"n":[1,null],"email":"${hmac('jo@acme.test')}"}`,
      '{"email":null,"other":1}',
      `{"email":"${hmac('{"a":1}')}"}`,
      null,
      '{"email":""}',
      null,
    ]);
    expect((await read({ hash: ['properties'] }))[3]).toBe(`"${hmac('["jo@acme.test"]')}"`);
    expect(await read({ drop: ['properties'] })).toEqual([null, null, null, null, null, null]);
  });

  it('lets nothing slip into _rescued', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([
      { schema: aSchema({ properties: 'string' }), records: [anEvent(0, { properties: '{}' })] },
    ]);
    const schema = aSchema({
      properties: 'string',
      email_address: 'string',
      dob: 'string',
      url: 'string',
    });
    const event = anEvent(1, {
      properties: 'not JSON: jo@acme.test',
      email_address: 'jo@acme.test',
      dob: '1990-01-01',
      url: 'https://acme.test',
    });
    const rules = { hash: ['email_address', 'properties.email'], drop: ['dob'] };
    await warehouse.load([{ schema, records: [event] }], 'rescue', aDoor(rules));
    expect(
      await warehouse.column('select _rescued::varchar from events.test_event order by id'),
    ).toEqual([null, `{"url":"https://acme.test","email_address":"${hmac('jo@acme.test')}"}`]);
    const [other] = [{ ...event, id: 'other', url: '' }];
    await warehouse.load([{ schema, records: [other] }], 'rescue', aDoor({ drop: ['*'] }));
    expect(
      await warehouse.column("select _rescued from events.test_event where id = 'other'"),
    ).toEqual([null]);
  });

  it('leaves the statement alone for tables that no rule is about', async () => {
    const warehouse = await TestWarehouse.forTest();
    await warehouse.load([{ schema: aSchema(), records: [anEvent(1)] }]);
    const table = { eventType: 'test.Event', name: 'test_event', columns: [], hasRescued: false };
    expect(aDoor({ hash: ['pii'] }).passageInto(table, [])).toBeUndefined();
  });
});
