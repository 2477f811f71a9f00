/**
 * Which objects' events are in the state, and which are still to be added.
 *
 * An object counts as loaded while its rows are in the event tables, whatever its status says: one that waits
 * to be loaded again still has them. What was added cannot be taken away again, so an object whose rows
 * went, or came anew under the same number, makes the whole state worthless.
 */

import type { Database } from '../warehouse/database.ts';
import type { EventObjects } from './extract-events.ts';

/** A larger object goes alone. */
const PORTION_EVENTS = 4_000_000;

export interface Portion {
  readonly objects: readonly EventObjects[];
  readonly objectCount: number;
  readonly eventCount: number;
}

interface PortionOptions {
  /** Also objects that are in the state; for an extraction that starts from nothing. */
  readonly everything?: boolean;
  /** How many events a portion has at most. */
  readonly portionEvents?: number | undefined;
}

/** A loaded object and an applied row are the same load. */
const SAME_LOAD = `a.object_id = o.object_id and a.attempts = o.attempts
  and a.loaded_at is not distinct from o.loaded_at`;
const IS_LOADED = 'o.row_count is not null and o.event_type is not null';

/** How many applied objects were overwritten, loaded again or taken away since. */
export async function countWithdrawn(database: Database): Promise<number> {
  const { count } = await database.row<{ count: number }>(
    `select count(*)::double as count from c360.applied a
     where not exists (from ops.objects o where ${SAME_LOAD} and ${IS_LOADED})`,
  );
  return count;
}

/**
 * Loaded objects that are not in the state, cut into portions. Objects of one portion lie side by side in
 * the event tables, since both follow the order of loading.
 */
export async function listPortions(
  database: Database,
  { everything = false, portionEvents = PORTION_EVENTS }: PortionOptions = {},
): Promise<readonly Portion[]> {
  const rows = await database.rows<{ object_id: number; event_type: string; row_count: number }>(
    `select o.object_id::double as object_id, o.event_type, o.row_count::double as row_count
     from ops.objects o
     where ${IS_LOADED} ${everything ? '' : `and not exists (from c360.applied a where ${SAME_LOAD})`}
     order by o.loaded_at, o.event_type, o.object_id`,
  );
  const portions: Portion[] = [];
  let ids = new Map<string, number[]>();
  let objectCount = 0;
  let eventCount = 0;
  function cut() {
    if (objectCount === 0) return;
    const objects = [...ids].map(([eventType, objectIds]) => ({ eventType, objectIds }));
    portions.push({ objects, objectCount, eventCount });
    ids = new Map();
    objectCount = 0;
    eventCount = 0;
  }
  for (const { object_id, event_type, row_count } of rows) {
    if (eventCount + row_count > portionEvents) cut();
    const ofType = ids.get(event_type);
    if (ofType) ofType.push(object_id);
    else ids.set(event_type, [object_id]);
    objectCount += 1;
    eventCount += row_count;
  }
  cut();
  return portions;
}

/** Notes that the events of these objects are in the state, in the transaction that added them. */
export async function markApplied(database: Database, portion: Portion): Promise<void> {
  const ids = portion.objects.flatMap(({ objectIds }) => objectIds);
  await database.run(
    `insert into c360.applied select object_id, loaded_at, attempts from ops.objects
     where object_id in (select unnest($1::json::bigint[]))`,
    [JSON.stringify(ids)],
  );
}
