/**
 * A planned run → what `sync plan` shows: how much of what would go, a few people before and after, and what
 * it costs. In the transaction of the plan, which is rolled back afterwards.
 *
 * The samples are the only place where values of people are shown.
 */
import type { DestinationConfig } from '../destination-settings.ts';
import type { Database } from '../warehouse/database.ts';
import { DEFAULT_BATCH_LIMITS } from './batch.ts';
import type { PlannedRun } from './plan-sync.ts';
import { listRejections, type Rejection } from './rejections.ts';
import type { SyncDefinition } from './sync-definition.ts';

export interface AttributeCount {
  readonly attribute: string;
  readonly type: string | null;
  /** People who get a value, and who lose it. */
  readonly set: number;
  readonly unset: number;
}

export interface SampleChange {
  readonly identifier: string;
  readonly attribute: string;
  /** JSON; null for nothing. */
  readonly before: string | null;
  readonly after: string | null;
  /** What is sent: the value, or an operator. */
  readonly sent: string;
}

export interface SyncPreview {
  readonly sync: string;
  readonly destination: string;
  /** People with something to send. */
  readonly planned: number;
  readonly attributes: number;
  readonly dataPoints: number;
  /** Requests or files. */
  readonly requests: number;
  readonly bytes: number;
  /** At the rate limit; undefined for files. */
  readonly seconds?: number;
  readonly byAttribute: readonly AttributeCount[];
  readonly samples: readonly SampleChange[];
  readonly invalid: number;
  readonly rejections: readonly Rejection[];
}

/** Around the objects of a request, less the comma that the last of them does not have. */
const REQUEST_BYTES = '{"attributes":[]}'.length - 1;

export async function previewRun(
  database: Database,
  definition: SyncDefinition,
  { runId, planned, attributes, dataPoints }: PlannedRun,
  samples: number,
): Promise<SyncPreview> {
  const scope = { sync: definition.name, destination: definition.config.to };
  const parts = await listParts(database, definition, runId);
  const rejections = await listRejections(database, scope);
  return {
    ...scope,
    planned,
    attributes,
    dataPoints,
    ...estimate(definition.destination, parts),
    byAttribute: await countByAttribute(database, scope, runId),
    samples: await listSamples(database, runId, samples),
    invalid: rejections.reduce((sum, { count }) => sum + count, 0),
    rejections,
  };
}

/** People who share no request, or no file, with those of another part. */
interface Part {
  readonly people: number;
  /** Of their objects in a request, each with the comma after it. */
  readonly bytes: number;
}

/** Each object has the bytes that readPortions (outbox.ts) gives it. */
async function listParts(
  database: Database,
  { config, destination }: SyncDefinition,
  runId: number,
): Promise<Part[]> {
  const flag = `strlen('"_update_existing_only":${config.updateExistingOnly},')`;
  const hasFlag = config.updateExistingOnly ? 'true' : "identifier_kind = 'user_alias'";
  return database.rows<Part>(
    `select count(*)::double as people,
       sum(strlen(attributes) + strlen(identifier_kind) + strlen('"":,,') + if(${hasFlag}, ${flag}, 0)
         + strlen(if(identifier_kind = 'user_alias', identifier, to_json(identifier)::varchar)))::double as bytes
     from sync.outbox where run_id = $1
     group by ${destination.kind === 'files' ? 'identifier_kind' : 'repeatable'}`,
    [runId],
  );
}

function estimate(
  destination: DestinationConfig,
  parts: readonly Part[],
): Pick<SyncPreview, 'requests' | 'bytes' | 'seconds'> {
  const itemBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const count = (needed: (part: Part) => number): number =>
    parts.reduce((sum, part) => sum + Math.ceil(needed(part)), 0);
  if (destination.kind === 'files')
    return { requests: count(({ bytes }) => bytes / destination.fileBytes), bytes: itemBytes };
  const requests = count(({ people, bytes }) =>
    Math.max(people / destination.objectsPerRequest, bytes / DEFAULT_BATCH_LIMITS.maxBytes),
  );
  return {
    requests,
    bytes: itemBytes + requests * REQUEST_BYTES,
    seconds: requests / destination.requestsPerSecond,
  };
}

async function countByAttribute(
  database: Database,
  scope: { readonly sync: string; readonly destination: string },
  runId: number,
): Promise<AttributeCount[]> {
  return database.rows<AttributeCount>(
    `with pairs as (
       select unnest(map_entries(attributes::map(varchar, json))) as pair
       from sync.outbox where run_id = $1
     )
     select pair.key as attribute, any_value(a.type) as type,
       count(pair.value)::double as set, (count(*) - count(pair.value))::double as unset
     from pairs left join sync.attributes a
       on a.sync = $2 and a.destination = $3 and a.attribute = pair.key
     group by 1 order by 1`,
    [runId, scope.sync, scope.destination],
  );
}

/**
 * All changes of the people with the smallest hashes: the same ones as long as the plan is the same.
 * A null in a JSON object becomes a null of the map.
 */
async function listSamples(
  database: Database,
  runId: number,
  samples: number,
): Promise<SampleChange[]> {
  return database.rows<SampleChange>(
    `with people as (
       from sync.outbox where run_id = $1 order by md5(identifier) limit $2
     ), pairs as (
       select *, unnest(map_entries(attributes::map(varchar, json))) as pair from people
     )
     select o.identifier, o.pair.key as attribute,
       nullif(((p.entries::map(varchar, json))[o.pair.key]->'/0')::varchar, 'null') as before,
       ((o.entries::map(varchar, json))[o.pair.key]->'/0')::varchar as after,
       coalesce(o.pair.value::varchar, 'null') as sent
     from pairs o
     left join sync.people p using (sync, destination, identifier_kind, identifier)
     order by md5(o.identifier), attribute`,
    [runId, samples],
  );
}
