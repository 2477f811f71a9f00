/**
 * The built command line, run to its end and measured: wall time, CPU time and peak memory of the process,
 * and stopped when it takes too long.
 *
 * Linux only: the figures are read from /proc while the process runs, so the last fiftieth of a second can
 * be missing. `VmHWM` is the process's own peak; the `maxrss` of `wait4` begins with what this process had
 * when it forked.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type CommandOptions,
  type CommandOutcome,
  readAll,
  startCurrents,
} from './currents-command.ts';

export interface MeasuredOutcome extends CommandOutcome {
  readonly seconds: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** It was still running at the limit and was killed. */
  readonly timedOut: boolean;
}

interface Usage {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const POLL_MS = 20;
/** `USER_HZ` of every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Runs the command; kills it after `limitMs`. */
export async function measureCurrents(
  args: readonly string[],
  limitMs: number,
  options: CommandOptions = {},
): Promise<MeasuredOutcome> {
  const startedAt = performance.now();
  const child = startCurrents(args, options);
  const ended = once(child, 'close');
  let usage: Usage = { cpuSeconds: 0, peakBytes: 0 };
  let timedOut = false;
  const poll = setInterval(() => {
    usage = readUsage(child.pid) ?? usage;
  }, POLL_MS);
  const limit = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, limitMs);
  try {
    const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
    await ended;
    const seconds = (performance.now() - startedAt) / 1000;
    return { exitCode: child.exitCode, stdout, stderr, seconds, ...usage, timedOut };
  } finally {
    clearInterval(poll);
    clearTimeout(limit);
  }
}

/** Undefined once the process has ended. */
function readUsage(pid: number | undefined): Usage | undefined {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readProc(pid, 'status')) ?? [];
    if (kibibytes === undefined) return undefined;
    // Behind the name in brackets, which may hold anything: utime and stime are fields 14 and 15 (proc(5)).
    const stat = readProc(pid, 'stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { cpuSeconds: ticks / TICKS_PER_SECOND, peakBytes: Number(kibibytes) * 1024 };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

function readProc(pid: number | undefined, name: string): string {
  return readFileSync(`/proc/${pid}/${name}`, 'utf8');
}
