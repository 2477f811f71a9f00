/**
 * A database with years of events, made in minutes by SQL: what ingest would have stored, as far as profiles
 * read it. Fifty events a person over two years, most of them email, of the same kinds as a sender has;
 * one person in two hundred was merged into another.
 *
 * A new batch is what a campaign brings within five minutes: it is sent to two in five of a hundred thousand
 * and mostly delivered, some open and click, others visit meanwhile.
 */
import { type Config, openWarehouse } from '../../src/index.ts';

/** Where the history ends. */
export const HISTORY_END = new Date('2026-07-05T23:00:00Z');
const HISTORY_SECONDS = 730 * 86_400;
const BATCH_SECONDS = 300;
const EVENTS_PER_OBJECT = 15_000;

interface EventType {
  readonly name: string;
  /** Of a hundred events. */
  readonly share: number;
  /** Columns beside those of every event, as SQL over `n`, the event's number, and `person`. */
  readonly columns: Readonly<Record<string, string>>;
}

const EMAIL = "'person' || person || '@example.com'";
const CAMPAIGN = {
  email_address: EMAIL,
  campaign_id: "case when n % 3 > 0 then 'campaign-' || (hash(n // 40000) % 500) end",
  canvas_id: "case when n % 3 = 0 then 'canvas-' || (hash(n) % 50) end",
  timezone: "(['Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[1 + person % 3]",
  dispatch_id: 'md5(n::varchar)',
};
const DEVICE = {
  device_id: "'device-' || person",
  platform: "(['ios', 'android'])[1 + person % 2]",
  os_version: "'17'",
  device_model: "'Model'",
  app_id: "'app'",
};

const EVENT_TYPES: readonly EventType[] = [
  { name: 'users.messages.email.Send', share: 36, columns: CAMPAIGN },
  { name: 'users.messages.email.Delivery', share: 35, columns: CAMPAIGN },
  {
    name: 'users.messages.email.Open',
    share: 9,
    columns: { ...CAMPAIGN, machine_open: "case when hash(n) % 3 = 0 then 'true' end" },
  },
  { name: 'users.messages.email.Click', share: 2, columns: CAMPAIGN },
  { name: 'users.behaviors.app.SessionStart', share: 9, columns: DEVICE },
  { name: 'users.behaviors.CustomEvent', share: 6, columns: { ...DEVICE, name: "'look'" } },
  {
    name: 'users.behaviors.Purchase',
    share: 2,
    columns: {
      ...DEVICE,
      price: '((hash(n) % 20000) / 100)::float',
      currency: "'EUR'",
      product_id: "'product-' || hash(n) % 1000",
    },
  },
  {
    name: 'users.profile.Update',
    share: 1,
    columns: {
      time_ms: 'epoch_ms(time)',
      first_name: "'Name'",
      country: "'DE'",
      custom_attributes: `('{"tier":"' || hash(n) % 4 || '","points":' || hash(n) % 999 || '}')::json`,
    },
  },
];

/** @param events how many; there is one person for every fifty */
export async function makeHistory(config: Config, events: number): Promise<void> {
  const people = peopleOf(events);
  const database = await openWarehouse(config);
  try {
    for (const { name, share, columns } of EVENT_TYPES) {
      const rows = Math.floor((events * share) / 100);
      const table = tableOf(name);
      // Some people have many more events than others.
      const person = `floor(${people} * pow((hash(n, '${name}') % 1000003) / 1000003.0, 1.4))::bigint`;
      const time = `timestamp '${HISTORY_END.toISOString()}' - to_seconds(${HISTORY_SECONDS})
        + to_microseconds(n * (${HISTORY_SECONDS}000000 // ${rows}))`;
      const { object_id } = await nextObject(database);
      await database.run(
        `create table events.${table} as
         ${selectEvents(columns, object_id, 0)} from (select n, ${person} as person, ${time} as time from range(${rows}) t(n))`,
      );
      await database.run('insert into ops.event_tables values ($1, $2)', [name, table]);
      await database.run(
        `insert into ops.event_columns select $1, column_name, column_name from duckdb_columns()
         where schema_name = 'events' and table_name = $2 and column_name <> '_object_id'`,
        [name, table],
      );
      await noteObjects(database, name, rows, object_id);
    }
    await addMerges(database, people);
    await database.run('checkpoint');
  } finally {
    database.close();
  }
}

/** What comes within five minutes after the history. */
export async function addBatch(config: Config, history: number, events: number): Promise<void> {
  const people = peopleOf(history);
  const database = await openWarehouse(config);
  try {
    for (const { name, share, columns } of EVENT_TYPES) {
      const rows = Math.floor((events * share) / 100);
      // Numbers go on where the history ended; those who got the mail are those who open it.
      const person = `(hash(n % ${Math.floor(events * 0.4)}, ${history}) % ${people})::bigint`;
      const time = `timestamp '${HISTORY_END.toISOString()}' + to_seconds((hash(n) % ${BATCH_SECONDS})::integer)`;
      const { object_id } = await nextObject(database);
      await database.run(
        `insert into events.${tableOf(name)} by name
         ${selectEvents(columns, object_id, history)} from (select n + ${history} as n, person, time
           from (select n, ${person} as person, ${time} as time from range(${rows}) t(n)))`,
      );
      await noteObjects(database, name, rows, object_id);
    }
    await database.run('checkpoint');
  } finally {
    database.close();
  }
}

export function peopleOf(events: number): number {
  return Math.floor(events / 50);
}

type Warehouse = Awaited<ReturnType<typeof openWarehouse>>;

function tableOf(eventType: string): string {
  return eventType.toLowerCase().replaceAll('.', '_');
}

/** @param first the number of the first event */
function selectEvents(columns: EventType['columns'], objectId: number, first: number): string {
  const own = Object.entries(columns).map(([name, sql]) => `${sql} as ${name}`);
  return `select md5(n::varchar || time::varchar) as id, printf('%024x', person) as user_id,
    case when person % 10 > 0 then 'crm-' || person end as external_user_id, time,
    ${own.join(', ')}, ${objectId} + (n - ${first}) // ${EVENTS_PER_OBJECT} as _object_id`;
}

async function nextObject(database: Warehouse): Promise<{ object_id: number }> {
  return database.row(
    'select coalesce(max(object_id), 0)::double + 1 as object_id from ops.objects',
  );
}

async function noteObjects(database: Warehouse, eventType: string, rows: number, first: number) {
  await database.run(
    `insert into ops.objects by name
     select ${first} + n as object_id, 'made-up' as source, '${eventType}/' || (${first} + n) as key,
       'v1' as etag, 0 as size_bytes, current_timestamp::timestamp as last_modified,
       '${eventType}' as event_type, 'loaded' as status,
       least(${EVENTS_PER_OBJECT}, ${rows} - n * ${EVENTS_PER_OBJECT}) as row_count,
       0 as duplicate_count, 1 as attempts, current_timestamp::timestamp as discovered_at,
       current_timestamp::timestamp as loaded_at, 1 as run_id
     from range(${Math.ceil(rows / EVENTS_PER_OBJECT)}) t(n)`,
  );
}

async function addMerges(database: Warehouse, people: number): Promise<void> {
  const rows = Math.floor(people / 200);
  const table = tableOf('users.UserOrphan');
  const { object_id } = await nextObject(database);
  await database.run(
    `create table events.${table} as
     select md5('merge' || n) as id, printf('%024x', n * 200) as user_id,
       printf('%024x', n * 200 + 1) as orphaned_by_id,
       timestamp '${HISTORY_END.toISOString()}' - to_hours(n % 9000) as time,
       ${object_id} + n // ${EVENTS_PER_OBJECT} as _object_id
     from range(${rows}) t(n);
     insert into ops.event_tables values ('users.UserOrphan', '${table}');
     insert into ops.event_columns select 'users.UserOrphan', column_name, column_name
     from duckdb_columns() where table_name = '${table}' and column_name <> '_object_id'`,
  );
  await noteObjects(database, 'users.UserOrphan', rows, object_id);
}
