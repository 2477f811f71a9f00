/**
 * The processes of the sync's measurements: steps that run to their end, and a Braze that stays until it is
 * closed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import type { BrazeCounts, BrazeTask } from './braze.ts';
import type { LoadTask } from './generate-load.ts';
import type { SyncFound, SyncTask } from './sync-step.ts';

/** A million profiles of 20 values take about 3 GB. */
const BRAZE_HEAP_MB = 12_000;

/**
 * What the plan or the run told, and what it cost; `seconds` are those of the process.
 *
 * @throws Error when it fails; what it says about that is on stderr
 */
export async function runSyncStep<Found>(
  task: SyncTask,
  signal: AbortSignal,
): Promise<Found & SyncFound & Measurement> {
  const [found, measurement] = await messagesOf('sync-step.ts', task, signal);
  return { ...(found as Found & SyncFound), ...(measurement as Measurement) };
}

export async function runLoad(task: LoadTask, signal: AbortSignal): Promise<Measurement> {
  const [measurement] = await messagesOf('generate-load.ts', task, signal);
  return measurement as Measurement;
}

async function messagesOf(
  script: string,
  task: SyncTask | LoadTask,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const child = start(script, task, signal);
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  if (exitCode === 0 && messages.length > 0) return messages;
  throw new Error(`${script} ended with exit code ${exitCode} and ${messages.length} results`);
}

export interface Braze {
  readonly url: string;
  counts(): Promise<BrazeCounts>;
  close(): Promise<void>;
}

export async function startBraze(task: BrazeTask, signal: AbortSignal): Promise<Braze> {
  const child = start('braze.ts', task, signal, [`--max-old-space-size=${BRAZE_HEAP_MB}`]);
  const { url } = await answerOf<{ url: string }>(child);
  return {
    url,
    counts: async () => {
      child.send('counts');
      return answerOf<BrazeCounts>(child);
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

function start(
  script: string,
  task: SyncTask | LoadTask | BrazeTask,
  signal: AbortSignal,
  execArgv: readonly string[] = [],
): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx', ...execArgv],
    // stdout is for the result alone.
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    signal,
  });
}

/** @throws Error when the process ends instead of answering */
async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('a process ended instead of answering'));
    child.once('exit', onExit);
    child.once('error', reject);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      child.off('error', reject);
      resolve(answer as Answer);
    });
  });
}
