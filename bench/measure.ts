/**
 * The inside of a contender: its task comes as an argument, the cost of its measured phase goes back to
 * the process that started it. Every contender is a process of its own, so CPU time and memory are its own.
 * contenders/measure.py is the same for those in Python.
 *
 * Time and CPU are those of the phase alone, all threads together. Peak memory is that of the process from
 * its start to the end of the phase: Node.js and whatever was prepared count too.
 */
import { readFileSync } from 'node:fs';

/** What a contender is to load, and into what. */
export interface Task {
  /** Folder with the objects. */
  readonly input: string;
  /** Path of the database to make, or to add to. */
  readonly database: string;
  /** A database that holds the rows already, for who starts from memory. */
  readonly reference: string;
  /** Format to make the database in, such as `v1.0.0`: what ours makes. */
  readonly storageVersion: string;
}

export interface Measurement {
  readonly seconds: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** Events that were seen, of a contender that stores nothing. */
  readonly events?: number;
}

export function readTask(): Task {
  return JSON.parse(process.argv[2] ?? '') as Task;
}

/** Adds up the phases that count. */
export class Meter {
  #seconds = 0;
  #cpuSeconds = 0;

  async run<Result>(phase: () => Result | Promise<Result>): Promise<Result> {
    const cpuBefore = readCpuSeconds();
    const startedAt = performance.now();
    const result = await phase();
    this.#seconds += (performance.now() - startedAt) / 1000;
    this.#cpuSeconds += readCpuSeconds() - cpuBefore;
    return result;
  }

  /** To be called once in a process, at its end. */
  report(events?: number): void {
    const measurement: Measurement = {
      seconds: this.#seconds,
      cpuSeconds: this.#cpuSeconds,
      peakBytes: readPeakBytes(),
      ...(events === undefined ? {} : { events }),
    };
    process.send?.(measurement);
  }
}

/** Runs the only phase and reports. */
export async function measure(phase: () => Promise<void>): Promise<void> {
  const meter = new Meter();
  await meter.run(phase);
  meter.report();
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
