/**
 * Keeps a table from growing when the same rows are deleted and written again and again.
 *
 * DuckDB gives the place of a deleted row back only with its whole row group, and the rows of a refresh lie
 * all over the table. So when a table takes twice the rows that it has, it is written anew.
 */

import type { Database } from '../warehouse/database.ts';

/** Smaller tables are not worth it. */
const FEW_ROWS = 200_000;

/**
 * To be called in a transaction that has not written the table yet: new rows have no places of their own.
 *
 * @returns whether the table was written anew
 */
export async function rewriteHollow(
  database: Database,
  table: string,
  fewRows = FEW_ROWS,
): Promise<boolean> {
  const { rows, places } = await database.row<{ rows: number; places: number }>(
    `select count(*)::double as rows, coalesce(max(rowid) + 1, 0)::double as places from ${table}`,
  );
  if (places < fewRows || places < rows * 2) return false;
  await database.run(
    `create or replace temp table kept_rows as from ${table};
     delete from ${table};
     insert into ${table} from kept_rows;
     drop table kept_rows`,
  );
  return true;
}
