/**
 * The sources of the setting `attach` → tables that a statement can join, opened read-only.
 *
 * A statement gets those whose names are words in it, and only they are opened: a CRM that is away, or a
 * slow Postgres, is no concern of a query about opens. One that cannot be opened makes no trouble as long
 * as DuckDB does not miss it; when it does, the reason is told instead of "table does not exist".
 * CSV and Parquet are temporary views, databases are attached; both go when the database is closed.
 */

import type { AttachConfig } from './attach-settings.ts';
import { readSecret } from './config.ts';
import { CurrentsError } from './errors.ts';
import { type Database, quoteIdentifier, quoteLiteral } from './warehouse/database.ts';

export type AttachConfigs = Readonly<Record<string, AttachConfig>>;

/**
 * Runs `work`, in which the SQL may name the sources. Not to be called inside a transaction.
 *
 * @throws CurrentsError ATTACH_FAILED when `work` failed because DuckDB missed a source that could not be
 *   opened; otherwise what `work` throws
 */
export async function withSources<Result>(
  database: Database,
  sources: AttachConfigs,
  sql: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const failures: CurrentsError[] = [];
  for (const [name, source] of Object.entries(sources)) {
    if (!new RegExp(`\\b${name}\\b`, 'i').test(sql)) continue;
    try {
      await attach(database, name, source);
    } catch (error) {
      failures.push(toAttachError(error, name, source));
    }
  }
  try {
    return await work();
  } catch (error) {
    const isMissing =
      error instanceof CurrentsError && /(Catalog|Binder) Error/.test(error.message);
    throw isMissing && failures[0] !== undefined ? failures[0] : error;
  }
}

async function attach(database: Database, name: string, source: AttachConfig): Promise<void> {
  const target = quoteIdentifier(name);
  switch (source.kind) {
    case 'csv':
    case 'parquet': {
      // The same name as a table of the user's own would hide it, or be hidden; the source wins.
      const read = `read_${source.kind}(${quoteLiteral(source.path)})`;
      return database.run(`create or replace temp view ${target} as from ${read}`);
    }
    case 'duckdb':
      return database.run(
        `attach if not exists ${quoteLiteral(source.path)} as ${target} (type duckdb, read_only)`,
      );
    case 'postgres': {
      await loadPostgres(database);
      const connection =
        source.connection === undefined
          ? ''
          : readSecret(source.connection, `connection of ${name}`);
      return database.run(
        `attach if not exists ${quoteLiteral(connection)} as ${target} (type postgres, read_only)`,
      );
    }
  }
}

/** DuckDB keeps extensions in the home folder; the first use fetches this one. */
async function loadPostgres(database: Database): Promise<void> {
  try {
    await database.run('load postgres');
  } catch {
    try {
      await database.run('install postgres; load postgres');
    } catch (error) {
      throw new CurrentsError({
        code: 'ATTACH_FAILED',
        message: "DuckDB's extension postgres is not installed and could not be fetched",
        hint: 'allow this machine extensions.duckdb.org once, or put the extension into ~/.duckdb/extensions',
        cause: error,
      });
    }
  }
}

/** DuckDB's words may hold a connection string: of Postgres only the kind of failure is told. */
function toAttachError(error: unknown, name: string, source: AttachConfig): CurrentsError {
  if (!(error instanceof CurrentsError)) throw error;
  if (error.code === 'INTERRUPTED' || error.code === 'DISK_FULL') throw error;
  const isPostgres = source.kind === 'postgres';
  const isOurs = error.code !== 'DATABASE_FAILED';
  const [said = ''] = error.message.replace(/^cannot run SQL on .*?: (?=[A-Z])/, '').split('\n');
  const reason = isPostgres && !isOurs ? 'the server could not be reached or refused us' : said;
  return new CurrentsError({
    code: 'ATTACH_FAILED',
    message: `cannot read ${name} of the setting attach: ${reason}`,
    hint: isOurs && error.hint !== undefined ? error.hint : describeCheck(source),
    context: { attached: name },
    ...(isPostgres ? {} : { cause: error }),
  });
}

function describeCheck(source: AttachConfig): string {
  return source.kind === 'postgres'
    ? 'try the same connection with psql'
    : `check ${source.path}; relative paths start at the folder of the settings file`;
}
