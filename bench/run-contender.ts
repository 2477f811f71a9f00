/**
 * A contender's name and task → what its run cost. Starts it as a process of its own and waits for its end.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measurement, Task } from './measure.ts';

/** In the order in which they take turns. */
export const CONTENDERS = ['ours', 'floor', 'naive'] as const;

export type Contender = (typeof CONTENDERS)[number];

/** @throws Error when it fails, or ends without a measurement; what it says about that is on stderr */
export async function runContender(
  contender: Contender,
  task: Task,
  signal: AbortSignal,
): Promise<Measurement> {
  const script = fileURLToPath(new URL(`contenders/${contender}.ts`, import.meta.url));
  const child = fork(script, [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx'],
    // stdout is for the result alone.
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    signal,
  });
  let measurement: Measurement | undefined;
  child.on('message', (message) => {
    measurement = message as Measurement;
  });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  if (exitCode !== 0 || measurement === undefined) {
    throw new Error(`contender ${contender} ended with exit code ${exitCode} and no measurement`);
  }
  return measurement;
}
