/**
 * Whether all contenders stored the same: rows by table, read back from their databases.
 *
 * A figure is worth nothing if it was won by losing rows. Ours must have every distinct event that the
 * generator told, the floor as many as ours, and the naive script the second deliveries on top.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { quoteIdentifier } from '../src/warehouse/database.ts';
import type { Contender } from './run-contender.ts';

/** By table name. */
type RowCounts = ReadonlyMap<string, number>;

/** What must be in the databases: without second deliveries, and with them. */
export interface ExpectedRows {
  readonly distinct: RowCounts;
  readonly delivered: RowCounts;
}

/**
 * From the first ingest of an input, with its ledger.
 *
 * @param byEventType distinct events by event type, as the generator tells them
 * @throws Error when the ingest did not load just these
 */
export async function readExpectedRows(
  database: string,
  byEventType: Readonly<Record<string, number>>,
): Promise<ExpectedRows> {
  const distinct = await readRowCounts(database);
  const told = Object.entries(byEventType).map(([eventType, count]): [string, number] => [
    eventType.replaceAll('.', '_').toLowerCase(),
    count,
  ]);
  assertSameRows('ours', distinct, new Map(told));
  const ledger = await readPairs(
    database,
    `select table_name, sum(row_count + duplicate_count)::double
     from ops.objects join ops.event_tables using (event_type) group by table_name`,
  );
  return { distinct, delivered: new Map(ledger) };
}

/** @throws Error naming the first table that differs */
export async function checkRows(
  contender: Contender,
  database: string,
  expected: ExpectedRows,
): Promise<void> {
  const wanted = contender === 'naive' ? expected.delivered : expected.distinct;
  assertSameRows(contender, await readRowCounts(database), wanted);
}

async function readRowCounts(database: string): Promise<RowCounts> {
  const tables = await readPairs(
    database,
    "select table_name, 0::double from duckdb_tables() where schema_name = 'events'",
  );
  const counts = tables.map(
    ([table]) => `select '${table}', count(*)::double from events.${quoteIdentifier(table)}`,
  );
  const rows = await readPairs(database, counts.join(' union all '));
  return new Map(rows.map(([table, count]) => [table.toLowerCase(), count]));
}

async function readPairs(database: string, sql: string): Promise<readonly [string, number][]> {
  const instance = await DuckDBInstance.create(database, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRows().map(([name, count]) => [String(name), Number(count)]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function assertSameRows(contender: Contender, found: RowCounts, wanted: RowCounts): void {
  for (const table of new Set([...found.keys(), ...wanted.keys()])) {
    if (found.get(table) === wanted.get(table)) continue;
    throw new Error(
      `cannot compare: ${contender} has ${found.get(table) ?? 'no'} rows in ${table} (expected ${wanted.get(table) ?? 'none'})`,
    );
  }
}
