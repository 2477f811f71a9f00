/**
 * c360.identities: one row for every user id ever seen, with the survivor and the external ids it had.
 *
 * External ids are those of that user alone, in the order first seen; the one seen last is the current one.
 * The view c360.identity_findings is what somebody should look at: it joins nobody, it only tells.
 */

import type { Database } from '../warehouse/database.ts';

/** Users that are made at a time: the lists of everybody's ids would not fit in memory. */
const PORTION_USERS = 100_000;

/**
 * Makes the rows of some users anew, from `identity_map`, `merged` (identity.ts) and the facts up to the
 * instant. Users of whom nothing is known yet at that instant lose theirs.
 *
 * @param users a table of user_no; undefined means all
 * @param asOf SQL of the instant, a timestamp
 */
export async function buildIdentities(
  database: Database,
  users: string | undefined,
  asOf: string,
): Promise<void> {
  await database.run(
    `create or replace temp table identity_users as
     select user_no, ((row_number() over (order by user_no) - 1) // ${PORTION_USERS})::integer as portion
     from ${users === undefined ? 'c360.users' : `(select distinct user_no from ${users})`}`,
  );
  await database.run(
    users === undefined
      ? 'delete from c360.identities'
      : `delete from c360.identities where user_id in (
           select user_id from c360.users join identity_users using (user_no))`,
  );
  const { portions } = await database.row<{ portions: number }>(
    'select coalesce(max(portion) + 1, 0)::integer as portions from identity_users',
  );
  for (let portion = 0; portion < portions; portion += 1) {
    await database.run(
      `create or replace temp table portion_ids as
       select user_no, name, key, min(first_ms) as first_ms, max(time_ms) as last_ms
       from c360.facts semi join (from identity_users where portion = ${portion}) using (user_no)
       where name in ('seen', 'external_id') and time_ms <= epoch_ms(${asOf})
       group by user_no, name, key`,
    );
    await database.run(insertPortion(portion, asOf));
  }
  await database.run('drop table if exists portion_ids; drop table identity_users');
}

function insertPortion(portion: number, asOf: string): string {
  return `insert into c360.identities
    with seen as (from portion_ids where name = 'seen'),
    external as (
      select user_no, list(key order by first_ms, key) as external_ids,
        max({'ms': last_ms, 'id': key}).id as external_id
      from portion_ids where name = 'external_id' group by user_no)
    select u.user_id, p.user_id as person_id, e.external_id, coalesce(e.external_ids, []),
      make_timestamp_ms(s.first_ms), make_timestamp_ms(s.last_ms), make_timestamp_ms(m.merged_ms)
    from (from identity_users where portion = ${portion}) chosen
    join c360.users u using (user_no)
    join identity_map i using (user_no)
    join c360.users p on p.user_no = i.person_no
    left join seen s using (user_no)
    left join external e using (user_no)
    left join merged m using (user_no)
    where s.user_no is not null
      or chosen.user_no in (select into_user_no from c360.merges where time_ms <= epoch_ms(${asOf}))`;
}
