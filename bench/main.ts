/**
 * `npm run bench`: what our ingest costs, beside what DuckDB alone needs for the same rows and what the
 * usual script takes. docs/performance.md tells what is measured.
 *
 * For each input: generate it, ingest it once unmeasured (it warms the file cache, and its rows are what
 * the floor starts from), then rounds in which the contenders take turns. Nothing is asserted about time,
 * only that all of them stored the same rows. All of it happens in a temporary folder.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CODECS, type Codec, generateInput, INPUT_NAMES, type InputName } from './inputs.ts';
import type { Measurement } from './measure.ts';
import { describeMachine, formatReport } from './report.ts';
import { checkRows, readExpectedRows } from './row-counts.ts';
import { CONTENDERS, type Contender, runContender } from './run-contender.ts';
import { type InputSummary, type Round, summarize } from './summary.ts';

interface BenchOptions {
  readonly only: readonly InputName[];
  readonly codec: readonly Codec[];
  readonly events: number;
  readonly rounds: number;
  readonly json: boolean;
  readonly keep: boolean;
}

const options = new Command('bench')
  .description('Compares our ingest with its floor (DuckDB alone) and the naive script.')
  .addOption(choice('--only <input...>', 'Only these inputs', INPUT_NAMES))
  .addOption(choice('--codec <codec...>', 'Only these codecs', CODECS))
  .option('--events <n>', 'Distinct events of each input', parseCount, 200_000)
  .option('--rounds <n>', 'Measurements of each contender', parseCount, 3)
  .option('--json', 'One JSON document on stdout', false)
  .option('--keep', 'Leave the generated objects and the databases', false)
  .parse()
  .opts<BenchOptions>();

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interruption.abort());
}
const folder = await mkdtemp(path.join(os.tmpdir(), 'currents-bench-'));
try {
  const inputs: InputSummary[] = [];
  for (const input of options.only) {
    for (const codec of options.codec) inputs.push(await compareContenders(input, codec));
  }
  const report = { machine: describeMachine(), rounds: options.rounds, inputs };
  console.log(options.json ? JSON.stringify(report, null, 2) : formatReport(report));
} catch (error) {
  if (!interruption.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  if (options.keep) say(`kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}

async function compareContenders(input: InputName, codec: Codec): Promise<InputSummary> {
  const home = path.join(folder, `${input}-${codec}`);
  const objects = path.join(home, 'bucket');
  const reference = path.join(home, 'reference.duckdb');
  await mkdir(objects, { recursive: true });
  say(`${input}, ${codec}: generating ${options.events.toLocaleString('en-US')} events`);
  const told = await generateInput(input, codec, options.events, objects);
  const run = (contender: Contender, database: string): Promise<Measurement> =>
    runContender(contender, { input: objects, database, reference }, interruption.signal);

  await run('ours', reference);
  const expected = await readExpectedRows(reference, told.byEventType);
  const rounds: Round[] = [];
  for (let number = 1; number <= options.rounds; number += 1) {
    const round: Partial<Record<Contender, Measurement>> = {};
    for (const contender of CONTENDERS) {
      const database = path.join(home, `${contender}-${number}.duckdb`);
      const measurement = await run(contender, database);
      await checkRows(contender, database, expected);
      if (!options.keep) await rm(database);
      round[contender] = measurement;
      say(`${input}, ${codec}: round ${number}, ${contender} ${measurement.seconds.toFixed(1)} s`);
    }
    rounds.push(round as Round);
  }
  if (!options.keep) await rm(home, { recursive: true });
  const events = told.events + told.duplicates;
  const size = { objects: told.objects, bytes: told.bytes, events, rows: told.events };
  return summarize(input, codec, size, rounds);
}

function choice<Name extends string>(flags: string, text: string, names: readonly Name[]): Option {
  return new Option(flags, text).choices(names).default(names);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('A whole number from 1.');
  return count;
}

function say(line: string): void {
  console.error(line);
}
