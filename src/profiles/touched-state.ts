/**
 * The state of the touched people alone, copied out once.
 *
 * Profiles are built in portions of people, and each portion reads the whole of what it is given. Of all
 * events that is what a refresh would spend most of its time on; of a few people's it is nothing.
 */

import type { Database } from '../warehouse/database.ts';

/** Beyond this share of all users a copy costs more than it saves. */
const FEW = 0.25;

const COPIED = ['activity', 'facts', 'purchases'] as const;

/**
 * Where to read the state of whoever is in the temporary table `touched`: a copy, or all of c360 when they
 * are many. Needs `identity_map`. To be ended with `dropTouchedState`.
 *
 * @returns the schema, for buildProfiles
 */
export async function copyTouchedState(database: Database): Promise<string> {
  // Also who was a person until now and is nobody any more: their profile has to go.
  await database.run(
    `create or replace temp table users as
     select u.user_no, u.user_id from c360.users u join identity_map i using (user_no)
     where i.person_no in (select person_no from touched)
       or u.user_no in (select person_no from touched)`,
  );
  const { share } = await database.row<{ share: number }>(
    `select (select count(*) from temp.main.users) / greatest(count(*), 1) as share from c360.users`,
  );
  if (share > FEW) {
    await database.run('drop table temp.main.users');
    return 'c360';
  }
  for (const table of COPIED) {
    await database.run(
      `create or replace temp table ${table} as
       select s.* from c360.${table} s semi join temp.main.users using (user_no)`,
    );
  }
  return 'temp.main';
}

export async function dropTouchedState(database: Database): Promise<void> {
  for (const table of ['users', ...COPIED])
    await database.run(`drop table if exists temp.main.${table}`);
}
