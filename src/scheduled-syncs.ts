/**
 * Runs the syncs that are due, one after the other, between the cycles of `watch`. A sync that fails is logged
 * and does not stop the others or the loading: what it could not send is left for its next run.
 */
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import { openWarehouse } from './pipeline.ts';
import { runSync } from './sync/run-sync.ts';
import type { SyncSchedule } from './sync/sync-schedule.ts';

/** Readers are let in between cycles; they are given this long to finish. */
const SYNC_WAIT_MS = 30_000;

/** @returns how many ran to their end, and how many did not */
export async function runDueSyncs(
  config: Config,
  schedule: SyncSchedule,
  { logger, signal }: { readonly logger: Logger; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly done: number; readonly failed: number }> {
  let done = 0;
  let failed = 0;
  for (const name of schedule.takeDue(new Date())) {
    if (signal?.aborted) break;
    try {
      const database = await openWarehouse(config, SYNC_WAIT_MS);
      try {
        await runSync(database, config, name, {}, { logger, ...(signal ? { signal } : {}) });
      } finally {
        database.close();
      }
      schedule.noteDone(name);
      done += 1;
    } catch (error) {
      if (signal?.aborted) break;
      failed += 1;
      logger.error({ err: error, sync: name }, 'sync not finished, it is tried again when due');
    }
  }
  return { done, failed };
}
