/**
 * What was done with single objects: the ledger's rows, one key's whole story, and what is in quarantine
 * and why.
 *
 * Reads only; works on a database opened read-only. Changing a state is the ledger's business
 * (warehouse/object-ledger.ts).
 */
import { CurrentsError } from './errors.ts';
import type { BoundValue, Database } from './warehouse/database.ts';
import { OBJECT_STATUSES, type ObjectStatus } from './warehouse/migrations.ts';

export interface LedgerObject {
  readonly objectId: number;
  readonly key: string;
  readonly etag: string;
  readonly source: string;
  readonly sizeBytes: number;
  readonly lastModified: Date;
  readonly eventType: string | undefined;
  readonly hour: Date | undefined;
  readonly schemaVersion: string | undefined;
  readonly status: ObjectStatus;
  readonly rowCount: number | undefined;
  readonly duplicateCount: number | undefined;
  readonly attempts: number;
  readonly error: string | undefined;
  readonly discoveredAt: Date;
  readonly loadedAt: Date | undefined;
  readonly runId: number | undefined;
}

export interface ObjectFilter {
  readonly status?: string | undefined;
  readonly matchesEventType?: (eventType: string) => boolean;
  readonly key?: string;
  readonly limit?: number;
}

/**
 * Objects in the ledger, the last discovered first.
 *
 * @throws CurrentsError USAGE for a status that does not exist
 */
export async function listObjects(
  database: Database,
  filter: ObjectFilter = {},
): Promise<readonly LedgerObject[]> {
  const { status, key, limit = Number.POSITIVE_INFINITY, matchesEventType } = filter;
  if (status !== undefined && !OBJECT_STATUSES.some((known) => known === status)) {
    throw new CurrentsError({
      code: 'USAGE',
      message: `cannot list objects of status ${status}: there is no such status (${OBJECT_STATUSES.join(', ')})`,
      hint: 'currents objects list --status quarantined',
    });
  }
  const conditions = [status && 'status = ?', key && 'key = ?'].filter(Boolean);
  const values = [status, key].filter((value): value is BoundValue & string => Boolean(value));
  const objects: LedgerObject[] = [];
  const rows = await database.rows<ObjectRow>(
    `select * from ops.objects where ${['true', ...conditions].join(' and ')} order by object_id desc`,
    values,
  );
  for (const row of rows) {
    if (objects.length >= limit) break;
    if (matchesEventType === undefined || matchesEventType(row.event_type ?? ''))
      objects.push(parseObjectRow(row));
  }
  return objects;
}

/**
 * Every version of one key, the newest first, and why the newest is in quarantine, if it is.
 *
 * @throws CurrentsError OBJECT_UNKNOWN
 */
export async function findObject(
  database: Database,
  key: string,
): Promise<readonly LedgerObject[]> {
  const versions = await listObjects(database, { key });
  if (versions.length > 0) return versions;
  throw new CurrentsError({
    code: 'OBJECT_UNKNOWN',
    message: `cannot show ${key}: it is not in the ledger (expected a key below the bucket, without s3://)`,
    hint: 'currents objects list',
    context: { key },
  });
}

export interface QuarantinedObject {
  readonly objectId: number;
  readonly key: string;
  readonly eventType: string | undefined;
  readonly code: string;
  readonly reason: string;
  readonly block: number | undefined;
  readonly record: number | undefined;
  readonly field: string | undefined;
  readonly hint: string | undefined;
  readonly quarantinedAt: Date;
  readonly runId: number;
}

/** What is in quarantine and why, the last first. */
export async function listQuarantine(database: Database): Promise<readonly QuarantinedObject[]> {
  const rows = await database.rows<Record<string, unknown>>(
    `select q.*, o.event_type from ops.quarantine q join ops.objects o using (object_id)
     order by quarantined_at desc, object_id`,
  );
  return rows.map((row) => ({
    objectId: Number(row.object_id),
    key: row.key as string,
    eventType: (row.event_type as string | null) ?? undefined,
    code: row.code as string,
    reason: row.reason as string,
    block: optionalNumber(row.block),
    record: optionalNumber(row.record),
    field: (row.field as string | null) ?? undefined,
    hint: (row.hint as string | null) ?? undefined,
    quarantinedAt: row.quarantined_at as Date,
    runId: Number(row.run_id),
  }));
}

interface ObjectRow {
  readonly object_id: bigint;
  readonly key: string;
  readonly etag: string;
  readonly source: string;
  readonly size_bytes: bigint;
  readonly last_modified: Date;
  readonly event_type: string | null;
  readonly hour: Date | null;
  readonly schema_version: string | null;
  readonly status: ObjectStatus;
  readonly row_count: bigint | null;
  readonly duplicate_count: bigint | null;
  readonly attempts: number;
  readonly error: string | null;
  readonly discovered_at: Date;
  readonly loaded_at: Date | null;
  readonly run_id: bigint | null;
}

function parseObjectRow(row: ObjectRow): LedgerObject {
  return {
    objectId: Number(row.object_id),
    key: row.key,
    etag: row.etag,
    source: row.source,
    sizeBytes: Number(row.size_bytes),
    lastModified: row.last_modified,
    eventType: row.event_type ?? undefined,
    hour: row.hour ?? undefined,
    schemaVersion: row.schema_version ?? undefined,
    status: row.status,
    rowCount: optionalNumber(row.row_count),
    duplicateCount: optionalNumber(row.duplicate_count),
    attempts: row.attempts,
    error: row.error ?? undefined,
    discoveredAt: row.discovered_at,
    loadedAt: row.loaded_at ?? undefined,
    runId: optionalNumber(row.run_id),
  };
}

function optionalNumber(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
