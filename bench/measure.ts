/**
 * The inside of a contender: its task comes as an argument, the cost of its measured phase goes back to
 * the process that started it. Every contender is a process of its own, so CPU time and memory are its own.
 *
 * Time and CPU are those of the phase alone, all threads together. Peak memory is that of the process from
 * its start to the end of the phase: Node.js, tsx (about 40 MB) and whatever was prepared count too.
 */
import { readFileSync } from 'node:fs';

/** What a contender is to load, and into what. */
export interface Task {
  /** Folder with the objects. */
  readonly input: string;
  /** Path of the database to make; nothing is there yet. */
  readonly database: string;
  /** A database that holds the rows already, for who starts from memory. */
  readonly reference: string;
}

export interface Measurement {
  readonly seconds: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

export function readTask(): Task {
  return JSON.parse(process.argv[2] ?? '') as Task;
}

/** Runs the phase once and reports. To be called once in a process. */
export async function measure(phase: () => Promise<void>): Promise<void> {
  const cpuBefore = readCpuSeconds();
  const startedAt = performance.now();
  await phase();
  const measurement: Measurement = {
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: readCpuSeconds() - cpuBefore,
    peakBytes: readPeakBytes(),
  };
  process.send?.(measurement);
}

function readCpuSeconds(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1e6;
}

/** On Linux maxRSS begins with what the parent process had when it forked; VmHWM is this program's own. */
function readPeakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const [, kibibytes] =
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
