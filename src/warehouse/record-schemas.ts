/**
 * What a batch met and what it did to the tables → ops.schemas and ops.schema_changes, in one statement each
 * for all event types of the batch. To be called inside the loading transaction.
 */

import type { WriterSchema } from '../avro/avro-schema.ts';
import { findByFingerprint } from '../avro/schema-registry.ts';
import type { Database } from './database.ts';
import type { SchemaChange, TablePlan } from './event-tables.ts';

export interface MetSchema {
  readonly eventType: string;
  readonly schema: WriterSchema;
  readonly objectId: number;
}

/** Those that are new get a row, with the first object of the list that has them. */
export async function recordSchemas(
  database: Database,
  met: readonly MetSchema[],
  now: Date,
): Promise<void> {
  const rows = await database.rows<{ event_type: string; fingerprint: string }>(
    `select event_type, fingerprint from ops.schemas
     where event_type in (select unnest(from_json($1, '["VARCHAR"]')))`,
    [JSON.stringify([...new Set(met.map(({ eventType }) => eventType))])],
  );
  const known = new Set(rows.map((row) => nameSchema(row.event_type, row.fingerprint)));
  const fresh: MetSchema[] = [];
  for (const one of met) {
    const name = nameSchema(one.eventType, one.schema.fingerprint);
    if (known.has(name)) continue;
    known.add(name);
    fresh.push(one);
  }
  await database.insert(
    'ops.schemas',
    {
      event_type: 'VARCHAR',
      fingerprint: 'VARCHAR',
      version: 'VARCHAR',
      schema: 'VARCHAR',
      first_seen_at: 'TIMESTAMP',
      first_object_id: 'BIGINT',
    },
    fresh.map(({ eventType, schema, objectId }) => ({
      event_type: eventType,
      fingerprint: schema.fingerprint,
      version: findByFingerprint(eventType, schema.fingerprint)?.version ?? null,
      schema: schema.json,
      first_seen_at: now.toISOString(),
      first_object_id: objectId,
    })),
  );
}

export async function recordChanges(
  database: Database,
  changes: readonly SchemaChange[],
  { runId, now }: { readonly runId: number; readonly now: Date },
): Promise<void> {
  await database.insert(
    'ops.schema_changes',
    {
      changed_at: 'TIMESTAMP',
      run_id: 'BIGINT',
      object_id: 'BIGINT',
      event_type: 'VARCHAR',
      change: 'VARCHAR',
      column_name: 'VARCHAR',
      from_type: 'VARCHAR',
      to_type: 'VARCHAR',
    },
    changes.map(({ objectId, eventType, change, column, fromType, toType }) => ({
      changed_at: now.toISOString(),
      run_id: runId,
      object_id: objectId,
      event_type: eventType,
      change,
      column_name: column ?? null,
      from_type: fromType ?? null,
      to_type: toType ?? null,
    })),
  );
}

/** What a plan changes and was not told before: what a schema rescues is told when its first object is loaded. */
export async function listUntoldChanges(
  database: Database,
  { table, changes, incoming }: TablePlan,
): Promise<readonly SchemaChange[]> {
  if (!changes.some(({ change }) => change === 'field rescued')) return changes;
  // Not by ops.schemas: a schema that was refused before is there, and has told nothing.
  const rows = await database.rows<{ fingerprint: string }>(
    'select distinct fingerprint from ops.objects where event_type = ? and fingerprint is not null',
    [table.eventType],
  );
  const loaded = new Set(rows.map((row) => row.fingerprint));
  const told = new Set(
    incoming.filter(({ schema }) => loaded.has(schema.fingerprint)).map(({ objectId }) => objectId),
  );
  return changes.filter(
    ({ change, objectId }) => change !== 'field rescued' || !told.has(objectId),
  );
}

function nameSchema(eventType: string, fingerprint: string): string {
  return `${fingerprint} ${eventType}`;
}
