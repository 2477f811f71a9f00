/**
 * Events of some objects → rows of the state tables.
 *
 * Rows are only ever added, and none depends on what came before, so the order of objects does not matter:
 * users and campaigns get numbers, each event a narrow row of activity, purchases and merges a row of their
 * own, and facts are reduced to one row for each user, name and key of these objects.
 *
 * Facts of the future (later than the instant that profiles are computed for) are not reduced: which of them
 * counts is not known before their time has come. That also means that the state can be used for later
 * instants, and not for earlier ones: those take an extraction of their own.
 */

import type { Database } from '../warehouse/database.ts';
import { ACTIVITY_KINDS, OTHER_KIND } from './activity-kinds.ts';
import { type EventSource, formatObjectFilter, readEventSources } from './event-source.ts';
import {
  DEVICE_FIELDS,
  describesDevice,
  formatObject,
  listStatedFacts,
  OBSERVED_FACTS,
  selectObserved,
} from './fact-sources.ts';

export interface Extraction {
  /** Where the state tables are: `c360`, or `past.c360` for an instant of the past. */
  readonly state: string;
  /** SQL of the instant, a timestamp. */
  readonly asOf: string;
  /** Nothing later is taken at all; for an instant of the past. */
  readonly onlyUntilAsOf?: boolean;
  /** A table of user_id: only these people's events. */
  readonly onlyUsers?: string;
}

/** Objects of one event type. */
export interface EventObjects {
  readonly eventType: string;
  readonly objectIds: readonly number[];
}

/** A source with the rows that are to be taken from it. */
interface Rows {
  readonly source: EventSource;
  /** `from … where …`: rows that have a user and a time. */
  readonly from: (unnested?: string) => string;
}

/**
 * Adds the events of these objects, inside the caller's transaction. Afterwards the temporary table
 * `extracted_users` (user_no) has everybody whom they concern.
 */
export async function extractObjects(
  database: Database,
  extraction: Extraction,
  objects: readonly EventObjects[],
): Promise<void> {
  const idsByType = new Map(objects.map(({ eventType, objectIds }) => [eventType, objectIds]));
  const sources = await readEventSources(database, [...idsByType.keys()]);
  const all = sources.map((source) => {
    const conditions = [
      formatObjectFilter(idsByType.get(source.eventType) ?? []),
      `${source.userId} is not null`,
      `${source.time} is not null`,
      ...(extraction.onlyUntilAsOf ? [`${source.time} <= ${extraction.asOf}`] : []),
      ...(extraction.onlyUsers
        ? [`${source.userId} in (select user_id from ${extraction.onlyUsers})`]
        : []),
    ];
    const where = `where ${conditions.join(' and ')}`;
    return { source, from: (unnested = '') => `from ${source.table}${unnested} ${where}` };
  });
  await database.run('create or replace temp table extracted_users (user_no integer)');
  if (all.length === 0) return;
  await addUsers(database, extraction, all);
  await addMessages(database, extraction, all);
  await addActivity(database, extraction, all);
  await addPurchases(database, extraction, all);
  await addMerges(database, extraction, all);
  await addFacts(database, extraction, all);
}

function unionAll(selects: readonly string[]): string {
  return `(${selects.join('\n union all ')})`;
}

async function addUsers(database: Database, { state }: Extraction, all: readonly Rows[]) {
  const ids = all.flatMap(({ source, from }) => {
    const into = survivorOf(source);
    return [
      `select ${source.userId} as user_id ${from()}`,
      ...(into === undefined ? [] : [`select ${into} ${from()}`]),
    ];
  });
  await database.run(
    `insert into ${state}.users
     select (select coalesce(max(user_no), 0) from ${state}.users) + row_number() over (), user_id
     from (select distinct user_id from ${unionAll(ids)} where user_id is not null)
     anti join ${state}.users using (user_id)`,
  );
}

/** The other end of a merge. */
function survivorOf(source: EventSource): string | undefined {
  return source.eventType === 'users.UserOrphan' ? source.text('orphaned_by_id') : undefined;
}

/** An event of a Canvas belongs to the Canvas, whatever campaign it also names. */
function selectMessage(source: EventSource): { campaignId: string; canvasId: string } | undefined {
  const campaign = source.text('campaign_id');
  const canvas = source.text('canvas_id');
  if (campaign === undefined && canvas === undefined) return undefined;
  const canvasId = canvas ?? 'null::varchar';
  const campaignId =
    campaign === undefined
      ? 'null::varchar'
      : canvas === undefined
        ? campaign
        : `case when ${canvas} is null then ${campaign} end`;
  return { campaignId, canvasId };
}

async function addMessages(database: Database, { state }: Extraction, all: readonly Rows[]) {
  const ids = all.flatMap(({ source, from }) => {
    const message = selectMessage(source);
    return message
      ? [`select ${message.campaignId} as campaign_id, ${message.canvasId} as canvas_id ${from()}`]
      : [];
  });
  if (ids.length === 0) return;
  await database.run(
    `insert into ${state}.messages
     select (select coalesce(max(message_no), 0) from ${state}.messages) + row_number() over (),
       campaign_id, canvas_id
     from (select distinct campaign_id, canvas_id from ${unionAll(ids)}
       where campaign_id is not null or canvas_id is not null) found
     where not exists (from ${state}.messages known
       where known.campaign_id is not distinct from found.campaign_id
         and known.canvas_id is not distinct from found.canvas_id)`,
  );
}

async function addActivity(database: Database, { state }: Extraction, all: readonly Rows[]) {
  const events = all.map(({ source, from }) => {
    const message = selectMessage(source);
    return `select ${source.userId} as user_id, ${source.time} as time,
      (${selectKind(source)})::usmallint as kind,
      ${message?.campaignId ?? 'null::varchar'} as campaign_id,
      ${message?.canvasId ?? 'null::varchar'} as canvas_id ${from()}`;
  });
  await database.run(
    `insert into ${state}.activity
     select u.user_no, e.time, e.kind, m.message_no
     from ${unionAll(events)} e
     join ${state}.users u using (user_id)
     left join ${state}.messages m on m.campaign_id is not distinct from e.campaign_id
       and m.canvas_id is not distinct from e.canvas_id`,
  );
}

/** SQL of the kind: the first of the type's kinds whose conditions hold. */
function selectKind(source: EventSource): string {
  const kinds = ACTIVITY_KINDS.filter(({ eventType }) => eventType === source.eventType);
  const variations = kinds.flatMap(({ code, when }) => {
    if (when === undefined) return [];
    const conditions = when.map(({ field, equals }) => {
      const text = source.text(field);
      return text === undefined ? 'false' : `lower(${text}) = '${equals}'`;
    });
    return conditions.includes('false') ? [] : [`when ${conditions.join(' and ')} then ${code}`];
  });
  const plain = kinds.find(({ when }) => when === undefined)?.code ?? OTHER_KIND;
  return variations.length === 0 ? `${plain}` : `case ${variations.join(' ')} else ${plain} end`;
}

async function addPurchases(database: Database, { state }: Extraction, all: readonly Rows[]) {
  for (const { source, from } of all) {
    if (source.eventType !== 'users.behaviors.Purchase') continue;
    const price = source.decimalText('price');
    if (price === undefined) continue;
    const exact = `try_cast(${price} as decimal(18, 4))`;
    const quantity = source.decimalText('quantity');
    const amount =
      quantity === undefined
        ? exact
        : `try_cast(${exact} * coalesce(try_cast(${quantity} as decimal(18, 4)), 1) as decimal(18, 4))`;
    await database.run(
      `insert into ${state}.purchases
       select user_no, time, currency, amount, product_id, event_id
       from (select ${source.userId} as user_id, ${source.time} as time, ${amount} as amount,
           upper(${source.text('currency') ?? 'null'}) as currency,
           ${source.text('product_id') ?? 'null'} as product_id, ${source.text('id') ?? 'null'} as event_id
         ${from()})
       join ${state}.users using (user_id) where amount is not null`,
    );
  }
}

async function addMerges(database: Database, { state }: Extraction, all: readonly Rows[]) {
  for (const { source, from } of all) {
    const into = survivorOf(source);
    if (into === undefined) continue;
    await database.run(
      `insert into ${state}.merges
       select distinct u.user_no, i.user_no, e.time_ms
       from (select ${source.userId} as user_id, ${into} as into_id, ${source.timeMs} as time_ms ${from()}) e
       join ${state}.users u on u.user_id = e.user_id
       join ${state}.users i on i.user_id = e.into_id
       where u.user_no <> i.user_no`,
    );
    await database.run(
      `insert into extracted_users select i.user_no
       from (select distinct ${into} as into_id ${from()}) e join ${state}.users i on i.user_id = e.into_id`,
    );
  }
}

/** Observed facts are brought down to few rows first; then all kinds are reduced together. */
async function addFacts(database: Database, extraction: Extraction, all: readonly Rows[]) {
  const { state } = extraction;
  await database.run(
    `create or replace temp table observed as ${reduceObserved(
      extraction,
      all.map(({ source, from }) => ({
        source,
        from,
        columns: Object.fromEntries(
          OBSERVED_FACTS.map((fact) => [fact.column, selectObserved(source, fact)]),
        ),
      })),
      OBSERVED_FACTS.map(({ column }) => column),
    )}`,
  );
  await database.run('insert into extracted_users select distinct user_no from observed');
  const facts = [
    "select user_no, 'seen' as name, '' as key, 'true' as value, first_ms, time_ms from observed",
    ...OBSERVED_FACTS.map(
      ({ name, column, key, value }) =>
        `select user_no, '${name}', ${key}, ${value}::varchar, first_ms, time_ms
         from observed where ${column} is not null`,
    ),
    ...selectDevices(extraction, all),
    ...selectStated(extraction, all),
  ];
  await database.run(
    `insert into ${state}.facts
     select user_no, name, key, max({'ms': time_ms, 'value': value}).value, min(first_ms), max(time_ms)
     from ${unionAll(facts)}
     group by user_no, name, key, ${formatFuture(extraction)}`,
  );
  await database.run('drop table observed');
}

/** Groups what may not be reduced apart: everything later than the instant. */
function formatFuture({ asOf }: Extraction): string {
  return `case when time_ms > epoch_ms(${asOf}) then time_ms end`;
}

interface ObservedRows extends Rows {
  /** SQL of each column; undefined where the event type has none. */
  readonly columns: Readonly<Record<string, string | undefined>>;
}

/** A query of the different combinations that each user's events have, with first and last time. */
function reduceObserved(
  extraction: Extraction,
  rows: readonly ObservedRows[],
  columns: readonly string[],
): string {
  const events = rows.map(({ source, from, columns: found }) => {
    const values = columns.map((column) => `${found[column] ?? 'null::varchar'} as ${column}`);
    return `select ${source.userId} as user_id, ${source.timeMs} as time_ms, ${values.join(', ')} ${from()}`;
  });
  const names = columns.join(', ');
  return `select user_no, ${names}, min(time_ms) as first_ms, max(time_ms) as time_ms
    from ${unionAll(events)} join ${extraction.state}.users using (user_id)
    group by user_no, ${names}, ${formatFuture(extraction)}`;
}

function selectDevices(extraction: Extraction, all: readonly Rows[]): readonly string[] {
  const rows = all
    .filter(({ source }) => describesDevice(source))
    .map(({ source, from }) => ({
      source,
      from,
      columns: {
        device_id: source.text('device_id'),
        ...Object.fromEntries(
          Object.entries(DEVICE_FIELDS).map(([part, field]) => [part, source.text(field)]),
        ),
      },
    }));
  if (rows.length === 0) return [];
  const parts = Object.keys(DEVICE_FIELDS);
  const value = formatObject(Object.fromEntries(parts.map((part) => [part, part])));
  return [
    `select user_no, 'device', device_id, ${value}, first_ms, time_ms
     from (${reduceObserved(extraction, rows, ['device_id', ...parts])}) where device_id is not null`,
  ];
}

function selectStated({ state }: Extraction, all: readonly Rows[]): readonly string[] {
  const selects = all.flatMap(({ source, from }) =>
    listStatedFacts(source).map(
      ({ name, key, value, unnested }) =>
        `select ${source.userId} as user_id, '${name}' as name, ${key} as key, ${value} as value,
           ${source.timeMs} as time_ms ${from(unnested)}`,
    ),
  );
  if (selects.length === 0) return [];
  return [
    `select user_no, name, key, value, time_ms, time_ms from ${unionAll(selects)}
     join ${state}.users using (user_id) where key is not null and value is not null`,
  ];
}
