/**
 * Python as the second opinion: a virtual environment with the pinned packages of requirements.txt, made
 * once for each version of that file in the folder for temporary files, and its scripts.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REQUIREMENTS = path.join(import.meta.dirname, 'requirements.txt');

/** What compare_rows.py says of one database. */
export interface Comparison {
  readonly problems: readonly string[];
  readonly counts: {
    readonly records: number;
    readonly values: number;
    readonly rows: number;
    readonly erased: number;
    readonly tables: number;
  };
}

/** The `bin` folder of the virtual environment; made if it is not there (half a minute). */
export async function preparePython(): Promise<string> {
  const version = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  const folder = path.join(tmpdir(), `currents-e2e-python-${version.slice(0, 12)}`);
  const marker = path.join(folder, 'complete');
  if (!existsSync(marker)) {
    rmSync(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder]);
    const pip = path.join(folder, 'bin/pip');
    await run(pip, ['install', '-q', '--disable-pip-version-check', '-r', REQUIREMENTS]);
    writeFileSync(marker, '');
  }
  return path.join(folder, 'bin');
}

/** Runs a script of this folder with a JSON document on stdin and parses the one that it prints. */
export async function runPython<Result>(script: string, input: unknown): Promise<Result> {
  const python = path.join(await preparePython(), 'python');
  const promise = run(python, [path.join(import.meta.dirname, script)], {
    maxBuffer: 1 << 30,
    env: { PATH: process.env.PATH, PYTHONUTF8: '1' },
  });
  promise.child.stdin?.end(JSON.stringify(input));
  return JSON.parse((await promise).stdout) as Result;
}
