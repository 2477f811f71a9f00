/**
 * What it costs to close the loop for so many people with 20 attributes each: the first plan, a plan after
 * one person in a hundred changed, everything staged as files, everything sent over REST to the sandbox.
 *
 * Each step is a process of its own on a copy of the same database. Before a figure counts, what was planned
 * is compared with a count of the values in the table, and what came out with what was planned: files are
 * read back, and the sandbox tells what it took.
 */
import { constants, copyFile, mkdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { SyncPreview, SyncReceipt } from '../../src/index.ts';
import { Database } from '../../src/warehouse/database.ts';
import { migrate } from '../../src/warehouse/migrations.ts';
import type { Measurement } from '../measure.ts';
import { checkEqual } from './check-equal.ts';
import { changePeople, countValues, makePeople } from './made-up-people.ts';
import { measureRest, type RestReport } from './measure-rest.ts';
import { runSyncStep } from './run-step.ts';
import { readStaged } from './staged-files.ts';
import { FORMATS, type Format, stageFolder, writeSettings } from './sync-settings.ts';
import type { SyncFound, SyncTask } from './sync-step.ts';

export interface SyncSetting {
  /** For everything that is made; it exists. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called for each measurement whose result was right. */
  readonly onChecked: () => void;
}

export interface StepCost extends Measurement {
  readonly people: number;
  readonly values: number;
  /** Processes that wanted a core, on average over the last minute: more than there are, and all are slower. */
  readonly load: number;
}

interface StagingCost extends StepCost {
  readonly format: Format;
  /** From the plan to the manifest. */
  readonly stagingSeconds: number;
  readonly files: number;
  readonly bytes: number;
}

export interface SyncReport {
  readonly people: number;
  readonly firstPlan: StepCost;
  readonly changedPlan: StepCost;
  readonly staging: readonly StagingCost[];
  readonly rest: RestReport;
}

/** @throws Error when a step fails, or leaves anything out */
export async function measureSync(setting: SyncSetting, people: number): Promise<SyncReport> {
  const { folder, signal, say, onChecked } = setting;
  const settings = await writeSettings(folder);
  const bench = new SyncBench(setting, settings);
  say(`sync: making ${people.toLocaleString('en-US')} people`);
  const values = await bench.make(people);
  const firstPlan = await bench.plan(bench.original, { people, values });
  say(`sync: first plan ${firstPlan.seconds.toFixed(1)} s`);
  onChecked();
  const staging: StagingCost[] = [];
  let changedPlan: StepCost | undefined;
  for (const format of FORMATS) {
    const database = await bench.copy(format);
    const cost = await bench.stage(database, format, { people, values });
    say(`sync: ${format} staged in ${cost.stagingSeconds.toFixed(1)} s`);
    onChecked();
    staging.push(cost);
    // What one format had accepted is the shadow that a small plan is compared with.
    if (format === 'json') {
      const changed = await withDatabase(database, changePeople);
      changedPlan = await bench.plan(database, changed);
      say(`sync: plan after a change ${changedPlan.seconds.toFixed(1)} s`);
      onChecked();
    }
    await rm(database);
    await rm(stageFolder(folder, format), { recursive: true });
  }
  if (changedPlan === undefined) throw new Error('no format was staged');
  const rest = await measureRest({ ...setting, original: bench.original }, people);
  signal.throwIfAborted();
  return { people, firstPlan, changedPlan, staging, rest };
}

interface Expected {
  readonly people: number;
  readonly values: number;
}

class SyncBench {
  /** The database in which nothing was sent yet. */
  readonly original: string;
  readonly #setting: SyncSetting;
  readonly #settings: string;

  constructor(setting: SyncSetting, settings: string) {
    this.original = path.join(setting.folder, 'people.duckdb');
    this.#setting = setting;
    this.#settings = settings;
  }

  /** @returns how many values there are to be sent */
  async make(people: number): Promise<number> {
    return withDatabase(this.original, async (database) => {
      await migrate(database);
      await makePeople(database, people);
      return countValues(database);
    });
  }

  async copy(name: string): Promise<string> {
    const copy = path.join(this.#setting.folder, `${name}.duckdb`);
    await copyFile(this.original, copy, constants.COPYFILE_FICLONE);
    return copy;
  }

  async plan(database: string, expected: Expected): Promise<StepCost> {
    const found = await this.#run<SyncPreview>({ step: 'plan', database, sync: 'json' });
    checkEqual('people of a plan', found.planned, expected.people);
    checkEqual('values of a plan', found.attributes, expected.values);
    return { ...expected, ...costOf(found) };
  }

  async stage(database: string, format: Format, expected: Expected): Promise<StagingCost> {
    const { folder } = this.#setting;
    await mkdir(stageFolder(folder, format));
    const found = await this.#run<SyncReceipt>({ step: 'run', database, sync: format });
    checkEqual('values of a run', found.attributes, expected.values);
    checkEqual('accepted people', found.accepted, expected.people);
    const staged = await readStaged(stageFolder(folder, format), format);
    checkEqual(`people in ${format}`, staged.people, expected.people);
    checkEqual(`rows in ${format}`, staged.rows, expected.people);
    checkEqual(`values in ${format}`, staged.values, expected.values);
    return {
      ...expected,
      ...costOf(found),
      format,
      stagingSeconds: found.deliverySeconds,
      files: staged.files,
      bytes: found.bytes,
    };
  }

  async #run<Found extends SyncPreview | SyncReceipt>(
    task: Omit<SyncTask, 'settings'>,
  ): Promise<Found & SyncFound & Measurement> {
    return runSyncStep({ ...task, settings: this.#settings }, this.#setting.signal);
  }
}

function costOf({ seconds, cpuSeconds, peakBytes }: Measurement): Measurement & { load: number } {
  return { seconds, cpuSeconds, peakBytes, load: os.loadavg()[0] ?? 0 };
}

async function withDatabase<Result>(
  file: string,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await Database.open({ path: file });
  try {
    return await work(database);
  } finally {
    database.close();
  }
}
