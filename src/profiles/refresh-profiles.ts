/**
 * Brings the customer-360 up to date: new events into the state, then the profiles of whoever is touched.
 *
 *     loaded, not applied ──extractObjects──► state ──touched people──► c360.identities, c360.profiles
 *
 * A refresh gives what a rebuild from nothing would give, always: the state does not depend on the order of
 * objects, and a profile is a function of the state and the instant. It is one transaction, so a crash leaves
 * the last refresh as it was; of very many people, and in a rebuild, profiles are committed portion by portion,
 * and after a crash the next refresh makes all of them.
 *
 * Some changes cannot be added to the state, and everything is built again by itself: an object was
 * overwritten or loaded again (rare), this release counts events otherwise, the instant is earlier than that
 * of the last refresh.
 */

import { CurrentsError } from '../errors.ts';
import type { Database } from '../warehouse/database.ts';
import { CATALOGUE_VERSION } from './activity-kinds.ts';
import { countWithdrawn, listPortions, markApplied, type Portion } from './applied-objects.ts';
import { buildProfiles } from './build-profiles.ts';
import { extractObjects } from './extract-events.ts';
import { buildIdentities } from './identities.ts';
import { resolveIdentity } from './identity.ts';
import { formatInstant } from './instant.ts';
import { createProfilesTable, rowsTableOf } from './profiles-table.ts';
import { rewriteHollow } from './rewrite-hollow.ts';
import { emptyState, readState, reduceFacts, type StateRow, writeState } from './state-tables.ts';
import { addUsersOfMove, collectTouchedPeople } from './touched-people.ts';
import { copyTouchedState, dropTouchedState } from './touched-state.ts';

export interface RefreshOptions {
  /** Profiles are of this instant: nothing later counts, and windows end here. */
  readonly asOf: Date;
  /** Build everything again from the events, whether it is needed or not. */
  readonly full?: boolean;
  /** After it fires, a refresh is rolled back and a rebuild stops behind the portion in hand. */
  readonly signal?: AbortSignal | undefined;
  readonly now?: () => Date;
  /** Events that are added in one transaction when everything is built again. */
  readonly portionEvents?: number;
  /** For more people than this, profiles are committed portion by portion in a refresh too. */
  readonly peopleAtOnce?: number;
}

/**
 * DuckDB gives the memory of temporary tables back when a transaction ends: profiles of 60,000 people in one
 * did not fit into 256 MB.
 */
const PEOPLE_AT_ONCE = 20_000;

/** Why everything was built again. */
type RebuildReason =
  | 'asked for'
  | 'first refresh'
  | 'went on after an interruption'
  | 'objects were overwritten or loaded again'
  | 'this release counts events otherwise'
  | 'an earlier instant than before';

export interface RefreshResult {
  readonly asOf: Date;
  /** Null when only what was new was added. */
  readonly rebuilt: RebuildReason | null;
  /** Objects and events that were added to the state. */
  readonly objects: number;
  readonly events: number;
  /** Profiles that were made anew, and profiles that there are. */
  readonly refreshed: number;
  readonly people: number;
  readonly seconds: number;
}

const PROFILES = 'c360.profiles';

const FILLING = { catalogueVersion: CATALOGUE_VERSION, isComplete: false } as const;

/**
 * Refreshes c360.identities and c360.profiles. Running it twice changes nothing but the instant.
 *
 * @throws CurrentsError INTERRUPTED, DISK_FULL, DATABASE_FAILED; the last refresh stays as it was, or a
 *   rebuild goes on at the next call
 */
export async function refreshProfiles(
  database: Database,
  options: RefreshOptions,
): Promise<RefreshResult> {
  const now = options.now ?? (() => new Date());
  const startedAt = now();
  const state = await readState(database);
  const rebuilt = await findRebuildReason(database, options, state);
  const outcome =
    state === undefined || rebuilt !== null
      ? await rebuild(database, options, rebuilt, now)
      : await addNews(database, options, state, now);
  const { people } = await database.row<{ people: number }>(
    `select count(*)::double as people from ${PROFILES}`,
  );
  return {
    asOf: options.asOf,
    rebuilt,
    ...outcome,
    people,
    seconds: (now().getTime() - startedAt.getTime()) / 1000,
  };
}

/**
 * Builds everything again, as of the last refresh, when events that the state was made from have gone: an erasure
 * takes events of others too, where they carry an erased person's external id. Otherwise does nothing.
 *
 * @throws as refreshProfiles
 */
export async function rebuildWithoutWithdrawn(
  database: Database,
  options: Pick<RefreshOptions, 'signal' | 'now'>,
): Promise<void> {
  const state = await readState(database);
  if (state === undefined) return;
  if (state.isComplete && (await countWithdrawn(database)) === 0) return;
  await refreshProfiles(database, { ...options, asOf: state.asOf });
}

async function findRebuildReason(
  database: Database,
  { full, asOf }: RefreshOptions,
  state: StateRow | undefined,
): Promise<RebuildReason | null> {
  if (full) return 'asked for';
  if (state === undefined) return 'first refresh';
  if (state.catalogueVersion !== CATALOGUE_VERSION) return 'this release counts events otherwise';
  if (asOf < state.asOf) return 'an earlier instant than before';
  if ((await countWithdrawn(database)) > 0) return 'objects were overwritten or loaded again';
  return state.isComplete ? null : 'went on after an interruption';
}

type Outcome = Pick<RefreshResult, 'objects' | 'events' | 'refreshed'>;

async function addNews(
  database: Database,
  options: RefreshOptions,
  state: StateRow,
  now: () => Date,
): Promise<Outcome> {
  const asOf = formatInstant(options.asOf);
  const portions = await listPortions(database, { portionEvents: options.portionEvents });
  let refreshed: number | undefined;
  await database.withTransaction(async () => {
    const isNew = await createProfilesTable(database, PROFILES);
    for (const table of ['c360.identities', rowsTableOf(PROFILES)])
      await rewriteHollow(database, table);
    await database.run('create or replace temp table touched_users (user_no integer)');
    for (const portion of portions) {
      await addPortion(database, portion, asOf, options);
      await database.run('insert into touched_users from extracted_users');
    }
    await addUsersOfMove(database, { from: formatInstant(state.asOf), to: asOf });
    await resolveIdentity(database, { state: 'c360', asOf });
    await collectTouchedPeople(database);
    await buildIdentities(database, 'touched_users', asOf);
    if (isNew) await touchEverybody(database);
    if ((await countTouched(database)) > (options.peopleAtOnce ?? PEOPLE_AT_ONCE)) {
      // From here on an interruption costs that all profiles are made again.
      await writeState(database, { ...state, isComplete: false, asOf: options.asOf }, now());
      return;
    }
    refreshed = await makeTouchedProfiles(database, options);
    await finish(database, options, state.reducedFacts, now);
  });
  if (refreshed === undefined) {
    refreshed = await makeTouchedProfiles(database, options);
    await database.withTransaction(async () => finish(database, options, state.reducedFacts, now));
  }
  return { ...countPortions(portions), refreshed };
}

async function rebuild(
  database: Database,
  options: RefreshOptions,
  reason: RebuildReason | null,
  now: () => Date,
): Promise<Outcome> {
  const asOf = formatInstant(options.asOf);
  if (reason !== 'went on after an interruption') {
    await database.withTransaction(async () => {
      await emptyState(database);
      await writeState(database, { ...FILLING, asOf: options.asOf, reducedFacts: 0 }, now());
    });
  }
  const portions = await listPortions(database, { portionEvents: options.portionEvents });
  for (const portion of portions) {
    await database.withTransaction(async () => addPortion(database, portion, asOf, options));
  }
  // First: everything that comes after reads the facts, and many times over.
  const reducedFacts = await database.withTransaction(async () => {
    const reduced = await reduceFacts(database, asOf, 0);
    await writeState(database, { ...FILLING, asOf: options.asOf, reducedFacts: reduced }, now());
    return reduced;
  });
  await database.withTransaction(async () => {
    await resolveIdentity(database, { state: 'c360', asOf });
    await buildIdentities(database, undefined, asOf);
    await createProfilesTable(database, PROFILES);
    await database.run(`delete from ${rowsTableOf(PROFILES)}`);
    await touchEverybody(database);
  });
  const refreshed = await makeProfiles(database, options, 'c360');
  await database.withTransaction(async () => finish(database, options, reducedFacts, now));
  return { ...countPortions(portions), refreshed };
}

async function addPortion(
  database: Database,
  portion: Portion,
  asOf: string,
  { signal }: RefreshOptions,
): Promise<void> {
  stopIfAborted(signal);
  await extractObjects(database, { state: 'c360', asOf }, portion.objects);
  await markApplied(database, portion);
}

async function touchEverybody(database: Database): Promise<void> {
  await database.run(
    'create or replace temp table touched as select distinct person_no from identity_map',
  );
}

async function countTouched(database: Database): Promise<number> {
  const { people } = await database.row<{ people: number }>(
    'select count(*)::double as people from touched',
  );
  return people;
}

/** From a copy of what is known of them, where they are few. */
async function makeTouchedProfiles(database: Database, options: RefreshOptions): Promise<number> {
  const refreshed = await makeProfiles(database, options, await copyTouchedState(database));
  await dropTouchedState(database);
  return refreshed;
}

/** Of the people in the temporary table `touched`. Returns how many profiles were made. */
async function makeProfiles(
  database: Database,
  { asOf, signal }: RefreshOptions,
  state: string,
): Promise<number> {
  stopIfAborted(signal);
  await buildProfiles(database, {
    asOf,
    people: 'touched',
    identityMap: 'identity_map',
    target: PROFILES,
    state,
  });
  const { count } = await database.row<{ count: number }>(
    `select count(*)::double as count from ${PROFILES}
     where person_id in (select user_id from c360.users join touched on user_no = person_no)`,
  );
  return count;
}

async function finish(
  database: Database,
  { asOf }: RefreshOptions,
  reducedFacts: number,
  now: () => Date,
): Promise<void> {
  await database.run('delete from c360.merged_users; insert into c360.merged_users from merged');
  const state: StateRow = {
    catalogueVersion: CATALOGUE_VERSION,
    isComplete: true,
    asOf,
    reducedFacts: await reduceFacts(database, formatInstant(asOf), reducedFacts),
  };
  await writeState(database, state, now());
}

function countPortions(portions: readonly Portion[]) {
  return {
    objects: portions.reduce((sum, portion) => sum + portion.objectCount, 0),
    events: portions.reduce((sum, portion) => sum + portion.eventCount, 0),
  };
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new CurrentsError({
    code: 'INTERRUPTED',
    message: 'cannot finish refreshing profiles: asked to stop',
    hint: 'currents profiles refresh goes on',
  });
}
