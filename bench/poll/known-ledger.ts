/**
 * A database whose ledger knows the keys of a made-up bucket as loaded, made by SQL through our own
 * migrations: what a year of polls leaves, in seconds. Events there are none.
 */
import { Database } from '../../src/warehouse/database.ts';
import { migrate } from '../../src/warehouse/migrations.ts';
import {
  CLUSTER,
  formatKey,
  INTEGRATION_ID,
  NEWEST_HOUR,
  OBJECTS_PER_HOUR,
  PREFIX,
  planTypes,
} from './bucket-keys.ts';
import { anObject } from './made-up-object.ts';

const SOURCE = 's3://bucket';

/**
 * @param fresh so many event types lack their newest object, which the next poll then finds
 * @param order in which the objects were met: by hour as polls do, or by key as a first full listing does
 */
export async function makeKnownLedger(
  path: string,
  keys: number,
  fresh: number,
  order: 'hour' | 'key',
): Promise<void> {
  const { bytes } = await anObject();
  const types = planTypes(keys).map((type, index) => ({
    ...type,
    known: type.count - (index < fresh ? 1 : 0),
    ending: type.layout === 'version' ? 'version=7/prod' : '7/prod',
  }));
  const folder = `dataexport.${CLUSTER}.S3.integration.${INTEGRATION_ID}`;
  const database = await Database.open({ path });
  try {
    await migrate(database);
    await database.run(
      `create temp table known as
       select t."eventType" as event_type, t.first + p as number,
         timestamp '${NEWEST_HOUR.toISOString()}'
           - to_hours(((t.count - 1 - p) // ${OBJECTS_PER_HOUR})::integer) as hour,
         '${PREFIX}${folder}/event_type=' || t."eventType" || '/date='
           || strftime(hour, '%Y-%m-%d-%H') || '/' || t.ending || '/${folder}+'
           || (${OBJECTS_PER_HOUR - 1} - (t.count - 1 - p) % ${OBJECTS_PER_HOUR})
           || '+' || lpad(p::varchar, 10, '0') || '.avro' as key
       from (select unnest(from_json($1, '[{"eventType":"VARCHAR","first":"BIGINT",
           "count":"BIGINT","known":"BIGINT","ending":"VARCHAR"}]'), recursive := true)) t,
         lateral (select unnest(range(t.known)) as p)`,
      [JSON.stringify(types)],
    );
    await checkKeys(database, types);
    await database.run(
      `insert into ops.objects by name
       select row_number() over (order by ${order === 'key' ? 'number' : 'hour, number'}) as object_id,
         '${SOURCE}' as source, key, md5(number::varchar) || '-1' as etag, ${bytes.length} as size_bytes,
         timestamp '2026-07-01' as last_modified, event_type, hour, '7' as schema_version,
         sha256('schema') as fingerprint, 'loaded' as status, 1 as row_count, 0 as duplicate_count,
         1 as attempts, hour as discovered_at, hour as loaded_at, 1 as run_id
       from known order by object_id`,
    );
    await database.run(
      `insert into ops.event_type_folders
       select '${SOURCE}', '${PREFIX}${folder}/event_type=' || event_type || '/', max(hour)
       from known group by event_type`,
    );
    await database.run(
      `insert into ops.runs by name
       select 1 as run_id, '${SOURCE}/${PREFIX}' as source, now()::timestamp as started_at,
         now()::timestamp as finished_at, 'succeeded' as status, true as full_listing,
         now()::timestamp as listed_at`,
    );
  } finally {
    database.close();
  }
}

/** The rule is written twice, here in SQL: a ledger that knows other keys would measure something else. */
async function checkKeys(
  database: Database,
  types: readonly (ReturnType<typeof planTypes>[number] & { readonly known: number })[],
): Promise<void> {
  for (const type of types.filter(({ known }) => known > 0)) {
    const { key } = await database.row<{ key: string }>('select key from known where number = ?', [
      type.first + type.known - 1,
    ]);
    const expected = formatKey(type, type.known - 1);
    if (key !== expected) throw new Error(`the ledger has ${key} where the bucket has ${expected}`);
  }
}
