/**
 * ops.runs: one row for each ingest cycle, begun before the first listing and finished whatever happens
 * to it. A row still `running` belongs to a process that died: the next run, which holds the database
 * alone, marks it `crashed`.
 *
 *     running ──► succeeded | failed | interrupted
 *        └──────► crashed
 */

import type { Database } from './database.ts';

export interface RunCounts {
  readonly discovered: number;
  readonly loaded: number;
  readonly quarantined: number;
  readonly unchanged: number;
  readonly eventsRead: number;
  readonly eventsLoaded: number;
  readonly eventsDuplicate: number;
  readonly eventsErased: number;
  readonly bytes: number;
}

/** What a run lists. */
export interface RunScope {
  readonly source: string;
  /** Patterns; empty means every event type. */
  readonly eventTypes: readonly string[];
}

/** @returns the number of the new run */
export async function beginRun(
  database: Database,
  scope: RunScope,
  fullListing: boolean,
  now: Date,
): Promise<number> {
  await database.run("update ops.runs set status = 'crashed' where status = 'running'");
  const { id } = await database.row<{ id: number }>(
    'select (coalesce(max(run_id), 0) + 1)::integer as id from ops.runs',
  );
  await database.run(
    `insert into ops.runs (run_id, source, event_types, started_at, status, full_listing)
     values (?, ?, ?, ?::timestamp, 'running', ?)`,
    [id, scope.source, formatEventTypes(scope), now.toISOString(), fullListing],
  );
  return id;
}

/** Notes that the listing is complete: all that was in the bucket is in the ledger. */
export async function noteListed(database: Database, runId: number, now: Date): Promise<void> {
  await database.run('update ops.runs set listed_at = ?::timestamp where run_id = ?', [
    now.toISOString(),
    runId,
  ]);
}

export async function finishRun(
  database: Database,
  runId: number,
  status: 'succeeded' | 'failed' | 'interrupted',
  counts: RunCounts,
  now: Date,
  error?: string,
): Promise<void> {
  await database.run(
    `update ops.runs set finished_at = ?::timestamp, status = ?, objects_discovered = ?,
       objects_loaded = ?, objects_quarantined = ?, objects_unchanged = ?, events_read = ?,
       events_loaded = ?, events_duplicate = ?, events_erased = ?, bytes = ?, error = ?
     where run_id = ?`,
    [
      now.toISOString(),
      status,
      counts.discovered,
      counts.loaded,
      counts.quarantined,
      counts.unchanged,
      counts.eventsRead,
      counts.eventsLoaded,
      counts.eventsDuplicate,
      counts.eventsErased,
      counts.bytes,
      error ?? null,
      runId,
    ],
  );
}

/** When everything in the scope was last listed to the end; undefined if never. */
export async function readLastFullListing(
  database: Database,
  scope: RunScope,
): Promise<Date | undefined> {
  const { at } = await database.row<{ at: Date | null }>(
    `select max(started_at) as at from ops.runs
     where source = ? and full_listing and listed_at is not null
       and (event_types is null or event_types = ?)`,
    [scope.source, formatEventTypes(scope)],
  );
  return at ?? undefined;
}

/** The same text for the same patterns in any order; null for no restriction. */
function formatEventTypes({ eventTypes }: RunScope): string | null {
  return eventTypes.length === 0 ? null : JSON.stringify([...new Set(eventTypes)].sort());
}
