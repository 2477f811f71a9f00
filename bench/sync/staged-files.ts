/**
 * Files of a stage → what is in them, read back whole: a figure for files that nobody could read, or in
 * which somebody is missing, would be worth nothing.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Database, quoteLiteral } from '../../src/warehouse/database.ts';
import type { Format } from './sync-settings.ts';

export interface Staged {
  readonly files: number;
  readonly rows: number;
  /** Distinct ones. */
  readonly people: number;
  /** Attributes of all rows together. */
  readonly values: number;
}

const READERS: Readonly<Record<Format, string>> = {
  json: 'read_ndjson',
  csv: 'read_csv',
  parquet: 'read_parquet',
};

export async function readStaged(folder: string, format: Format): Promise<Staged> {
  const attributes = path.join(folder, 'attributes');
  const files = (await readdir(attributes)).map((name) => path.join(attributes, name));
  const database = await Database.open({ path: ':memory:' });
  try {
    const found = await database.row<Omit<Staged, 'files'>>(
      `select count(*)::double as rows, count(distinct "EXTERNAL_ID")::double as people,
         sum(len(json_keys("PAYLOAD")))::double as values
       from ${READERS[format]}([${files.map(quoteLiteral).join(', ')}])`,
    );
    return { files: files.length, ...found };
  } finally {
    database.close();
  }
}
