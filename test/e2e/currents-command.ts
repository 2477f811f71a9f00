/**
 * Runs the built command line as a scheduler does: a process of its own, its JSON read from stdout.
 *
 * The environment is cut down to what is given, so no setting or credential of the machine leaks in, but for
 * whether profiles are made: checks of loading alone are several times quicker without.
 * Needs `npm run build` first.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { IngestResult } from '../../src/ingest-result.ts';

export const REPOSITORY = path.resolve(import.meta.dirname, '../..');
const BIN = path.join(REPOSITORY, 'dist/cli/main.js');

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface CommandOutcome {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the command; the caller waits for it or ends it. */
export function startCurrents(args: readonly string[], options: CommandOptions = {}): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd ?? REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      TMPDIR: process.env.TMPDIR,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_EC2_METADATA_DISABLED: 'true',
      CURRENTS_PROFILES_REFRESH: process.env.CURRENTS_PROFILES_REFRESH,
      ...options.env,
    },
  });
}

/** Runs the command to its end. */
export async function runCurrents(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  const child = startCurrents(args, options);
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  await ended;
  return { exitCode: child.exitCode, stdout, stderr };
}

/** One `ingest --json` that is expected to print a result: exit 0, or 3 when something was set aside. */
export async function ingest(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<IngestResult & { readonly exitCode: number }> {
  const all = ['ingest', '--json', '--log-level', 'error', ...args];
  const { exitCode, stdout, stderr } = await runCurrents(all, options);
  if (exitCode !== 0 && exitCode !== 3) {
    throw new Error(`currents ${all.join(' ')} ended with ${exitCode}: ${stdout}${stderr}`);
  }
  return { ...(JSON.parse(stdout) as IngestResult), exitCode };
}

/** Everything that a stream of a child says until it closes. */
export async function readAll(stream: ChildProcess['stdout']): Promise<string> {
  return stream === null ? '' : text(stream);
}
