/**
 * The audiences of the settings → who belongs to each now, who entered and who left, since when.
 *
 * Run after the profiles were refreshed. An audience is refreshed after those that it leaves out, each in a
 * transaction of its own: one that fails (wrong SQL, a missing file, an excluded audience that failed) keeps
 * the members it had, and the others go on. Running it twice changes nothing. Stays of people who were merged
 * go on under the id that survives, from the earlier of their entries. Audiences that are no longer in the
 * settings are left as they are: whoever runs a command without the settings file must not empty them.
 */
import { withSources } from '../attached-sources.ts';
import type { AudienceConfig } from '../audience-settings.ts';
import type { Config } from '../config.ts';
import { CurrentsError } from '../errors.ts';
import { readSqlText } from '../sql-text.ts';
import type { Database } from '../warehouse/database.ts';
import { refuseWriting } from '../warehouse/refuse-writing.ts';
import { formatAudienceQuery } from './format-conditions.ts';

export interface AudienceRefresh {
  readonly audience: string;
  /** People in it now; of an audience that failed, as before. */
  readonly members: number;
  readonly entered: number;
  readonly departed: number;
  /** Ids that the query named and nobody has, neither as Braze id nor as external id. */
  readonly unknown: number;
  /** Why it could not be refreshed: a message of ours. */
  readonly error: string | null;
}

type Audiences = Readonly<Record<string, AudienceConfig>>;

/**
 * Refreshes all audiences. Not to be called inside a transaction.
 *
 * @param now when entries and departures are said to have happened: the instant of the profiles
 * @throws CurrentsError INTERRUPTED, DISK_FULL; what is wrong with one audience is in its result
 */
export async function refreshAudiences(
  database: Database,
  { audiences, attach }: Pick<Config, 'audiences' | 'attach'>,
  now: Date,
): Promise<readonly AudienceRefresh[]> {
  const names = orderByExclusion(audiences);
  if (names.length === 0) return [];
  await followMerges(database);
  const results = new Map<string, AudienceRefresh>();
  for (const name of names) {
    const audience = audiences[name] as AudienceConfig;
    try {
      const failed = audience.exclude.find((other) => results.get(other)?.error !== null);
      if (failed !== undefined) throw excludedFailed(name, failed);
      const sql = await readAudienceSql(database, name, audience);
      const refresh = async () => refreshAudience(database, name, { sql, audience, now });
      results.set(name, await withSources(database, attach, sql, refresh));
    } catch (error) {
      const reason = toAudienceError(error, name);
      results.set(name, await noteFailure(database, name, reason, now));
    }
  }
  return Object.keys(audiences).map((name) => results.get(name) as AudienceRefresh);
}

/**
 * The SQL that says who belongs to an audience, before exclusions, without a semicolon at its end.
 *
 * @throws CurrentsError SETTINGS_INVALID (the file cannot be read, a condition does not fit its column),
 *   AUDIENCE_FAILED (conditions, and no profiles yet)
 */
export async function readAudienceSql(
  database: Database,
  name: string,
  { query, where }: AudienceConfig,
): Promise<string> {
  if (where !== undefined) {
    const columns = await database.rows<{ column_name: string; data_type: string }>(
      `select column_name, data_type from duckdb_columns()
       where database_name = current_database() and schema_name = 'c360' and table_name = 'profiles'`,
    );
    if (columns.length === 0) throw noProfiles(name);
    return formatAudienceQuery(
      where,
      new Map(columns.map(({ column_name, data_type }) => [column_name, data_type])),
    );
  }
  const sql = await readSqlText(query ?? { kind: 'sql', sql: '' }, `audience ${name}`);
  return sql.trim().replace(/;+$/, '');
}

async function refreshAudience(
  database: Database,
  name: string,
  { sql, audience, now }: { sql: string; audience: AudienceConfig; now: Date },
): Promise<AudienceRefresh> {
  await refuseWriting(database, sql);
  const unknown = await findMembers(database, name, sql);
  return database.withTransaction(async () => {
    for (const other of audience.exclude) {
      await database.run(
        `delete from audience_now where person_id in (
           select person_id from c360.audience_members where audience = $1 and left_at is null)`,
        [other],
      );
    }
    const instant = now.toISOString();
    const departed = await database.row<{ count: number }>(
      `select count(*)::double as count from c360.audience_members m
       where audience = $1 and left_at is null
         and not exists (from audience_now n where n.person_id = m.person_id)`,
      [name],
    );
    await database.run(
      `update c360.audience_members m set left_at = $2::timestamp
       where audience = $1 and left_at is null
         and not exists (from audience_now n where n.person_id = m.person_id)`,
      [name, instant],
    );
    const entered = await database.row<{ count: number }>(
      `select count(*)::double as count from audience_now n where not exists (
         from c360.audience_members m
         where m.audience = $1 and m.left_at is null and m.person_id = n.person_id)`,
      [name],
    );
    await database.run(
      `insert into c360.audience_members by name
       select $1 as audience, person_id, $2::timestamp as entered_at from audience_now n
       where not exists (from c360.audience_members m
         where m.audience = $1 and m.left_at is null and m.person_id = n.person_id)`,
      [name, instant],
    );
    const { count: members } = await database.row<{ count: number }>(
      'select count(*)::double as count from audience_now',
    );
    const counts = { members, entered: entered.count, departed: departed.count };
    await database.run('delete from c360.audiences where audience = $1', [name]);
    await database.run(
      `insert into c360.audiences by name select $1 as audience, $2::timestamp as refreshed_at,
         $3::bigint as members, $4::bigint as entered, $5::bigint as departed`,
      [name, instant, counts.members, counts.entered, counts.departed],
    );
    return { audience: name, ...counts, unknown, error: null };
  });
}

const ID_COLUMNS = ['person_id', 'user_id', 'external_id'] as const;

/** Fills the temporary table audience_now(person_id) and counts the ids that nobody has. */
async function findMembers(database: Database, name: string, sql: string): Promise<number> {
  const columns = await database.columnsOf(`${sql}\n`);
  const names = columns.map((column) => column.name.toLowerCase());
  const id = ID_COLUMNS.find((column) => names.includes(column));
  if (id === undefined) throw noIdentifier(name, names);
  await database.run(
    `create or replace temp table audience_ids as
     select distinct ${id}::varchar as id from (${sql}\n) where ${id} is not null`,
  );
  await database.run(
    id === 'external_id'
      ? // An id that moved on belongs to whoever has it now; one that nobody has now, to who had it.
        `create or replace temp table audience_found as
         with latest as (
           select a.id, i.person_id from audience_ids a join c360.identities i on i.external_id = a.id)
         from latest union
         select a.id, i.person_id from (from audience_ids anti join latest using (id)) a
         join (select person_id, unnest(external_ids) as id from c360.identities) i using (id)`
      : `create or replace temp table audience_found as
         select a.id, i.person_id from audience_ids a join c360.identities i on i.user_id = a.id`,
  );
  await database.run(
    'create or replace temp table audience_now as select distinct person_id from audience_found',
  );
  const { unknown } = await database.row<{ unknown: number }>(
    'select count(*)::double as unknown from audience_ids anti join audience_found using (id)',
  );
  await database.run('drop table audience_ids; drop table audience_found');
  return unknown;
}

/** People who were merged away go on under the id that survives; of two stays at a time the earlier counts. */
async function followMerges(database: Database): Promise<void> {
  await database.withTransaction(async () => {
    await database.run(
      `update c360.audience_members m set person_id = i.person_id from c360.identities i
       where i.user_id = m.person_id and i.person_id <> m.person_id`,
    );
    await database.run(
      `delete from c360.audience_members where rowid in (
         select rowid from c360.audience_members where left_at is null
         qualify row_number() over (partition by audience, person_id order by entered_at, rowid) > 1)`,
    );
  });
}

async function noteFailure(
  database: Database,
  name: string,
  error: CurrentsError,
  now: Date,
): Promise<AudienceRefresh> {
  return database.withTransaction(async () => {
    const [known] = await database.rows<{ members: number | null }>(
      'select members::double as members from c360.audiences where audience = $1',
      [name],
    );
    if (known === undefined)
      await database.run('insert into c360.audiences (audience) values ($1)', [name]);
    await database.run(
      'update c360.audiences set failed_at = $2::timestamp, error = $3 where audience = $1',
      [name, now.toISOString(), error.message],
    );
    const members = known?.members ?? 0;
    return { audience: name, members, entered: 0, departed: 0, unknown: 0, error: error.message };
  });
}

/** Those that are left out before those that leave them out; the settings have no circles. */
function orderByExclusion(audiences: Audiences): string[] {
  const ordered = new Set<string>();
  function add(name: string): void {
    for (const other of audiences[name]?.exclude ?? []) add(other);
    ordered.add(name);
  }
  for (const name of Object.keys(audiences)) add(name);
  return [...ordered];
}

/** What is wrong with the audience alone, in our words; what stops everything is thrown on. */
function toAudienceError(error: unknown, name: string): CurrentsError {
  const isOurs = error instanceof CurrentsError;
  if (!isOurs || error.code === 'INTERRUPTED' || error.code === 'DISK_FULL') throw error;
  if (error.code === 'AUDIENCE_FAILED') return error;
  const [said = ''] = error.message
    .replace(/^cannot run SQL on .*?: (?=[A-Z])(Failed to extract statements: )?/, '')
    .replace(/^cannot (run the query|read the SQL of audience \w+): /, '')
    .split('\n');
  return new CurrentsError({
    code: 'AUDIENCE_FAILED',
    message: `cannot refresh audience ${name}: ${said}`,
    hint: `currents audiences show ${name} --sql prints its SQL, currents query runs it`,
    context: { audience: name },
    cause: error,
  });
}

function excludedFailed(name: string, other: string): CurrentsError {
  return new CurrentsError({
    code: 'AUDIENCE_FAILED',
    message: `cannot refresh audience ${name}: audience ${other}, which it leaves out, could not be refreshed`,
    hint: `currents audiences show ${other} tells why`,
    context: { audience: name },
  });
}

function noIdentifier(name: string, found: readonly string[]): CurrentsError {
  return new CurrentsError({
    code: 'AUDIENCE_FAILED',
    message: `cannot refresh audience ${name}: its query has the columns ${found.join(', ')} (expected one of ${ID_COLUMNS.join(', ')})`,
    hint: 'select person_id, user_id or external_id in the query',
    context: { audience: name },
  });
}

function noProfiles(name: string): CurrentsError {
  return new CurrentsError({
    code: 'AUDIENCE_FAILED',
    message: `cannot refresh audience ${name}: there are no profiles yet`,
    hint: 'currents profiles refresh',
    context: { audience: name },
  });
}
