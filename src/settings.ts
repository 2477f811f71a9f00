/**
 * Every setting there is, once: its place in currents.yaml, its flag, what it means, what it may be and
 * its default. The checks, the environment variables, the command line's flags, the JSON Schema for
 * editors, the file that `currents init` writes and the test over docs/settings.md all come from here.
 *
 * Sections of entries that the user names (`audiences`, `syncs` and others) are built by named-settings.ts and have neither
 * flags nor variables.
 *
 * Only what this release obeys is listed; any other name is refused.
 */
import { z } from 'zod';
import { attachSchema } from './attach-settings.ts';
import { attributesSchema } from './attribute-settings.ts';
import { audiencesSchema } from './audience-settings.ts';
import { destinationsSchema } from './destination-settings.ts';
import {
  describeEntryPart,
  describeSection,
  isNamedSection,
  type NamedSection,
} from './named-settings.ts';
import { EXPECTED_RULES, isPrivacyRule } from './privacy-rules.ts';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './quantity.ts';
import { checkSyncs, syncsSchema } from './sync-settings.ts';

type SettingKind = 'text' | 'integer' | 'boolean' | 'duration' | 'size' | 'choice' | 'list';

/** What is known about one setting apart from its zod schema. */
interface SettingFacts {
  /** `--lookback`; the environment variable is the same name, CURRENTS_LOOKBACK. */
  readonly flag: string;
  readonly kind: SettingKind;
  /** Completes the sentence "found … (expected …)". */
  readonly expected: string;
  readonly description: string;
  /** How it is written in the file when nothing is said; undefined when there is none. */
  readonly default?: string | number | boolean | readonly string[];
  /** For a setting without a default: what it could look like. */
  readonly example?: string;
}

export interface Setting extends SettingFacts {
  /** `source.lookback`, as in the file. */
  readonly path: string;
  readonly env: string;
}

/** Flag, description and, where there is no default, an example. */
type Asked = Pick<SettingFacts, 'flag' | 'description' | 'example'>;

const registry = z.registry<SettingFacts>();

function text(asked: Asked) {
  return z
    .string()
    .min(1)
    .optional()
    .register(registry, { ...asked, kind: 'text', expected: 'some text' });
}

/** A hundred years: dates that far back still exist, others need not. */
const MOST_MS = 36_500 * 86_400_000;

function duration(written: string, asked: Asked, leastMs = 0) {
  return z
    .string()
    .regex(DURATION_PATTERN)
    .transform((found) => parseDuration(found) ?? Number.NaN)
    .refine((foundMs) => foundMs >= leastMs && foundMs <= MOST_MS)
    .prefault(written)
    .register(registry, {
      ...asked,
      kind: 'duration',
      expected: `a duration such as 90s, 15m, 48h or 7d, ${leastMs > 0 ? 'not less than a second and ' : ''}not more than 36500d`,
      default: written,
    });
}

function size(written: string, asked: Asked) {
  return z
    .union([z.string().regex(SIZE_PATTERN), z.int().positive()])
    .transform((found) => (typeof found === 'number' ? found : (parseSize(found) ?? Number.NaN)))
    .refine((foundBytes) => foundBytes >= 1)
    .prefault(written)
    .register(registry, {
      ...asked,
      kind: 'size',
      expected: 'a size such as 64MB or 1GB',
      default: written,
    });
}

function wholeNumber(least: number, most: number) {
  return {
    schema: z.int().min(least).max(most),
    facts: { kind: 'integer', expected: `a whole number from ${least} to ${most}` } as const,
  };
}

function integer(written: number, least: number, most: number, asked: Asked) {
  const { schema, facts } = wholeNumber(least, most);
  return schema.default(written).register(registry, { ...asked, ...facts, default: written });
}

function optionalInteger(least: number, most: number, asked: Asked) {
  const { schema, facts } = wholeNumber(least, most);
  return schema.optional().register(registry, { ...asked, ...facts });
}

function boolean(written: boolean, asked: Asked) {
  return z
    .boolean()
    .default(written)
    .register(registry, { ...asked, kind: 'boolean', expected: 'true or false', default: written });
}

function choice<const Values extends readonly [string, ...string[]]>(
  values: Values,
  written: Values[number],
  asked: Asked,
) {
  const expected = `one of ${values.join(', ')}`;
  return z
    .enum(values)
    .prefault(written)
    .register(registry, { ...asked, kind: 'choice', expected, default: written });
}

function privacyRules(action: 'hash' | 'drop', asked: Asked) {
  return z
    .array(z.string().refine((rule) => isPrivacyRule(rule, action)))
    .default([])
    .register(registry, { ...asked, kind: 'list', expected: EXPECTED_RULES, default: [] });
}

const SECOND_MS = 1000;

const sections = z.strictObject({
  source: z
    .strictObject({
      url: z
        .string()
        .regex(/^(?!\w+:\/\/([^/]*@|[^/]*:.*@))./)
        .optional()
        .register(registry, {
          flag: '--source',
          kind: 'text',
          expected: 's3://bucket/prefix/, a folder or file:///folder, without credentials in it',
          description:
            'Where the objects lie: s3://bucket/prefix/, a folder, or file:///absolute/folder.',
          example: 's3://acme-currents/currents/',
        }),
      region: text({
        flag: '--region',
        description:
          'AWS region of the bucket; otherwise the SDK looks in AWS_REGION and the profile.',
        example: 'eu-central-1',
      }),
      // Any @ at all: a secret key may hold a slash, and no endpoint needs one.
      endpoint: z
        .string()
        .regex(/^[^@]+$/)
        .optional()
        .register(registry, {
          flag: '--endpoint',
          kind: 'text',
          expected: 'http://host:port or https://host, without credentials in it',
          description: 'Address of an S3-compatible store (MinIO, Ceph, R2, …).',
          example: 'http://localhost:9000',
        }),
      pathStyle: boolean(false, {
        flag: '--path-style',
        description:
          'Put the bucket in the path instead of the host name; most S3-compatible stores need it.',
      }),
      requesterPays: boolean(false, {
        flag: '--requester-pays',
        description: 'Agree to pay for requests to a bucket that bills its readers.',
      }),
      eventTypes: z.array(z.string().min(1)).default([]).register(registry, {
        flag: '--event-type',
        kind: 'list',
        expected: 'a list of names or patterns such as users.messages.email.*',
        description:
          'Only these event types, by name or pattern (`*` stands for anything); empty means all. Others are not even listed.',
        default: [],
        example: '[users.messages.email.*]',
      }),
      lookback: duration('48h', {
        flag: '--lookback',
        description:
          'How far before the newest loaded hour each poll looks for objects that came late.',
      }),
      fullListing: duration('24h', {
        flag: '--full-listing',
        description:
          'How often everything is listed, so that nothing is forgotten however late it came.',
      }),
      concurrency: integer(8, 1, 64, {
        flag: '--concurrency',
        description: 'How many downloads and listings run at the same time.',
      }),
      maxObjectBytes: size('512MB', {
        flag: '--max-object-bytes',
        description:
          'A larger object, as it lies in the bucket, is quarantined instead of downloaded.',
      }),
    })
    .prefault({}),
  database: z.string().min(1).default('currents.duckdb').register(registry, {
    flag: '--database',
    kind: 'text',
    expected: 'the path of a file',
    description: 'The DuckDB file. Made when it is not there.',
    default: 'currents.duckdb',
  }),
  schemaChanges: choice(['evolve', 'freeze', 'rescue'], 'evolve', {
    flag: '--schema-changes',
    description:
      'What a new or changed field does. evolve: columns are added and widened; freeze: the object is quarantined; rescue: the value goes to `_rescued` and tables stay as they are.',
  }),
  privacy: z
    .strictObject({
      hash: privacyRules('hash', {
        flag: '--privacy-hash',
        description:
          'What is replaced by a keyed hash (HMAC-SHA-256) before anything is stored: fields, as email_address, properties.email, pii or pii.phone, each with " in EVENT_TYPE" if need be.',
        example: '[email_address, pii.phone]',
      }),
      drop: privacyRules('drop', {
        flag: '--privacy-drop',
        description: 'What is never stored, in the same words.',
        example: '[ad_id, pii in users.messages.sms.*]',
      }),
      keyFile: text({
        flag: '--privacy-key-file',
        description:
          'The file with the key of the hashes, made when there is none; otherwise it lies beside the database and is called like it, with .key at the end. The key itself can be in CURRENTS_PRIVACY_KEY.',
        example: 'secrets/privacy.key',
      }),
      rewriteEvery: duration('0s', {
        flag: '--privacy-rewrite-every',
        description:
          'The database file is written anew after an erasure, but not more often than this; until then, deleted rows can be found in its bytes. forget does it at once.',
      }),
    })
    .prefault({}),
  profiles: z
    .strictObject({
      refresh: choice(['after ingest', 'manual'], 'after ingest', {
        flag: '--profiles-refresh',
        description:
          'When the customer-360 is brought up to date: after each load, or only by currents profiles refresh.',
      }),
    })
    .prefault({}),
  publish: z
    .strictObject({
      path: text({
        flag: '--publish-path',
        description: 'Where `currents watch` puts a read-only copy of the database for analysts.',
        example: 'analysts/currents.duckdb',
      }),
      every: duration(
        '1h',
        { flag: '--publish-every', description: 'How often `currents watch` renews that copy.' },
        SECOND_MS,
      ),
    })
    .prefault({}),
  watch: z
    .strictObject({
      every: duration(
        '60s',
        {
          flag: '--every',
          description: 'From the start of one cycle of `currents watch` to the start of the next.',
        },
        SECOND_MS,
      ),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxBlockBytes: size('64MB', {
        flag: '--max-block-bytes',
        description: 'An object with a larger Avro block, after decompression, is quarantined.',
      }),
      maxUncompressedBytes: size('512MB', {
        flag: '--max-uncompressed-bytes',
        description:
          'An object that decompresses to more is quarantined; this stops decompression bombs. All of it is in memory while it is loaded.',
      }),
    })
    .prefault({}),
  load: z
    .strictObject({
      batchRows: integer(300_000, 1, 10_000_000, {
        flag: '--batch-rows',
        description:
          'Objects are gathered until they hold about this many events, then loaded in one transaction. Each of two threads then fills a row group of DuckDB (122,880 rows) or more.',
      }),
      batchBytes: size('80MB', {
        flag: '--batch-bytes',
        description:
          'The same by decompressed size, which bounds the memory. Large objects of one event type follow one another in a transaction of more than that, a few megabytes at a time.',
      }),
      memoryLimit: size('256MB', {
        flag: '--memory-limit',
        description:
          "DuckDB's memory, of which loading many small objects takes three eighths; the process needs about 350 MB on top. More does not make loading faster, but large queries; with less than 100MB, large objects may fail to load.",
      }),
      threads: optionalInteger(1, 256, {
        flag: '--threads',
        description: "DuckDB's threads; otherwise one for each core.",
        example: '2',
      }),
    })
    .prefault({}),
  attributes: attributesSchema,
  attach: attachSchema,
  audiences: audiencesSchema,
  syncs: syncsSchema,
  destinations: destinationsSchema,
  logLevel: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info', {
    flag: '--log-level',
    description: 'How much is written to stderr.',
  }),
});

/** The shape of currents.yaml. Parsed values are in milliseconds, bytes, numbers and booleans. */
export const settingsSchema = sections.check(checkSyncs);

/** All settings with a flag, in the order of the file. */
export const SETTINGS: readonly Setting[] = listSettings(settingsSchema, '');

/** All sections of named entries, in the order of the file. */
export const NAMED_SECTIONS: readonly NamedSection[] = Object.entries(settingsSchema.shape)
  .filter(([, schema]) => isNamedSection(schema))
  .map(([name, schema]) => describeSection(name, schema));

/** The setting at a path of the file, `source.lookback`. */
export function findSetting(path: string): Setting | undefined {
  return SETTINGS.find((setting) => setting.path === path);
}

/** The JSON Schema of currents.yaml, for editors: completion, descriptions and red lines. */
export function buildSettingsJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(settingsSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (!(zodSchema instanceof z.ZodType)) return;
      const description = registry.get(zodSchema)?.description ?? describeEntryPart(zodSchema);
      if (description !== undefined) jsonSchema.description = description;
    },
  });
  return { title: 'Settings of currents', ...schema };
}

function listSettings(schema: z.ZodType, path: string): Setting[] {
  if (isNamedSection(schema)) return [];
  const facts = registry.get(schema);
  if (facts !== undefined) return [{ path, env: formatEnvName(facts.flag), ...facts }];
  const object = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  if (!(object instanceof z.ZodObject)) throw new TypeError(`setting ${path} is not registered`);
  return Object.entries(object.shape).flatMap(([name, child]) =>
    listSettings(child as z.ZodType, path === '' ? name : `${path}.${name}`),
  );
}

function formatEnvName(flag: string): string {
  return `CURRENTS_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
}
