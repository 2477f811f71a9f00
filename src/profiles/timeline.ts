/**
 * The event tables as they are → the SELECT of c360.timeline: all events of all types in one shape.
 *
 * Each event table becomes one branch. A release that lacks a column has null there; types that were
 * widened, and fields that some sender calls otherwise, are cast to one type, so the view holds as tables
 * grow. `channel` and `action` come from the activity catalogue, the same words as in profiles. DuckDB pushes
 * conditions into the branches: `action = 'clicked'` reads only tables that can have clicks, and
 * `user_id in (…)` skips what cannot match. A condition on person_id is checked after the join with
 * c360.identities and reads every table.
 */
import { quoteIdentifier, quoteLiteral } from '../warehouse/database.ts';
import { ACTIVITY_KINDS, type ActivityKind } from './activity-kinds.ts';
import type { EventView } from './event-view.ts';

export interface TimelineTable {
  readonly eventType: string;
  /** Without the schema `events`. */
  readonly name: string;
  /** Field of the schema → column and its DuckDB type. */
  readonly columns: ReadonlyMap<string, { readonly name: string; readonly type: string }>;
}

interface TimelineColumn {
  readonly type: string;
  readonly comment: string;
  /** Fields it comes from: the first that is there and not null. By default the one of its own name. */
  readonly fields?: readonly string[];
  /** Where it is not simply a field: SQL, or undefined for null. */
  readonly build?: (table: TimelineTable) => string | undefined;
}

const DETAIL_FIELDS = [
  'name',
  'product_id',
  'url',
  'short_url',
  'bounce_reason',
  'deferral_reason',
  'abort_type',
  'retry_type',
  'provider_error_title',
  'error',
  'http_status_code',
  'subscription_status',
  'conversion_behavior',
  'progression_type',
  'experiment_split_name',
  'push_token_state_change_type',
  'live_activity_event_outcome',
  'live_activity_event_type',
  'feature_flag_id_name',
  'update_source',
  'orphaned_by_id',
  'tool_name',
  'agent_name',
  'source',
] as const;

/** In their order in the view; person_id stands beside user_id. */
const COLUMNS: Readonly<Record<string, TimelineColumn>> = {
  time: { type: 'timestamp', comment: 'When it happened, UTC.' },
  event_type: {
    type: 'varchar',
    comment: "Braze's name of the event type, such as users.messages.email.Open.",
    build: ({ eventType }) => quoteLiteral(eventType),
  },
  channel: {
    type: 'varchar',
    comment:
      'email, push, sms, whatsapp, rcs, line, in_app_message, content_card, banner, webhook, live_activity, feature_flag or news_feed; null for what belongs to no channel.',
    build: (table) => buildKindColumn(table, ({ channel }) => channel),
  },
  action: {
    type: 'varchar',
    comment:
      "What happened, the same word for every channel: sent, delivered, opened, clicked, converted, purchased … A mail program's own opens are machine_opened, suspected bot clicks are bot_clicked.",
    build: (table) => buildKindColumn(table, ({ metric }) => metric),
  },
  user_id: { type: 'varchar', comment: 'The Braze id in the event, as it was then.' },
  external_user_id: { type: 'varchar', comment: "The sender's own id in the event." },
  campaign_id: { type: 'varchar', comment: 'The campaign that caused it.' },
  campaign_name: { type: 'varchar', comment: 'Name of the campaign as in the event.' },
  message_variation_id: { type: 'varchar', comment: 'The variation of the campaign.' },
  message_variation_name: { type: 'varchar', comment: 'Name of the variation of the campaign.' },
  canvas_id: { type: 'varchar', comment: 'The Canvas that caused it.' },
  canvas_name: { type: 'varchar', comment: 'Name of the Canvas as in the event.' },
  canvas_variation_id: { type: 'varchar', comment: 'The variation of the Canvas.' },
  canvas_variation_name: { type: 'varchar', comment: 'Name of the variation of the Canvas.' },
  canvas_step_id: { type: 'varchar', comment: 'The step of the Canvas.' },
  canvas_step_name: { type: 'varchar', comment: 'Name of the step of the Canvas.' },
  detail: {
    type: 'varchar',
    comment:
      'What tells most about this event: name of a custom event, product, URL, reason of a bounce, new subscription state …',
    fields: DETAIL_FIELDS,
  },
  amount: {
    type: 'decimal(18, 4)',
    comment:
      'Price of a purchase, times its quantity if it has one: the shortest decimal that is the 32-bit float that Braze wrote, so sums are exact.',
    build: buildAmount,
  },
  currency: { type: 'varchar', comment: 'ISO 4217 code of the amount.' },
  properties: {
    type: 'json',
    comment: 'Properties of a custom event or a purchase.',
  },
  platform: { type: 'varchar', comment: 'ios, android, web … of the device.' },
  app_id: { type: 'varchar', comment: 'The app in which it happened.' },
  device_id: { type: 'varchar', comment: 'The device on which it happened.' },
  timezone: { type: 'varchar', comment: 'Time zone of the person, an IANA name.' },
  send_id: { type: 'varchar', comment: "The sender's name of a send of a campaign." },
  dispatch_id: { type: 'varchar', comment: 'The dispatch of the message.' },
  event_id: {
    type: 'varchar',
    comment: 'Unique id of the event.',
    fields: ['id'],
  },
  _object_id: {
    type: 'bigint',
    comment: 'The object that it came from: ops.objects.object_id.',
    build: () => '_object_id',
  },
};

const PERSON_COMMENT =
  'The person: the Braze id that survives all merges, as in c360.profiles. To read one person fast: where user_id in (select user_id from c360.identities where person_id = …).';

/** @param tables only those with a column `time` that is a timestamp are in it */
export function buildTimeline(tables: readonly TimelineTable[]): EventView {
  const usable = tables.filter(({ columns }) => columns.get('time')?.type === 'TIMESTAMP');
  const branches =
    usable.length === 0
      ? [`select ${formatColumns(() => undefined)} where false`]
      : usable.map(
          (table) =>
            `select ${formatColumns((name, column) => buildColumn(table, name, column))} from events.${quoteIdentifier(table.name)}`,
        );
  const [first, ...others] = Object.keys(COLUMNS);
  return {
    name: 'timeline',
    comment:
      'All events of all types with the columns that they share: the story of a person or of a campaign. One row for each event.',
    columns: {
      [first as string]: (COLUMNS[first as string] as TimelineColumn).comment,
      person_id: PERSON_COMMENT,
      ...Object.fromEntries(
        others.map((name) => [name, (COLUMNS[name] as TimelineColumn).comment]),
      ),
    },
    sql: `
      select e.${first}, coalesce(i.person_id, e.user_id) as person_id,
        ${others.map((name) => `e.${name}`).join(', ')}
      from (${branches.join('\n union all ')}) e
      left join c360.identities i on i.user_id = e.user_id`,
  };
}

function formatColumns(
  build: (name: string, column: TimelineColumn) => string | undefined,
): string {
  return Object.entries(COLUMNS)
    .map(([name, column]) => `(${build(name, column) ?? 'null'})::${column.type} as ${name}`)
    .join(', ');
}

function buildColumn(
  table: TimelineTable,
  name: string,
  { type, fields = [name], build }: TimelineColumn,
): string | undefined {
  if (build !== undefined) return build(table);
  const found = fields.flatMap((field) => {
    const column = table.columns.get(field);
    // What another sender keeps under such a name may be anything; text it always is.
    return column === undefined ? [] : [`try_cast(${quoteIdentifier(column.name)} as ${type})`];
  });
  return found.length > 1 ? `coalesce(${found.join(', ')})` : found[0];
}

/** The catalogue's word for an event; null for a type that is not in it. */
function buildKindColumn(
  table: TimelineTable,
  read: (kind: ActivityKind) => string | null,
): string | undefined {
  const kinds = ACTIVITY_KINDS.filter(({ eventType }) => eventType === table.eventType);
  const words = new Set(kinds.map(read));
  if (kinds.length === 0) return undefined;
  if (words.size === 1) return formatWord([...words][0] ?? null);
  const cases: string[] = [];
  for (const kind of kinds) {
    const condition = formatCondition(table, kind);
    if (condition === undefined) continue;
    if (condition === '') {
      cases.push(`else ${formatWord(read(kind))}`);
      break;
    }
    cases.push(`when ${condition} then ${formatWord(read(kind))}`);
  }
  return cases.length === 1 ? cases[0]?.replace(/^else /, '') : `case ${cases.join(' ')} end`;
}

/** SQL that tells whether an event is of this kind: empty for always, undefined for never. */
function formatCondition(table: TimelineTable, { when = [] }: ActivityKind): string | undefined {
  const conditions = when.map(({ field, equals }) => {
    const column = table.columns.get(field);
    return column && `lower(${quoteIdentifier(column.name)}::varchar) = ${quoteLiteral(equals)}`;
  });
  return conditions.includes(undefined) ? undefined : conditions.join(' and ');
}

function formatWord(word: string | null): string {
  return word === null ? 'null' : quoteLiteral(word);
}

/** A column that was widened to double still holds floats; one that was never a float is taken as it is. */
function buildAmount({ columns }: TimelineTable): string | undefined {
  const price = columns.get('price');
  if (price === undefined) return undefined;
  const column = quoteIdentifier(price.name);
  const shortest =
    price.type === 'DOUBLE'
      ? `case when ${column}::float::double = ${column} then ${column}::float::varchar else ${column}::varchar end`
      : `${column}::varchar`;
  const amount = `try_cast(${shortest} as decimal(18, 4))`;
  const quantity = columns.get('quantity');
  return quantity === undefined
    ? amount
    : `try_cast(${amount} * coalesce(try_cast(${quoteIdentifier(quantity.name)} as integer), 1) as decimal(18, 4))`;
}
