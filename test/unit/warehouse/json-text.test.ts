/** JSON text in events: what goes into a JSON column as it is, and what is kept in _rescued instead. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAvroJson, isStorableJson } from '../../../src/warehouse/json-text.ts';
import { aRecord } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

const nest = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const STORED: Readonly<Record<string, string>> = {
  'an object': '{"plan": "gold", "n": 1}',
  'text as it was written, spaces and all': ' { "b":1,\n"a" :2 } ',
  'a number alone': '7',
  'a text alone': '"x"',
  null: 'null',
  'a pair of surrogate escapes': '"\\ud83e\\uddc0"',
  'a backslash before ud800': '"\\\\ud800"',
  'an escaped NUL': '"a\\u0000b"',
  'the largest number': '1.7976931348623157e308',
  'a number too small to tell from zero': '1e-999',
  'a number of 200 digits': '1'.repeat(200),
  'a long with all its digits': '9007199254740993',
  'a key twice': '{"a":1,"a":2}',
  'the key __proto__': '{"__proto__":{"x":1}}',
  'nesting 400 deep': nest(400),
};

const RESCUED: Readonly<Record<string, string>> = {
  'no JSON at all': 'plan=gold',
  'an empty text': '',
  'an object cut short': '{"plan": "go',
  'two values': '{} {}',
  'a comma at the end': '{"a":1,}',
  'single quotes': "{'a':1}",
  NaN: '{"a":NaN}',
  Infinity: '[Infinity]',
  'a byte order mark': '\ufeff{}',
  'half a pair of surrogate escapes': '"\\ud800"',
  'half a pair in a key': '{"\\uDC00":1}',
  'a number beyond a double': '{"a":1e999}',
  'the same with few digits in its exponent': `[${'1'.repeat(250)}e99]`,
  'a number of 310 digits': '1'.repeat(310),
  'nesting deeper than anyone means': nest(3000),
  'nesting that exhausts the stack': nest(200_000),
  'a line break in a text': '"a\nb"',
};

let warehouse: TestWarehouse;

beforeAll(async () => {
  warehouse = await TestWarehouse.open();
});

afterAll(() => warehouse.close());

async function isValidInDuckDB(text: string): Promise<boolean> {
  const { valid } = await warehouse.database.row<{ valid: boolean }>(
    'select json_valid(?) as valid',
    [text],
  );
  return valid;
}

/** The texts that DuckDB does not take for JSON. */
async function selectInvalid(texts: readonly string[]): Promise<unknown[]> {
  return warehouse.database.rows(
    `select t from (select unnest(from_json(?, '["VARCHAR"]')) as t) where not json_valid(t)`,
    [JSON.stringify(texts)],
  );
}

describe.each(['properties', 'custom_attributes'])('a field %s', (field) => {
  it('is a JSON column with the text as it was written', async () => {
    const texts = Object.values(STORED);
    const table = `stored.${field}`;
    const schema = aRecord({ number: 'int', [field]: ['null', 'string'] });
    const records = texts.map((text, number) => [number, text]);
    await warehouse.load([{ schema, eventType: table, records: [...records, [-1, null]] }]);
    const name = `stored_${field}`;
    expect(await warehouse.columns(name)).toEqual([
      'number INTEGER',
      `${field} JSON`,
      '_object_id BIGINT',
    ]);
    const sql = `select ${field}::varchar from events.${name} order by number`;
    expect(await warehouse.column(sql)).toEqual([null, ...texts]);
  });

  it('keeps what is no JSON, as text, in _rescued', async () => {
    const texts = Object.values(RESCUED);
    const schema = aRecord({ number: 'int', [field]: 'string' });
    const records = texts.map((text, number) => [number, text]);
    await warehouse.load([{ schema, eventType: `rescued.${field}`, records }]);
    const rows = await warehouse.rows(
      `select ${field} as stored, hex(json_extract_string(_rescued, '$.${field}')) as kept
       from events.rescued_${field} order by number`,
    );
    // As bytes: a text that begins with a byte order mark loses it on its way into JavaScript.
    const bytes = texts.map((text) => Buffer.from(text).toString('hex').toUpperCase());
    expect(rows).toEqual(bytes.map((kept) => ({ stored: null, kept })));
  });

  it('is like any other field when it is not text', async () => {
    const eventType = `odd.${field}`;
    const schema = aRecord({ [field]: { type: 'map', values: 'int' } });
    await warehouse.load([{ schema, eventType, records: [[{ a: 1 }]] }]);
    expect((await warehouse.columns(`odd_${field}`))[0]).toBe(`${field} MAP(VARCHAR, INTEGER)`);
  });
});

describe('isStorableJson', () => {
  it.each(Object.entries(STORED))('takes %s, and so does DuckDB', async (_name, text) => {
    expect([isStorableJson(text), await isValidInDuckDB(text)]).toEqual([true, true]);
  });

  it.each(Object.entries(RESCUED))('leaves %s', (_name, text) => {
    expect(isStorableJson(text)).toBe(false);
  });

  it('takes nothing that DuckDB refuses, whatever was changed in a JSON text', async () => {
    const pieces = [
      '\\ud8',
      '\\udc00',
      '1e',
      '309',
      '9'.repeat(40),
      '"',
      '{',
      ']',
      '\\u0000',
      '-',
      '.',
    ];
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom(...pieces))
      .map(([json, at, piece]) => {
        const place = at % (json.length + 1);
        return json.slice(0, place) + piece + json.slice(place);
      });
    const texts = fc.sample(fc.oneof(fc.json(), mutated), { numRuns: 3000, seed: 7 });
    const taken = texts.filter(isStorableJson);
    expect(taken.length).toBeGreaterThan(300);
    expect(await selectInvalid(taken)).toEqual([]);
  });
});

describe('formatAvroJson', () => {
  it('gives text that DuckDB takes for any value that a container can hold', async () => {
    const doubles = fc.sample(fc.double(), { numRuns: 500, seed: 1 });
    const texts = fc.sample(fc.string({ unit: 'binary' }), { numRuns: 500, seed: 2 });
    const longs = fc.sample(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 300);
    const written = [
      ...doubles.map((value) => formatAvroJson(value, { kind: 'double' })),
      ...texts.map((value) => formatAvroJson(value, { kind: 'string' })),
      ...longs.map((value) => formatAvroJson(value, { kind: 'long' })),
      formatAvroJson([['__proto__', 1]], { kind: 'map', values: { kind: 'int' } }),
    ];
    for (const text of written) JSON.parse(text);
    expect(await selectInvalid(written)).toEqual([]);
  });
});
