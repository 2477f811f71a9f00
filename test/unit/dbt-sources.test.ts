/** The sources.yml for dbt: what is in the database, in the form that dbt takes. */
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { formatDbtSources } from '../../src/dbt-sources.ts';
import { refreshViews } from '../../src/profiles/refresh-views.ts';
import { anEvent, aSchema } from '../support/event-builders.ts';
import { TestWarehouse } from '../support/test-warehouse.ts';

/** Source properties as dbt documents them: unknown keys would be warned about. */
const description = z.string().refine((text) => !/\{[{%#]/.test(text), 'would be a template');
const column = z.strictObject({
  name: z.string(),
  quote: z.boolean().optional(),
  description: description.optional(),
  data_type: z.string(),
});
const table = z.strictObject({
  name: z.string(),
  quoting: z.strictObject({ identifier: z.boolean() }).optional(),
  description: description.optional(),
  columns: z.array(column).min(1),
});
const source = z.strictObject({
  name: z.string().regex(/^\w+$/),
  description,
  schema: z.string(),
  tables: z.array(table).min(1),
});
const dbtFile = z.strictObject({ version: z.literal(2), sources: z.array(source) });

it('sources.yml has every table, view and column of the database, with types and meanings', async () => {
  const { database } = await load();
  const { sources } = dbtFile.parse(parse(await formatDbtSources(database)));
  expect(sources.map(({ name }) => name)).toEqual([
    'currents_events',
    'currents_c360',
    'currents_ops',
    'currents_sync',
  ]);
  const listed = sources.flatMap(({ schema, tables }) =>
    tables.flatMap(({ name, columns }) => columns.map((own) => `${schema}.${name}.${own.name}`)),
  );
  const present = await database.rows<{ name: string }>(
    `select concat_ws('.', schema_name, table_name, column_name) as name from duckdb_columns()
     where not internal and schema_name in ('events', 'c360', 'ops', 'sync')`,
  );
  expect(listed.toSorted()).toEqual(present.map(({ name }) => name).toSorted());
  const tables = sources.flatMap((found) => found.tables);
  expect(tables.find(({ name }) => name === 'timeline')?.columns[0]).toEqual({
    name: 'time',
    description: 'When it happened, UTC.',
    data_type: 'timestamp',
  });
});

it('quotes names that SQL would not take, and starts no template of dbt', async () => {
  const { database } = await load();
  const { sources } = dbtFile.parse(parse(await formatDbtSources(database)));
  const [events] = sources;
  expect(events?.tables).toMatchObject([
    {
      name: 'odd-type',
      quoting: { identifier: true },
      columns: [
        { name: 'id' },
        { name: 'time' },
        { name: 'Camel "x"', quote: true, description: 'not { { a }} { % template: # %}' },
        { name: '_object_id' },
      ],
    },
  ]);
});

async function load() {
  const warehouse = await TestWarehouse.forTest();
  await warehouse.load([
    {
      eventType: 'odd-type',
      schema: aSchema(
        { 'Camel "x"': 'string' },
        { docs: { 'Camel "x"': 'not {{ a }} {% template: # %}' } },
      ),
      records: [anEvent(1, { 'Camel "x"': 'a' })],
    },
  ]);
  await refreshViews(warehouse.database);
  return { database: warehouse.database };
}
