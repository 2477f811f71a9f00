/**
 * An event table with a long history, made in minutes instead of hours: by SQL from a few ingested events.
 *
 * The table is the one that ingest makes, all columns included. Ids are random UUIDs, as Braze's are; times
 * rise evenly over the eight weeks before the new events, rows lie in that order, as they would have
 * come. All other values are those of the ingested events again and again, so they compress better than
 * real ones: fifty million rows take about two gigabytes.
 */
import { DuckDBInstance } from '@duckdb/node-api';

/** Where the history ends; the new events are of the hour after. */
export const HISTORY_END = new Date('2026-07-05T23:00:00Z');
export const HISTORY_DAYS = 56;

/** The event type that grows: the widest of the common ones. */
export const GROWING_EVENT_TYPE = 'users.messages.email.Open';
export const GROWING_TABLE = 'events.users_messages_email_open';

/** @param database an ingested one with some events of that type; @param rows how many are added */
export async function fillHistory(database: string, rows: number): Promise<void> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    await connection.run(
      `create temp table pattern as
       select *, row_number() over () - 1 as position from ${GROWING_TABLE}`,
    );
    const [row] = (await connection.runAndReadAll('select count(*) from pattern')).getRows();
    // The pattern has to be what is looked up, or rows do not keep the order of the history.
    await connection.run("set disabled_optimizers = 'join_order,build_side_probe_side'");
    await connection.run(
      `insert into ${GROWING_TABLE} by name
       select pattern.* exclude (position) replace (
         uuid()::varchar as id,
         timestamp '${HISTORY_END.toISOString()}' - to_days(${HISTORY_DAYS})
           + to_microseconds(number * (${HISTORY_DAYS * 86_400_000_000} // ${rows})) as time)
       from range(${rows}) as history(number)
       join pattern on position = (number * 7919) % ${String(row?.[0])}`,
    );
    await connection.run('checkpoint');
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
