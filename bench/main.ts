/**
 * `npm run bench`: what our ingest costs, beside what DuckDB alone needs for the same rows, what its own
 * Avro reader takes and what people's scripts take; how the cost grows with what is there already; and what
 * it costs to send a million people's attributes back.
 * docs/performance.md tells what is measured.
 *
 * Nothing is asserted about time, only that everybody stored the right rows. All of it happens in a
 * temporary folder; nothing is left there.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { compareContenders } from './compare-contenders.ts';
import { loadCutObject } from './cut-object.ts';
import { measureBacklogGrowth } from './growth/backlog-growth.ts';
import { type GrowthSetting, measureTableGrowth, type TableStep } from './growth/table-growth.ts';
import { describeMachine } from './machine.ts';
import { parseOptions } from './options.ts';
import { measureIdlePoll, type PollCost } from './poll/measure-poll.ts';
import { PreparedInputs } from './prepared-inputs.ts';
import { measureProfiles, type ProfilesCost } from './profiles/measure-profiles.ts';
import { type PythonEnvironment, preparePython } from './python-environment.ts';
import { formatReport, type Report } from './report.ts';
import type { InputSummary } from './summary.ts';
import { measureSync, type SyncReport } from './sync/measure-sync.ts';

const options = parseOptions(process.argv);
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interruption.abort());
const { signal } = interruption;
const notes: string[] = [];
let checked = 0;

const folder = await mkdtemp(path.join(os.tmpdir(), 'currents-bench-'));
try {
  const report = await measureAll();
  console.log(options.json ? JSON.stringify(report, null, 2) : formatReport(report));
  say(`${checked} passed, 0 failed`);
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  if (options.keep) say(`kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}

async function measureAll(): Promise<Report> {
  const { series, rounds, events, keep } = options;
  const python = options.comparisons.length > 0 ? await findPython() : undefined;
  const prepare = { folder, events, signal, say };
  const inputs = new PreparedInputs(prepare);
  const common = { rounds, signal, say, onChecked: () => (checked += 1) };
  const summaries: InputSummary[] = [];
  for (const [input, codec] of options.comparisons) {
    const setting = { ...common, inputs, folder, keep, python };
    summaries.push(await compareContenders(setting, input, codec));
  }
  const [first] = options.comparisons;
  const cutObject =
    python && first && (await loadCutObject(python, await inputs.get(...first), folder, signal));
  const table = await measureTable(common);
  const poll: PollCost[] = [];
  for (const keys of series.poll) {
    say(`poll: a bucket of ${keys.toLocaleString('en-US')} known keys`);
    poll.push(await measureIdlePoll(keys, { rounds, signal }));
  }
  const backlog = await measureBacklogGrowth(inputs, prepare, series.backlog);
  const profiles: ProfilesCost[] = [];
  for (const count of series.profiles)
    profiles.push(await measureProfiles(count, options.addedEvents, { signal, say }));
  checked += poll.length + backlog.length + profiles.length;
  const sync = await measureClosedLoop(common);
  return {
    machine: describeMachine(python?.duckdb),
    rounds,
    inputs: summaries,
    ...(cutObject ? { cutObject } : {}),
    growth: { table, poll, backlog, profiles },
    ...(sync ? { sync } : {}),
    notes,
  };
}

async function findPython(): Promise<PythonEnvironment | undefined> {
  say(`preparing Python with DuckDB ${options.readAvro} and its Avro extension`);
  try {
    return await preparePython(options.readAvro, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = String(error).trim().split('\n').at(-1) ?? '';
    notes.push(`Skipped for want of Python and its packages: read_avro, fastavro (${reason}).`);
    return undefined;
  }
}

async function measureTable(common: Omit<GrowthSetting, 'folder'>): Promise<readonly TableStep[]> {
  if (options.series.table.length === 0) return [];
  const home = path.join(folder, 'table');
  await mkdir(home);
  const setting = { ...common, folder: home };
  const steps = await measureTableGrowth(setting, options.series.table, options.addedEvents);
  if (!options.keep) await rm(home, { recursive: true });
  return steps;
}

async function measureClosedLoop(
  common: Omit<GrowthSetting, 'folder'>,
): Promise<SyncReport | undefined> {
  if (options.people === 0) return undefined;
  const home = path.join(folder, 'sync');
  await mkdir(home);
  const report = await measureSync({ ...common, folder: home }, options.people);
  if (!options.keep) await rm(home, { recursive: true });
  return report;
}

function say(line: string): void {
  console.error(line);
}
