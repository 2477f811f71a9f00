/**
 * A setting that holds SQL or names a file with SQL → the SQL.
 *
 * `audiences/lapsing.sql` is a file, `from c360.profiles` is SQL: a single line that ends in `.sql` and does
 * not begin as a query does is a path. Files are read when the SQL is needed, so a missing one fails only
 * what uses it.
 */
import { readFile } from 'node:fs/promises';
import { CurrentsError } from './errors.ts';

export type SqlText =
  | { readonly kind: 'sql'; readonly sql: string }
  | { readonly kind: 'file'; readonly path: string };

const FILE_PATTERN = /^[^\n]*\.sql$/i;
const QUERY_START = /^\s*(select|from|with|values|table|pivot|unpivot|summarize|\()\b/i;

/** @param resolve a path of the settings file → an absolute one */
export function parseSqlText(written: string, resolve: (path: string) => string): SqlText {
  const isFile = FILE_PATTERN.test(written.trim()) && !QUERY_START.test(written);
  return isFile ? { kind: 'file', path: resolve(written.trim()) } : { kind: 'sql', sql: written };
}

/**
 * @param purpose completes "cannot read the SQL of …", such as `audience lapsing_vips`
 * @throws CurrentsError SETTINGS_INVALID when the file cannot be read
 */
export async function readSqlText(text: SqlText, purpose: string): Promise<string> {
  if (text.kind === 'sql') return text.sql;
  try {
    return await readFile(text.path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot read the SQL of ${purpose}: ${code === 'ENOENT' ? `there is no file ${text.path}` : `${text.path}: ${code ?? 'unknown error'}`}`,
      hint: 'check the path in the settings file; relative paths start at its folder',
      context: { path: text.path },
      cause: error,
    });
  }
}
