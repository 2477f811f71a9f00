/**
 * The section `destinations` of currents.yaml: where syncs send to, as files that Braze's cloud data
 * ingestion picks up or over REST, and which attributes may go there under which names.
 *
 * A key is never in the file: the file says in which environment variable or other file it is.
 */
import { z } from 'zod';
import { entryField, namedEntries } from './named-settings.ts';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './quantity.ts';
import { INSTANCE_EXPECTED, isInstance } from './sync/instances.ts';

/** Where a secret is; readSecret in config.ts gets it. */
export type SecretSource = { readonly env: string } | { readonly file: string };

interface DestinationNames {
  /** Names in Braze; undefined: all, but those that need to be allowed. */
  readonly allow: readonly string[] | undefined;
  /** From the column's name to the name in Braze. */
  readonly rename: Readonly<Record<string, string>>;
}

export interface FilesDestinationConfig extends DestinationNames {
  readonly kind: 'files';
  /** `s3://…`, `file://…` or an absolute folder. */
  readonly url: string;
  readonly format: 'json' | 'csv' | 'parquet';
  readonly fileBytes: number;
  /** undefined: as the kind of URL suggests. */
  readonly settleMs: number | undefined;
  readonly deleteErased: boolean;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
}

export interface RestDestinationConfig extends DestinationNames {
  readonly kind: 'rest';
  readonly instance: string;
  readonly apiKey: SecretSource;
  readonly objectsPerRequest: number;
  readonly requestsPerSecond: number;
  readonly concurrency: number;
}

export type DestinationConfig = FilesDestinationConfig | RestDestinationConfig;

const SECRET_EXPECTED = '{ env: NAME } or { file: PATH }';

const allow = entryField(z.array(z.string().min(1)).optional(), {
  description:
    'Only these attributes are sent, by their names in Braze. Naming one also allows what is refused otherwise: new names, names close to another, subscription states.',
  expected: 'a list of names of attributes',
});

const rename = entryField(z.record(z.string(), z.string().min(1)).default({}), {
  description: 'Names in Braze, by column: `{ birthday: dob }`.',
  expected: 'names of attributes by column',
});

const files = z.strictObject({
  kind: entryField(z.literal('files'), {
    description:
      '`files`: staged for cloud data ingestion; `rest`: sent to the endpoint /users/track.',
    expected: 'files or rest',
  }),
  url: entryField(z.string().regex(/^(?!\w+:\/\/([^/]*@|[^/]*:.*@))./), {
    description: 'Files: s3://bucket/prefix/, a folder, or file:///absolute/folder.',
    expected: 's3://bucket/prefix/, a folder or file:///folder, without credentials in it',
  }),
  format: entryField(z.enum(['json', 'csv', 'parquet']).default('json'), {
    description: 'Files: `json` (lines), `csv` or `parquet`.',
    expected: 'one of json, csv, parquet',
  }),
  fileBytes: entryField(
    z
      .string()
      .regex(SIZE_PATTERN)
      .default('100MB')
      .transform((written) => parseSize(written) ?? Number.NaN)
      .refine((bytes) => bytes >= 1 && bytes <= 512e6),
    {
      description: 'Files: about how large each may become, `100MB` unless said otherwise.',
      expected: 'a size such as 100MB, not more than 512MB',
    },
  ),
  settle: entryField(
    z
      .string()
      .regex(DURATION_PATTERN)
      .transform((written) => parseDuration(written) ?? Number.NaN)
      .refine((ms) => ms >= 0 && ms <= 86_400_000)
      .optional(),
    {
      description:
        'Files: how long Braze may take to read a file. An attribute of a person that was staged less than that ago waits for a later run. `10m` in a bucket and `0s` in a folder unless said otherwise.',
      expected: 'a duration such as 10m, not more than 24h',
    },
  ),
  deleteErased: entryField(z.boolean().default(false), {
    description:
      'Files: whether `currents forget` also stages a file below `deletes/` that has Braze delete these people, for good. False unless said otherwise.',
    expected: 'true or false',
  }),
  region: entryField(z.string().min(1).optional(), {
    description: 'Files: AWS region of the bucket.',
    expected: 'some text',
  }),
  endpoint: entryField(
    z
      .string()
      .regex(/^[^@]+$/)
      .optional(),
    {
      description: 'Files: address of an S3-compatible store.',
      expected: 'http://host:port or https://host, without credentials in it',
    },
  ),
  pathStyle: entryField(z.boolean().default(false), {
    description: 'Files: put the bucket in the path instead of the host name.',
    expected: 'true or false',
  }),
  allow,
  rename,
});

const rest = z.strictObject({
  kind: entryField(z.literal('rest'), {
    description:
      '`files`: staged for cloud data ingestion; `rest`: sent to the endpoint /users/track.',
    expected: 'files or rest',
  }),
  instance: entryField(z.string().refine(isInstance), {
    description:
      "REST: the instance's code (US-03), or the address of its dashboard or REST endpoint.",
    expected: INSTANCE_EXPECTED,
  }),
  apiKey: entryField(
    z.union([
      z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
      z.strictObject({ file: z.string().min(1) }),
    ]),
    {
      description:
        'REST: where the API key is: `{ env: NAME }`, an environment variable, or `{ file: PATH }`. It needs the permission users.track.',
      expected: SECRET_EXPECTED,
      isSecret: true,
    },
  ),
  objectsPerRequest: entryField(z.int().min(1).max(1000).default(75), {
    description: 'REST: people in one request, 75 unless said otherwise, as Braze allows.',
    expected: 'a whole number from 1 to 1000',
  }),
  requestsPerSecond: entryField(z.number().positive().max(100_000).default(1000), {
    description:
      'REST: the limit of your contract, 1000 unless said otherwise (3,000 in 3 seconds).',
    expected: 'a number above 0',
  }),
  concurrency: entryField(z.int().min(1).max(256).default(32), {
    description: 'REST: requests under way at the same time, 32 unless said otherwise.',
    expected: 'a whole number from 1 to 256',
  }),
  allow,
  rename,
});

export const destinationsSchema = namedEntries(z.discriminatedUnion('kind', [files, rest]), {
  description: 'Where syncs send to.',
  example: [
    'stage: { kind: files, url: s3://acme-sync/braze-attributes/, format: json }',
    'braze: { kind: rest, instance: US-03, apiKey: { env: BRAZE_API_KEY } }',
  ],
});

export function toDestinationConfigs(
  written: z.output<typeof destinationsSchema>,
  resolve: (path: string) => string,
): Readonly<Record<string, DestinationConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(([name, entry]): [string, DestinationConfig] => {
      const { allow, rename } = entry;
      if (entry.kind === 'rest') {
        const { apiKey } = entry;
        const resolved = 'file' in apiKey ? { file: resolve(apiKey.file) } : apiKey;
        return [name, { ...entry, allow, rename, apiKey: resolved }];
      }
      const { region, endpoint, settle: settleMs, ...others } = entry;
      const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(entry.url) ? entry.url : resolve(entry.url);
      return [name, { ...others, allow, rename, settleMs, region, endpoint, url }];
    }),
  );
}
