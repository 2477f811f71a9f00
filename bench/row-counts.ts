/**
 * Whether all contenders stored the same: rows by table, read back from their databases.
 *
 * A figure is worth nothing if it was won by losing rows. Ours must have every distinct event that the
 * generator told, the floor as many as ours, and the naive script the second deliveries on top.
 */
import { quoteIdentifier } from '../src/warehouse/database.ts';
import type { ContenderFacts } from './contenders.ts';
import { listTables, readRows } from './read-database.ts';

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
  assertSameRows('the first ingest', distinct, new Map(told));
  const ledger = await readRows(
    database,
    `select table_name, sum(row_count + duplicate_count)::double
     from ops.objects join ops.event_tables using (event_type) group by table_name`,
  );
  return {
    distinct,
    delivered: new Map(ledger.map(([table, count]) => [String(table), Number(count)])),
  };
}

/** @throws Error naming the first table that differs */
export async function checkRows(
  name: string,
  kind: Exclude<ContenderFacts['rows'], 'counted'>,
  database: string,
  expected: ExpectedRows,
): Promise<void> {
  assertSameRows(name, await readRowCounts(database), expected[kind]);
}

/** @throws Error when another number of events was seen than was delivered */
export function checkCount(
  name: string,
  events: number | undefined,
  { delivered }: ExpectedRows,
): void {
  const wanted = [...delivered.values()].reduce((sum, count) => sum + count, 0);
  if (events !== wanted) {
    throw new Error(`cannot compare: ${name} saw ${events} events (expected ${wanted})`);
  }
}

async function readRowCounts(database: string): Promise<RowCounts> {
  const counts = (await listTables(database)).map(
    (table) => `select '${table}', count(*)::double from events.${quoteIdentifier(table)}`,
  );
  const rows = await readRows(database, counts.join(' union all '));
  return new Map(rows.map(([table, count]) => [String(table).toLowerCase(), Number(count)]));
}

function assertSameRows(name: string, found: RowCounts, wanted: RowCounts): void {
  for (const table of new Set([...found.keys(), ...wanted.keys()])) {
    if (found.get(table) === wanted.get(table)) continue;
    throw new Error(
      `cannot compare: ${name} has ${found.get(table) ?? 'no'} rows in ${table} (expected ${wanted.get(table) ?? 'none'})`,
    );
  }
}
