/**
 * Our own tables, as numbered steps that are only ever appended to. A database remembers which steps it
 * has had; opening brings it up to date in one transaction, and a database from a newer release is
 * refused rather than damaged. Schema `events` belongs to event-tables.ts: only the empty schema is
 * made here.
 *
 * States of an object in the ledger (ops.objects.status):
 *
 *     discovered ──► loaded ──► superseded      a newer version under the same key was loaded
 *         │  ▲  └──► quarantined                unreadable; `currents quarantine retry` → discovered
 *         │  └─────  missing                    deleted before we got it; listed again → discovered
 *         └────────► archived                   in cold storage; tried again at each full listing
 */

import { CurrentsError } from '../errors.ts';
import { type Database, quoteLiteral } from './database.ts';

export const OBJECT_STATUSES = [
  'discovered',
  'loaded',
  'quarantined',
  'missing',
  'archived',
  'superseded',
] as const;

export type ObjectStatus = (typeof OBJECT_STATUSES)[number];

/** Never edit a step that was released: add the next one. */
const MIGRATIONS: readonly string[] = [
  `
  create schema events;

  create table ops.objects (
    object_id bigint not null,
    source varchar not null,
    key varchar not null,
    etag varchar not null,
    size_bytes bigint not null,
    last_modified timestamp not null,
    event_type varchar,
    hour timestamp,
    schema_version varchar,
    fingerprint varchar,
    status varchar not null,
    row_count bigint,
    duplicate_count bigint,
    attempts integer not null,
    error varchar,
    discovered_at timestamp not null,
    loaded_at timestamp,
    run_id bigint
  );

  create table ops.runs (
    run_id bigint not null,
    source varchar not null,
    started_at timestamp not null,
    finished_at timestamp,
    status varchar not null,
    full_listing boolean not null,
    event_types varchar,
    listed_at timestamp,
    objects_discovered bigint,
    objects_loaded bigint,
    objects_quarantined bigint,
    objects_unchanged bigint,
    events_read bigint,
    events_loaded bigint,
    events_duplicate bigint,
    bytes bigint,
    error varchar
  );

  create table ops.schemas (
    event_type varchar not null,
    fingerprint varchar not null,
    version varchar,
    schema json not null,
    first_seen_at timestamp not null,
    first_object_id bigint not null
  );

  create table ops.schema_changes (
    changed_at timestamp not null,
    run_id bigint not null,
    object_id bigint not null,
    event_type varchar not null,
    change varchar not null,
    column_name varchar,
    from_type varchar,
    to_type varchar
  );

  create table ops.quarantine (
    object_id bigint not null,
    key varchar not null,
    code varchar not null,
    reason varchar not null,
    block bigint,
    record bigint,
    field varchar,
    hint varchar,
    quarantined_at timestamp not null,
    run_id bigint not null
  );

  create table ops.event_tables (
    event_type varchar not null,
    table_name varchar not null
  );

  create table ops.event_columns (
    event_type varchar not null,
    field_name varchar not null,
    column_name varchar not null
  );
  `,
  // The folder as eventTypeFolderOf in discovery/object-key.ts reads it off a key.
  `
  create table ops.event_type_folders (
    source varchar not null,
    folder varchar not null,
    newest_hour timestamp not null
  );

  insert into ops.event_type_folders
  select source, folder, max(hour) from (
    select source, hour, regexp_extract(key, '^(?:[^/]*/)*?event_type=[^/]+/') as folder
    from ops.objects where hour is not null)
  where folder <> '' group by source, folder;
  `,
];

const COMMENTS: Readonly<Record<string, string>> = {
  'ops.migrations': 'Which steps of our own format this database has had.',
  'ops.objects': 'What was done with every object: one row for each key and ETag.',
  'ops.runs': 'One row for each ingest cycle.',
  'ops.schemas': 'Every writer schema met, by event type.',
  'ops.schema_changes': 'What each new schema did to the tables.',
  'ops.quarantine':
    'Why an object could not be read; the row goes when the object has been loaded.',
  'ops.event_tables': 'Which table holds which event type.',
  'ops.event_columns': 'Which column holds which Avro field.',
  'ops.event_type_folders': 'The newest hour listed in each folder: where the next poll starts.',
};

/**
 * Brings the tables of `ops` up to date. Safe to run at every start.
 *
 * @throws CurrentsError DATABASE_NEWER when a newer release wrote this file.
 */
export async function migrate(database: Database): Promise<void> {
  await database.run(
    'create schema if not exists ops; create table if not exists ops.migrations (step integer not null)',
  );
  const step = await readStep(database);
  if (step === MIGRATIONS.length) return;
  await database.withTransaction(async () => {
    for (let next = step; next < MIGRATIONS.length; next += 1) {
      await database.run(MIGRATIONS[next] as string);
      await database.run('insert into ops.migrations values (?)', [next + 1]);
    }
    for (const [table, comment] of Object.entries(COMMENTS)) {
      await database.run(`comment on table ${table} is ${quoteLiteral(comment)}`);
    }
  });
}

/**
 * For those who read and cannot bring a database up to date: is it ours, and of a format that we know?
 *
 * @throws CurrentsError DATABASE_FAILED when `currents ingest` never wrote this file, DATABASE_NEWER
 */
export async function checkFormat(database: Database): Promise<void> {
  const { ours } = await database.row<{ ours: boolean }>(
    `select count(*) > 0 as ours from duckdb_tables()
     where schema_name = 'ops' and table_name = 'migrations'`,
  );
  if (!ours) {
    throw new CurrentsError({
      code: 'DATABASE_FAILED',
      message: `cannot read ${database.path}: not a database of currents (it has no table ops.migrations)`,
      hint: '--database names another one; currents ingest fills a new one',
      context: { path: database.path },
    });
  }
  await readStep(database);
}

async function readStep(database: Database): Promise<number> {
  const { step } = await database.row<{ step: number }>(
    'select coalesce(max(step), 0)::integer as step from ops.migrations',
  );
  if (step > MIGRATIONS.length) {
    throw new CurrentsError({
      code: 'DATABASE_NEWER',
      message: `cannot open ${database.path}: it has format ${step} (this release knows up to ${MIGRATIONS.length})`,
      hint: 'npm install currents@latest',
      context: { path: database.path, found: step, expected: MIGRATIONS.length },
    });
  }
  return step;
}
