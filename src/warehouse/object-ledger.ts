/**
 * The ledger: one row for each key and ETag that was ever listed, and what became of it.
 *
 * An object is written down as `discovered` before anything is downloaded, and stays so until it was
 * loaded or set aside. So nothing is forgotten when a run stops half-way: the next run finds it here, not
 * in a listing. States and moves are drawn in migrations.ts. All instants are UTC.
 */

import type { DiscoveredObject } from '../discovery/list-objects.ts';
import { eventTypeFolderOf } from '../discovery/object-key.ts';
import type { ListedObject } from '../discovery/object-store.ts';
import { CurrentsError } from '../errors.ts';
import { type BoundValue, type Database, quoteLiteral } from './database.ts';
import type { ObjectStatus } from './migrations.ts';

/** An object that waits to be loaded. */
export interface PendingObject {
  readonly objectId: number;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly lastModified: Date;
  /** Undefined while only the object's header can tell. */
  readonly eventType: string | undefined;
  readonly schemaVersion: string | undefined;
}

export interface PendingFilter {
  readonly source: string;
  readonly matchesEventType?: (eventType: string) => boolean;
  readonly since?: Date;
  readonly until?: Date;
}

export interface DiscoveryCount {
  /** Objects that wait to be loaded now and did not before. */
  readonly discovered: number;
  /** Objects that were known already. */
  readonly unchanged: number;
}

/**
 * Compares a page of a listing with the ledger and writes down what is new, in one transaction. Listing
 * the same page twice changes nothing, and a page of known objects writes nothing.
 *
 * @param retryArchived whether objects in cold storage are to be tried again
 */
export async function recordListing(
  database: Database,
  source: string,
  page: readonly DiscoveredObject[],
  now: Date,
  retryArchived: boolean,
): Promise<DiscoveryCount> {
  return database.withTransaction(async () => {
    await stageListing(database, page);
    const nearby = formatNearby(page);
    // Two rows may have one key and ETag: an old version that came back while its successor was being
    // downloaded. The last of them is the one that counts.
    await database.run(
      `create or replace temp table known as
       select n, max(object_id) as object_id, max_by(status, object_id) as status
       from ops.objects o join listed using (key, etag) where o.source = ? and ${nearby} group by n`,
      [source],
    );
    await supersedeWaiting(database, source, nearby);
    const returned = await requeueReturned(database, retryArchived);
    const rows = await database.rows<{ n: number }>(
      'select n from listed anti join known using (n)',
    );
    const fresh = rows.map(({ n }) => page[n] as DiscoveredObject);
    if (fresh.length > 0) {
      await insertFresh(database, source, fresh, now);
      await noteNewestHours(database, source, fresh);
    }
    await database.run('drop table listed; drop table known');
    const discovered = returned + fresh.length;
    return { discovered, unchanged: page.length - discovered };
  });
}

/**
 * The keys and ETags of a page as temporary table `listed`, with their place in it; what comes twice,
 * once. No more than a comparison needs, because as a rule all of it is known.
 */
async function stageListing(
  database: Database,
  page: readonly Pick<DiscoveredObject, 'key' | 'etag'>[],
): Promise<void> {
  // Lists of texts, not a list of structs, which DuckDB reads four times as slowly.
  await database.run(
    `create or replace temp table listed as select min(n)::integer as n, key, etag from (
       select unnest(range($1::bigint)) as n, unnest(from_json($2, '["VARCHAR"]')) as key,
         unnest(from_json($3, '["VARCHAR"]')) as etag)
     group by key, etag`,
    [page.length, ...[page.map(({ key }) => key), page.map(({ etag }) => etag)].map(toJson)],
  );
}

/**
 * An SQL condition that every row of `ops.objects o` with the key of one of these objects fulfils, and few
 * others. Hour and event type are narrow columns: where they do not fit, DuckDB does not read the keys, and
 * reading all of them is what a look-up by key would otherwise cost.
 *
 * It holds because both come from the key by `describeKey` and stay in the row as they were (an event type
 * that the key does not name is filled in later). A release that reads more from keys than the one
 * before has to bring the rows of known objects up to date.
 */
export function formatNearby(
  objects: readonly Pick<DiscoveredObject, 'eventType' | 'hour'>[],
): string {
  const hours = new Set<number>();
  const eventTypes = new Set<string | undefined>();
  let hasUntimed = false;
  for (const { eventType, hour } of objects) {
    if (hour === undefined) hasUntimed = true;
    else {
      hours.add(hour.getTime());
      eventTypes.add(eventType);
    }
  }
  if (hours.size === 0) return hasUntimed ? 'o.hour is null' : 'false';
  const sorted = [...hours].sort((a, b) => a - b);
  const conditions = [
    `o.hour between ${formatHour(sorted[0])} and ${formatHour(sorted.at(-1))}`,
    ...(eventTypes.has(undefined) ? [] : [`o.event_type in (${quoteAll(eventTypes)})`]),
  ].join(' and ');
  return hasUntimed ? `(${conditions} or o.hour is null)` : conditions;
}

/** Writes down objects that the ledger does not know. */
async function insertFresh(
  database: Database,
  source: string,
  fresh: readonly DiscoveredObject[],
  now: Date,
): Promise<void> {
  await database.run(
    `insert into ops.objects by name
     select (select coalesce(max(object_id), 0) from ops.objects)
         + row_number() over (order by key) as object_id,
       $1 as source, key, etag, size_bytes, epoch_ms(last_modified) as last_modified, event_type,
       epoch_ms(hour) as hour, schema_version, 'discovered' as status, 0 as attempts,
       $2::timestamp as discovered_at
     from (select unnest(from_json($3, '["VARCHAR"]')) as key,
       unnest(from_json($4, '["VARCHAR"]')) as etag,
       unnest(from_json($5, '["BIGINT"]')) as size_bytes,
       unnest(from_json($6, '["BIGINT"]')) as last_modified,
       unnest(from_json($7, '["VARCHAR"]')) as event_type,
       unnest(from_json($8, '["BIGINT"]')) as hour,
       unnest(from_json($9, '["VARCHAR"]')) as schema_version)`,
    [
      source,
      now.toISOString(),
      ...[
        fresh.map(({ key }) => key),
        fresh.map(({ etag }) => etag),
        fresh.map(({ sizeBytes }) => sizeBytes),
        fresh.map(({ lastModified }) => clampInstant(lastModified)),
        fresh.map(({ eventType }) => eventType ?? null),
        fresh.map(({ hour }) => hour?.getTime() ?? null),
        fresh.map(({ schemaVersion }) => schemaVersion ?? null),
      ].map(toJson),
    ],
  );
}

/** Keeps the newest hour of each folder beside the ledger, so that no poll has to look for it there. */
async function noteNewestHours(
  database: Database,
  source: string,
  fresh: readonly DiscoveredObject[],
): Promise<void> {
  const newest = new Map<string, number>();
  for (const { key, hour } of fresh) {
    const folder = eventTypeFolderOf(key);
    if (folder === undefined || hour === undefined) continue;
    newest.set(folder, Math.max(newest.get(folder) ?? Number.NEGATIVE_INFINITY, hour.getTime()));
  }
  if (newest.size === 0) return;
  await database.run(
    `merge into ops.event_type_folders f
     using (select unnest(from_json($2, '["VARCHAR"]')) as folder,
       epoch_ms(unnest(from_json($3, '["BIGINT"]'))) as newest_hour) l
     on f.source = $1 and f.folder = l.folder
     when matched and l.newest_hour > f.newest_hour then update set newest_hour = l.newest_hour
     when not matched then insert (source, folder, newest_hour) values ($1, l.folder, l.newest_hour)`,
    [source, toJson([...newest.keys()]), toJson([...newest.values()])],
  );
}

function toJson(values: readonly (string | number | null)[]): string {
  return JSON.stringify(values);
}

function formatHour(timeMs: number | undefined): string {
  return `timestamp ${quoteLiteral(new Date(timeMs ?? 0).toISOString())}`;
}

function quoteAll(names: Iterable<string | undefined>): string {
  return [...names].map((name) => quoteLiteral(name ?? '')).join(', ');
}

/**
 * An instant for DuckDB, within the years that ISO 8601 writes with four digits. Stores tell us when an
 * object was changed, and a file system may tell anything.
 */
export function formatInstant(instant: Date): string {
  return new Date(clampInstant(instant)).toISOString();
}

function clampInstant(instant: Date): number {
  const time = Number.isNaN(instant.getTime()) ? 0 : instant.getTime();
  return Math.min(Math.max(Math.trunc(time), MIN_INSTANT_MS), MAX_INSTANT_MS);
}

const MIN_INSTANT_MS = Date.parse('0000-01-01T00:00:00.000Z');
const MAX_INSTANT_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** Versions that never were loaded and are not there any more: what is listed takes their place. */
async function supersedeWaiting(database: Database, source: string, nearby: string): Promise<void> {
  const replaced = await database.rows<{ id: number }>(
    `select o.object_id::double as id from ops.objects o join listed l using (key)
     where o.source = ? and ${nearby} and o.etag <> l.etag
       and o.status in ('discovered', 'quarantined', 'missing', 'archived')`,
    [source],
  );
  if (replaced.length === 0) return;
  const ids = replaced.map((row) => row.id).join(', ');
  await database.run(
    `update ops.objects set status = 'superseded' where object_id in (${ids});
     delete from ops.quarantine where object_id in (${ids})`,
  );
}

/** Versions that were replaced or had gone, and are what lies there now, wait again. */
async function requeueReturned(database: Database, retryArchived: boolean): Promise<number> {
  const statuses = retryArchived
    ? "'superseded', 'missing', 'archived'"
    : "'superseded', 'missing'";
  const returned = await database.rows<{ id: number }>(
    `select object_id::double as id from known where status in (${statuses})`,
  );
  if (returned.length > 0) {
    const ids = returned.map((row) => row.id).join(', ');
    await database.run(`update ops.objects set status = 'discovered' where object_id in (${ids})`);
  }
  return returned.length;
}

/** Which of a page the ledger does not know yet; for a dry run, which writes nothing. */
export async function selectUnknown(
  database: Database | undefined,
  source: string,
  page: readonly DiscoveredObject[],
): Promise<readonly DiscoveredObject[]> {
  if (database === undefined) return page;
  await stageListing(database, page);
  const rows = await database.rows<{ n: number }>(
    `select n from listed anti join (
       select key, etag from ops.objects o where o.source = ? and ${formatNearby(page)}
         and o.status in ('loaded', 'quarantined', 'archived', 'discovered')) using (key, etag)
     order by n`,
    [source],
  );
  await database.run('drop table listed');
  return rows.map(({ n }) => page[n] as DiscoveredObject);
}

/** How many objects wait. */
export async function countPending(database: Database, filter: PendingFilter): Promise<number> {
  const { conditions, values } = await selectPending(database, filter);
  const { count } = await database.row<{ count: number }>(
    `select count(*)::integer as count from ops.objects where ${conditions.join(' and ')}`,
    values,
  );
  return count;
}

async function selectPending(database: Database, filter: PendingFilter) {
  const conditions = ["status = 'discovered'", 'source = ?'];
  const values: BoundValue[] = [filter.source];
  if (filter.since) {
    conditions.push("hour >= date_trunc('hour', ?::timestamp)");
    values.push(filter.since.toISOString());
  }
  if (filter.until) {
    conditions.push('hour < ?::timestamp');
    values.push(filter.until.toISOString());
  }
  if (filter.matchesEventType) {
    const types = await database.rows<{ event_type: string }>(
      `select distinct event_type from ops.objects
       where status = 'discovered' and event_type is not null`,
    );
    const wanted = types.map((row) => row.event_type).filter(filter.matchesEventType);
    conditions.push(`event_type in (select unnest(from_json(?, '["VARCHAR"]')))`);
    values.push(JSON.stringify(wanted));
  }
  return { conditions, values };
}

/** A backlog may be a million objects: they are taken up in pages of this size. */
const PENDING_PAGE = 20_000;

/**
 * The next objects that wait, in the order in which they are to be loaded: by event type, oldest first.
 *
 * @param limit at most so many; a page in any case
 * @param except objects to leave out: those that could not be downloaded a moment ago
 */
export async function listPending(
  database: Database,
  filter: PendingFilter,
  limit = PENDING_PAGE,
  except: ReadonlySet<number> = new Set(),
): Promise<readonly PendingObject[]> {
  const { conditions, values } = await selectPending(database, filter);
  if (except.size > 0) conditions.push(`object_id not in (${[...except].join(', ')})`);
  const rows = await database.rows<{
    object_id: number;
    key: string;
    etag: string;
    size_bytes: number;
    last_modified: Date;
    event_type: string | null;
    schema_version: string | null;
  }>(
    `select object_id::double as object_id, key, etag, size_bytes::double as size_bytes,
       last_modified, event_type, schema_version
     from ops.objects where ${conditions.join(' and ')}
     order by event_type nulls last, object_id limit ${Math.min(limit, PENDING_PAGE)}`,
    values,
  );
  return rows.map((row) => ({
    objectId: row.object_id,
    key: row.key,
    etag: row.etag,
    sizeBytes: row.size_bytes,
    lastModified: row.last_modified,
    eventType: row.event_type ?? undefined,
    schemaVersion: row.schema_version ?? undefined,
  }));
}

/** The newest hour known for each `…/event_type=X/` folder: where the next listing starts from. */
export async function readNewestHours(
  database: Database,
  source: string,
): Promise<ReadonlyMap<string, Date>> {
  const rows = await database.rows<{ folder: string; newest_hour: Date }>(
    'select folder, newest_hour from ops.event_type_folders where source = ?',
    [source],
  );
  return new Map(rows.map(({ folder, newest_hour }) => [folder, newest_hour]));
}

/** Of an object, as its store tells it. */
type Version = Pick<ListedObject, 'etag' | 'sizeBytes' | 'lastModified'>;

/** One object that could not be loaded, and why. */
export interface SetAside {
  readonly objectId: number;
  readonly key: string;
  readonly error: CurrentsError;
  /** What was read, when it was read; may be newer than the listed version. */
  readonly version?: Version;
}

/** Puts an object into quarantine: readable now for `currents quarantine`, tried again only on request. */
export async function quarantineObject(
  database: Database,
  { objectId, key, error, version }: SetAside,
  runId: number,
  now: Date,
): Promise<void> {
  await database.run(
    `update ops.objects set status = 'quarantined', attempts = attempts + 1, error = $1, run_id = $2,
       etag = coalesce($3, etag), size_bytes = coalesce($4, size_bytes),
       last_modified = coalesce($5::timestamp, last_modified)
     where object_id = $6`,
    [
      error.message,
      runId,
      version?.etag ?? null,
      version?.sizeBytes ?? null,
      version ? formatInstant(version.lastModified) : null,
      objectId,
    ],
  );
  await database.run('delete from ops.quarantine where object_id = ?', [objectId]);
  await database.run(
    `insert into ops.quarantine (object_id, key, code, reason, block, record, field, hint, quarantined_at, run_id)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?::timestamp, ?)`,
    [
      objectId,
      key,
      error.code,
      error.message,
      error.context.block ?? null,
      error.context.record ?? null,
      error.context.field ?? null,
      error.hint ?? null,
      now.toISOString(),
      runId,
    ],
  );
}

/** Notes a download that did not work: gone, in cold storage, or (still `discovered`) to be tried again. */
export async function noteFetchFailure(
  database: Database,
  { objectId, error }: SetAside,
  status: ObjectStatus & ('missing' | 'archived' | 'discovered'),
  runId: number,
): Promise<void> {
  await database.run(
    `update ops.objects set status = ?, attempts = attempts + 1, error = ?, run_id = ? where object_id = ?`,
    [status, error.message, runId, objectId],
  );
}

/**
 * Makes quarantined and archived objects wait again; the next cycle loads them.
 *
 * @param keys which ones, or undefined for all
 * @returns how many
 * @throws CurrentsError OBJECT_UNKNOWN when a key is not in quarantine
 */
export async function requeueObjects(
  database: Database,
  keys: readonly string[] | undefined,
): Promise<number> {
  const waiting = await database.rows<{ key: string }>(
    "select key from ops.objects where status in ('quarantined', 'archived')",
  );
  const known = new Set(waiting.map((row) => row.key));
  const wanted = keys ?? [...known];
  const unknown = wanted.filter((key) => !known.has(key));
  if (unknown.length > 0) {
    throw new CurrentsError({
      code: 'OBJECT_UNKNOWN',
      message: `cannot retry ${unknown.join(', ')}: not in quarantine`,
      hint: 'currents quarantine list',
    });
  }
  await database.withTransaction(async () => {
    const list = JSON.stringify(wanted);
    await database.run(
      `delete from ops.quarantine where key in (select unnest(from_json(?, '["VARCHAR"]')))`,
      [list],
    );
    await database.run(
      `update ops.objects set status = 'discovered' where status in ('quarantined', 'archived')
         and key in (select unnest(from_json(?, '["VARCHAR"]')))`,
      [list],
    );
  });
  return waiting.filter((row) => wanted.includes(row.key)).length;
}
