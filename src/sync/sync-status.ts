/** The syncs of the settings with their last runs, what is on its way, and what was rejected. */
import type { Config } from '../config.ts';
import type { Database } from '../warehouse/database.ts';
import { countOutbox } from './outbox.ts';
import { listRejections, type Rejection } from './rejections.ts';
import { listSyncRuns, type SyncRun } from './sync-runs.ts';

export interface SyncStatus {
  readonly sync: string;
  readonly destination: string;
  readonly schedule: string;
  /** The newest first. */
  readonly runs: readonly SyncRun[];
  /** Since the last run began; undefined when there was none. */
  readonly ageSeconds?: number;
  /** People planned or in flight: of a run that is going on or was killed. */
  readonly onItsWay: number;
  /** People with an `inc` or `$add` whose answer was lost. */
  readonly held: number;
  /** Values and people that the last run did not send, or Braze did not take. */
  readonly rejected: number;
  readonly rejections: readonly Rejection[];
  /** Attributes that Braze has accepted, and of how many people. */
  readonly people: number;
}

const SHOWN_RUNS = 5;

export async function readSyncStatus(
  database: Database,
  config: Config,
  now: Date = new Date(),
): Promise<SyncStatus[]> {
  const syncs: SyncStatus[] = [];
  for (const [sync, { to: destination, schedule }] of Object.entries(config.syncs)) {
    const scope = { sync, destination };
    const runs = await listSyncRuns(database, SHOWN_RUNS, sync);
    const [last] = runs;
    const rejections = await listRejections(database, scope);
    const { people } = await database.row<{ people: number }>(
      'select count(*)::double as people from sync.people where sync = $1 and destination = $2',
      [sync, destination],
    );
    syncs.push({
      ...scope,
      schedule,
      runs,
      ...(last === undefined
        ? {}
        : { ageSeconds: (now.getTime() - last.startedAt.getTime()) / 1000 }),
      onItsWay:
        (await countOutbox(database, scope, 'planned')) +
        (await countOutbox(database, scope, 'in_flight')),
      held: await countOutbox(database, scope, 'unknown'),
      rejected: rejections.reduce((sum, { count }) => sum + count, 0),
      rejections,
      people,
    });
  }
  return syncs;
}
