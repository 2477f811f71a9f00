/**
 * The state of c360 as a whole: how far it is, emptying it, and keeping it small.
 *
 *     (none) ──► filling ──► complete ──► complete     each refresh
 *                  ▲            │
 *                  └────────────┘                      a rebuild: emptied, filled portion by portion
 *
 * While it is being filled every portion is committed, so a rebuild that was killed goes on where it was.
 */

import type { Database } from '../warehouse/database.ts';

/** Filled by extraction, in c360 or wherever an instant of the past is put together. */
export const STATE_TABLES = [
  'users',
  'messages',
  'activity',
  'facts',
  'purchases',
  'merges',
] as const;

export interface StateRow {
  readonly catalogueVersion: string;
  /** Whether identities and profiles have been made from it. */
  readonly isComplete: boolean;
  readonly asOf: Date;
  /** Rows of c360.facts when they were last reduced. */
  readonly reducedFacts: number;
}

/** Undefined before the first refresh. */
export async function readState(database: Database): Promise<StateRow | undefined> {
  const [row] = await database.rows<{
    catalogue_version: string;
    is_complete: boolean;
    as_of: Date;
    reduced_facts: number;
  }>(
    `select catalogue_version, is_complete, as_of, reduced_facts::double as reduced_facts from c360.state`,
  );
  return (
    row && {
      catalogueVersion: row.catalogue_version,
      isComplete: row.is_complete,
      asOf: row.as_of,
      reducedFacts: row.reduced_facts,
    }
  );
}

export async function writeState(
  database: Database,
  state: StateRow,
  refreshedAt: Date,
): Promise<void> {
  await database.run('delete from c360.state');
  await database.run(
    `insert into c360.state by name select $1 as catalogue_version, $2 as is_complete,
       $3::timestamp as as_of, $4::bigint as reduced_facts, $5::timestamp as refreshed_at`,
    [
      state.catalogueVersion,
      state.isComplete,
      state.asOf.toISOString(),
      state.reducedFacts,
      refreshedAt.toISOString(),
    ],
  );
}

/** Forgets everything that was extracted; profiles and identities stay until they are made anew. */
export async function emptyState(database: Database): Promise<void> {
  for (const table of [...STATE_TABLES, 'applied']) {
    await database.run(`delete from c360.${table}`);
  }
}

/** Reducing again is worth it when there are this many times as many rows as after the last time. */
const REDUCE_AT = 2;
const FEW_FACTS = 1_000_000;

/**
 * Brings c360.facts back to one row for each user, name and key, leaving out what later rows of the same
 * replaced; facts later than the instant stay as they are. Does nothing while there are not many more than
 * last time. Inside the caller's transaction.
 *
 * @param asOf SQL of the instant, a timestamp
 * @returns how many rows there were after the last reduction
 */
export async function reduceFacts(
  database: Database,
  asOf: string,
  reducedFacts: number,
): Promise<number> {
  const before = await countFacts(database);
  if (before < Math.max(FEW_FACTS, reducedFacts * REDUCE_AT)) return reducedFacts;
  const { users } = await database.row<{ users: number }>(
    'select coalesce(max(user_no), 0)::double as users from c360.users',
  );
  await database.run('create or replace temp table reduced_facts as from c360.facts limit 0');
  // By ranges of users, for the groups of everybody do not fit in memory.
  const step = Math.max(1, Math.ceil((users * FACTS_PORTION) / before));
  for (let from = 0; from <= users; from += step) {
    await database.run(
      `insert into reduced_facts
       select user_no, name, key, max({'ms': time_ms, 'value': value}).value, min(first_ms), max(time_ms)
       from c360.facts where user_no between ${from} and ${from + step - 1}
       group by user_no, name, key, case when time_ms > epoch_ms(${asOf}) then time_ms end`,
    );
  }
  await database.run(
    `delete from c360.facts; insert into c360.facts from reduced_facts; drop table reduced_facts`,
  );
  return countFacts(database);
}

/** Facts that are grouped at a time. */
const FACTS_PORTION = 1_000_000;

async function countFacts(database: Database): Promise<number> {
  const { count } = await database.row<{ count: number }>(
    'select count(*)::double as count from c360.facts',
  );
  return count;
}
