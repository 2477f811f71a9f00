/**
 * Python for the contenders that need it: a virtual environment in the folder for temporary files, made
 * once for each set of versions.
 *
 * DuckDB's Avro extension comes from PyPI in a package of its own and fits one version of DuckDB exactly, so
 * this DuckDB may be a patch older than ours. Without python3 or without PyPI there is no environment, and
 * the bench goes on without these contenders.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The newest DuckDB that PyPI has the extension for, 2026-11. */
export const READ_AVRO_VERSION = '1.5.5';

export interface PythonEnvironment {
  /** Path of the interpreter. */
  readonly python: string;
  readonly duckdb: string;
}

/**
 * @param duckdb version of DuckDB and of its Avro extension
 * @param signal stops an installation
 * @throws Error when there is no python3, or when PyPI cannot be reached or lacks a package
 */
export async function preparePython(
  duckdb: string,
  signal: AbortSignal,
): Promise<PythonEnvironment> {
  const packages = [
    `duckdb==${duckdb}`,
    `duckdb-extension-avro==${duckdb}`,
    'fastavro==1.13.1',
    'pyarrow==26.0.1',
  ];
  const version = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12);
  const folder = path.join(tmpdir(), `currents-bench-python-${version}`);
  const python = path.join(folder, 'bin', 'python');
  const marker = path.join(folder, 'complete');
  if (!existsSync(marker)) {
    await rm(folder, { recursive: true, force: true });
    try {
      await run('python3', ['-m', 'venv', folder], { signal });
      const quickly = ['--retries', '1', '--timeout', '15', '--disable-pip-version-check', '-q'];
      await run(python, ['-m', 'pip', 'install', ...quickly, ...packages], { signal });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    await writeFile(marker, '');
  }
  return { python, duckdb };
}
