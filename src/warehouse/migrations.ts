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
  // What Braze last accepted of a person is one row: `{"attribute": [value, run_id]}`, the value null where the
  // answer to the last request was lost, and the hash of each query's row that this stands for. Of a delivery
  // that is going on, what was accepted is in sync.outbox until its end, and replaces what is here.
  `
  create schema sync;

  create table sync.runs (
    run_id bigint not null,
    sync varchar not null,
    destination varchar not null,
    started_at timestamp not null,
    finished_at timestamp,
    status varchar not null,
    planned bigint not null,
    sent bigint not null,
    accepted bigint not null,
    rejected bigint not null,
    unknown bigint not null,
    waiting bigint not null,
    attributes bigint not null,
    data_points bigint not null,
    requests bigint not null,
    bytes bigint not null,
    error varchar
  );

  create table sync.outbox (
    run_id bigint not null,
    item_id bigint not null,
    sync varchar not null,
    destination varchar not null,
    batch integer,
    identifier_kind varchar not null,
    identifier varchar not null,
    attributes json not null,
    attribute_count integer not null,
    data_points integer not null,
    operators varchar[] not null,
    repeatable boolean not null,
    status varchar not null,
    attempts integer not null,
    reason varchar,
    entries json not null,
    fingerprints map(varchar, uhugeint) not null,
    settled_at timestamp
  );

  create table sync.people (
    sync varchar not null,
    destination varchar not null,
    identifier_kind varchar not null,
    identifier varchar not null,
    entries json not null,
    fingerprints map(varchar, uhugeint) not null,
    accepted_at timestamp not null,
    run_id bigint not null
  );

  create table sync.attributes (
    sync varchar not null,
    destination varchar not null,
    attribute varchar not null,
    type varchar not null,
    first_run_id bigint not null,
    changed_at timestamp not null
  );

  create table sync.rejected (
    run_id bigint not null,
    sync varchar not null,
    destination varchar not null,
    identifier_kind varchar,
    identifier varchar,
    attribute varchar,
    value_class varchar,
    code varchar not null,
    reason varchar not null,
    remedy varchar,
    people bigint not null,
    stage varchar not null,
    rejected_at timestamp not null
  );

  create view sync.shadow as
  with accepted as (
    select sync, destination, identifier_kind, identifier, entries, settled_at as accepted_at, run_id
    from sync.outbox where status = 'accepted'
  ), newest as (
    select sync, destination, identifier_kind, identifier, entries, accepted_at, run_id
    from sync.people anti join accepted using (sync, destination, identifier_kind, identifier)
    union all
    from accepted
  ), entries as (
    select sync, destination, identifier_kind, identifier, accepted_at, run_id,
      unnest(map_entries(entries::map(varchar, json))) as entry
    from newest
  ), attributes as (
    select sync, destination, identifier_kind, identifier, entry.key as attribute,
      nullif(entry.value->'/0', 'null') as value, accepted_at, run_id as last_run_id,
      (entry.value->'/1')::bigint as run_id
    from entries
  )
  select e.sync, e.destination, e.identifier_kind, e.identifier, e.attribute, a.type, e.value::json as value,
    case when e.run_id = e.last_run_id then e.accepted_at else r.finished_at end as accepted_at, e.run_id
  from attributes e
  left join sync.attributes a
    on a.sync = e.sync and a.destination = e.destination and a.attribute = e.attribute
  left join sync.runs r on r.run_id = e.run_id;

  comment on view sync.shadow is
    'What Braze last accepted, by sync, identifier and attribute; no value where an answer was lost.';
  `,
  // The customer-360: what src/profiles/ knows of the events, in narrow rows. See docs/tables.md.
  `
  create schema c360;

  create table c360.users (
    user_no integer not null,
    user_id varchar not null
  );

  create table c360.messages (
    message_no integer not null,
    campaign_id varchar,
    canvas_id varchar
  );

  create table c360.activity (
    user_no integer not null,
    time timestamp not null,
    kind usmallint not null,
    message_no integer
  );

  create table c360.facts (
    user_no integer not null,
    name varchar not null,
    key varchar not null,
    value varchar not null,
    first_ms bigint not null,
    time_ms bigint not null
  );

  create table c360.purchases (
    user_no integer not null,
    time timestamp not null,
    currency varchar,
    amount decimal(18, 4) not null,
    product_id varchar,
    event_id varchar
  );

  create table c360.merges (
    user_no integer not null,
    into_user_no integer not null,
    time_ms bigint not null
  );

  create table c360.merged_users (
    user_no integer not null,
    person_no integer not null,
    merged_ms bigint not null
  );

  create table c360.applied (
    object_id bigint not null,
    loaded_at timestamp,
    attempts integer not null
  );

  create table c360.state (
    catalogue_version varchar not null,
    is_complete boolean not null,
    as_of timestamp not null,
    reduced_facts bigint not null,
    refreshed_at timestamp not null
  );

  create table c360.identities (
    user_id varchar not null,
    person_id varchar not null,
    external_id varchar,
    external_ids varchar[] not null,
    first_seen timestamp,
    last_seen timestamp,
    merged_at timestamp
  );

  create view c360.identity_findings as
  with ids as (
    select 'user_id' as id_type, user_id as id, person_id from c360.identities
    union all
    select 'external_id', unnest(external_ids), person_id from c360.identities),
  folded as (
    select *, lower(regexp_replace(id, '[\\s\\pZ]+', '', 'g')) as alike from ids),
  spelled as (
    select hash(id_type, alike) as hashed from folded
    group by hashed having min(hash(id)) <> max(hash(id))),
  shared as (
    select hash(id) as hashed from ids where id_type = 'external_id'
    group by hashed having min(hash(person_id)) <> max(hash(person_id)))
  select 'differ only in case or space' as finding, id_type, list(distinct id order by id) as ids,
    list(distinct person_id order by person_id) as people
  from folded where hash(id_type, alike) in (from spelled)
  group by id_type, alike having count(distinct id) > 1
  union all
  select 'looks like an email address', id_type, [id], list(distinct person_id order by person_id)
  from ids where regexp_matches(id, '^\\s*[^@\\s]+@[^@\\s]+\\.[^@\\s]+\\s*$') group by id_type, id
  union all
  select 'looks like a phone number', id_type, [id], list(distinct person_id order by person_id)
  from ids
  where regexp_matches(id, '^\\s*(\\+[0-9 ().-]{8,20}|\\(?[0-9]{2,4}\\)?[ .-][0-9]{3,4}[ .-]?[0-9]{3,4})\\s*$')
  group by id_type, id
  union all
  select 'on several people', id_type, [id], list(distinct person_id order by person_id)
  from ids where id_type = 'external_id' and hash(id) in (from shared)
  group by id_type, id having count(distinct person_id) > 1;

  comment on view c360.identity_findings is
    'Ids that somebody should look at. Nobody was joined or left apart because of them.';
  `,
  `
  create table ops.privacy_key (
    fingerprint varchar not null,
    first_used_at timestamp not null
  );

  create table ops.privacy_rules (
    run_id bigint not null,
    recorded_at timestamp not null,
    hash varchar not null,
    dropped varchar not null
  );
  `,
  // Views over the events and audiences: src/profiles/refresh-views.ts and refresh-audiences.ts.
  `
  create table c360.view_definitions (
    definition varchar not null
  );

  create table c360.audiences (
    audience varchar not null,
    refreshed_at timestamp,
    members bigint,
    entered bigint,
    departed bigint,
    failed_at timestamp,
    error varchar
  );

  create table c360.audience_members (
    audience varchar not null,
    person_id varchar not null,
    entered_at timestamp not null,
    left_at timestamp
  );
  `,
  // Which items lie in which file, written down before the file is made: a delivery that is repeated after
  // a crash makes the same files, and none that is there already.
  `
  create table sync.files (
    run_id bigint not null,
    sync varchar not null,
    destination varchar not null,
    file_number integer not null,
    key varchar not null,
    identifier_kind varchar not null,
    first_item_id bigint not null,
    last_item_id bigint not null,
    row_count bigint not null,
    bytes bigint,
    sha256 varchar,
    status varchar not null,
    staged_at timestamp
  );
  `,
  // Erased people: keyed hashes of their ids, what was removed, and ids that a load found to belong to them.
  `
  create table c360.tombstones (
    kind varchar not null,
    hash varchar not null,
    until timestamp not null,
    erasure_id bigint not null
  );

  create table c360.erasures (
    erasure_id bigint not null,
    subject varchar not null,
    cause varchar not null,
    requested_at timestamp not null,
    erased_at timestamp not null,
    user_ids bigint not null,
    external_ids bigint not null,
    events bigint not null,
    rows json not null,
    rewritten_at timestamp,
    published_at timestamp
  );

  create table c360.erasure_queue (
    kind varchar not null,
    id varchar not null,
    until timestamp
  );

  alter table ops.objects add column if not exists erased_count bigint;
  alter table ops.runs add column if not exists events_erased bigint;
  `,
  'alter table c360.erasures add column unstaged_at timestamp',
  // Merges of people who are not erased, by what is left of them: the tombstones that both would have.
  'create table c360.merge_tombstones (one varchar not null, other varchar not null)',
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
  'ops.privacy_key': 'Which key the hashes in this database were made with.',
  'ops.privacy_rules':
    'Each change of the setting privacy, and the run that loaded under it first.',
  'sync.runs': 'One row for each run of a sync: its receipt.',
  'sync.outbox': 'What is on its way to Braze: one row a person; it leaves when it is settled.',
  'sync.people': 'What Braze last accepted, one row a person; sync.shadow shows it by attribute.',
  'sync.attributes': 'The attributes of each sync with their types in Braze.',
  'sync.rejected': 'What the last run of each sync did not send, or Braze did not take, and why.',
  'sync.files': 'Every file staged for Braze, and which items of its run are in it.',
  'c360.users':
    'Internal: the number of each Braze user id ever seen. Numbers differ between rebuilds.',
  'c360.messages':
    'Internal: the number of each campaign and Canvas ever seen; exactly one of the two ids is set.',
  'c360.activity':
    'Internal: one row for each event that has a user; kind is a code of the activity catalogue.',
  'c360.facts':
    'Internal: what is known by last write. Of several rows for one user, name and key the greatest (time_ms, value) counts; first_ms is the least. value is JSON text, null means unset.',
  'c360.purchases':
    'Internal: one row for each purchase; amount is the shortest decimal that is the 32-bit float.',
  'c360.merges': 'Internal: every users.UserOrphan ever seen.',
  'c360.merged_users':
    'Internal: users that were merged away as of the last refresh, and the user that survives.',
  'c360.applied': 'Internal: the objects whose events are in the tables of c360.',
  'c360.state': 'One row: as of which instant the tables of c360 are, and when they were made.',
  'c360.tombstones':
    'Keyed hashes of the ids of erased people: what they are in is not loaded again.',
  'c360.erasures':
    'What was erased, one row for each id that somebody asked to erase; names nobody.',
  'c360.merge_tombstones':
    'Internal: keyed hashes of two users that an erased event told to be one, so that they are erased together.',
  'c360.erasure_queue':
    'Internal: ids that a load found to belong to an erased person, until the cycle erases them.',
  'c360.identities':
    'Every user_id ever seen, the one that survives, and the external ids that it had.',
  'c360.view_definitions': 'Internal: what the views over the event tables were made from.',
  'c360.audiences':
    'Each audience as of its last refresh, and why the last attempt failed if it did.',
  'c360.audience_members':
    'One row for each stay of a person in an audience; left_at is null while it lasts.',
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
    for (const migration of MIGRATIONS.slice(step)) await database.run(migration);
    await database.run(
      `insert into ops.migrations select unnest(range(${step + 1}, ${MIGRATIONS.length + 1}))`,
    );
    const comments = Object.entries(COMMENTS).map(
      ([table, comment]) => `comment on table ${table} is ${quoteLiteral(comment)}`,
    );
    await database.run(comments.join(';'));
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
