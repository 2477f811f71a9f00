/**
 * What it costs to build all profiles of a long history, and to refresh them after a batch of new events:
 * time, CPU, memory, and the one as a share of the other. Each is a process of its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/index.ts';
import type { Measurement } from '../measure.ts';
import { addBatch, HISTORY_END, makeHistory, peopleOf } from './made-up-history.ts';
import type { UpdateTask } from './update.ts';

export interface ProfilesCost {
  /** Events of the history. */
  readonly events: number;
  readonly people: number;
  readonly batchEvents: number;
  /** Profiles that the batch concerned. */
  readonly refreshed: number;
  readonly rebuild: Measurement;
  readonly refresh: Measurement;
}

interface Updated {
  readonly refreshed: number;
  readonly isRebuild: boolean;
}

/** @throws Error when a process fails, or does not build everything or only what is new, as it should */
export async function measureProfiles(
  events: number,
  batchEvents: number,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<ProfilesCost> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'currents-profiles-'));
  const database = path.join(folder, 'profiles.duckdb');
  const config = loadConfig({ flags: { database }, env: {}, cwd: folder });
  try {
    say(`profiles: making ${events.toLocaleString('en-US')} events`);
    await makeHistory(config, events);
    say('profiles: building all');
    const before = await update({ database, asOf: HISTORY_END.toISOString() }, true, signal);
    await addBatch(config, events, batchEvents);
    say(`profiles: refreshing after ${batchEvents.toLocaleString('en-US')} events`);
    const asOf = new Date(HISTORY_END.getTime() + 300_000).toISOString();
    const after = await update({ database, asOf }, false, signal);
    return {
      events,
      people: peopleOf(events),
      batchEvents,
      refreshed: after.updated.refreshed,
      rebuild: before.measurement,
      refresh: after.measurement,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function update(task: UpdateTask, isRebuild: boolean, signal: AbortSignal) {
  const script = fileURLToPath(new URL('update.ts', import.meta.url));
  const child = fork(script, [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    signal,
  });
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  const [updated, measurement] = messages as [Updated | undefined, Measurement | undefined];
  if (exitCode !== 0 || updated === undefined || measurement === undefined)
    throw new Error(`a refresh of profiles ended with exit code ${exitCode}`);
  if (updated.isRebuild !== isRebuild)
    throw new Error(`profiles were ${updated.isRebuild ? '' : 'not '}built from nothing`);
  return { updated, measurement };
}
