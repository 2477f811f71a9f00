/** Keys of both layouts and of none: what is read from them, and that reading and writing are inverse. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createKeyDescriber,
  describeKey,
  eventTypeFolderOf,
  formatKeyHour,
  formatObjectKey,
  type ObjectKey,
  parseKeyHour,
  parseObjectKey,
} from '../../../src/discovery/object-key.ts';

const SOURCE = 'dataexport.prod-01.S3.integration.5f0c';
const FOLDER = `acme/currents/${SOURCE}/event_type=users.messages.email.Open`;
const KEY = `${FOLDER}/date=2026-09-01-13/1210/eu/${SOURCE}+3+0000001200.avro`;

describe('parseObjectKey', () => {
  it('reads the layout with a schema id', () => {
    expect(parseObjectKey(KEY)).toEqual({
      layout: 'schema-id',
      prefix: 'acme/currents/',
      cluster: 'prod-01',
      integrationId: '5f0c',
      eventType: 'users.messages.email.Open',
      hour: new Date('2026-09-01T13:00:00Z'),
      schemaVersion: '1210',
      zone: 'eu',
      partition: '3',
      offset: '0000001200',
    });
  });

  it('reads the layout with a version, without a prefix', () => {
    const key = `${SOURCE}/event_type=a.B/date=2026-09-01-00/version=7/prod/${SOURCE}+0+9007199254740993.avro`;
    expect(parseObjectKey(key)).toMatchObject({
      layout: 'version',
      prefix: '',
      schemaVersion: '7',
      zone: 'prod',
      offset: '9007199254740993',
    });
  });

  it('reads old files, which name no cluster', () => {
    const old = KEY.replaceAll('dataexport.prod-01.', 'dataexport.');
    expect(parseObjectKey(old)).toMatchObject({ cluster: undefined, integrationId: '5f0c' });
  });

  it.each([
    ['month 13', KEY.replace('2026-09-01-13', '2026-13-01-13')],
    ['30 February', KEY.replace('2026-09-01-13', '2026-02-30-13')],
    ['hour 24', KEY.replace('2026-09-01-13', '2026-09-01-24')],
    ['hour 99 of day 40', KEY.replace('2026-09-01-13', '2026-13-40-99')],
    ['a day without hour', KEY.replace('2026-09-01-13', '2026-09-01')],
    ['another extension', KEY.replace('.avro', '.json')],
    ['an extension in capitals', KEY.replace('.avro', '.AVRO')],
    ['a file of another integration', KEY.replace(/5f0c\+/, '5f0d+')],
    ['an offset that is no number', KEY.replace('+0000001200', '+12x')],
    ['a folder too few', KEY.replace('/eu/', '/')],
    ['a folder too many', KEY.replace('/eu/', '/eu/x/')],
    ['no event type', KEY.replace('users.messages.email.Open', '')],
    ['another storage', KEY.replaceAll('.S3.', '.GCS.')],
    ['nothing', ''],
  ])('does not take a key with %s', (_name, key) => {
    expect(parseObjectKey(key)).toBeUndefined();
  });

  it('is the inverse of formatObjectKey', () => {
    fc.assert(
      fc.property(anObjectKey(), (key) => {
        expect(parseObjectKey(formatObjectKey(key))).toEqual(key);
      }),
    );
  });

  it('takes no key that would be written otherwise', () => {
    // Keys near the layout: one character of a sound one replaced by another.
    const nearMiss = fc
      .tuple(anObjectKey(), fc.nat(), fc.constantFrom('/', '+', '.', '=', '0', '-', 'x', '\n'))
      .map(([key, at, character]) => {
        const text = formatObjectKey(key);
        const position = at % text.length;
        return text.slice(0, position) + character + text.slice(position + 1);
      });
    fc.assert(
      fc.property(nearMiss, (text) => {
        const key = parseObjectKey(text);
        expect(key === undefined ? text : formatObjectKey(key)).toBe(text);
      }),
    );
  });
});

describe('describeKey', () => {
  it('tells what parseObjectKey tells for a known layout', () => {
    expect(describeKey(KEY)).toEqual({
      layout: 'schema-id',
      eventType: 'users.messages.email.Open',
      hour: new Date('2026-09-01T13:00:00Z'),
      schemaVersion: '1210',
    });
  });

  it('finds event type, hour and version in an unknown layout', () => {
    expect(
      describeKey('x/event_type=a.B/region=eu/date=2026-09-01-13/version=v7/part.avro'),
    ).toEqual({
      layout: 'unknown',
      eventType: 'a.B',
      hour: new Date('2026-09-01T13:00:00Z'),
      schemaVersion: 'v7',
    });
  });

  it('finds nothing in a key that says nothing, not even in its file name', () => {
    expect(describeKey('exports/date=2026-13-40-99/event_type=/event_type=a.avro')).toEqual({
      layout: 'unknown',
      eventType: undefined,
      hour: undefined,
      schemaVersion: undefined,
    });
  });
});

describe('a key describer', () => {
  it('tells of many keys what describeKey tells of each', () => {
    const ends = [
      '+3+0000001200.avro',
      '+4+7.avro',
      '+4+7.avro.tmp',
      '+x+7.avro',
      '+1+2+3.avro',
      '.avro',
    ];
    const starts = [
      'date=2026-09-01-13/1210/eu',
      'date=2026-09-01-14/version=7/eu',
      'date=x',
      '',
    ].flatMap((path) => [SOURCE, 'other'].map((name) => `${FOLDER}/${path}/${name}`));
    const key = fc
      .tuple(fc.constantFrom(...starts), fc.constantFrom(...ends))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(key), (keys) => {
        expect(keys.map(createKeyDescriber())).toEqual(keys.map(describeKey));
      }),
    );
  });
});

describe('eventTypeFolderOf', () => {
  it.each([
    [KEY, `${FOLDER}/`],
    [`${FOLDER}/`, `${FOLDER}/`],
    ['event_type=a.B/x.avro', 'event_type=a.B/'],
    [FOLDER, undefined],
    ['my_event_type=a.B/x.avro', undefined],
    ['event_type=/x.avro', undefined],
  ])('%s → %s', (key, folder) => {
    expect(eventTypeFolderOf(key)).toBe(folder);
  });
});

describe('parseKeyHour', () => {
  it('is the inverse of formatKeyHour', () => {
    fc.assert(
      fc.property(anHour(), (hour) => {
        expect(parseKeyHour(formatKeyHour(hour))).toEqual(hour);
      }),
    );
  });
});

function anHour(): fc.Arbitrary<Date> {
  return fc
    .integer({ min: 0, max: Date.UTC(9999, 11, 31, 23) / 3_600_000 })
    .map((hours) => new Date(hours * 3_600_000));
}

function anObjectKey(): fc.Arbitrary<ObjectKey> {
  const text = (without: RegExp): fc.Arbitrary<string> =>
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((t) => !without.test(t));
  const folder = text(/\//);
  return fc.record({
    layout: fc.constantFrom('schema-id' as const, 'version' as const),
    prefix: fc
      .array(
        fc.string({ maxLength: 5 }).filter((part) => !part.includes('/')),
        { maxLength: 3 },
      )
      .map((parts) => parts.map((part) => `${part}/`).join('')),
    cluster: fc.option(text(/[/.+]/), { nil: undefined }),
    integrationId: text(/[/+]/),
    eventType: folder,
    hour: anHour(),
    schemaVersion: fc.stringMatching(/^\d{1,6}$/),
    zone: folder,
    partition: fc.stringMatching(/^\d{1,4}$/),
    offset: fc.stringMatching(/^\d{1,20}$/),
  });
}
