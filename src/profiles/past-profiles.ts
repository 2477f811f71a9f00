/**
 * Profiles as they were at an instant of the past: from the events up to then, without touching the present.
 *
 * The state of c360 cannot go back: facts that were replaced since are gone from it. So the events are read
 * again into a state of its own, in memory and in DuckDB's temporary file, which vanishes afterwards. For
 * everybody that takes as long as a rebuild; for one person every event table is searched for few ids.
 */

import { CurrentsError } from '../errors.ts';
import { type Database, quoteIdentifier } from '../warehouse/database.ts';
import { listPortions } from './applied-objects.ts';
import { buildProfiles } from './build-profiles.ts';
import { extractObjects } from './extract-events.ts';
import { resolveIdentity } from './identity.ts';
import { formatInstant } from './instant.ts';
import { createProfilesTable, dropProfilesTable, rowsTableOf } from './profiles-table.ts';
import { STATE_TABLES } from './state-tables.ts';

interface PastOptions {
  readonly asOf: Date;
  /** Only the events of these users; all of them when undefined. */
  readonly userIds?: readonly string[];
}

/** Schema of the state while `work` runs. */
const PAST = 'past.c360';

/**
 * Runs `work` while the state at an instant is there: its schema is handed over, and the temporary tables
 * `identity_map` (user_no, person_no) and `merged` are of that instant. Not inside a transaction.
 */
export async function withPastState<Result>(
  database: Database,
  { asOf, userIds }: PastOptions,
  work: (state: string) => Promise<Result>,
): Promise<Result> {
  await database.run(`attach ':memory:' as past (read_write, compress); create schema ${PAST}`);
  try {
    for (const table of STATE_TABLES)
      await database.run(`create table ${PAST}.${table} as from c360.${table} limit 0`);
    if (userIds !== undefined) {
      await database.run('create or replace temp table wanted_users (user_id varchar)');
      await database.run('insert into wanted_users select unnest($1::json::varchar[])', [
        JSON.stringify(userIds),
      ]);
    }
    const extraction = {
      state: PAST,
      asOf: formatInstant(asOf),
      onlyUntilAsOf: true,
      ...(userIds === undefined ? {} : { onlyUsers: 'wanted_users' }),
    };
    for (const portion of await listPortions(database, { everything: true }))
      await extractObjects(database, extraction, portion.objects);
    await resolveIdentity(database, extraction);
    return await work(PAST);
  } finally {
    await database.run('detach past');
  }
}

/**
 * Everybody's profile at that instant, as c360.<name>; a table that this made before is replaced.
 *
 * @returns how many people there were
 * @throws CurrentsError USAGE when the name is taken or not plain
 */
export async function writePastProfiles(
  database: Database,
  asOf: Date,
  name: string,
): Promise<number> {
  await refuseName(database, name);
  const target = `c360.${name}`;
  return withPastState(database, { asOf }, async (state) => {
    await dropProfilesTable(database, target);
    await createProfilesTable(database, target);
    await database.run(
      'create or replace temp table touched as select distinct person_no from identity_map',
    );
    await buildProfiles(database, {
      asOf,
      people: 'touched',
      identityMap: 'identity_map',
      target,
      state,
    });
    const { people } = await database.row<{ people: number }>(
      `select count(*)::double as people from ${target}`,
    );
    return people;
  });
}

async function refuseName(database: Database, name: string): Promise<void> {
  const isPlain = /^[a-z_][a-z0-9_]*$/.test(name) && quoteIdentifier(name).length < 60;
  const { taken } = await database.row<{ taken: boolean }>(
    `select count(*) > 0 as taken from duckdb_columns()
     where database_name = current_database() and schema_name = 'c360' and table_name = $1`,
    [name],
  );
  const { isOurs } = await database.row<{ isOurs: boolean }>(
    `select count(*) > 0 as "isOurs" from duckdb_tables()
     where database_name = current_database() and schema_name = 'c360' and table_name = $1`,
    [rowsTableOf(name)],
  );
  if (isPlain && name !== 'profiles' && (!taken || isOurs)) return;
  throw new CurrentsError({
    code: 'USAGE',
    message: `cannot write profiles into c360.${name}: ${isPlain ? 'that is a table of our own' : 'not a plain name'} (expected a new name in lower case, such as profiles_2026_09)`,
    hint: 'currents profiles refresh --as-of 2026-09-01 --into profiles_2026_09',
  });
}
