/** Sections of entries that users name: read from the file alone, and refused with the place of what is wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { CurrentsError } from '../../src/errors.ts';
import { buildSettingsJsonSchema, NAMED_SECTIONS } from '../../src/settings.ts';
import { formatSettingsTemplate } from '../../src/settings-template.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-named-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

function load(yaml: string, env = {}) {
  writeFileSync(path.join(cwd, 'currents.yaml'), yaml);
  return loadConfig({ cwd, env });
}

function refusalOf(yaml: string, env = {}): string {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof CurrentsError) return error.message;
  }
  throw new Error('nothing was refused');
}

describe('an audience', () => {
  it('has its SQL in the file or in another one, from the folder of the settings on', () => {
    const { audiences } = load(`
audiences:
  vips: { query: audiences/vip people.sql, exclude: [gone], as: { array: audiences } }
  gone:
    query: |
      select user_id from c360.identities
  odd: { query: from x.sql }`);
    expect(audiences).toEqual({
      vips: {
        query: { kind: 'file', path: path.join(cwd, 'audiences/vip people.sql') },
        where: undefined,
        exclude: ['gone'],
        as: { array: 'audiences' },
      },
      gone: {
        query: { kind: 'sql', sql: 'select user_id from c360.identities\n' },
        where: undefined,
        exclude: [],
        as: 'boolean',
      },
      odd: {
        query: { kind: 'sql', sql: 'from x.sql' },
        where: undefined,
        exclude: [],
        as: 'boolean',
      },
    });
    expect(Object.isFrozen(audiences.vips?.exclude)).toBe(true);
  });

  it('may be left out, all of them or an empty section', () => {
    expect(load('').audiences).toEqual({});
    expect(load('audiences:').audiences).toEqual({});
  });

  it.each([
    ['audiences: [a]', '1:12 audiences: found ["a"] (expected entries by name)'],
    ['audiences:\n  a: 3', '2:6 audiences.a: found 3 (expected query, where, exclude, as)'],
    ['audiences:\n  a:\n', '2:5 audiences.a: found null (expected query, where, exclude, as)'],
    ['audiences:\n  a: { query: 7 }', '2:15 audiences.a.query: found 7 (expected the path of a'],
    [
      'audiences:\n  a: { exclude: [] }',
      '2:6 audiences.a: found neither (expected either query or where)',
    ],
    [
      'audiences:\n  a: { query: from b, sendTo: c }',
      '2:6 audiences.a: there is no such setting: "sendTo" (expected query, where, exclude, as)',
    ],
    [
      'audiences:\n  a: { query: x, where: { b: 1 } }',
      '2:6 audiences.a: found both (expected either',
    ],
    ['audiences:\n  a:\n    where: {}', '3:12 audiences.a.where: found {} (expected columns with'],
    [
      'audiences:\n  a:\n    where:\n      n: { atleast: 2 }',
      '4:21 audiences.a.where.n.atleast: found an operator that does not exist (did you mean atLeast?)',
    ],
    [
      'audiences:\n  a:\n    where:\n      any:\n        - seen: { within: 3 }',
      '5:27 audiences.a.where.any.0.seen.within: found 3 (expected a duration such as',
    ],
    ['audiences:\n  a: { where: { n: [] } }', 'where.n: found [] (expected a list of values)'],
    [
      'audiences:\n  a: { where: { n: { known: maybe } } }',
      'found "maybe" (expected true or false)',
    ],
    [
      'audiences:\n  a: { where: { not: 3 } }',
      'where.not: found 3 (expected columns with conditions)',
    ],
    ['audiences:\n  a b: { query: x }', 'audiences.a b: not a name (expected a name of at most 63'],
    [
      'audiences:\n  a: { query: from b, as: list }',
      '2:27 audiences.a.as: found "list" (expected boolean or { array: name of an attribute })',
    ],
    [
      'audiences:\n  a: { query: x, exclude: [b] }',
      '2:28 audiences.a.exclude.0: found "b" (expected one of a)',
    ],
    ['audiences:\n  a: { query: x, exclude: [a] }', 'found "a", which itself leaves out a'],
    [
      'audiences: { a: { query: x, exclude: [b] }, b: { query: x, exclude: [c] }, c: { query: x, exclude: [a] } }',
      '3 problems',
    ],
  ])('%j is refused with its place', (yaml, sentence) => {
    expect(refusalOf(yaml)).toContain(sentence);
  });

  it('can be set by no variable, and says so', () => {
    expect(refusalOf('', { CURRENTS_AUDIENCES: 'a' })).toContain(
      'CURRENTS_AUDIENCES: audiences have no environment variable (expected in the settings file)',
    );
  });

  it('with a secret in it is refused without repeating the secret', () => {
    const message = refusalOf('audiences:\n  a: { query: 7, deep: { password: hunter2 } }');
    expect(message).toContain('2:26 audiences.a.deep.password: secrets do not belong in this file');
    expect(message).not.toContain('hunter2');
  });
});

describe('every section of named entries', () => {
  it('has an example in the file of init that is valid', () => {
    const template = formatSettingsTemplate({ source: 'bucket', database: 'a.duckdb' });
    const sections = NAMED_SECTIONS.map(({ name, example }) =>
      [`${name}:`, ...example.map((line) => `  ${line}`)].join('\n'),
    );
    for (const yaml of sections) expect(template).toContain(yaml.replace(/^/gm, '# '));
    // Together: the example of a sync names the others.
    const config = load(sections.join('\n'));
    for (const [name, entries] of Object.entries(parse(sections.join('\n'))))
      expect(Object.keys(config[name as 'audiences'])).toEqual(Object.keys(entries as object));
  });

  it('is in the JSON Schema with the meaning of its fields', () => {
    const schema = JSON.stringify(buildSettingsJsonSchema());
    for (const { description, fields } of NAMED_SECTIONS)
      for (const text of [description, ...fields.map((field) => field.description)])
        expect(schema).toContain(JSON.stringify(text));
  });
});
