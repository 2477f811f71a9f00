/**
 * Whose profile may have changed since the last refresh.
 *
 * Somebody with new events; somebody with an event that left a window, or whose time has come, because the
 * instant moved on; both ends of a merge that is new or whose time has come; and whoever belonged to another
 * person before. Too many would only cost time, one too few would be wrong.
 */

import type { Database } from '../warehouse/database.ts';
import { WINDOW_DAYS } from './windows.ts';

export interface Move {
  /** SQL of the instant that the profiles are of now, a timestamp. */
  readonly from: string;
  /** SQL of the instant that they are to be of, not earlier. */
  readonly to: string;
}

/** Adds to the temporary table `touched_users` (user_no) whom the move of the instant alone concerns. */
export async function addUsersOfMove(database: Database, { from, to }: Move): Promise<void> {
  // A statement for each window: DuckDB skips row groups by one range, not by one of several.
  for (const days of [0, ...WINDOW_DAYS]) {
    await database.run(
      `insert into touched_users select distinct user_no from c360.activity
       where time > ${from} - to_days(${days}) and time <= ${to} - to_days(${days})`,
    );
  }
  const isDue = `time_ms > epoch_ms(${from}) and time_ms <= epoch_ms(${to})`;
  await database.run(
    `insert into touched_users select distinct user_no from c360.facts where ${isDue};
     insert into touched_users select user_no from c360.merges where ${isDue};
     insert into touched_users select into_user_no from c360.merges where ${isDue}`,
  );
}

/**
 * Makes `touched` (person_no) of `touched_users`: the persons that these users belong to now and belonged to
 * at the last refresh. Users who changed their person are added to `touched_users` first.
 *
 * Needs `merged` and `identity_map` of identity.ts, and c360.merged_users as the last refresh left it.
 */
export async function collectTouchedPeople(database: Database): Promise<void> {
  await database.run(
    `insert into touched_users select user_no from (
       (from c360.merged_users except from merged) union all (from merged except from c360.merged_users));

     create or replace temp table touched as
     with users as (select distinct user_no from touched_users)
     select person_no from users join identity_map using (user_no)
     union
     select coalesce(before.person_no, user_no)
     from users left join c360.merged_users before using (user_no)`,
  );
}
