/**
 * One person on one screen: the profile, the last events, the audiences, and what Braze has by our syncs.
 *
 * Found by exact id: a Braze user id, merged ones too, or an external id, former ones too if nobody has it
 * now. Reads only; works on a database opened read-only. Events are looked up by the narrow activity log
 * first, so that the event tables are read from the twentieth last event on and not from the beginning.
 */
import { CurrentsError } from './errors.ts';
import { PROFILE_COLUMNS } from './profiles/attributes.ts';
import { buildProfiles } from './profiles/build-profiles.ts';
import { formatInstant } from './profiles/instant.ts';
import { withPastState } from './profiles/past-profiles.ts';
import { createProfilesTable } from './profiles/profiles-table.ts';
import { type Database, quoteLiteral } from './warehouse/database.ts';

export interface PersonReport {
  readonly personId: string;
  /** By column of c360.profiles; instants as ISO 8601, amounts as numbers. */
  readonly profile: Readonly<Record<string, unknown>>;
  /** The last first. */
  readonly events: readonly PersonEvent[];
  readonly audiences: readonly { readonly name: string; readonly enteredAt: Date }[];
  readonly braze: readonly BrazeValue[];
}

interface PersonEvent {
  readonly time: Date;
  readonly eventType: string;
  readonly channel: string | null;
  readonly action: string | null;
  /** Name of the campaign or Canvas, its id where there is no name. */
  readonly source: string | null;
  readonly detail: string | null;
}

interface BrazeValue {
  readonly sync: string;
  readonly attribute: string;
  /** JSON text; null where the answer to a delivery was lost. */
  readonly value: string | null;
  readonly acceptedAt: Date;
}

const SHOWN_EVENTS = 20;

export interface PersonOptions {
  /** Everything as it was then, merges of that time included; what Braze has is left out. Default: as refreshed last. */
  readonly asOf?: Date;
}

/**
 * Everything that is shown of the person who has this id.
 *
 * @throws CurrentsError PERSON_UNKNOWN when nobody has it or had it then, USAGE when several people have it
 */
export async function readPerson(
  database: Database,
  id: string,
  { asOf }: PersonOptions = {},
): Promise<PersonReport> {
  await requireProfiles(database);
  const presentId = await findPerson(database, id);
  const profile =
    asOf === undefined
      ? await readProfile(database, 'c360.profiles', presentId)
      : await readPastProfile(database, { id, presentId, asOf });
  const personId = String(profile.person_id);
  const formerIds = (profile.former_user_ids as readonly string[] | null) ?? [];
  const until = asOf ?? new Date(String(profile.as_of));
  return {
    personId,
    profile,
    events: await readEvents(database, [personId, ...formerIds], until),
    audiences: await readAudiences(database, personId, until),
    braze: asOf === undefined ? await readBraze(database, profile) : [],
  };
}

interface PastPerson {
  /** What was asked for. */
  readonly id: string;
  /** Who has that id now: all users of theirs are looked at. */
  readonly presentId: string;
  readonly asOf: Date;
}

const PAST_PROFILES = 'past.c360.profiles';

/** Of that instant: the events of few users are read again, as of then. */
async function readPastProfile(
  database: Database,
  { id, presentId, asOf }: PastPerson,
): Promise<Record<string, unknown>> {
  const users = await database.rows<{ user_id: string }>(
    'select user_id from c360.identities where person_id = $1',
    [presentId],
  );
  const userIds = users.map(({ user_id }) => user_id);
  return withPastState(database, { asOf, userIds }, async (state) => {
    await createProfilesTable(database, PAST_PROFILES, { hasComments: false });
    await buildProfiles(database, {
      asOf,
      people: '(select distinct person_no from identity_map)',
      identityMap: 'identity_map',
      target: PAST_PROFILES,
      state,
    });
    const ways = [
      `select survivor.user_id as person_id from ${state}.users
       join identity_map using (user_no) join ${state}.users survivor on survivor.user_no = person_no
       where users.user_id = $1`,
      `select person_id from ${PAST_PROFILES} where external_id = $1`,
      `select person_id from ${PAST_PROFILES} where list_contains(former_external_ids, $1)`,
    ];
    for (const way of ways) {
      const [found] = await database.rows<{ person_id: string }>(
        `select person_id from (${way}) join ${PAST_PROFILES} using (person_id) order by person_id`,
        [id],
      );
      if (found !== undefined) return readProfile(database, PAST_PROFILES, found.person_id);
    }
    throw new CurrentsError({
      code: 'PERSON_UNKNOWN',
      message: 'cannot show a person: nobody had this id at that instant (somebody has it now)',
      hint: 'a later --as-of, or none',
    });
  });
}

/** The profile by column, as JSON has it; undefined columns are null. */
async function readProfile(
  database: Database,
  table: string,
  personId: string,
): Promise<Record<string, unknown>> {
  const { profile } = await database.row<{ profile: string }>(
    `select to_json(p)::varchar as profile from ${table} p where person_id = $1`,
    [personId],
  );
  const found = JSON.parse(profile) as Record<string, unknown>;
  return Object.fromEntries(
    PROFILE_COLUMNS.map(({ name, type }) => [
      name,
      type === 'timestamp' ? formatIso(found[name]) : found[name],
    ]),
  );
}

/** DuckDB writes instants in JSON as `2026-09-02 12:00:00`. */
function formatIso(found: unknown): string | null {
  return typeof found === 'string' ? `${found.replace(' ', 'T')}Z` : null;
}

async function requireProfiles(database: Database): Promise<void> {
  const { isThere } = await database.row<{ isThere: boolean }>(
    `select count(*) > 0 as "isThere" from duckdb_views()
     where database_name = current_database() and schema_name = 'c360' and view_name = 'profiles'`,
  );
  if (isThere) return;
  throw new CurrentsError({
    code: 'PERSON_UNKNOWN',
    message: 'cannot show a person: there are no profiles yet (they are made after an ingest)',
    hint: 'currents profiles refresh',
  });
}

/** Ids in the order in which they are believed; the first that anybody has decides. */
const WAYS = [
  `select person_id from c360.identities where user_id = $1`,
  `select person_id from c360.profiles where external_id = $1`,
  `select person_id from c360.profiles where list_contains(former_external_ids, $1)`,
] as const;

async function findPerson(database: Database, id: string): Promise<string> {
  for (const way of WAYS) {
    const found = await database.rows<{ person_id: string }>(
      `select distinct person_id from (${way}) join c360.profiles using (person_id)`,
      [id],
    );
    if (found.length > 1) {
      throw new CurrentsError({
        code: 'USAGE',
        message: `cannot show one person: ${found.length} people have this external id (expected an id of one of them)`,
        hint: 'currents query "from c360.identity_findings" lists such ids with their Braze ids; show one of those',
        context: { people: found.length },
      });
    }
    if (found[0] !== undefined) return found[0].person_id;
  }
  throw new CurrentsError({
    code: 'PERSON_UNKNOWN',
    message:
      'cannot show a person: nobody has this id (expected a Braze id or an external id, exactly as it is written)',
    hint: 'currents query "select person_id, external_id from c360.profiles limit 10"',
  });
}

async function readEvents(
  database: Database,
  userIds: readonly string[],
  until: Date,
): Promise<readonly PersonEvent[]> {
  const users = userIds.map(quoteLiteral).join(', ');
  const last = `time <= ${formatInstant(until)}`;
  const { since } = await database.row<{ since: string | null }>(
    `select min(time)::varchar as since from (
       select time from c360.activity where user_no in (
         select user_no from c360.users where user_id in (${users})) and ${last}
       order by time desc limit ${SHOWN_EVENTS})`,
  );
  const { hasTimeline } = await database.row<{ hasTimeline: boolean }>(
    `select count(*) > 0 as "hasTimeline" from duckdb_views()
     where database_name = current_database() and schema_name = 'c360' and view_name = 'timeline'`,
  );
  if (since === null || !hasTimeline) return [];
  // As literals, both reach into every event table, where they skip row groups.
  return database.rows<PersonEvent>(
    `select time, event_type as "eventType", channel, action, detail,
       coalesce(campaign_name, canvas_name, campaign_id, canvas_id) as source
     from c360.timeline
     where time >= ${quoteLiteral(since)}::timestamp and ${last} and user_id in (${users})
     order by time desc, event_type, event_id limit ${SHOWN_EVENTS}`,
  );
}

async function readAudiences(
  database: Database,
  personId: string,
  until: Date,
): Promise<PersonReport['audiences']> {
  return database.rows(
    `select audience as name, entered_at as "enteredAt" from c360.audience_members
     where person_id = $1 and entered_at <= $2::timestamp
       and (left_at is null or left_at > $2::timestamp) order by audience`,
    [personId, until.toISOString().slice(0, -1)],
  );
}

/** By whichever of the person's identifiers a sync uses. */
async function readBraze(
  database: Database,
  profile: Readonly<Record<string, unknown>>,
): Promise<readonly BrazeValue[]> {
  const identifiers = [
    ['braze_id', profile.person_id],
    ['external_id', profile.external_id],
    ['email', profile.email_address],
    ['phone', profile.phone_number],
  ].flatMap(([kind, value]) =>
    typeof kind === 'string' && typeof value === 'string'
      ? [`(${quoteLiteral(kind)}, ${quoteLiteral(value)})`]
      : [],
  );
  return database.rows<BrazeValue>(
    `select sync, attribute, value::varchar as value, accepted_at as "acceptedAt" from sync.shadow
     where (identifier_kind, identifier) in (${identifiers.join(', ')}) order by sync, attribute`,
  );
}
