/**
 * c360.identities: one row for every user id ever seen, with the survivor and the external ids it had.
 *
 * External ids are those of that user alone, in the order first seen; the one seen last is the current one.
 * The view c360.identity_findings is what somebody should look at: it joins nobody, it only tells.
 */

import type { Database } from '../warehouse/database.ts';

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
  const only = users === undefined ? '' : `and user_no in (select user_no from ${users})`;
  await database.run(
    users === undefined
      ? 'delete from c360.identities'
      : `delete from c360.identities where user_id in (
           select user_id from c360.users where user_no in (select user_no from ${users}))`,
  );
  await database.run(
    `insert into c360.identities
     with seen as (
       select user_no, min(first_ms) as first_ms, max(time_ms) as last_ms
       from c360.facts where name = 'seen' and time_ms <= epoch_ms(${asOf}) ${only} group by user_no),
     ids as (
       select user_no, key, min(first_ms) as first_ms, max(time_ms) as last_ms
       from c360.facts where name = 'external_id' and time_ms <= epoch_ms(${asOf}) ${only}
       group by user_no, key),
     external as (
       select user_no, list(key order by first_ms, key) as external_ids,
         max({'ms': last_ms, 'id': key}).id as external_id
       from ids group by user_no)
     select u.user_id, p.user_id as person_id, e.external_id, coalesce(e.external_ids, []),
       make_timestamp_ms(s.first_ms), make_timestamp_ms(s.last_ms), make_timestamp_ms(m.merged_ms)
     from c360.users u
     join identity_map i using (user_no)
     join c360.users p on p.user_no = i.person_no
     left join seen s on s.user_no = u.user_no
     left join external e on e.user_no = u.user_no
     left join merged m on m.user_no = u.user_no
     where ${users === undefined ? 'true' : `u.user_no in (select user_no from ${users})`}
       and (s.user_no is not null
         or u.user_no in (select into_user_no from c360.merges where time_ms <= epoch_ms(${asOf})))`,
  );
}
