/**
 * A reader's SQL → rows as text (CSV, JSON, a table) or a Parquet file.
 *
 * Text is made chunk by chunk, so a result of any size needs the memory of a few thousand rows; statements
 * that only describe (`describe`, `show`, `explain`) work as well. An error in the SQL comes before the
 * first piece. SQL that does more than read is refused before it runs.
 */
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { CurrentsError } from '../errors.ts';
import { type Database, quoteLiteral } from './database.ts';
import { formatCell, formatJsonValue } from './format-value.ts';
import { refuseWriting } from './refuse-writing.ts';

export type TextFormat = 'csv' | 'json' | 'ndjson';

export interface QueryTable {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** False when the result has more rows than were asked for. */
  readonly isComplete: boolean;
}

/**
 * The result in pieces of text, to be written one after the other.
 *
 * @throws CurrentsError QUERY_FAILED with DuckDB's own words, at once or while the pieces are read, or
 *   because the SQL does more than read; USAGE for several statements or none.
 */
export async function formatQuery(
  database: Database,
  sql: string,
  format: TextFormat,
): Promise<AsyncIterable<string>> {
  const { names, types, chunks } = await startQuery(database, sql);
  switch (format) {
    case 'csv':
      return formatCsv(names, chunks);
    case 'ndjson':
      return formatNdjson(numberRepeated(names), types, chunks);
    case 'json':
      return formatJsonArray(numberRepeated(names), types, chunks);
  }
}

/** The first `limit` rows as cells, null as `NULL`; for a table that people read. */
export async function readQuery(
  database: Database,
  sql: string,
  limit: number,
): Promise<QueryTable> {
  const { names, chunks } = await startQuery(database, sql);
  const rows: string[][] = [];
  for await (const chunk of chunks) {
    for (const row of chunk) {
      if (rows.length === limit) return { names, rows, isComplete: false };
      rows.push(row.map((value) => (value === null ? 'NULL' : formatCell(value))));
    }
  }
  return { names, rows, isComplete: true };
}

/** Writes the result as one Parquet file. Only a query can be written, not a `describe`. */
export async function exportParquet(database: Database, sql: string, path: string): Promise<void> {
  // The line break ends a comment on the last line.
  const query = sql.trim().replace(/;+$/, '');
  try {
    await refuseWriting(database, sql);
    await database.run(`copy (${query}\n) to ${quoteLiteral(path)} (format parquet)`);
  } catch (error) {
    throw toQueryError(error);
  }
}

/**
 * Looks whether SQL that the settings hold is one query that only reads, without running it.
 *
 * @param purpose completes "cannot use the query of …", such as `attributes engagement`
 * @throws CurrentsError QUERY_FAILED
 */
export async function checkReading(
  database: Database,
  sql: string,
  purpose: string,
): Promise<void> {
  try {
    await refuseWriting(database, sql);
  } catch (error) {
    const said = toQueryError(error);
    if (!(said instanceof CurrentsError)) throw said;
    const found = said.message.replace('cannot run the query: ', '');
    throw new CurrentsError({
      code: 'QUERY_FAILED',
      message: `cannot use the query of ${purpose}: ${found}`,
      hint: 'try it with: currents query "…"',
      cause: error,
    });
  }
}

interface RunningQuery {
  readonly names: readonly string[];
  readonly types: readonly DuckDBType[];
  readonly chunks: Chunks;
}

type Chunks = AsyncIterable<readonly (readonly DuckDBValue[])[]>;

async function startQuery(database: Database, sql: string): Promise<RunningQuery> {
  try {
    await refuseWriting(database, sql);
    const { names, types, chunks } = await database.stream(sql);
    return { names, types, chunks: withQueryErrors(chunks) };
  } catch (error) {
    throw toQueryError(error);
  }
}

async function* withQueryErrors(
  chunks: Chunks,
): AsyncGenerator<readonly (readonly DuckDBValue[])[]> {
  try {
    yield* chunks;
  } catch (error) {
    throw toQueryError(error);
  }
}

async function* formatCsv(names: readonly string[], chunks: Chunks): AsyncGenerator<string> {
  yield `${names.map(quoteCsv).join(',')}\n`;
  for await (const chunk of chunks) {
    let text = '';
    for (const row of chunk)
      text += `${row.map((value) => (value === null ? '' : quoteCsv(formatCell(value)))).join(',')}\n`;
    yield text;
  }
}

/** RFC 4180; the empty text is quoted, so that it is not a null. */
function quoteCsv(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* formatNdjson(
  names: readonly string[],
  types: readonly DuckDBType[],
  chunks: Chunks,
): AsyncGenerator<string> {
  for await (const chunk of chunks)
    yield chunk.map((row) => `${formatRow(names, types, row)}\n`).join('');
}

async function* formatJsonArray(
  names: readonly string[],
  types: readonly DuckDBType[],
  chunks: Chunks,
): AsyncGenerator<string> {
  let separator = '[\n';
  for await (const chunk of chunks) {
    yield separator + chunk.map((row) => formatRow(names, types, row)).join(',\n');
    separator = ',\n';
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

/** q, q → q, q_2: of two fields with one name, readers of JSON would keep the last alone. */
function numberRepeated(names: readonly string[]): readonly string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let number = 2; seen.has(name) && taken.has(free); number += 1) free = `${name}_${number}`;
    seen.add(name);
    taken.add(free);
    return free;
  });
}

function formatRow(
  names: readonly string[],
  types: readonly DuckDBType[],
  row: readonly DuckDBValue[],
): string {
  const fields = row.map(
    (value, column) => `${JSON.stringify(names[column])}:${formatJsonValue(value, types[column])}`,
  );
  return `{${fields.join(',')}}`;
}

/** DuckDB's words in our form. Other failures (a full disk, an interruption) stay what they are. */
function toQueryError(error: unknown): unknown {
  if (!(error instanceof CurrentsError) || error.code !== 'DATABASE_FAILED') return error;
  const said = error.message.replace(
    /^cannot run SQL on .*?: (?=[A-Z])(Failed to extract statements: )?/,
    '',
  );
  return new CurrentsError({
    code: 'QUERY_FAILED',
    message: `cannot run the query: ${said}`,
    hint: "currents query 'from duckdb_tables() select schema_name, table_name' lists the tables",
    cause: error,
  });
}
