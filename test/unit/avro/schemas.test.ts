/**
 * schemas/ and what it is made from: the files on disk are what the source says, other Avro
 * implementations read them, the descriptions are worth reading, and slips in the source are found.
 */
import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import { generateSchemas, readSchemas } from '../../../schemas/build.ts';
import { expandSource, readSource } from '../../../schemas/read-source.ts';

describe('the schemas on disk', () => {
  const schemas = readSchemas();

  it('are byte for byte what their source generates', () => {
    expect([...schemas.keys()].sort()).toEqual([...generateSchemas().keys()].sort());
    expect(Object.fromEntries(schemas)).toEqual(Object.fromEntries(generateSchemas()));
  });

  it('are read by avsc as records that are named after their event type', () => {
    expect(schemas.size).toBeGreaterThan(0);
    for (const [file, text] of schemas) {
      const type = avsc.Type.forSchema(JSON.parse(text) as avsc.Schema);
      expect(type.name).toBe(`dataexport.S3.inner.${file.split('/')[0]}`);
    }
  });

  it('say null by default exactly where null is allowed', () => {
    const wrong = [...schemas].flatMap(([file, text]) => {
      const { fields } = JSON.parse(text) as {
        fields: { name: string; type: unknown; default?: null }[];
      };
      return fields
        .filter((field) => Array.isArray(field.type) !== (field.default === null))
        .map((field) => `${file}: ${field.name}`);
    });
    expect(wrong).toEqual([]);
  });
});

describe('the descriptions', () => {
  const versions = readSource();
  const fieldDocs = versions.flatMap((version) =>
    version.fields.map((field) => ({ name: field.name, doc: field.doc })),
  );
  const docs = new Set([...versions.map(({ doc }) => doc), ...fieldDocs.map(({ doc }) => doc)]);

  it('are sentences', () => {
    expect([...docs].filter((doc) => doc.length < 20)).toEqual([]);
    expect([...docs].filter((doc) => !/^[A-Z].*\.$/.test(doc) || /\s{2}/.test(doc))).toEqual([]);
  });

  it('are never the same for two different fields or two event types', () => {
    const names = new Map(fieldDocs.map(({ name, doc }) => [doc, name]));
    expect(fieldDocs.filter(({ name, doc }) => names.get(doc) !== name)).toEqual([]);
    const eventTypes = new Map(versions.map(({ eventType, doc }) => [doc, eventType]));
    expect(eventTypes.size).toBe(new Set(versions.map(({ eventType }) => eventType)).size);
  });

  it('are not taken from elsewhere', () => {
    for (const doc of docs) expect(doc).not.toMatch(/braze documentation|\[PII\]|\[DEPRECATED\]/i);
  });

  it('tell what a field with the same name means in this event', () => {
    const findDoc = (eventType: string, name: string): string | undefined =>
      versions
        .find((version) => version.eventType === eventType)
        ?.fields.find((field) => field.name === name)?.doc;
    expect(findDoc('users.behaviors.app.SessionEnd', 'duration')).toContain('seconds');
    expect(findDoc('agentconsole.AgentExecuted', 'duration')).toContain('milliseconds');
  });
});

describe('the source', () => {
  const releases = '2021-01: 2021-01-05\nv1: 2025-04-17\nv2: 2025-07-09\n';
  const fields = [
    'id: { type: string, doc: Unique. }',
    'user_id: { type: string, personal: since v1, doc: Who. }',
    'time: { type: int, doc: When. }',
  ].join('\n');
  const expand = (eventType: string, more: { fields?: string; releases?: string } = {}) =>
    expandSource({ releases, fields, eventTypes: `a.B: ${eventType}`, ...more });
  const formatFields = (eventType: string): readonly string[] =>
    expand(eventType).map(
      (version) =>
        `${version.version} of ${version.releases.join(',')}: ${version.fields
          .map(({ name, type, personal }) => `${name}:${type}${personal ? '!' : ''}`)
          .join(' ')}`,
    );

  it('writes out versions that are given as changes', () => {
    expect(
      formatFields(
        '{ doc: B., versions: { 2021-01: id user_id, v1: { add: [time:long after id], change: ["user_id:string?"] }, v2: { remove: [id] } } }',
      ),
    ).toEqual([
      '2021-01 of 2021-01: id:string user_id:string',
      'v1 of v1: id:string time:long user_id:string?!',
      'v2 of v2: time:long user_id:string?!',
    ]);
  });

  it('lets a version last until the next one, or until the last release that has the event type', () => {
    const versions = '2021-01: id time user_id';
    expect(expand(`{ doc: B., versions: { ${versions} } }`)[0]?.releases).toEqual([
      '2021-01',
      'v1',
      'v2',
    ]);
    expect(expand(`{ doc: B., last: v1, versions: { ${versions} } }`)[0]?.releases).toEqual([
      '2021-01',
      'v1',
    ]);
  });

  it('keeps the mark that a field had in the first release of a version', () => {
    expect(formatFields('{ doc: B., versions: { 2021-01: id time user_id } }')).toEqual([
      '2021-01 of 2021-01,v1,v2: id:string time:int user_id:string',
    ]);
    expect(
      formatFields(
        '{ doc: B., fields: { user_id: { personal: never } }, versions: { v1: id time user_id } }',
      ),
    ).toEqual(['v1 of v1,v2: id:string time:int user_id:string']);
  });

  it.each([
    ['an unknown field', '{ doc: B., versions: { v1: id nobody } }', 'no field nobody'],
    ['a field twice', '{ doc: B., versions: { v1: id id } }', 'listed twice'],
    [
      'a place that is not there',
      '{ doc: B., versions: { v1: id time, v2: { add: [user_id after nothing] } } }',
      'no field nothing',
    ],
    [
      'a field that is there already',
      '{ doc: B., versions: { v1: id time user_id, v2: { add: [time] } } }',
      'time is there already',
    ],
    [
      'the removal of a field that is not there',
      '{ doc: B., versions: { v1: id time, v2: { remove: [user_id] } } }',
      'no field user_id',
    ],
    [
      'a version that changes nothing',
      '{ doc: B., versions: { v1: id time user_id, v2: id time user_id } }',
      'do not change',
    ],
    ['an unknown release', '{ doc: B., versions: { v9: id time user_id } }', 'not a release'],
    [
      'releases out of order',
      '{ doc: B., versions: { v2: id time, v1: { add: [user_id] } } }',
      'not in the order',
    ],
    [
      'a description of a field that it does not have',
      '{ doc: B., fields: { user_id: Who. }, versions: { v1: id time } }',
      'no version has the field user_id',
    ],
    ['a field without event types', '{ doc: B., versions: { v1: id time } }', 'no event type has'],
    ['a misspelt key', '{ doc: B., version: { v1: id } }', 'version'],
  ])('refuses %s', (_, eventType, message) => {
    expect(() => expand(eventType)).toThrow(message);
  });

  it('refuses a mark that begins with no known release', () => {
    expect(() =>
      expand(
        '{ doc: B., fields: { id: { personal: since v9 } }, versions: { v1: id time user_id } }',
      ),
    ).toThrow('"personal: since v9" names no release');
  });
});
