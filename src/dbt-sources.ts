/**
 * The tables of a database → a `sources.yml` for dbt: every table, view and column with its type and meaning.
 *
 * One source for each schema, `currents_events` and so on: a source of dbt has one schema, and a name of its
 * own in the project. Meanings are the comments in the database, which the schemas and the catalogue of
 * profiles put there. dbt takes descriptions for templates, so what would begin one is taken apart.
 * Format: dbt's "Source properties", version 2, read 2026-09.
 */
import { stringify } from 'yaml';
import type { Database } from './warehouse/database.ts';

/** In the order of the file. */
const SCHEMAS: Readonly<Record<string, string>> = {
  events: 'What people did, one table for each event type of Braze Currents.',
  c360: 'The customer-360: people, not rows.',
  ops: 'What currents did with every object of the bucket.',
  sync: 'What goes to Braze and what Braze accepted.',
};

interface ColumnRow {
  readonly schema_name: string;
  readonly table_name: string;
  readonly table_comment: string | null;
  readonly column_name: string;
  readonly data_type: string;
  readonly column_comment: string | null;
}

/** YAML text; a schema without tables is left out. */
export async function formatDbtSources(database: Database): Promise<string> {
  const rows = await database.rows<ColumnRow>(
    `with commented as (
       select schema_name, table_name, comment from duckdb_tables()
       where database_name = current_database()
       union all
       select schema_name, view_name, comment from duckdb_views()
       where database_name = current_database())
     select c.schema_name, c.table_name, t.comment as table_comment, c.column_name, c.data_type,
       c.comment as column_comment
     from duckdb_columns() c
     join commented t on t.schema_name = c.schema_name and t.table_name = c.table_name
     where c.database_name = current_database()
     order by c.schema_name, c.table_name, c.column_index`,
  );
  const sources = Object.entries(SCHEMAS).flatMap(([schema, description]) => {
    const own = rows.filter((row) => row.schema_name === schema);
    if (own.length === 0) return [];
    return [{ name: `currents_${schema}`, description, schema, tables: describeTables(own) }];
  });
  return stringify({ version: 2, sources }, { lineWidth: 0 });
}

function describeTables(rows: readonly ColumnRow[]) {
  const tables = new Map<string, ColumnRow[]>();
  for (const row of rows) tables.set(row.table_name, [...(tables.get(row.table_name) ?? []), row]);
  return [...tables].map(([name, columns]) => ({
    name,
    ...(isPlain(name) ? {} : { quoting: { identifier: true } }),
    ...describe(columns[0]?.table_comment),
    columns: columns.map((column) => ({
      name: column.column_name,
      ...(isPlain(column.column_name) ? {} : { quote: true }),
      ...describe(column.column_comment),
      data_type: column.data_type.toLowerCase(),
    })),
  }));
}

/** Others need quotes in SQL, which dbt puts only where it is told to. */
function isPlain(name: string): boolean {
  return /^[a-z_][a-z0-9_]*$/.test(name);
}

function describe(comment: string | null | undefined): { description?: string } {
  return comment ? { description: comment.replace(/\{(?=[{%#])/g, '{ ') } : {};
}
