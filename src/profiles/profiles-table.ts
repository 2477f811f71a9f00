/**
 * The table of profiles: made from the catalogue, with a comment on each column.
 *
 * To those who read, c360.profiles has five hundred plain columns. Behind it is c360.profiles_rows, where the
 * counts of a part are one map, and c360.profiles is a view that takes them apart:
 *
 *     profiles_rows   person_id, as_of, external_id, …, email_counts map(usmallint, struct(n, n_7d, …, last_at))
 *     profiles        person_id, as_of, external_id, …, email_sent, email_sent_7d, …, email_last_sent_at, …
 *
 * DuckDB holds half a megabyte for each column while it appends, and for each thread: five hundred columns
 * would not fit in 256 MB, neither here nor when the database is published; and most of them are zeros.
 *
 * Profiles are derived, so a table whose columns are not those of this release is dropped and made anew,
 * empty; a rebuild fills it.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import { KEY_COLUMNS, PROFILE_COLUMNS, PROFILE_PARTS } from './attributes.ts';
import { formatColumnComment, type StoredColumn, storedColumnsOf } from './profile-column.ts';

const COMMENT =
  'The customer-360: one row for each person, after all merges, as of the instant in as_of. Columns: docs/profiles.md.';
const ROWS_COMMENT = 'Internal: what c360.profiles is made of. Counts are in maps here.';

/** Where the rows of a table of profiles are. */
export function rowsTableOf(table: string): string {
  return `${table}_rows`;
}

/** The columns of the rows table. */
export const STORED_COLUMNS: readonly StoredColumn[] = [
  ...KEY_COLUMNS,
  ...PROFILE_PARTS.flatMap(storedColumnsOf),
];

interface TableOptions {
  /** Default: yes. They take longer than all the rest, and nobody reads them in a passing table. */
  readonly hasComments?: boolean;
}

/**
 * Makes sure that table and view are there with the columns of this release.
 *
 * @param table as SQL, `c360.profiles`
 * @returns whether they were made, and so are empty
 */
export async function createProfilesTable(
  database: Database,
  table: string,
  { hasComments = true }: TableOptions = {},
): Promise<boolean> {
  if (await hasCurrentColumns(database, table)) return false;
  const rows = rowsTableOf(table);
  const selected = PROFILE_COLUMNS.map((column) =>
    'takenBy' in column ? `${column.takenBy} as ${column.name}` : column.name,
  );
  const comments = PROFILE_COLUMNS.map(
    (column) =>
      `comment on column ${table}.${column.name} is ${quoteLiteral(formatColumnComment(column))}`,
  );
  await database.run(
    [
      `drop view if exists ${table}`,
      `create or replace table ${rows} (${STORED_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ')})`,
      `create view ${table} as select ${selected.join(', ')} from ${rows}`,
      `comment on table ${rows} is ${quoteLiteral(ROWS_COMMENT)}`,
      `comment on view ${table} is ${quoteLiteral(COMMENT)}`,
      ...(hasComments ? comments : []),
    ].join(';\n'),
  );
  return true;
}

/** Removes both, if they are there. */
export async function dropProfilesTable(database: Database, table: string): Promise<void> {
  await database.run(`drop view if exists ${table}; drop table if exists ${rowsTableOf(table)}`);
}

/** By names in their order: what is computed otherwise comes with another catalogue version. */
async function hasCurrentColumns(database: Database, table: string): Promise<boolean> {
  // Other databases may be attached and have a schema c360 too.
  const found = await database.rows<{ column_name: string }>(
    `select column_name from duckdb_columns()
     where database_name = current_database() and (schema_name || '.' || table_name) in ($1, $2)
     order by table_name, column_index`,
    [table, rowsTableOf(table)],
  );
  const expected = [...PROFILE_COLUMNS, ...STORED_COLUMNS].map(({ name }) => name);
  return (
    found.length === expected.length &&
    found.every(({ column_name }, index) => column_name === expected[index])
  );
}
