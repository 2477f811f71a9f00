/**
 * Time zones of people → when each was how many seconds ahead of UTC, as a small temporary table.
 *
 *     zone_shifts   zone, from_time, until_time, shift     zone in lower case; whole 366 days up to the instant
 *
 * Asking ICU for every event would take longer than everything else together; a zone changes its clocks
 * twice a year, so its few changes are looked up once and joined. What is no name of a zone (a test event has
 * a UUID there, a transformed field `[REDACTED]`) would be an error in DuckDB and is left out: it counts as
 * UTC, which is always there. ICU is linked into DuckDB's Node package; nothing is downloaded.
 */
import type { Database } from '../warehouse/database.ts';

/** How far behind the instant hours are looked at; a day more, so that no event falls before the first row. */
const DAYS = 366;

/**
 * @param asOf SQL of a timestamp
 * @param names a query with a column zone: names as people have them, in any case
 */
export async function createZoneShifts(
  database: Database,
  asOf: string,
  names: string,
): Promise<void> {
  await database.run(`
    create or replace temp table zone_shifts as
    with zones as (
      select name from pg_timezone_names()
      where name = 'UTC' or lower(name) in (select lower(zone) from (${names}))),
    days as (
      select unnest(generate_series(date_trunc('day', ${asOf}) - to_days(${DAYS}),
        date_trunc('day', ${asOf}) + to_days(1), to_days(1))) as time),
    daily as (
      select name, time, ${shiftAt('name', 'time')} as shift from zones, days),
    marked as (
      select *, lag(shift) over (partition by name order by time) as before from daily),
    -- Clocks change on a quarter of an hour at the finest.
    quarters as (
      select name, time as day, time - to_days(1) + to_minutes(15 * quarter) as time, before
      from marked, range(1, 97) r(quarter) where before <> shift),
    shifted as (
      select name, day, time, before, ${shiftAt('name', 'time')} as shift from quarters),
    changes as (
      select name, time, shift from shifted
      qualify shift <> coalesce(lag(shift) over (partition by name, day order by time), before)
      union all
      select name, time, shift from marked where before is null)
    select lower(name) as zone, name, time as from_time,
      lead(time, 1, 'infinity'::timestamp) over (partition by name order by time) as until_time, shift
    from changes`);
}

/** Seconds that a zone is ahead of UTC at an instant. */
function shiftAt(zone: string, time: string): string {
  return `epoch(timezone(${zone}, ${time} at time zone 'UTC'))::bigint - epoch(${time})::bigint`;
}
