/**
 * A reader's SQL → nothing, or a refusal: it must be one statement that reads.
 *
 * A database that is open read-only guards only itself: `copy … to` would still overwrite any file, this
 * database among them. So what is allowed is listed, and the rest refused. Surprising: DuckDB turns a
 * `pivot` into several statements, and `explain analyze` runs what it explains. This guards against
 * accidents: reading functions may still open any file, and `enable_logging` may log to one.
 */
import { StatementType } from '@duckdb/node-api';
import { CurrentsError } from '../errors.ts';
import type { Database } from './database.ts';

const COMMENTS_AND_SPACE = String.raw`(?:\s|--.*|/\*[\s\S]*?\*/)*`;
const NOTHING = /^(?:\s|;|--.*|\/\*[\s\S]*?\*\/)*$/;
const EXPLAIN = new RegExp(
  String.raw`^${COMMENTS_AND_SPACE}explain\b${COMMENTS_AND_SPACE}(?:analyze\b|\((?:\s*(?:analyze|format\s+\w+)\s*,?)+\))?`,
  'i',
);

/** Known by its name, since telling its kind would make its folder. */
const EXPORT = new RegExp(String.raw`^${COMMENTS_AND_SPACE}export\b`, 'i');

/**
 * @throws CurrentsError USAGE (no statement, or several), QUERY_FAILED (a statement that does not only
 *   read); DATABASE_FAILED with DuckDB's words for SQL that it does not take
 */
export async function refuseWriting(database: Database, sql: string): Promise<void> {
  if (NOTHING.test(sql)) throw countError('there is none');
  const { count, typeAt } = await database.extract(sql);
  if (count > 1) {
    if (await isOnePivot(database, sql)) return;
    throw countError('there are several');
  }
  const explained = sql.replace(EXPLAIN, '');
  if (!EXPORT.test(explained)) {
    const type = await typeAt(0);
    if (type === StatementType.SELECT) return;
    if (type === StatementType.EXPLAIN && (await isReading(database, explained))) return;
  }
  throw new CurrentsError({
    code: 'QUERY_FAILED',
    message:
      'cannot run the query: it does more than read (expected select, from, describe, show, summarize or explain)',
    hint: 'write results with: currents query "…" --format csv > file (or parquet); copy the database with: currents publish PATH',
  });
}

function countError(found: string): CurrentsError {
  return new CurrentsError({
    code: 'USAGE',
    message: `cannot run the query: ${found} (expected one statement)`,
    hint: 'currents query "from ops.objects limit 10"',
  });
}

/**
 * A pivot without listed values is several statements: one creates a type for each of its columns, the
 * last is the pivot. Several statements of the user's do not fit into brackets.
 */
async function isOnePivot(database: Database, sql: string): Promise<boolean> {
  try {
    const { count, typeAt } = await database.extract(`from (${sql.trim().replace(/;+$/, '')}\n)`);
    for (let index = 0; index < count - 1; index += 1)
      if ((await typeAt(index)) !== StatementType.CREATE) return false;
    return count > 1;
  } catch {
    return false;
  }
}

/** False as well for text that is no SQL: what follows `explain` may have been cut in a wrong place. */
async function isReading(database: Database, explained: string): Promise<boolean> {
  try {
    const { count, typeAt } = await database.extract(explained);
    return count === 1 && (await typeAt(0)) === StatementType.SELECT;
  } catch {
    return false;
  }
}
