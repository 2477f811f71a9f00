/**
 * What DuckDB's Avro reader makes of an object that was cut short, as by an upload that broke off: the rows
 * that it stores without saying a word. Ours refuses such an object and stores none of its rows
 * (test/e2e/damaged.ts).
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CONTENDER_FACTS } from './contenders.ts';
import type { PreparedInput } from './prepared-inputs.ts';
import type { PythonEnvironment } from './python-environment.ts';
import { listTables, readRows } from './read-database.ts';
import { runPythonScript } from './run-contender.ts';

export interface CutObject {
  readonly bytes: number;
  readonly keptBytes: number;
  /** Rows that were stored all the same; undefined when the reader refused the object. */
  readonly storedRows: number | undefined;
}

/** @param folder for the object and the database; both are gone afterwards */
export async function loadCutObject(
  { python }: PythonEnvironment,
  { objects, storageVersion }: PreparedInput,
  folder: string,
  signal: AbortSignal,
): Promise<CutObject> {
  const entries = await readdir(objects, { recursive: true });
  const key = entries.filter((entry) => entry.endsWith('.avro')).sort()[0] ?? '';
  const whole = await readFile(path.join(objects, key));
  const kept = whole.subarray(0, Math.floor((whole.length * 2) / 3));
  const input = path.join(folder, 'cut');
  await mkdir(path.dirname(path.join(input, key)), { recursive: true });
  await writeFile(path.join(input, key), kept);
  const database = path.join(folder, 'cut.duckdb');
  const task = { input, database, reference: '', storageVersion };
  let storedRows: number | undefined;
  try {
    await runPythonScript(python, CONTENDER_FACTS.read_avro.script, task, signal);
    const [table] = await listTables(database);
    const [row] = await readRows(database, `select count(*)::double from events.${table}`);
    storedRows = Number(row?.[0]);
  } catch (error) {
    if (signal.aborted) throw error;
  }
  await rm(input, { recursive: true });
  await rm(database, { force: true });
  return { bytes: whole.length, keptBytes: kept.length, storedRows };
}
