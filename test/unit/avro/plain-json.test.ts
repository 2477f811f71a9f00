/**
 * Hypotheses: what the kernel's walk over bytes calls JSON is JSON to DuckDB too, and what is sent on is rare;
 * its other walk calls UTF-8 what Node.js does.
 */

import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import { CellDecoder, OUTCOME } from '../../../src/avro/cell-decoder.ts';
import { CellReader } from '../../../src/avro/cell-reader.ts';
import { kernel, WINDOW_AT } from '../../../src/avro/kernel-memory.ts';
import { CurrentsError } from '../../../src/errors.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { isStorableJson } from '../../../src/warehouse/json-text.ts';
import { containerOfBlocks, LentMemory, planCells } from '../../support/lent-memory.ts';

let database: Database;

beforeAll(async () => {
  database = await Database.open({ path: ':memory:', threads: 1 });
});

afterAll(() => database.close());

/** As one text of a window, with bytes before and behind it that would go on with it. */
function isPlainJson(text: string): boolean {
  const bytes = Buffer.from(`["${text}"]}1`);
  kernel.views.bytes.set(bytes, WINDOW_AT);
  const end = WINDOW_AT + bytes.length - 4;
  const isPlain = kernel.exports.isPlainJson(WINDOW_AT + 2, end) === 1;
  for (const behind of ['}]1,"', '111111', '   ":"']) {
    kernel.views.bytes.set(Buffer.from(behind), end);
    if ((kernel.exports.isPlainJson(WINDOW_AT + 2, end) === 1) !== isPlain) {
      throw new Error(`what is behind ${text} makes a difference`);
    }
  }
  return isPlain;
}

function ofOneField(name: string) {
  const schema = parseAvroSchema(
    JSON.stringify({ type: 'record', name: 'One', fields: [{ name, type: 'string' }] }),
  );
  return { schema, plan: planCells(schema) };
}

const JSON_FIELD = ofOneField('properties');
const TEXT_FIELD = ofOneField('name');

/** What becomes of a record with one text. */
function decodeText({ schema, plan }: typeof TEXT_FIELD, text: Buffer) {
  const length = Buffer.alloc(2);
  length[0] = ((text.length << 1) & 0x7f) | 0x80;
  length[1] = text.length >> 6;
  const container = containerOfBlocks(schema, [{ count: 1, bytes: Buffer.concat([length, text]) }]);
  const reader = new CellReader(container, plan.programs, new CellDecoder(), []);
  try {
    return reader.read(new LentMemory(2n ** 40n), 0, 1).outcome;
  } catch (error) {
    if (error instanceof CurrentsError && error.code === 'RECORD_INVALID') return OUTCOME.defect;
    throw error;
  }
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

describe('plain JSON', () => {
  it.each([
    ['documents', documents, 500],
    ['damaged documents', mutations, 6_000],
    ['pieces of documents', soup, 6_000],
  ])('accepts only what DuckDB stores, of %s', async (_, texts, numRuns) => {
    const accepted = fc.sample(texts, numRuns).filter((text) => isPlainJson(text));
    expect(accepted.length).toBeGreaterThan(numRuns / 100);
    expect(await listRefused(accepted)).toEqual([]);
  });

  it('needs no second look at documents as they are written', () => {
    const plain = fc.jsonValue({ maxDepth: 6, stringUnit: 'grapheme' });
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify(value);
        expect(isPlainJson(text) || /e[+-]?\d|\\ud/i.test(text)).toBe(true);
      }),
    );
  });

  /** What is looked at is 64 bytes at a time, from the first of a text on; numbers, 16. */
  const LENGTHS = Array.from({ length: 140 }, (_, length) => length);

  it.each([
    ['a quote', '"', false],
    ['an escaped quote', String.raw`\"`, true],
    ['an escaped backslash', String.raw`\\`, true],
    ['an escaped character', String.raw`\u00e9`, true],
    ['a wrong escape', String.raw`\x`, false],
    ['an escape cut short', String.raw`\u00e`, false],
    ['a control character', '\u001f', false],
    ['a space', ' ', true],
    ['DEL', '\u007f', true],
    ['a character of two bytes', '\u00e9', true],
    ['nothing', '', true],
  ])('judges a text with %s wherever in it that is', (_, odd, isPlain) => {
    const wrong: string[] = [];
    for (const before of LENGTHS) {
      for (const after of [0, 1, 15, 16, 17, 47, 62, 63, 64, 65]) {
        const text = `"${'a'.repeat(before)}${odd}${'z'.repeat(after)}"`;
        for (const document of [text, `{${text}:${text},"":[${text}]}`]) {
          const expected = isPlain && isStorableJson(document);
          if (isPlainJson(document) !== expected) wrong.push(`${before}, ${after}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('finds the end of keys, texts and numbers of any length, and no end where there is none', () => {
    const wrong: string[] = [];
    for (const first of LENGTHS) {
      for (const second of [0, 1, 2, 14, 15, 16, 17, 31, 32, 33, 64]) {
        const key = 'k'.repeat(first);
        const digits = '1'.repeat(second);
        const whole = `{"${key}":-1${digits}.0${digits},"":"${key}"}`;
        const others = [whole.slice(0, -1), whole.slice(0, -2), `${whole}}`];
        if (!isPlainJson(whole) || others.some(isPlainJson)) wrong.push(`${first}, ${second}`);
      }
    }
    expect(wrong).toEqual([]);
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
    expect(isPlainJson(text)).toBe(false);
  });
});

describe('a text that must be JSON', () => {
  it('is taken when the exact way takes it', () => {
    const short = fc.oneof(documents, mutations, soup).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(
        short.filter(({ length }) => length < 8192),
        (bytes) => {
          const outcome = decodeText(JSON_FIELD, bytes);
          const accepted = isStorableJson(bytes.toString('utf8'));
          expect(outcome).toBe(accepted ? OUTCOME.done : OUTCOME.misfit);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe('a text', () => {
  const ASCII = Buffer.from('abcdefghijklmnop');
  /** First and last bytes of each kind, so that most rows of them are nearly UTF-8. */
  const EDGES = [
    ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf],
    ...[0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
  ];
  const edges = fc.constantFrom(...EDGES);
  const sequences = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text)),
    fc.array(edges, { maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
  );

  it('is refused exactly when it is not UTF-8, wherever in it that is', () => {
    fc.assert(
      fc.property(fc.nat(16), sequences, fc.nat(16), (before, odd, after) => {
        const text = Buffer.concat([ASCII.subarray(0, before), odd, ASCII.subarray(0, after)]);
        const outcome = decodeText(TEXT_FIELD, text);
        expect(outcome).toBe(isUtf8(text) ? OUTCOME.done : OUTCOME.defect);
      }),
      { numRuns: 10_000 },
    );
  });

  it('is judged as Node.js does for every row of three of these bytes, with one behind them', () => {
    const wrong: string[] = [];
    for (const first of EDGES) {
      for (const second of EDGES) {
        for (const third of EDGES) {
          const text = Buffer.from([first, second, third, 0x80]);
          for (const bytes of [text.subarray(0, 3), text]) {
            const isTaken = decodeText(TEXT_FIELD, bytes) === OUTCOME.done;
            if (isTaken !== isUtf8(bytes)) wrong.push(bytes.toString('hex'));
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
