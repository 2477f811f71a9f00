/**
 * Whose event is it: every user → the user that survives all merges.
 *
 * A merge says that one user was merged into another. Of several merges of one user the latest counts; of
 * two in the same instant the one into the greater user id. Merges are followed to the end. Where they go
 * in a circle, the latest merge of the circle is believed and what it merged into survives: its own merge is
 * older and is left out. All of this depends on the set of merges alone, never on the order in which they
 * or the events of their users arrived.
 *
 * Ids are compared exactly: case and spaces matter, and nothing else makes two users one.
 */

import type { Database } from '../warehouse/database.ts';

export interface MergeState {
  /** Where the state tables are, as in extract-events.ts. */
  readonly state: string;
  /** SQL of the instant, a timestamp; later merges do not count yet. */
  readonly asOf: string;
}

/**
 * Makes the temporary tables `merged` (user_no, person_no, merged_ms), everybody who was merged away with
 * the survivor and when, and `identity_map` (user_no, person_no), all users.
 *
 * Each round doubles how far every merge has been followed, so even long chains take few rounds. Whoever
 * has gone further than there are merges and is not at an end is in a circle or on the way to one.
 */
export async function resolveIdentity(database: Database, merges: MergeState): Promise<void> {
  const { state } = merges;
  await database.run(selectLatestMerges(merges));
  await database.run(
    'create or replace temp table hops as select user_no, into_no as target_no, rank from latest_merges',
  );
  const { count } = await database.row<{ count: number }>(
    'select count(*)::double as count from latest_merges',
  );
  for (let reach = 1; reach <= count; reach *= 2) {
    if (!(await isUnfinished(database))) break;
    await database.run(
      `create or replace temp table hops as
       select h.user_no, coalesce(n.target_no, h.target_no) as target_no, greatest(h.rank, n.rank) as rank
       from hops h left join hops n on n.user_no = h.target_no`,
    );
  }
  await database.run(
    `create or replace temp table merged as
     select h.user_no, coalesce(believed.into_no, h.target_no) as person_no, own.merged_ms
     from hops h
     join latest_merges own on own.user_no = h.user_no
     left join hops circle on circle.user_no = h.target_no
     left join latest_merges believed on believed.rank = circle.rank
     where coalesce(believed.into_no, h.target_no) <> h.user_no;

     create or replace temp table identity_map as
     select user_no, coalesce(person_no, user_no) as person_no
     from ${state}.users left join merged using (user_no);

     drop table hops; drop table latest_merges`,
  );
}

/** `latest_merges` (user_no, into_no, merged_ms, rank): one for each merged user, ranked over all users. */
function selectLatestMerges({ state, asOf }: MergeState): string {
  return `create or replace temp table latest_merges as
    with latest as (
      select m.user_no, max({'ms': m.time_ms, 'id': target.user_id, 'no': m.into_user_no}) as merge
      from ${state}.merges m join ${state}.users target on target.user_no = m.into_user_no
      where m.time_ms <= epoch_ms(${asOf}) group by m.user_no)
    select l.user_no, l.merge.no as into_no, l.merge.ms as merged_ms,
      row_number() over (order by l.merge.ms, l.merge.id, u.user_id) as rank
    from latest l join ${state}.users u on u.user_no = l.user_no`;
}

async function isUnfinished(database: Database): Promise<boolean> {
  const { unfinished } = await database.row<{ unfinished: boolean }>(
    'select count(*) > 0 as unfinished from hops where target_no in (select user_no from hops)',
  );
  return unfinished;
}
