/**
 * A second opinion about every value: rows of two databases joined by id, and compared column by column.
 *
 * The other one has only what is in the files, so our own columns are left aside, and a column that it
 * lacks must be null in ours. JSON is compared as text.
 */
import { quoteIdentifier } from '../src/warehouse/database.ts';
import { listTables, readRows, readRowsOfAll } from './read-database.ts';

export interface Differences {
  readonly comparedValues: number;
  readonly differingValues: number;
  /** Ids that only ours has, and that only the other has. */
  readonly missingRows: number;
  readonly extraRows: number;
  /** `table.column`, with the number of values that differ. */
  readonly columns: Readonly<Record<string, number>>;
}

/** @param ours a database that ingest made; @param other one with tables of the same names */
export async function compareValues(ours: string, other: string): Promise<Differences> {
  let [comparedValues, differingValues, missingRows, extraRows] = [0, 0, 0, 0];
  const differing: Record<string, number> = {};
  for (const table of await listTables(ours)) {
    const known = await listColumns(ours, table);
    const offered = new Set(await listColumns(other, table));
    const columns = known.filter((column) => !column.startsWith('_') && column !== 'id');
    const [row = []] = await readRowsOfAll(
      { ours, other },
      countDifferences(table, columns, offered),
    );
    const [both = 0, missing = 0, extra = 0, ...counts] = row.map(Number);
    comparedValues += both * columns.length;
    missingRows += missing;
    extraRows += extra;
    for (const [index, column] of columns.entries()) {
      const count = counts[index] ?? 0;
      if (count > 0) differing[`${table}.${column}`] = count;
      differingValues += count;
    }
  }
  return { comparedValues, differingValues, missingRows, extraRows, columns: differing };
}

async function listColumns(database: string, table: string): Promise<readonly string[]> {
  const rows = await readRows(
    database,
    `select column_name from duckdb_columns()
     where database_name = 'one' and schema_name = 'events' and lower(table_name) = '${table}'`,
  );
  return rows.map(([name]) => String(name));
}

function countDifferences(
  table: string,
  columns: readonly string[],
  offered: ReadonlySet<string>,
): string {
  const name = quoteIdentifier(table);
  const isInBoth = 'o.id is not null and t.id is not null';
  const counts = columns.map((column) => {
    const quoted = quoteIdentifier(column);
    const differs = offered.has(column)
      ? `o.${quoted} is distinct from t.${quoted}`
      : `o.${quoted} is not null`;
    return `count(*) filter (${isInBoth} and ${differs})::double`;
  });
  return `select ${[
    `count(*) filter (${isInBoth})::double`,
    'count(*) filter (t.id is null)::double',
    'count(*) filter (o.id is null)::double',
    ...counts,
  ].join(', ')}
  from ours.events.${name} as o full join other.events.${name} as t on o.id = t.id`;
}
