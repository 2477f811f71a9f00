/** Each finding of validation: what brings it about, and that it keeps back this value or attribute alone. */
import { describe, expect, it } from 'vitest';
import { FINDINGS, type FindingCode } from '../../../src/sync/findings.ts';
import { TestSync, type TestSyncOptions } from '../../support/test-sync.ts';

interface Case {
  /** The attribute's name; default `x`. */
  readonly name?: string;
  /** SQL of the value. */
  readonly value: string;
  /** SQL of the identifier; default 'ada'. */
  readonly identifier?: string;
  readonly options?: TestSyncOptions;
  /** A query that ran before. */
  readonly before?: string;
}

/** Of each code at least one; a code that is forgotten does not compile. */
const CASES: Readonly<Record<FindingCode, readonly Case[]>> = {
  bad_name: [
    { name: '$x', value: '1' },
    { name: ' x', value: '1' },
    { name: 'x'.repeat(256), value: '1' },
  ],
  reserved_name: [
    { name: 'braze_id', value: "'1'" },
    { name: '_merge_objects', value: 'true' },
    { name: 'bio', value: "'a'" },
    // As the identifier they would be another person's.
    {
      name: 'new_phone',
      value: "'+491711234567'",
      identifier: "'+491711234568'",
      options: {
        attributes: { identifier: 'phone' },
        destination: { rename: { new_phone: 'phone' } },
      },
    },
    {
      name: 'new_email',
      value: "'eve@example.com'",
      identifier: "'ada@example.com'",
      options: {
        attributes: { identifier: 'email' },
        destination: { rename: { new_email: 'email' } },
      },
    },
  ],
  standard_name: [
    { name: 'Birthday', value: "'2000-01-01'::date" },
    { name: 'First Name', value: "'Ada'" },
    { name: 'Email', value: "'a@b.c'" },
    { name: 'timezone', value: "'Europe/Berlin'" },
  ],
  near_duplicate: [
    {
      name: 'Other-Attribute',
      value: '1',
      before: "select 'ada' as external_id, 1 as other_attribute",
    },
  ],
  sent_twice: [
    {
      name: 'renamed',
      value: '1',
      options: { destination: { rename: { renamed: 'other_attribute' } } },
    },
  ],
  held_back: [
    { name: 'email_subscribe', value: "'opted_in'" },
    { name: 'date_of_last_session', value: 'current_date' },
  ],
  new_attribute: [{ value: '1', before: "select 'ada' as external_id, 1 as other_attribute" }],
  type_changed: [
    { value: "'1'", before: "select 'ada' as external_id, 1 as other_attribute, 1 as x" },
  ],
  unsupported_type: [
    { value: "'{}'::json" },
    { value: "interval '1 day'" },
    { value: '[[1], [2]]' },
    { value: "map {'a': 1}" },
    { value: "'a'::blob" },
  ],
  wrong_type: [
    { name: 'dob', value: '20000101' },
    { name: 'email', value: 'true' },
    { name: 'current_location', value: '{lat: 1.0, lon: 2.0}' },
    { name: 'current_location', value: "{longitude: '1.0', latitude: '2.0'}" },
  ],
  bad_key: [{ value: "{'a b': 1}" }, { value: "[{'a.b': 1}]" }, { value: "{a: {'$c': 1}}" }],
  identifier_missing: [
    { value: '1', identifier: 'null' },
    { value: '1', identifier: "''" },
  ],
  identifier_too_long: [{ value: '1', identifier: "repeat('é', 494)" }],
  identifier_format: [
    { value: '1', identifier: "'nobody'", options: { attributes: { identifier: 'email' } } },
    { value: '1', identifier: "'0171 123'", options: { attributes: { identifier: 'phone' } } },
  ],
  two_rows: [{ value: '1', identifier: "unnest(['ada', 'ada'])" }],
  too_long: [{ value: "repeat('é', 256)" }],
  date_like: [
    { value: "'12-1-2021'" },
    { value: "'12/1/2021'" },
    { value: "'2021-12-01'" },
    { value: "'2021-12-01T10:00:00Z'" },
  ],
  too_many_items: [{ value: "list_transform(range(501), lambda i: 'a' || i)" }],
  null_item: [{ value: "['a', null]" }, { value: '[{a: 1}, null]' }, { value: '{a: [1, null]}' }],
  item_too_long: [
    { value: "['a', repeat('x', 256)]" },
    { value: "{a: {b: repeat('x', 256)}}" },
    { value: "[{a: repeat('x', 256)}]" },
    { value: "{a: ['x', repeat('x', 256)]}" },
  ],
  too_large: [
    { value: "list_transform(range(500), lambda i: repeat('x', 240) || i)" },
    { value: "list_transform(range(500), lambda i: {a: repeat('x', 240)})" },
    { value: "{a: list_transform(range(500), lambda i: repeat('x', 240) || i)}" },
  ],
  row_too_large: [
    {
      value: `${Array.from({ length: 250 }, (_, index) => `1 as a${index}`).join(', ')}, 1`,
      options: { destination: { kind: 'files' } },
    },
  ],
  out_of_range: [{ value: '9223372036854775808::hugeint' }],
  not_finite: [
    { value: "'nan'::double" },
    { value: "'inf'::float" },
    { value: "[1.0, 'nan'::double]" },
    { value: "{a: 'inf'::double}" },
  ],
  year_out_of_range: [
    { value: "'3001-01-01'::date" },
    { value: "'infinity'::timestamp" },
    { value: "'0000-03-01'::date" },
    { value: "{a: '3001-01-01'::date}" },
  ],
  bad_format: [
    { name: 'email', value: "'nobody'" },
    { name: 'phone', value: "'0171 123'" },
    { name: 'country', value: "'Germany'" },
    { name: 'language', value: "'german'" },
    { name: 'dob', value: "'1.1.2000'" },
    { name: 'dob', value: "'2000-02-30'" },
    { name: 'gender', value: "'male'" },
    { name: 'time_zone', value: "'Berlin'" },
    { name: 'current_location', value: '{longitude: 200.0, latitude: 2.0}' },
  ],
};

const all = Object.entries(CASES).flatMap(([code, cases]) =>
  cases.map((one) => [code as FindingCode, one.name ?? 'x', one.value, one] as const),
);

function formatRow({ name = 'x', value, identifier = "'ada'", options }: Case): string {
  const kind = options?.attributes?.identifier ?? 'external_id';
  return `select ${identifier} as ${kind}, ${value} as "${name}", 1 as other_attribute`;
}

/** Somebody with nothing wrong, in the same query. */
function formatQuery(row: Case): string {
  const kind = row.options?.attributes?.identifier ?? 'external_id';
  const good = kind === 'email' ? "'bob@example.com'" : kind === 'phone' ? "'+491711234'" : "'bob'";
  return `${formatRow(row)} union all by name select ${good} as ${kind}, 1 as other_attribute`;
}

it.each(all)('%s: %s %s', async (code, _name, _value, row) => {
  const sync = await TestSync.forTest(row.options);
  if (row.before !== undefined) await sync.run(row.before);
  const receipt = await sync.run(formatQuery(row));
  expect(receipt.rejections.map((found) => found.code)).toEqual([code]);
  expect(receipt.invalid).toBeGreaterThan(0);
  const [found] = receipt.rejections;
  expect(found).toMatchObject({ reason: expect.stringContaining(FINDINGS[code].reason) });
  expect(found?.remedy).toBe(FINDINGS[code].remedy);
  // The person with nothing wrong is sent, and of the other nothing that is wrong.
  const sent = [...sync.sent.values()].flatMap((attributes) => Object.keys(attributes as object));
  expect(sent).not.toContain(row.name ?? 'x');
  // Of two columns with one name neither is sent.
  expect(sync.sent.size > 0).toBe(code !== 'sent_twice');
});

describe('what is fine', () => {
  it.each([
    ['email', "'ada@example.com'"],
    ['phone', "'+491711234567'"],
    ['country', "'DE'"],
    ['language', "'de'"],
    ['dob', "'2000-02-29'"],
    ['dob', "'2000-02-29'::date"],
    ['gender', "'F'"],
    ['time_zone', "'Europe/Berlin'"],
    ['current_location', '{longitude: 7.1, latitude: 50.7}'],
    ['email', 'null::varchar'],
    ['current_location', 'null::struct(longitude double, latitude double)'],
    ['x', "repeat('é', 255)"],
    ['x', 'list_transform(range(500), lambda i: i)'],
    ['x', '9223372036854775807::hugeint'],
    ['x', "'a-12-1-2021'"],
    ['x', "['12-1-2021']"],
    ['a name with spaces', "'x'"],
    ['constructor', "'x'"],
    ['toString', "'x'"],
    ['__proto__', "'x'"],
    ['x', "'0001-01-01'::date"],
    ['quote"and\\slash/~', "'x'"],
  ])('%s %s', async (name, value) => {
    const sync = await TestSync.forTest();
    const query = `select 'ada' as external_id, ${value} as "${name.replaceAll('"', '""')}"`;
    expect((await sync.run(query)).rejections).toEqual([]);
    expect(Object.keys((sync.sent.get('ada') ?? {}) as object)).toEqual(
      value.startsWith('null') ? [] : [name],
    );
    await sync.run(query);
    expect(sync.sent.size).toBe(0);
  });

  it('a text that looks like a date, where the settings say that it is a text', async () => {
    const sync = await TestSync.forTest({ attributes: { texts: ['x'] } });
    await sync.run("select 'ada' as external_id, '12-1-2021' as x");
    expect(sync.sent.get('ada')).toEqual({ x: '12-1-2021' });
  });

  it('a name that is held back or means a standard field, where the destination allows it', async () => {
    const sync = await TestSync.forTest({
      destination: {
        allow: ['email_subscribe', 'Birthday'],
        rename: { consent: 'email_subscribe' },
      },
    });
    await sync.run(
      "select 'ada' as external_id, 'opted_in' as consent, 'x' as Birthday, 1 as other",
    );
    expect(sync.sent.get('ada')).toEqual({ email_subscribe: 'opted_in', Birthday: 'x' });
  });
});

it('people are told by a hash, and values not at all', async () => {
  const sync = await TestSync.forTest();
  const receipt = await sync.run(`select 'ada' as external_id, repeat('secret', 50) as x`);
  const text = JSON.stringify(receipt);
  expect(text).not.toMatch(/ada|secret/);
  expect(receipt.rejections[0]).toMatchObject({
    valueClass: 'string of 300 characters',
    people: ['8c8d357b'],
  });
});
