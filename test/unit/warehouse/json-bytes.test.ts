/** Hypotheses: what the walk over bytes calls JSON is JSON to DuckDB too, and what is sent on is rare. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
import { acceptsJson, isPlainJson } from '../../../src/warehouse/json-bytes.ts';
import { isStorableJson } from '../../../src/warehouse/json-text.ts';

let database: Database;

beforeAll(async () => {
  database = await Database.open({ path: ':memory:', threads: 1 });
});

afterAll(() => database.close());

/** As one text of a block, with bytes before and behind it that would go on with it. */
function judge(text: string, judgement: typeof acceptsJson): boolean {
  const bytes = Buffer.from(`["${text}"]}1`);
  return judgement(bytes, 2, bytes.length - 4);
}

const values = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' });

/** JSON with whitespace and escapes that JSON.stringify does not write. */
const documents = fc
  .tuple(
    values,
    fc.constantFrom('', ' ', '\t', '\n  ', '\r'),
    fc.constantFrom('a', '"', '\\', '\u00e9', '\u2028', '/'),
  )
  .map(([value, space, escaped]) => {
    const text = JSON.stringify(value, null, space.trim() === '' ? space : '');
    const code = escaped.charCodeAt(0).toString(16).padStart(4, '0');
    return `${space}${text}${space}`.replaceAll(escaped, `\\u${code}`);
  });

const PIECES = [
  ...'{}[]",:-.0123456789eE+ \t\n\r\\/u'.split(''),
  'true',
  'false',
  'null',
  'NaN',
  'Infinity',
  '"a"',
  '"a":',
  '\\u0000',
  '\\ud800',
  '\\udc00',
  '\\u12',
  '\0',
  '\u007f',
  '\u00a0',
  '\ufeff',
  '//',
  '/**/',
  '9'.repeat(200),
  '1e999',
];

/** A document with a few pieces put in, taken out or exchanged. */
const mutations = fc
  .tuple(
    documents,
    fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...PIECES)), { maxLength: 3 }),
  )
  .map(([text, changes]) =>
    changes.reduce((changed, [place, removed, piece]) => {
      const at = place % (changed.length + 1);
      return changed.slice(0, at) + piece + changed.slice(at + removed);
    }, text),
  )
  // Half of a surrogate pair is no UTF-8.
  .filter((text) => !/\p{Surrogate}/u.test(text));

const soup = fc
  .array(fc.constantFrom(...PIECES), { maxLength: 12 })
  .map((pieces) => pieces.join(''));

/** The texts that DuckDB does not take for JSON, or that JavaScript does not. */
async function listRefused(texts: readonly string[]): Promise<string[]> {
  const refused = await database.rows<{ text: string }>(
    `select text from (select unnest(from_json($1, '["VARCHAR"]')) as text)
     where not json_valid(text) or try_cast(text as json) is null`,
    [JSON.stringify(texts)],
  );
  const inJavaScript = texts.filter((text) => !isStorableJson(text));
  return [...refused.map(({ text }) => text), ...inJavaScript];
}

describe('isPlainJson', () => {
  it.each([
    ['documents', documents, 500],
    ['damaged documents', mutations, 6_000],
    ['pieces of documents', soup, 6_000],
  ])('accepts only what DuckDB stores, of %s', async (_, texts, numRuns) => {
    const accepted = fc.sample(texts, numRuns).filter((text) => judge(text, isPlainJson));
    expect(accepted.length).toBeGreaterThan(numRuns / 100);
    expect(await listRefused(accepted)).toEqual([]);
  });

  it('needs no second look at documents as they are written', () => {
    const plain = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' });
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify(value);
        expect(judge(text, isPlainJson) || /e[+-]?\d|\\ud/i.test(text)).toBe(true);
      }),
    );
  });

  it.each([
    '',
    ' ',
    '{',
    '[',
    '"',
    '-',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    '01',
    '1.',
    '.5',
    '+1',
  ])('does not read beyond the end of %j', (text) => {
    expect(judge(text, isPlainJson)).toBe(false);
    expect(judge(text, acceptsJson)).toBe(false);
  });
});

describe('acceptsJson', () => {
  it('accepts what the exact way accepts', () => {
    fc.assert(
      fc.property(fc.oneof(documents, mutations, soup), (text) => {
        expect(judge(text, acceptsJson)).toBe(isStorableJson(text));
      }),
      { numRuns: 5_000 },
    );
  });
});
