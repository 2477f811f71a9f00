/**
 * The schemas that objects brought in their headers, as the database remembers them: those that we know by
 * a version as well as those that nobody has described yet. Refused ones are among them.
 *
 * Reads only; works on a database opened read-only.
 */
import { parseAvroSchema, type WriterSchema } from './avro/avro-schema.ts';
import { CurrentsError } from './errors.ts';
import type { Database } from './warehouse/database.ts';

export interface SeenSchema {
  readonly eventType: string;
  /** Of the known schema with this structure; undefined for a schema that is new to us. */
  readonly version: string | undefined;
  readonly schema: WriterSchema;
  readonly firstSeenAt: Date;
  /** The object that brought it first. */
  readonly firstKey: string;
}

/** In the order in which they were first met. */
export async function listSeenSchemas(
  database: Database,
  eventType?: string,
): Promise<readonly SeenSchema[]> {
  const rows = await database.rows<{
    event_type: string;
    version: string | null;
    schema: string;
    first_seen_at: Date;
    key: string;
  }>(
    `select s.event_type, s.version, s.schema, s.first_seen_at, o.key
     from ops.schemas s join ops.objects o on o.object_id = s.first_object_id
     where $1 is null or s.event_type = $1 order by s.first_seen_at, s.first_object_id`,
    [eventType ?? null],
  );
  return rows.map((row) => ({
    eventType: row.event_type,
    version: row.version ?? undefined,
    schema: parseAvroSchema(row.schema),
    firstSeenAt: row.first_seen_at,
    firstKey: row.key,
  }));
}

/**
 * The schema whose fingerprint begins like this; without a beginning the last that was met.
 *
 * @throws CurrentsError SCHEMA_UNKNOWN when there is none, or more than one
 */
export async function findSeenSchema(
  database: Database,
  eventType: string,
  fingerprintStart = '',
): Promise<SeenSchema> {
  const seen = await listSeenSchemas(database, eventType);
  const matching = seen.filter(({ schema }) => schema.fingerprint.startsWith(fingerprintStart));
  const found = matching.at(-1);
  if (found !== undefined && (matching.length === 1 || fingerprintStart === '')) return found;
  const known = seen.map(({ schema }) => schema.fingerprint.slice(0, 12)).join(', ');
  throw new CurrentsError({
    code: 'SCHEMA_UNKNOWN',
    message:
      seen.length === 0
        ? `cannot show ${eventType}: no object of it was met`
        : `cannot show ${eventType} of ${fingerprintStart}: ${matching.length} fingerprints begin like this (${known})`,
    hint: 'currents schemas seen',
    context: { eventType },
  });
}
