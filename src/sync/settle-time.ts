/**
 * No two files on their way with the same attribute of the same person: Braze reads files in no order, and the
 * older value could win. Nobody tells when Braze has read a file, so a time has to do: an attribute that
 * was staged less than that ago waits for a later run, with everything else of that person.
 *
 * What waits stays `planned`, is counted as left for later, and is planned anew by the next run. Values of
 * all syncs to the destination count, since they meet in one folder.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import type { DeliveryRun } from './destination.ts';

/** Marks all items of a run in flight but those that have to wait; returns how many may go. */
export async function markSettled(
  database: Database,
  { runId, destination }: Pick<DeliveryRun, 'runId' | 'destination'>,
  settledBefore: Date,
): Promise<number> {
  const there = quoteLiteral(destination);
  const recent = await database.rows<{ runId: number }>(
    `select distinct run_id::double as "runId" from sync.files
     where destination = ${there} and run_id <> ${runId} and staged_at > epoch_ms($1::bigint)`,
    [settledBefore.getTime()],
  );
  const runIds = recent.map((run) => run.runId).join(', ');
  // An entry is [value, run]; sync-definition has no attribute without one.
  const unsettled =
    runIds === ''
      ? ''
      : `and item_id not in (
           select o.item_id
           from (select item_id, identifier_kind, identifier, unnest(json_keys(attributes)) as attribute
                 from sync.outbox where run_id = ${runId}) o
           join (select identifier_kind, identifier, entries::map(varchar, json) as entries
                 from sync.people where destination = ${there} and run_id in (${runIds})) p
             using (identifier_kind, identifier)
           where (p.entries[o.attribute] ->> '$[1]')::bigint in (${runIds}))`;
  await database.run(
    `update sync.outbox set status = 'in_flight', attempts = attempts + 1
     where run_id = ${runId} and status = 'planned' ${unsettled};
     update sync.outbox set reason = 'the same attribute was staged a moment ago'
     where run_id = ${runId} and status = 'planned'`,
  );
  const { count } = await database.row<{ count: number }>(
    `select count(*)::double as count from sync.outbox where run_id = $1 and status = 'in_flight'`,
    [runId],
  );
  return count;
}
