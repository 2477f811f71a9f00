/**
 * Repeats the cycle until a signal fires: for a service rather than a scheduler. Between cycles nothing
 * is open, so readers get in.
 *
 *     cycle ──► syncs, if due ──► publish, if due ──► wait until the next start ──► cycle …
 *       │                                      │
 *       └── signal: the batch in hand is committed ──► done
 *
 * What waiting may cure (the store does not answer, another process holds the database) is logged and the
 * next cycle tries again. What it will not (no rights, no bucket, a full disk) is thrown: a supervisor
 * restarts the service, and somebody gets to know.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { CurrentsError, isTransient } from './errors.ts';
import type { IngestResult } from './ingest-result.ts';
import { silentLogger } from './logger.ts';
import { type CycleHooks, type CycleOptions, runCycle } from './pipeline.ts';
import { runDueSyncs } from './scheduled-syncs.ts';
import { SyncSchedule } from './sync/sync-schedule.ts';
import { publishDatabase } from './warehouse/publish.ts';

export interface WatchHooks extends CycleHooks {
  /** After each cycle that ended. */
  readonly onCycle?: (result: IngestResult) => void;
}

/** What all cycles of one watch did together. */
export interface WatchSummary {
  readonly cycles: number;
  /** Cycles that could not be finished and were tried again. */
  readonly failedCycles: number;
  readonly eventsLoaded: number;
  readonly objectsLoaded: number;
  readonly objectsQuarantined: number;
  readonly syncs: number;
  /** Runs of syncs that could not be finished. */
  readonly failedSyncs: number;
}

/**
 * Runs cycles, each beginning `watch.every` after the one before began, or at once when that took longer.
 * Returns when the signal fires.
 *
 * @throws CurrentsError that is not transient, from `runCycle` or from publishing.
 */
export async function watch(
  config: Config,
  options: CycleOptions = {},
  hooks: WatchHooks = {},
): Promise<WatchSummary> {
  const logger = hooks.logger ?? silentLogger;
  const { signal } = hooks;
  const summary = {
    cycles: 0,
    failedCycles: 0,
    eventsLoaded: 0,
    objectsLoaded: 0,
    objectsQuarantined: 0,
    syncs: 0,
    failedSyncs: 0,
  };
  const schedule = new SyncSchedule(config.syncs, new Date());
  async function runSyncs(): Promise<void> {
    const { done, failed } = await runDueSyncs(config, schedule, { logger, signal });
    summary.syncs += done;
    summary.failedSyncs += failed;
  }
  let publishAt = 0;
  while (!signal?.aborted) {
    const startedAt = Date.now();
    try {
      const result = await runCycle(config, options, hooks);
      summary.cycles += 1;
      summary.eventsLoaded += result.events.loaded;
      summary.objectsLoaded += result.objects.loaded;
      summary.objectsQuarantined += result.objects.quarantined;
      hooks.onCycle?.(result);
      if (result.events.loaded > 0) schedule.noteLoaded();
      await runSyncs();
      const { path, everyMs } = config.publish;
      if (path !== undefined && startedAt >= publishAt) {
        await publishCopy(config, path, signal);
        publishAt = startedAt + everyMs;
        logger.info({ path }, 'published');
      }
    } catch (error) {
      if (signal?.aborted && isInterruption(error)) break;
      if (!isTransient(error)) throw error;
      summary.failedCycles += 1;
      logger.warn({ err: error }, 'cycle not finished, the next one tries again');
    }
    const nextCycleAt = startedAt + config.watch.everyMs;
    for (;;) {
      await waitUntil(Math.min(nextCycleAt, schedule.nextAt ?? nextCycleAt), signal);
      if (signal?.aborted || Date.now() >= nextCycleAt) break;
      await runSyncs();
    }
  }
  return summary;
}

async function publishCopy(config: Config, path: string, signal: AbortSignal | undefined) {
  const { memoryLimitBytes, threads } = config.load;
  await publishDatabase({
    database: config.database,
    path,
    memoryLimitBytes,
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
  });
}

function isInterruption(error: unknown): boolean {
  return error instanceof CurrentsError && error.code === 'INTERRUPTED';
}

async function waitUntil(at: number, signal: AbortSignal | undefined): Promise<void> {
  const waitMs = at - Date.now();
  if (waitMs <= 0 || signal?.aborted) return;
  try {
    await sleep(waitMs, undefined, signal ? { signal } : {});
  } catch {
    // The signal ended the wait; the loop looks at it next.
  }
}
