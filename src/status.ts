/**
 * What the ledger and the tables tell about the work so far: how far each event type has come, which hours
 * are missing, and what the last runs did.
 *
 * Reads only; works on a database opened read-only. Braze replays nothing, so a silence is worth an alarm:
 * an event type that had an object nearly every hour of the last week and then has none is reported.
 * Nothing here can tell a quiet hour from a lost one, so rare event types are never reported. Hours later
 * than now are told apart: one key with a wrong date would hide every delay until then.
 */
import { statSync } from 'node:fs';
import { type Database, quoteIdentifier } from './warehouse/database.ts';
import { OBJECT_STATUSES, type ObjectStatus } from './warehouse/migrations.ts';

const HOUR_MS = 3_600_000;

/** How far back hours are compared. */
const WINDOW_HOURS = 7 * 24;
/** An event type is expected every hour when it had an object in this share of its hours, … */
const USUAL_SHARE = 0.9;
/** … of which there are at least so many. */
const USUAL_LEAST_HOURS = 12;

export interface Status {
  readonly database: { readonly path: string; readonly sizeBytes: number };
  readonly objects: Readonly<Record<ObjectStatus, number>>;
  readonly events: number;
  /** The newest hour of any event type that has begun, and how many seconds ago that hour ended. */
  readonly newestHour: Date | undefined;
  readonly behindSeconds: number | undefined;
  readonly eventTypes: readonly EventTypeStatus[];
  readonly runs: readonly RunSummary[];
}

export interface EventTypeStatus {
  /** Empty for objects whose event type only their header tells, until they are read. */
  readonly eventType: string;
  readonly table: string | undefined;
  readonly newestHour: Date | undefined;
  readonly newestEventAt: Date | undefined;
  readonly events: number;
  readonly loaded: number;
  readonly pending: number;
  readonly quarantined: number;
  /** Hours without an object where one is usual, oldest first; starts of hours. */
  readonly missingHours: readonly Date[];
  /** Hours of objects that are later than now, oldest first; nothing else here counts them as hours. */
  readonly futureHours: readonly Date[];
  /** The missing hours reach to the newest hour of all others. */
  readonly isSilent: boolean;
}

export interface RunSummary {
  readonly runId: number;
  readonly source: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  readonly status: string;
  readonly isFullListing: boolean;
  readonly loaded: number;
  readonly quarantined: number;
  readonly events: number;
  readonly error: string | undefined;
}

/** Everything `currents status` shows. Costs a count and a maximum for each table. */
export async function readStatus(database: Database, now: Date): Promise<Status> {
  const counts = await readObjectCounts(database, now);
  const hours = await readHours(database, now);
  const futureHours = await readFutureHours(database, now);
  const tables = await readTables(database);
  const newestHour = latest(counts.map((count) => count.newestHour));
  const names = new Set([...counts.map((count) => count.eventType), ...tables.keys()]);
  const eventTypes = [...names].sort().map((eventType) => {
    const count = counts.find((candidate) => candidate.eventType === eventType);
    const missingHours = findMissingHours(hours.get(eventType) ?? [], newestHour);
    return {
      eventType,
      table: tables.get(eventType)?.table,
      newestHour: count?.newestHour,
      newestEventAt: tables.get(eventType)?.newestEventAt,
      events: tables.get(eventType)?.events ?? 0,
      loaded: count?.byStatus.loaded ?? 0,
      pending: count?.byStatus.discovered ?? 0,
      quarantined: count?.byStatus.quarantined ?? 0,
      missingHours,
      futureHours: futureHours.get(eventType) ?? [],
      isSilent: newestHour !== undefined && isLastHourMissing(missingHours, newestHour),
    };
  });
  return {
    database: { path: database.path, sizeBytes: statSync(database.path).size },
    objects: sumStatuses(counts.map((count) => count.byStatus)),
    events: eventTypes.reduce((sum, { events }) => sum + events, 0),
    newestHour,
    behindSeconds:
      newestHour &&
      Math.max(0, Math.round((now.getTime() - newestHour.getTime() - HOUR_MS) / 1000)),
    eventTypes,
    runs: await readLastRuns(database),
  };
}

/**
 * Hours without an object, for an event type that usually has one; none for one that does not. Pure.
 *
 * @param hours starts of the hours that have one, in any order
 * @param newestHour of all event types; it may still be filling, so it is not expected yet
 */
export function findMissingHours(hours: readonly Date[], newestHour: Date | undefined): Date[] {
  if (newestHour === undefined || hours.length === 0) return [];
  const present = new Set(hours.map((hour) => hour.getTime()));
  const firstMs = Math.max(Math.min(...present), newestHour.getTime() - WINDOW_HOURS * HOUR_MS);
  const lastMs = Math.max(...present);
  const usual = [...present].filter((hourMs) => hourMs >= firstMs).length;
  const span = (lastMs - firstMs) / HOUR_MS + 1;
  if (usual < USUAL_LEAST_HOURS || usual / span < USUAL_SHARE) return [];
  const missing: Date[] = [];
  for (let hourMs = firstMs; hourMs < newestHour.getTime(); hourMs += HOUR_MS)
    if (!present.has(hourMs)) missing.push(new Date(hourMs));
  return missing;
}

function isLastHourMissing(missingHours: readonly Date[], newestHour: Date): boolean {
  return missingHours.at(-1)?.getTime() === newestHour.getTime() - HOUR_MS;
}

interface ObjectCounts {
  readonly eventType: string;
  readonly newestHour: Date | undefined;
  readonly byStatus: Record<ObjectStatus, number>;
}

async function readObjectCounts(database: Database, now: Date): Promise<ObjectCounts[]> {
  const rows = await database.rows<{
    event_type: string;
    status: ObjectStatus;
    count: bigint;
    newest_hour: Date | null;
  }>(
    `select coalesce(event_type, '') as event_type, status, count(*) as count,
       max(hour) filter (status = 'loaded' and hour <= ?::timestamp) as newest_hour
     from ops.objects group by all`,
    [formatTimestamp(now)],
  );
  const types = new Set(rows.map((row) => row.event_type));
  return [...types].map((eventType) => {
    const own = rows.filter((row) => row.event_type === eventType);
    const byStatus = sumStatuses(own.map((row) => ({ [row.status]: Number(row.count) })));
    return {
      eventType,
      byStatus,
      newestHour: latest(own.map((row) => row.newest_hour ?? undefined)),
    };
  });
}

async function readHours(database: Database, now: Date): Promise<Map<string, Date[]>> {
  return groupHours(
    await database.rows<HourRow>(
      `select distinct event_type, hour from ops.objects
       where event_type is not null and hour <= $1::timestamp
         and hour > (select max(hour) from ops.objects where hour <= $1::timestamp) - to_hours(${WINDOW_HOURS})`,
      [formatTimestamp(now)],
    ),
  );
}

async function readFutureHours(database: Database, now: Date): Promise<Map<string, Date[]>> {
  return groupHours(
    await database.rows<HourRow>(
      `select distinct coalesce(event_type, '') as event_type, hour from ops.objects
       where hour > ?::timestamp order by hour`,
      [formatTimestamp(now)],
    ),
  );
}

interface HourRow {
  readonly event_type: string;
  readonly hour: Date;
}

function groupHours(rows: readonly HourRow[]): Map<string, Date[]> {
  const hours = new Map<string, Date[]>();
  for (const { event_type, hour } of rows) {
    const own = hours.get(event_type);
    if (own === undefined) hours.set(event_type, [hour]);
    else own.push(hour);
  }
  return hours;
}

/** As DuckDB reads it, in UTC like every hour of the ledger. */
function formatTimestamp(instant: Date): string {
  return instant.toISOString().slice(0, -1);
}

interface TableStatus {
  readonly table: string;
  readonly events: number;
  readonly newestEventAt: Date | undefined;
}

async function readTables(database: Database): Promise<Map<string, TableStatus>> {
  const known = await database.rows<{ event_type: string; table_name: string; has_time: boolean }>(
    `select t.event_type, t.table_name, count(c.column_name) > 0 as has_time
     from ops.event_tables t left join duckdb_columns() c
       on c.schema_name = 'events' and c.table_name = t.table_name
       and c.column_name = 'time' and c.data_type = 'TIMESTAMP'
     group by all`,
  );
  if (known.length === 0) return new Map();
  // One statement for all: a hundred small ones would take seconds.
  const parts = known.map(
    ({ table_name, has_time }, position) =>
      `select ${position} as position, count(*) as events,
         ${has_time ? 'max("time")' : 'null::timestamp'} as newest
       from events.${quoteIdentifier(table_name)}`,
  );
  const rows = await database.rows<{ position: number; events: bigint; newest: Date | null }>(
    `${parts.join(' union all ')} order by position`,
  );
  return new Map(
    known.map(({ event_type, table_name }, position) => [
      event_type,
      {
        table: `events.${table_name}`,
        events: Number(rows[position]?.events ?? 0),
        newestEventAt: rows[position]?.newest ?? undefined,
      },
    ]),
  );
}

async function readLastRuns(database: Database): Promise<RunSummary[]> {
  const rows = await database.rows<Record<string, unknown>>(
    'select * from ops.runs order by run_id desc limit 5',
  );
  return rows.map((row) => ({
    runId: Number(row.run_id),
    source: row.source as string,
    startedAt: row.started_at as Date,
    finishedAt: (row.finished_at as Date | null) ?? undefined,
    status: row.status as string,
    isFullListing: row.full_listing as boolean,
    loaded: Number(row.objects_loaded ?? 0),
    quarantined: Number(row.objects_quarantined ?? 0),
    events: Number(row.events_loaded ?? 0),
    error: (row.error as string | null) ?? undefined,
  }));
}

function sumStatuses(counts: readonly Partial<Record<ObjectStatus, number>>[]) {
  return Object.fromEntries(
    OBJECT_STATUSES.map((status) => [
      status,
      counts.reduce((sum, count) => sum + (count[status] ?? 0), 0),
    ]),
  ) as Record<ObjectStatus, number>;
}

function latest(instants: readonly (Date | undefined)[]): Date | undefined {
  return instants.reduce(
    (left, right) => (!left || (right && right > left) ? right : left),
    undefined,
  );
}
