/** The registry over the real schemas/: lookups by release and fingerprint, laziness, hostile names. */
import * as fs from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import {
  findByFingerprint,
  findKnownSchema,
  listEventTypes,
  listKnownSchemas,
} from '../../../src/avro/schema-registry.ts';

vi.mock('node:fs', { spy: true });

afterEach(() => {
  vi.mocked(fs.readdirSync).mockClear();
  vi.mocked(fs.readFileSync).mockClear();
});

const OPEN = 'users.messages.email.Open';
const RCS_INBOUND = 'users.messages.rcs.InboundReceive';

describe('listing', () => {
  it('knows the event types that have schemas and nothing else that lies in the folder', () => {
    const eventTypes = listEventTypes();
    expect(eventTypes).toContain(OPEN);
    expect(eventTypes.filter((name) => !/^[a-z]+(\.[a-zA-Z]+)+$/.test(name))).toEqual([]);
    expect(eventTypes).toEqual([...eventTypes].sort());
  });

  it('gives the versions oldest first: dated ones, then numbered ones by number', () => {
    const listVersions = (eventType: string): readonly string[] =>
      listKnownSchemas(eventType).map(({ version }) => version);
    expect(listVersions(OPEN)).toEqual([
      '2019-08',
      '2021-01',
      '2022-09',
      '2023-06',
      '2024-04',
      'v1',
    ]);
    expect(listVersions(RCS_INBOUND)).toEqual(['v3', 'v4', 'v6', 'v10']);
  });

  it('has a valid record with descriptions, and the releases it covers, for every version', () => {
    for (const eventType of listEventTypes()) {
      const known = listKnownSchemas(eventType);
      const releases = known.flatMap((schema) => schema.releases);
      expect(releases).not.toEqual([]);
      expect(releases).toEqual([...new Set(releases)]);
      for (const { schema, version, releases: covered } of known) {
        expect(schema.type.name).toBe(`dataexport.S3.inner.${eventType}`);
        expect(covered[0]).toBe(version);
        expect(schema.type.fields.filter(({ doc }) => doc === undefined)).toEqual([]);
      }
    }
  });

  it('carries the marks for personal data', () => {
    const update = findKnownSchema('users.profile.Update', 'v10');
    const marked = update?.schema.type.fields.filter(({ pii }) => pii === true);
    expect(marked?.map(({ name }) => name)).toContain('email_address');
    expect(marked?.map(({ name }) => name)).not.toContain('time');
  });
});

describe('lookup', () => {
  it('finds the version that covers a release', () => {
    const v1 = findKnownSchema(OPEN, 'v1');
    expect(v1?.version).toBe('v1');
    expect(findKnownSchema(OPEN, 'v10')).toBe(v1);
    expect(findKnownSchema(RCS_INBOUND, 'v5')?.version).toBe('v4');
  });

  it('finds nothing for a release before the event type or for one that does not exist', () => {
    expect(findKnownSchema(RCS_INBOUND, 'v2')).toBeUndefined();
    expect(findKnownSchema(OPEN, 'v999')).toBeUndefined();
    expect(findKnownSchema('users.behaviors.app.NewsFeedImpression', 'v1')).toBeUndefined();
  });

  it('finds a version by structure, whatever its descriptions are', () => {
    const known = findKnownSchema(OPEN, '2022-09');
    const bare = JSON.stringify(
      JSON.parse(known?.schema.json ?? ''),
      (key: string, value: unknown) => (key === 'doc' || key === 'pii' ? undefined : value),
    );
    expect(findByFingerprint(OPEN, parseAvroSchema(bare).fingerprint)).toBe(known);
    expect(findByFingerprint(RCS_INBOUND, parseAvroSchema(bare).fingerprint)).toBeUndefined();
    expect(findByFingerprint(OPEN, '')).toBeUndefined();
  });

  it.each([
    '..',
    '../..',
    '../schemas/users.messages.email.Open',
    './users.messages.email.Open',
    'users.messages.email.Open/',
    'users.messages.email.Open/../users.messages.email.Click',
    'users.messages.email.Open\0',
    '/etc',
    'C:\\',
    'source',
    'build.ts',
    '',
    '.',
    '__proto__',
    'constructor',
    'USERS.MESSAGES.EMAIL.OPEN',
    'x'.repeat(100_000),
  ])('knows nothing of the event type %j and opens nothing for it', (eventType) => {
    listEventTypes();
    vi.mocked(fs.readdirSync).mockClear();
    expect(listKnownSchemas(eventType)).toEqual([]);
    expect(findKnownSchema(eventType, 'v1')).toBeUndefined();
    expect(findByFingerprint(eventType, '')).toBeUndefined();
    expect(fs.readdirSync).not.toHaveBeenCalled();
    expect(fs.readFileSync).not.toHaveBeenCalled();
  });

  it.each(['../v1', 'v1.avsc', '__proto__', ''])('knows no version %j', (version) => {
    expect(findKnownSchema(OPEN, version)).toBeUndefined();
  });
});

describe('cost', () => {
  it('reads the files of one event type when it is asked for, once', async () => {
    vi.resetModules();
    const fresh = await import('../../../src/avro/schema-registry.ts');
    expect(fs.readdirSync).not.toHaveBeenCalled();
    fresh.listEventTypes();
    expect(fs.readFileSync).not.toHaveBeenCalled();
    const count = fresh.listKnownSchemas(OPEN).length;
    fresh.findKnownSchema(OPEN, 'v1');
    fresh.findByFingerprint(OPEN, '');
    expect(fs.readFileSync).toHaveBeenCalledTimes(count);
  });

  it('says that the package is incomplete when its schemas are missing', async () => {
    vi.resetModules();
    const fresh = await import('../../../src/avro/schema-registry.ts');
    vi.mocked(fs.readdirSync).mockImplementationOnce(() => {
      throw new Error('ENOENT');
    });
    expect(() => fresh.listEventTypes()).toThrow(/cannot list the known schemas: .*schemas/);
  });
});
