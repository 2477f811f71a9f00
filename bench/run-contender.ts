/**
 * A contender's script and task → what its run cost. Starts it as a process of its own and waits for its end.
 *
 * Those in TypeScript are compiled first: what else would run them, tsx, takes 50 MB and time of its own.
 */
import { execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Measurement, Task } from './measure.ts';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const COMPILED = '.bench/bench/contenders';

let compiled: Promise<unknown> | undefined;

/** @throws Error when it fails, or ends without a measurement; what it says about that is on stderr */
export async function runScript(
  script: string,
  task: Task,
  signal: AbortSignal,
): Promise<Measurement> {
  compiled ??= promisify(execFile)('npx', ['tsc', '-p', 'tsconfig.bench.json'], {
    cwd: REPOSITORY,
  });
  await compiled;
  const plain = path.join(REPOSITORY, COMPILED, script.replace(/\.ts$/, '.js'));
  const child = fork(plain, [JSON.stringify(task)], {
    execArgv: [],
    // stdout is for the result alone.
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    signal,
  });
  let measurement: Measurement | undefined;
  child.on('message', (message) => {
    measurement = message as Measurement;
  });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  if (exitCode === 0 && measurement !== undefined) return measurement;
  throw new Error(`${script} ended with exit code ${exitCode} and no measurement`);
}

/** The same for a script in Python, which prints its measurement. */
export async function runPythonScript(
  python: string,
  script: string,
  task: Task,
  signal: AbortSignal,
): Promise<Measurement> {
  const child = spawn(
    python,
    [path.join(REPOSITORY, 'bench/contenders', script), JSON.stringify(task)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
      signal,
    },
  );
  const [printed, [exitCode]] = await Promise.all([
    text(child.stdout),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  if (exitCode === 0) return JSON.parse(printed) as Measurement;
  throw new Error(`${script} ended with exit code ${exitCode}`);
}
