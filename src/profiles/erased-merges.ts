/**
 * Merges whose event was erased although neither of both users was: what they told for the erasures to come.
 *
 * A merge that carries the external id of somebody who is erased goes with that person, and joins no profiles any
 * more. But whoever of its two users is erased later has to take the other one along, so keyed hashes of both stay
 * in c360.merge_tombstones: those that their tombstones would have. The event that is left out of a load is
 * remembered there by warehouse/tombstones.ts.
 */
import type { Database } from '../warehouse/database.ts';
import { hashPads } from '../warehouse/keyed-hash.ts';
import { tombstonesOf } from '../warehouse/tombstones.ts';

/**
 * Adds them to `merge_ends(one, other)`, both ways. A user whom nothing else names any more stands there by the
 * tombstone. Whose the hashes are tells only a look at everybody, so without such merges nothing is looked at.
 *
 * @param users SQL of queries of Braze ids: where else than in c360 and sync there are some
 */
export async function addErasedMerges(
  database: Database,
  users: readonly string[],
  key: string,
): Promise<void> {
  if (!(await database.hasRows('c360.merge_tombstones'))) return;
  const ofSyncs = ['people', 'outbox', 'rejected'].map(
    (table) => `select identifier from sync.${table} where identifier_kind = 'braze_id'`,
  );
  const everybody = [
    "select id from erasing where kind = 'user_id'",
    'select user_id from c360.users',
    ...ofSyncs,
    ...users,
  ];
  await database.run(
    `insert into merge_ends
     with users(id) as (${everybody.join(' union ')}),
     known as (select id, unnest(${tombstonesOf("'user_id'", 'id')}) as hash from users where id is not null),
     merges as (
       select coalesce(a.id, m.one) as one, coalesce(b.id, m.other) as other
       from c360.merge_tombstones m
       left join known a on a.hash = m.one left join known b on b.hash = m.other)
     select one, other from merges union select other, one from merges`,
    hashPads(key),
  );
}

/** Keeps those of `merges_of_others(user_id, orphaned_by_id)`, once the tombstones of this erasure are written. */
export async function keepErasedMerges(database: Database, key: string): Promise<void> {
  await database.run(
    `delete from c360.merge_tombstones
     where one in (select hash from c360.tombstones where kind = 'user_id')`,
  );
  await database.run(
    `insert into c360.merge_tombstones
     select unnest(${tombstonesOf("'user_id'", 'user_id')}), unnest(${tombstonesOf("'user_id'", 'orphaned_by_id')})
     from (select distinct * from merges_of_others) where user_id <> orphaned_by_id
     except from c360.merge_tombstones`,
    hashPads(key),
  );
}
