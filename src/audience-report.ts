/**
 * What is known about the audiences, for `currents audiences`: those of the settings and those that once
 * were, how many belong to each, who entered and left last. Only reads.
 */
import type { AudienceConfig } from './audience-settings.ts';
import { CurrentsError } from './errors.ts';
import { findNearestName } from './nearest-name.ts';
import { readAudienceSql } from './profiles/refresh-audiences.ts';
import type { Database } from './warehouse/database.ts';

export interface AudienceSummary {
  readonly name: string;
  /** False for one that is no longer in the settings; its members stay as they were. */
  readonly isInSettings: boolean;
  /** Null before the first refresh. */
  readonly members: number | null;
  /** In the last refresh. */
  readonly entered: number | null;
  readonly departed: number | null;
  readonly refreshedAt: Date | null;
  /** Why the last attempt failed; null when it did not. */
  readonly error: string | null;
}

export interface AudienceStay {
  readonly personId: string;
  readonly externalId: string | null;
  readonly enteredAt: Date;
  readonly leftAt: Date | null;
}

export interface AudienceDetails extends AudienceSummary {
  readonly exclude: readonly string[];
  readonly as: AudienceConfig['as'] | null;
  /** Newest first. */
  readonly entries: readonly AudienceStay[];
  readonly departures: readonly AudienceStay[];
}

type Audiences = Readonly<Record<string, AudienceConfig>>;

/** In the order of the settings, then those that are no longer in them. */
export async function listAudiences(
  database: Database,
  audiences: Audiences,
): Promise<readonly AudienceSummary[]> {
  const rows = await database.rows<AudienceRow>(
    `select audience, members::double as members, entered::double as entered,
       departed::double as departed, refreshed_at, error
     from c360.audiences order by audience`,
  );
  const known = new Map(rows.map((row) => [row.audience, row]));
  const names = [...Object.keys(audiences), ...known.keys()];
  return [...new Set(names)].map((name) => {
    const row = known.get(name);
    return {
      name,
      isInSettings: Object.hasOwn(audiences, name),
      members: row?.members ?? null,
      entered: row?.entered ?? null,
      departed: row?.departed ?? null,
      refreshedAt: row?.refreshed_at ?? null,
      error: row?.error ?? null,
    };
  });
}

/**
 * One audience with the people who entered and left last, at most `limit` of each.
 *
 * @throws CurrentsError AUDIENCE_UNKNOWN, naming the one that comes nearest
 */
export async function findAudience(
  database: Database,
  audiences: Audiences,
  name: string,
  limit: number,
): Promise<AudienceDetails> {
  const all = await listAudiences(database, audiences);
  const summary = all.find((audience) => audience.name === name);
  if (summary === undefined)
    throw unknownAudience(
      name,
      all.map((audience) => audience.name),
    );
  const { exclude = [], as = null } = audiences[name] ?? {};
  return {
    ...summary,
    exclude,
    as,
    entries: await readStays(database, name, 'left_at is null', 'entered_at', limit),
    departures: await readStays(database, name, 'left_at is not null', 'left_at', limit),
  };
}

/**
 * The SQL of an audience of the settings, as a refresh runs it.
 *
 * @throws CurrentsError AUDIENCE_UNKNOWN; and what is wrong with its query, where that can be told
 */
export async function findAudienceSql(
  database: Database,
  audiences: Audiences,
  name: string,
): Promise<string> {
  const audience = Object.hasOwn(audiences, name) ? audiences[name] : undefined;
  if (audience === undefined) throw unknownAudience(name, Object.keys(audiences));
  return readAudienceSql(database, name, audience);
}

interface AudienceRow {
  readonly audience: string;
  readonly members: number | null;
  readonly entered: number | null;
  readonly departed: number | null;
  readonly refreshed_at: Date | null;
  readonly error: string | null;
}

async function readStays(
  database: Database,
  name: string,
  condition: string,
  order: string,
  limit: number,
): Promise<readonly AudienceStay[]> {
  const rows = await database.rows<{
    person_id: string;
    external_id: string | null;
    entered_at: Date;
    left_at: Date | null;
  }>(
    `select m.person_id, i.external_id, m.entered_at, m.left_at
     from c360.audience_members m
     left join c360.identities i on i.user_id = m.person_id
     where m.audience = $1 and ${condition}
     order by ${order} desc, m.person_id limit $2`,
    [name, limit],
  );
  return rows.map((row) => ({
    personId: row.person_id,
    externalId: row.external_id,
    enteredAt: row.entered_at,
    leftAt: row.left_at,
  }));
}

function unknownAudience(name: string, names: readonly string[]): CurrentsError {
  const nearest = findNearestName(name, names);
  return new CurrentsError({
    code: 'AUDIENCE_UNKNOWN',
    message: `cannot show audience ${name}: there is no such audience${names.length === 0 ? '' : ` (${names.join(', ')})`}`,
    hint: nearest === undefined ? 'currents audiences list' : `currents audiences show ${nearest}`,
    context: { audience: name },
  });
}
