/**
 * One input, all contenders, several rounds: they take turns, and before a figure counts, what was stored
 * is compared with what had to be. The values of those with another Avro reader are compared as well, once.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { compareValues, type Differences } from './compare-values.ts';
import { CONTENDER_FACTS, type Contender, isPython, listContenders } from './contenders.ts';
import type { Codec, InputName } from './inputs.ts';
import type { Measurement } from './measure.ts';
import type { PreparedInput, PreparedInputs } from './prepared-inputs.ts';
import type { PythonEnvironment } from './python-environment.ts';
import { checkCount, checkRows } from './row-counts.ts';
import { runPythonScript, runScript } from './run-contender.ts';
import { type InputSummary, type Measured, type Round, summarize } from './summary.ts';

export interface ComparisonSetting {
  readonly inputs: PreparedInputs;
  readonly folder: string;
  readonly rounds: number;
  /** Databases are left where they are. */
  readonly keep: boolean;
  /** Undefined where there is none; then some contenders do not take part. */
  readonly python: PythonEnvironment | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called for each measurement whose rows were right. */
  readonly onChecked: () => void;
}

/** @throws Error when a contender fails or stores other rows than it should */
export async function compareContenders(
  setting: ComparisonSetting,
  input: InputName,
  codec: Codec,
): Promise<InputSummary> {
  const { inputs, rounds, folder, say } = setting;
  const own = await inputs.get(input, codec);
  const measured: Round[] = [];
  const differences: Partial<Record<Contender, Differences>> = {};
  for (let number = 1; number <= rounds; number += 1) {
    const round: Partial<Record<Contender, Measured>> = {};
    for (const contender of listContenders(input, setting.python !== undefined)) {
      const { loads, isSecondOpinion } = CONTENDER_FACTS[contender];
      const prepared = loads === undefined ? own : await inputs.get(loads, codec);
      const database = path.join(folder, `${input}-${codec}-${contender}-${number}.duckdb`);
      const cost = await runOnce(setting, contender, prepared, database);
      round[contender] = { ...cost, events: prepared.size.events };
      say(`${input}, ${codec}: round ${number}, ${contender} ${cost.seconds.toFixed(1)} s`);
      if (isSecondOpinion && number === 1) {
        differences[contender] = await compareValues(prepared.reference, database);
      }
      if (!setting.keep) await rm(database, { force: true });
    }
    measured.push(round);
  }
  return summarize({ input, codec, ...own.size }, measured, differences);
}

async function runOnce(
  { python, signal, onChecked }: ComparisonSetting,
  contender: Contender,
  { objects, reference, storageVersion, expected }: PreparedInput,
  database: string,
): Promise<Measurement> {
  const { script, rows } = CONTENDER_FACTS[contender];
  const task = { input: objects, database, reference, storageVersion };
  const cost =
    python !== undefined && isPython(contender)
      ? await runPythonScript(python.python, script, task, signal)
      : await runScript(script, task, signal);
  if (rows === 'counted') checkCount(contender, cost.events, expected);
  else await checkRows(contender, rows, database, expected);
  onChecked();
  return cost;
}
