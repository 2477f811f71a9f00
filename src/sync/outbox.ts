/**
 * sync.outbox: what is on its way to Braze, and what becomes of it. Every change of state is one committed
 * transaction, so a process that is killed at any moment leaves rows that say what may have been sent.
 *
 *     planned ──► in_flight ──► accepted ──► (gone)   sync.people has it; rejected: sync.rejected has it
 *        ▲            │
 *        ├────────────┤  not sent after all
 *        │            ▼
 *        └─(gone)── unknown                   the answer was lost, or we were killed before it came
 *
 * What is unknown is settled before the next plan, by attribute. What may be sent twice becomes uncertain in
 * the shadow: the next plan sends whatever is wanted by then, once, instead of the old value again. What may
 * not (`inc`, `$add`) goes by the rule of the sync: kept here as `unknown` and left out of plans (hold),
 * uncertain as well, so that the whole value is sent (overwrite), or believed (applied, lost).
 */
import type { UnknownRule } from '../sync-settings.ts';
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import type { ItemOutcome, OutboxItem } from './destination.ts';

/** One sync and where it sends to: what all of these statements are about. */
export interface OutboxScope {
  readonly sync: string;
  readonly destination: string;
}

/** Items in one portion: enough that a query and a commit for each cost little, and 200 full requests. */
const MOST_ITEMS = 15_000;
/** Large items come in smaller portions. */
const MOST_BYTES = 16_000_000;
const FIRST_ITEMS = 1500;

export async function countOutbox(
  database: Database,
  scope: OutboxScope,
  status: 'planned' | 'in_flight' | 'unknown',
): Promise<number> {
  const { count } = await database.row<{ count: number }>(
    `select count(*)::double as count from sync.outbox where ${formatScope(scope)} and status = $1`,
    [status],
  );
  return count;
}

/**
 * The planned items of a run, a portion at a time, in the order of their numbers. Each query names the numbers
 * from which and to which it reads, so that DuckDB skips the rest of the outbox. A portion comes as one text, of
 * which each item is a part: to get a text out of DuckDB costs the same for a person as for a thousand.
 */
export async function* readPortions(
  database: Database,
  run: { readonly runId: number; readonly updateExistingOnly: boolean },
  /** Runs the query between other statements on the connection. */
  inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>,
): AsyncGenerator<readonly OutboxItem[]> {
  const planned = `run_id = ${run.runId} and status = 'planned'`;
  const { least, most } = await inTurn(() =>
    database.row<{ least: number | null; most: number | null }>(
      `select min(item_id)::double as least, max(item_id)::double as most from sync.outbox where ${planned}`,
    ),
  );
  if (least === null || most === null) return;
  let size = FIRST_ITEMS;
  for (let first = least; first <= most; ) {
    const last = first + size - 1;
    const portion = await inTurn(() =>
      database.row<PortionRow>(
        `select list(item_id order by item_id) as ids, list(repeatable order by item_id) as repeatable,
           list(strlen(object)::double order by item_id) as sizes,
           encode(string_agg(object, '' order by item_id)) as text
         from (select item_id::double as item_id, repeatable, ${formatObject(run)} as object
           from sync.outbox where ${planned} and item_id between ${first} and ${last})`,
      ),
    );
    first = last + 1;
    const items = cutPortion(portion);
    if (items.length === 0) continue;
    const fitting = Math.floor((items.length * MOST_BYTES) / (portion.text?.length ?? 1));
    size = Math.max(1, Math.min(MOST_ITEMS, fitting));
    yield items;
  }
}

/** Null where no item was left to be sent. */
interface PortionRow {
  readonly ids: readonly number[] | null;
  readonly repeatable: readonly boolean[] | null;
  readonly sizes: readonly number[] | null;
  readonly text: Uint8Array | null;
}

function cutPortion({ ids, repeatable, sizes, text }: PortionRow): OutboxItem[] {
  if (ids === null || repeatable === null || sizes === null || text === null) return [];
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.length);
  let end = 0;
  return ids.map((itemId, index) => {
    const start = end;
    end += sizes[index] ?? 0;
    return {
      itemId,
      object: bytes.subarray(start, end),
      repeatable: repeatable[index] ?? false,
    };
  });
}

/** SQL: the text of one object of the array `attributes`: identifier first, then what the plan wrote. */
function formatObject({ updateExistingOnly }: { readonly updateExistingOnly: boolean }): string {
  const flag = `'"_update_existing_only":${updateExistingOnly},'`;
  // Braze's default differs: false by external id, true by alias ("User attributes object", 2026-09).
  const flagOrNone = updateExistingOnly ? flag : `if(identifier_kind = 'user_alias', ${flag}, '')`;
  return `'{"' || identifier_kind || '":'
    || if(identifier_kind = 'user_alias', identifier, to_json(identifier)::varchar)
    || ',' || ${flagOrNone} || substring(attributes::varchar, 2)`;
}

/** Commits that these are about to be sent. */
export async function markInFlight(
  database: Database,
  runId: number,
  itemIds: readonly number[],
): Promise<void> {
  await database.run(
    `update sync.outbox set status = 'in_flight', attempts = attempts + 1
     where run_id = ${runId} and status = 'planned' and ${formatItems(itemIds)}`,
  );
}

/** Commits what became of these items. */
export async function settleItems(
  database: Database,
  runId: number,
  outcomes: readonly ItemOutcome[],
  now: Date,
): Promise<void> {
  const idsOf = (status: ItemOutcome['status']) =>
    outcomes.filter((outcome) => outcome.status === status).map(({ itemId }) => itemId);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected'
      ? [{ id: outcome.itemId, code: outcome.code, reason: outcome.reason }]
      : [],
  );
  await database.withTransaction(async () => {
    const accepted = idsOf('accepted');
    if (accepted.length > 0)
      await markAccepted(database, `run_id = ${runId} and ${formatItems(accepted)}`, now);
    if (refused.length > 0) {
      await database.run(
        `insert into sync.rejected
         select o.run_id, o.sync, o.destination, o.identifier_kind, o.identifier, null, null, r.code, r.reason,
           'see docs/sync.md for what Braze refuses; the next run tries again', 1, 'braze', $2::timestamp
         from (select unnest(from_json($1, '[{"id":"BIGINT","code":"VARCHAR","reason":"VARCHAR"}]'), recursive := true)) r
         join sync.outbox o on o.run_id = ${runId} and o.item_id = r.id`,
        [JSON.stringify(refused), now.toISOString()],
      );
      await database.run(
        `delete from sync.outbox where run_id = ${runId} and ${formatItems(refused.map(({ id }) => id))}`,
      );
    }
    for (const status of ['unknown', 'waiting'] as const) {
      const ids = idsOf(status);
      if (ids.length === 0) continue;
      const [first] = outcomes.filter((outcome) => outcome.status === status);
      await database.run(
        `update sync.outbox set status = $1, reason = $2
         where run_id = ${runId} and ${formatItems(ids)}`,
        [
          status === 'unknown' ? 'unknown' : 'planned',
          first && 'reason' in first ? first.reason : null,
        ],
      );
    }
  });
}

/** Commits that everything in flight was accepted. */
export async function acceptInFlight(database: Database, runId: number, now: Date): Promise<void> {
  await markAccepted(database, `run_id = ${runId} and status = 'in_flight'`, now);
}

/** A mark is all that a run over REST has time for; the rest is for its end. */
async function markAccepted(database: Database, which: string, now: Date): Promise<void> {
  await database.run(
    `update sync.outbox
     set status = 'accepted', settled_at = ${quoteLiteral(now.toISOString())}::timestamp where ${which}`,
  );
}

/** People that are moved in one transaction: DuckDB holds what it changes in memory until the commit. */
const MOST_MOVED = 100_000;

/** Moves what was accepted to sync.people, so many at a time. Whatever is left, mergeAccepted moves. */
export async function mergeInPortions(
  database: Database,
  scope: OutboxScope,
  runId: number,
): Promise<void> {
  const { least, most } = await database.row<{ least: number | null; most: number | null }>(
    `select min(item_id)::double as least, max(item_id)::double as most from sync.outbox
     where ${formatScope(scope)} and run_id = ${runId} and status = 'accepted'`,
  );
  for (let first = least ?? 0; first <= (most ?? -1); first += MOST_MOVED) {
    const portion = `run_id = ${runId} and item_id between ${first} and ${first + MOST_MOVED - 1}`;
    await database.withTransaction(async () => merge(database, scope, portion));
  }
}

/** Moves what was accepted to sync.people. In a transaction of the caller's; does nothing the second time. */
export async function mergeAccepted(database: Database, scope: OutboxScope): Promise<void> {
  await merge(database, scope, 'true');
}

async function merge(database: Database, scope: OutboxScope, portion: string): Promise<void> {
  const mine = formatScope(scope);
  const accepted = `${mine} and status = 'accepted' and ${portion}`;
  if (!(await database.hasRows(`sync.outbox where ${accepted}`))) return;
  await database.run(`
    delete from sync.people where ${mine} and (identifier_kind, identifier) in
      (select (identifier_kind, identifier) from sync.outbox where ${accepted});
    insert into sync.people
    select sync, destination, identifier_kind, identifier, entries, fingerprints, settled_at, run_id
    from sync.outbox where ${accepted};
    delete from sync.outbox where ${accepted}`);
}

/** Takes back what was planned and never sent. In a transaction of the caller's. */
export async function dropPlanned(database: Database, scope: OutboxScope): Promise<void> {
  await database.run(`delete from sync.outbox where ${formatScope(scope)} and status = 'planned'`);
}

/**
 * Settles everything in flight or unknown, as the head of this file says, so that nothing is in flight any
 * more. In a transaction of the caller's; after mergeAccepted.
 */
export async function settleUnknown(
  database: Database,
  scope: OutboxScope,
  rule: UnknownRule,
  now: Date,
): Promise<void> {
  const mine = formatScope(scope);
  const open = `${mine} and status in ('in_flight', 'unknown')`;
  const { count } = await database.row<{ count: number }>(
    `select count(*)::double as count from sync.outbox where ${open}`,
  );
  if (count === 0) return;
  const keys = 'json_keys(attributes)';
  const uncertain =
    rule === 'overwrite' ? keys : `list_filter(${keys}, lambda k: not list_contains(operators, k))`;
  const patches = [
    `list_transform(${uncertain}, lambda k: to_json(k)::varchar || ':[null,' || run_id || ']')`,
    ...(rule === 'applied'
      ? [
          `list_transform(operators, lambda k: to_json(k)::varchar || ':' || (entries::map(varchar, json))[k]::varchar)`,
        ]
      : []),
  ];
  // A person may be here twice, by what was held before and by what was lost now.
  await database.run(`
    create or replace temp table sync_unsettled as
    select identifier_kind, identifier, max(run_id) as run_id,
      array_to_string(flatten(list(list_concat(${patches.join(', ')}) order by run_id)), ',') as patch,
      flatten(list(map_keys(fingerprints))) as sources
    from sync.outbox where ${open} group by all;
    create or replace temp table sync_resettled as
    select u.identifier_kind, u.identifier, u.run_id,
      json_merge_patch(coalesce(p.entries, '{}'), '{' || u.patch || '}') as entries,
      map_from_entries(list_transform(list_distinct(u.sources), lambda s: {key: s, value: 0::uhugeint})) as fingerprints,
      coalesce(p.accepted_at, ${quoteLiteral(now.toISOString())}::timestamp) as accepted_at
    from sync_unsettled u
    left join (from sync.people where ${mine}) p using (identifier_kind, identifier);
    delete from sync.people where ${mine} and (identifier_kind, identifier) in
      (select (identifier_kind, identifier) from sync_resettled);
    insert into sync.people
    select ${quoteLiteral(scope.sync)}, ${quoteLiteral(scope.destination)}, identifier_kind, identifier,
      entries, fingerprints, accepted_at, run_id from sync_resettled;
    drop table sync_unsettled;
    drop table sync_resettled`);
  const isHeld = rule === 'hold' ? 'repeatable' : 'true';
  await database.run(`
    delete from sync.outbox where ${open} and ${isHeld};
    update sync.outbox set status = 'unknown', reason = coalesce(reason, 'stopped before the answer came'),
      attribute_count = len(operators),
      attributes = ('{' || array_to_string(list_transform(operators,
        lambda k: to_json(k)::varchar || ':' || (attributes::map(varchar, json))[k]::varchar), ',') || '}')::json
    where ${open}`);
}

function formatScope({ sync, destination }: OutboxScope): string {
  return `sync = ${quoteLiteral(sync)} and destination = ${quoteLiteral(destination)}`;
}

/** More ranges than this are worth a list. */
const MOST_RANGES = 100;

/**
 * SQL that is true for these items. Requests that are settled together carried neighbours, so a few ranges name
 * them all, in a thirtieth of the time of a list; and from bounds DuckDB knows which rows it need not read.
 */
function formatItems(itemIds: readonly number[]): string {
  const ranges = listRanges(itemIds);
  const [first] = ranges;
  if (first === undefined) return 'false';
  const bounds = formatRange({ least: first.least, most: ranges.at(-1)?.most ?? first.most });
  if (ranges.length === 1) return bounds;
  const isOne =
    ranges.length > MOST_RANGES
      ? `item_id in (select unnest([${itemIds.join(', ')}]::bigint[]))`
      : `(${ranges.map(formatRange).join(' or ')})`;
  return `${bounds} and ${isOne}`;
}

interface ItemRange {
  readonly least: number;
  readonly most: number;
}

function formatRange({ least, most }: ItemRange): string {
  return `item_id between ${least} and ${most}`;
}

/** Numbers that follow each other without a gap, from the least to the greatest. */
function listRanges(itemIds: readonly number[]): readonly ItemRange[] {
  const ranges: { least: number; most: number }[] = [];
  for (const id of Float64Array.from(itemIds).sort()) {
    const last = ranges.at(-1);
    if (last !== undefined && id <= last.most + 1) last.most = id;
    else ranges.push({ least: id, most: id });
  }
  return ranges;
}
