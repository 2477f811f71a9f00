/**
 * sync.runs: the receipt of each run of a sync, begun with the plan in one transaction and finished whatever
 * happens to it. A row that is not finished belongs to a process that died.
 *
 *     planned ──► delivering ──► done | failed
 *        └────────────┴────────► failed            killed; noted when the next run begins
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import type { DeliveryReceipt } from './destination.ts';
import type { OutboxScope } from './outbox.ts';
import type { PlannedRun } from './plan-sync.ts';

/** What became of the people of a run. */
export interface RunCounts {
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly unknown: number;
  readonly waiting: number;
}

export interface SyncRun extends RunCounts {
  readonly runId: number;
  readonly sync: string;
  readonly destination: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly status: 'planned' | 'delivering' | 'done' | 'failed';
  readonly planned: number;
  readonly attributes: number;
  readonly dataPoints: number;
  readonly requests: number;
  readonly bytes: number;
  readonly error: string | null;
}

export async function nextRunId(database: Database): Promise<number> {
  const { id } = await database.row<{ id: number }>(
    'select (coalesce(max(run_id), 0) + 1)::double as id from sync.runs',
  );
  return id;
}

/** In the transaction of the plan. */
export async function recordRun(
  database: Database,
  { sync, destination }: OutboxScope,
  { runId, planned, attributes, dataPoints }: PlannedRun,
  now: Date,
): Promise<void> {
  await database.run(
    `update sync.runs set status = 'failed', error = 'the process ended before the run did'
     where sync = $1 and destination = $2 and status in ('planned', 'delivering')`,
    [sync, destination],
  );
  await database.run(
    `insert into sync.runs
     values ($1, $2, $3, $4::timestamp, null, 'planned', $5, 0, 0, 0, 0, $5, $6, $7, 0, 0, null)`,
    [runId, sync, destination, now.toISOString(), planned, attributes, dataPoints],
  );
}

export async function noteDelivering(database: Database, runId: number): Promise<void> {
  await database.run("update sync.runs set status = 'delivering' where run_id = $1", [runId]);
}

/** What the outbox and sync.rejected say of a run that is over, before its unknown items are settled. */
export async function countRun(
  database: Database,
  runId: number,
  planned: number,
  /** Over REST an answer that did not come is lost; files that were begun are finished later. */
  isLost: boolean,
): Promise<RunCounts> {
  const { unknown, waiting, rejected } = await database.row<
    Pick<RunCounts, 'unknown' | 'waiting' | 'rejected'>
  >(
    `select
       (select count(*)::double from sync.outbox where run_id = $1 and status in ('unknown', 'in_flight') and $2) as unknown,
       (select count(*)::double from sync.outbox where run_id = $1 and (status = 'planned' or status = 'in_flight' and not $2)) as waiting,
       (select count(*)::double from sync.rejected where run_id = $1 and stage = 'braze') as rejected`,
    [runId, isLost],
  );
  const sent = planned - waiting;
  return { sent, accepted: sent - unknown - rejected, rejected, unknown, waiting };
}

export async function finishRun(
  database: Database,
  runId: number,
  counts: RunCounts,
  delivered: DeliveryReceipt,
  now: Date,
  error?: string,
): Promise<void> {
  const { sent, accepted, rejected, unknown, waiting } = counts;
  await database.run(
    `update sync.runs set status = $1, error = $2, finished_at = $3::timestamp, sent = $4, accepted = $5,
       rejected = $6, unknown = $7, waiting = $8, requests = $9, bytes = $10
     where run_id = $11`,
    [
      error === undefined ? 'done' : 'failed',
      error ?? null,
      now.toISOString(),
      ...[sent, accepted, rejected, unknown, waiting, delivered.requests, delivered.bytes],
      runId,
    ],
  );
}

/** The newest first. */
export async function listSyncRuns(
  database: Database,
  limit: number,
  sync?: string,
): Promise<SyncRun[]> {
  return database.rows<SyncRun>(
    `select run_id::double as "runId", sync, destination, started_at as "startedAt",
       finished_at as "finishedAt", status, planned::double as planned, sent::double as sent,
       accepted::double as accepted, rejected::double as rejected, unknown::double as unknown,
       waiting::double as waiting, attributes::double as attributes, data_points::double as "dataPoints",
       requests::double as requests, bytes::double as bytes, error
     from sync.runs ${sync === undefined ? '' : `where sync = ${quoteLiteral(sync)}`}
     order by run_id desc limit ${limit}`,
  );
}
