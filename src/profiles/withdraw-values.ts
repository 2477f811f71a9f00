/**
 * What was sent of people from events that are to be forgotten: the values leave the books, the people stay.
 *
 * Their attributes become uncertain, as after an answer that was lost: nobody knows any more what Braze has, so
 * the next run sends whatever is wanted by then, or unsets it. What was still to be sent is planned anew.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';

/** @param people a table of `kind, id`; kinds: user_id, external_id, email, phone. In the caller's transaction. */
export async function withdrawValues(database: Database, people: string, now: Date): Promise<void> {
  const isWithdrawn = `(identifier_kind, identifier) in (
    select (if(kind = 'user_id', 'braze_id', kind), id) from ${people})`;
  await database.run(`
    create or replace temp table withdrawn as
    select sync, destination, identifier_kind, identifier, max(run_id) as run_id,
      coalesce(max(accepted_at), ${quoteLiteral(now.toISOString())}::timestamp) as accepted_at,
      list_distinct(flatten(list(json_keys(entries)))) as attributes,
      list_distinct(flatten(list(map_keys(fingerprints)))) as sources
    from (
      select sync, destination, identifier_kind, identifier, run_id, accepted_at, entries, fingerprints
      from sync.people where ${isWithdrawn}
      union all
      select sync, destination, identifier_kind, identifier, run_id, settled_at, entries, fingerprints
      from sync.outbox where ${isWithdrawn} and status <> 'planned')
    group by all;
    delete from sync.people where ${isWithdrawn};
    delete from sync.outbox where ${isWithdrawn};
    insert into sync.people
    select sync, destination, identifier_kind, identifier,
      '{' || array_to_string(list_transform(attributes,
        lambda a: to_json(a)::varchar || ':[null,' || run_id || ']'), ',') || '}',
      map_from_entries(list_transform(sources, lambda s: {key: s, value: 0::uhugeint})),
      accepted_at, run_id
    from withdrawn;
    drop table withdrawn`);
}
