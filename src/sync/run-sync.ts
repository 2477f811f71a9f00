/**
 * One run of a sync from top to bottom: settle what an earlier run left behind, plan, deliver, settle.
 *
 *     in flight from before ──► files: staged again, the same ones │ REST: unknown, settled by rule
 *     plan, in one transaction ──► deliver, item by item ──► shadow ──► receipt
 *
 * A process that is killed anywhere leaves the database so that running again is right: what was not sent is
 * planned again, what may have been sent is not sent twice where that hurts.
 */
import type { Config } from '../config.ts';
import { CurrentsError } from '../errors.ts';
import { type Logger, silentLogger } from '../logger.ts';
import type { UnknownRule } from '../sync-settings.ts';
import type { Database } from '../warehouse/database.ts';
import type { Bookkeeping, DeliveryReceipt, DeliveryRun, Destination } from './destination.ts';
import { openDestination } from './open-destination.ts';
import {
  acceptInFlight,
  dropPlanned,
  markInFlight,
  mergeAccepted,
  mergeInPortions,
  type OutboxScope,
  readPortions,
  settleItems,
  settleUnknown,
} from './outbox.ts';
import { type PlannedRun, planSync } from './plan-sync.ts';
import { listRejections, type Rejection } from './rejections.ts';
import { markSettled } from './settle-time.ts';
import { defineSync, type SyncDefinition } from './sync-definition.ts';
import { previewRun, type SyncPreview } from './sync-preview.ts';
import {
  countRun,
  finishRun,
  nextRunId,
  noteDelivering,
  type RunCounts,
  recordRun,
} from './sync-runs.ts';

export interface SyncOptions {
  /** Attributes that may be new or of a new type in this run. */
  readonly allow?: readonly string[];
  /** Instead of the sync's own rule. */
  readonly onUnknown?: UnknownRule;
}

export interface SyncHooks {
  readonly logger?: Logger;
  /** After it fires, what is out is waited for and nothing new is sent. */
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
  /** Instead of the one that the settings name. */
  readonly destination?: Destination;
}

export interface SyncReceipt extends RunCounts {
  readonly sync: string;
  readonly destination: string;
  readonly runId: number;
  /** People with something to send; of them `sent`, `accepted` and so on. */
  readonly planned: number;
  readonly attributes: number;
  readonly dataPoints: number;
  readonly requests: number;
  readonly bytes: number;
  readonly seconds: number;
  /** Values and people that validation kept back. */
  readonly invalid: number;
  /** What was not sent or not taken, by attribute and reason. */
  readonly rejections: readonly Rejection[];
  /** An `inc` or `$add` whose answer was lost, now or before, and that waits for `sync retry`. */
  readonly held: number;
}

/**
 * What `sync run` would send, by the same code; the database is as before.
 *
 * @throws CurrentsError USAGE, SETTINGS_INVALID, QUERY_FAILED
 */
export async function previewSync(
  database: Database,
  config: Config,
  name: string,
  options: SyncOptions & { readonly samples: number },
  now: () => Date = () => new Date(),
): Promise<SyncPreview> {
  const run = await prepare(database, config, name, options);
  let preview: SyncPreview | undefined;
  const rolledBack = new Error('rolled back on purpose');
  try {
    await database.withTransaction(async () => {
      const planned = await planAnew(run, options, now);
      preview = await previewRun(database, run.definition, planned, options.samples);
      throw rolledBack;
    });
  } catch (error) {
    if (error !== rolledBack || preview === undefined) throw error;
  }
  return preview as SyncPreview;
}

/**
 * Plans and delivers. Running it again at once sends nothing.
 *
 * @throws CurrentsError when the delivery could not go on; what was accepted before stays accepted, the
 *   rest is left for the next run
 */
export async function runSync(
  database: Database,
  config: Config,
  name: string,
  options: SyncOptions = {},
  hooks: SyncHooks = {},
): Promise<SyncReceipt> {
  const now = hooks.now ?? (() => new Date());
  const startedAt = now();
  const prepared = await prepare(database, config, name, options);
  // Before anything is planned: a key that is not there must not cost a plan.
  const destination =
    hooks.destination ??
    openDestination(prepared.definition.destination, prepared.scope.destination);
  const run = { ...prepared, destination };
  const logger = hooks.logger ?? silentLogger;
  await resumeStaging(run, logger, hooks.signal, now);
  const planned = await database.withTransaction(async () => {
    const plan = await planAnew(run, options, now);
    await recordRun(database, run.scope, plan, startedAt);
    return plan;
  });
  const delivery: DeliveryRun = {
    ...run.scope,
    runId: planned.runId,
    startedAt,
    updateExistingOnly: run.definition.config.updateExistingOnly,
    logger,
    ...(hooks.signal ? { signal: hooks.signal } : {}),
  };
  let delivered: DeliveryReceipt = { requests: 0, bytes: 0 };
  let failure: unknown;
  try {
    if (planned.planned > 0) {
      await noteDelivering(database, planned.runId);
      delivered = await deliver(run, delivery, now);
    }
  } catch (error) {
    failure = error;
  }
  const rule = options.onUnknown ?? run.definition.config.onUnknown;
  const counts = await closeRun(run, planned, delivered, rule, now, failure);
  if (failure !== undefined) throw failure;
  const receipt = await buildReceipt(run, planned, delivered, counts, startedAt, now());
  const { rejections: _rejections, ...facts } = receipt;
  logger.info(facts, 'sync finished');
  return receipt;
}

interface PreparedRun {
  readonly database: Database;
  readonly definition: SyncDefinition;
  readonly scope: OutboxScope;
}

interface OpenRun extends PreparedRun {
  readonly destination: Destination;
}

async function prepare(
  database: Database,
  config: Config,
  name: string,
  options: SyncOptions,
): Promise<PreparedRun> {
  const definition = await defineSync(database, config, name, options.allow ?? []);
  return { database, definition, scope: { sync: name, destination: definition.config.to } };
}

/** In a transaction of the caller's. */
async function planAnew(
  { database, definition, scope }: PreparedRun,
  options: SyncOptions,
  now: () => Date,
): Promise<PlannedRun> {
  await mergeAccepted(database, scope);
  await dropPlanned(database, scope);
  await settleUnknown(database, scope, options.onUnknown ?? definition.config.onUnknown, now());
  return planSync(database, definition, await nextRunId(database), now());
}

/** Files that an earlier run began are finished as they were planned: staging the same ones is harmless. */
async function resumeStaging(
  { database, destination, scope, definition }: OpenRun,
  logger: Logger,
  signal: AbortSignal | undefined,
  now: () => Date,
): Promise<void> {
  if (destination.kind !== 'files') return;
  const runs = await database.rows<{ runId: number; startedAt: Date }>(
    `select run_id::double as "runId", any_value(r.started_at) as "startedAt"
     from sync.outbox o join sync.runs r using (run_id)
     where o.sync = $1 and o.destination = $2 and o.status = 'in_flight' group by 1 order by 1`,
    [scope.sync, scope.destination],
  );
  for (const { runId, startedAt } of runs) {
    logger.info({ ...scope, runId }, 'staging of an earlier run goes on');
    const { updateExistingOnly } = definition.config;
    await destination.stage(database, {
      ...scope,
      runId,
      startedAt,
      updateExistingOnly,
      logger,
      ...(signal ? { signal } : {}),
    });
    await acceptAll(database, scope, runId, now());
  }
}

async function deliver(
  { database, destination, scope }: OpenRun,
  run: DeliveryRun,
  now: () => Date,
): Promise<DeliveryReceipt> {
  if (destination.kind === 'files') {
    const settledBefore = new Date(now().getTime() - destination.settleMs);
    if ((await markSettled(database, run, settledBefore)) === 0) return { requests: 0, bytes: 0 };
    const delivered = await destination.stage(database, run);
    await acceptAll(database, scope, run.runId, now());
    return delivered;
  }
  const inTurn = takeTurns();
  const books: Bookkeeping = {
    markInFlight: (ids) => inTurn(() => markInFlight(database, run.runId, ids)),
    settle: (outcomes) => inTurn(() => settleItems(database, run.runId, outcomes, now())),
  };
  return destination.send(readPortions(database, run, inTurn), books, run);
}

async function acceptAll(
  database: Database,
  scope: OutboxScope,
  runId: number,
  now: Date,
): Promise<void> {
  await acceptInFlight(database, runId, now);
  await mergeInPortions(database, scope, runId);
}

/** One connection: statements and transactions wait for each other. */
function takeTurns(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Whatever happened: the accepted into the shadow, the unknown settled, the receipt written. */
async function closeRun(
  { database, destination, scope }: OpenRun,
  planned: PlannedRun,
  delivered: DeliveryReceipt,
  rule: UnknownRule,
  now: () => Date,
  failure: unknown,
): Promise<RunCounts> {
  const error =
    failure === undefined
      ? undefined
      : failure instanceof CurrentsError
        ? failure.message
        : 'a defect in currents';
  await mergeInPortions(database, scope, planned.runId);
  return database.withTransaction(async () => {
    const isRest = destination.kind === 'rest';
    const counts = await countRun(database, planned.runId, planned.planned, isRest);
    // Files that were begun are finished by the next run.
    if (isRest) await settleUnknown(database, scope, rule, now());
    await finishRun(database, planned.runId, counts, delivered, now(), error);
    return counts;
  });
}

async function buildReceipt(
  { database, scope }: PreparedRun,
  planned: PlannedRun,
  { requests, bytes }: DeliveryReceipt,
  counts: RunCounts,
  startedAt: Date,
  finishedAt: Date,
): Promise<SyncReceipt> {
  const rejections = await listRejections(database, scope);
  const { held } = await database.row<{ held: number }>(
    `select count(*)::double as held from sync.outbox
     where sync = $1 and destination = $2 and status = 'unknown'`,
    [scope.sync, scope.destination],
  );
  return {
    ...scope,
    ...planned,
    ...counts,
    requests,
    bytes,
    seconds: (finishedAt.getTime() - startedAt.getTime()) / 1000,
    invalid: rejections
      .filter(({ stage }) => stage === 'validation')
      .reduce((sum, { count }) => sum + count, 0),
    rejections,
    held,
  };
}
