/**
 * The section `attach` of currents.yaml: tables beside Currents' own that queries and audiences can join.
 *
 * Called `attach`, as in DuckDB, because `source` is the bucket. Nothing is opened here: a source that is not
 * there fails only what uses it (attached-sources.ts).
 */
import { z } from 'zod';
import type { SecretSource } from './destination-settings.ts';
import { entryField, namedEntries } from './named-settings.ts';

export type AttachConfig =
  | { readonly kind: 'csv' | 'parquet' | 'duckdb'; readonly path: string }
  /** Without a connection, the variables of libpq (PGHOST, PGPASSWORD …) say where. */
  | { readonly kind: 'postgres'; readonly connection: SecretSource | undefined };

const attached = z.strictObject({
  kind: entryField(z.enum(['csv', 'parquet', 'duckdb', 'postgres']), {
    description:
      '`csv` or `parquet`: one table with the name of the entry; `duckdb` or `postgres`: a database with that name, `name.table` in queries. All are opened read-only.',
    expected: 'one of csv, parquet, duckdb, postgres',
  }),
  path: entryField(z.string().min(1).optional(), {
    description:
      'CSV, Parquet, DuckDB: the file; of CSV and Parquet also several, `orders/*.parquet`.',
    expected: 'the path of a file',
  }),
  connection: entryField(
    z
      .union([
        z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
        z.strictObject({ file: z.string().min(1) }),
      ])
      .optional(),
    {
      description:
        "Postgres: where the connection string is: `{ env: NAME }`, an environment variable, or `{ file: PATH }`. Without it, libpq's own variables count (PGHOST, PGUSER, PGPASSWORD …).",
      expected: '{ env: NAME } or { file: PATH }',
      isSecret: true,
    },
  ),
});

type Written = Record<string, z.output<typeof attached>>;

/** Our schemas and DuckDB's own: `ops.objects` has to stay what it is. */
const TAKEN = new Set([
  'events',
  'ops',
  'c360',
  'sync',
  'main',
  'temp',
  'system',
  'information_schema',
  'pg_catalog',
]);

export const attachSchema = namedEntries(
  attached,
  {
    description: 'Tables beside those of Currents, to be joined in queries and audiences.',
    example: [
      'crm: { kind: csv, path: crm/customers.csv }',
      'orders: { kind: parquet, path: orders/*.parquet }',
      'shop: { kind: duckdb, path: shop.duckdb }',
      'erp: { kind: postgres, connection: { env: ERP_POSTGRES } }',
    ],
  },
  checkSources,
);

/** @param resolve a path of the settings file → an absolute one */
export function toAttachConfigs(
  written: Written,
  resolve: (path: string) => string,
): Readonly<Record<string, AttachConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(
      ([name, { kind, path = '', connection }]): [string, AttachConfig] => {
        if (kind !== 'postgres') {
          const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(path);
          return [name, { kind, path: isUrl ? path : resolve(path) }];
        }
        const isFile = connection !== undefined && 'file' in connection;
        return [
          name,
          { kind, connection: isFile ? { file: resolve(connection.file) } : connection },
        ];
      },
    ),
  );
}

function checkSources({ value: sources, issues }: z.core.ParsePayload<Written>): void {
  for (const [name, { kind, path, connection }] of Object.entries(sources)) {
    function report(message: string): void {
      issues.push({ code: 'custom', input: undefined, path: [name], message });
    }
    if (TAKEN.has(name.toLowerCase()))
      report(`found the name of a schema (expected another than ${[...TAKEN].join(', ')})`);
    if (kind === 'postgres' && path !== undefined) report('found path (expected connection)');
    if (kind !== 'postgres' && connection !== undefined)
      report('found connection (expected path; only postgres has a connection)');
    if (kind !== 'postgres' && path === undefined) report('found no path (expected one)');
  }
}
