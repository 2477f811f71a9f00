/**
 * The SELECT of c360.campaign_performance: what became of the messages of each campaign and Canvas step.
 *
 * The unit is a message: one send to one person. What follows it – delivery, opens, clicks, complaints –
 * carries no number of the send, so it belongs to the last send of the same campaign or Canvas step to that
 * person in that channel – of the same dispatch, where both say which – and counts on the day of that send.
 * That is why counts add up in every row: delivered ≤ sent and unique_opens ≤ delivered, also around midnight
 * and for opens a week later. What has no send in the tables (it was sent before the export began, or Braze
 * booked it on another profile) is counted in events_without_send and in nothing else, so nothing vanishes.
 *
 * In-app messages, banners, feature flags and news feed cards are reported only when they are shown: there
 * each view counts as sent and delivered. Where there are no receipts (push, webhooks, LINE, content
 * cards) what did not bounce is delivered. A message that was opened or clicked was delivered, even if its
 * receipt is missing.
 */
import type { EventView } from './event-view.ts';

/** Clocks of providers and of Braze differ: an answer may seem older than its question. */
const CLOCK_SKEW = "interval '5 seconds'";

/** A purchase later than that is not thought to come from the click. */
const REVENUE_WINDOW = "interval '7 days'";

const COLUMNS = {
  day: 'Day on which the messages were sent, UTC.',
  channel:
    'email, push, sms, whatsapp, rcs, line, in_app_message, content_card, banner, webhook, feature_flag or news_feed; control for people held out as a control group; null for conversions of people who got no message.',
  source_type: 'campaign or canvas.',
  campaign_id: 'The campaign; null for a Canvas.',
  campaign_name: 'Its newest name.',
  canvas_id: 'The Canvas; null for a campaign.',
  canvas_name: 'Its newest name.',
  canvas_step_id: 'The step of the Canvas.',
  canvas_step_name: 'Its newest name.',
  variation_id: 'The message variation of the campaign, or the variation of the Canvas.',
  variation_name: 'Its newest name.',
  sent: 'Messages sent; of channels without sends, messages shown. 0 for a control group.',
  delivered:
    'Of these, delivered: with a receipt, or opened or clicked; where there are no receipts, not bounced.',
  bounced: 'Of these, bounced, rejected or failed for good.',
  viewed: 'Of these, shown on the screen (content cards, in-app messages, banners …).',
  unique_opens:
    "Of these, opened or read by the person at least once; a mail program's own opens do not count.",
  opens: 'Opens and read receipts of persons in all.',
  machine_opens: "Opens by mail programs themselves (Apple's privacy protection …) in all.",
  unique_clicks:
    'Of the messages sent, clicked by the person at least once; suspected bots do not count.',
  clicks: 'Clicks of persons in all.',
  suspected_bot_clicks: 'Clicks that Braze suspects to be of bots in all.',
  unsubscribes: 'Of the messages sent, those that made the person unsubscribe or leave the group.',
  spam_reports: 'Of the messages sent, those marked as spam.',
  control_people: 'People entered into the control group instead of getting the message.',
  unique_conversions:
    'Of the messages sent and the people in control, those followed by a conversion.',
  conversions:
    'Conversion events of the campaign or Canvas in all, each counted with its last message to that person before.',
  currency:
    'Currency of the revenue, XXX if the event had none. Purchases in several currencies take a row each; all other counts are in the first of them and 0 in the others.',
  purchases:
    'Purchases within 7 days after a click, if it was the last click before on any message; for push, opens are clicks.',
  revenue: 'Their amounts in that currency, exact.',
  delivery_rate: 'delivered / sent, 0 to 1; null where nothing was sent.',
  open_rate: 'unique_opens / delivered, 0 to 1.',
  click_rate: 'unique_clicks / delivered, 0 to 1.',
  unsubscribe_rate: 'unsubscribes / delivered, 0 to 1.',
  conversion_rate:
    'unique_conversions / delivered (for a control group, / control_people), 0 to 1.',
  events_without_send:
    'Deliveries, opens, clicks … whose send is not in the tables, by the day of the first; they count nowhere else.',
} as const;

export function buildCampaignPerformance(): EventView {
  return {
    name: 'campaign_performance',
    comment:
      'What became of the messages of each campaign and Canvas step: one row for each variation, channel, day of sending and currency.',
    columns: COLUMNS,
    sql: SQL,
  };
}

/** Kinds of events that follow a send, as small numbers: fifty million of them have to be sorted. */
const KINDS = {
  started: 0,
  delivered: 1,
  bounced: 2,
  viewed: 3,
  opened: 4,
  machineOpened: 5,
  clicked: 6,
  botClicked: 7,
  unsubscribed: 8,
  markedAsSpam: 9,
} as const;

const KIND_OF_ACTION: Readonly<Record<string, number>> = {
  sent: KINDS.started,
  entered_control: KINDS.started,
  delivered: KINDS.delivered,
  bounced: KINDS.bounced,
  dropped: KINDS.bounced,
  rejected: KINDS.bounced,
  viewed: KINDS.viewed,
  opened: KINDS.opened,
  read: KINDS.opened,
  machine_opened: KINDS.machineOpened,
  clicked: KINDS.clicked,
  bot_clicked: KINDS.botClicked,
  unsubscribed: KINDS.unsubscribed,
  left_group: KINDS.unsubscribed,
  opted_out: KINDS.unsubscribed,
  marked_as_spam: KINDS.markedAsSpam,
};

const ACTIONS = Object.keys(KIND_OF_ACTION)
  .map((action) => `'${action}'`)
  .join(', ');

const COUNTS = [
  'sent',
  'delivered',
  'bounced',
  'viewed',
  'unique_opens',
  'opens',
  'machine_opens',
  'unique_clicks',
  'clicks',
  'suspected_bot_clicks',
  'unsubscribes',
  'spam_reports',
  'control_people',
  'unique_conversions',
  'conversions',
  'purchases',
  'events_without_send',
] as const;

const BUILT: Readonly<Record<string, string>> = {
  source_type: "if(campaign_id is null, 'canvas', 'campaign') as source_type",
  delivery_rate: 'delivered / nullif(sent, 0) as delivery_rate',
  open_rate: 'unique_opens / nullif(delivered, 0) as open_rate',
  click_rate: 'unique_clicks / nullif(delivered, 0) as click_rate',
  unsubscribe_rate: 'unsubscribes / nullif(delivered, 0) as unsubscribe_rate',
  conversion_rate: 'unique_conversions / nullif(delivered + control_people, 0) as conversion_rate',
};

/**
 * People, messages and the cells that are counted go through the sorts as 64-bit hashes: with their texts
 * even a million messages would not fit in 256 MB. Two of fifty million hashes are equal once in ten
 * thousand databases. Names come back at the end, from one more scan. Aggregates over single messages are
 * numbers only: DuckDB can put those aside on the disk, texts and lists not.
 */
const MESSAGE =
  'hash(person_id, channel, if(campaign_id is null, hash(canvas_id, canvas_step_id), hash(campaign_id)))';

const SQL = `
  with relevant as (
    select person_id, time, action, coalesce(channel, if(action = 'converted', null, 'control')) as channel,
      campaign_id, campaign_name, canvas_id, canvas_name, canvas_step_id, canvas_step_name, dispatch_id,
      if(campaign_id is null, canvas_variation_id, message_variation_id) as variation_id,
      if(campaign_id is null, canvas_variation_name, message_variation_name) as variation_name
    from c360.timeline
    where (campaign_id is not null or canvas_id is not null) and person_id is not null
      and (action = 'converted' or action = 'entered_control' or (channel is not null and action in (${ACTIONS})))
  ),
  touches as (
    select hash(person_id, coalesce(campaign_id, canvas_id)) as person_source,
      ${MESSAGE} as message,
      hash(channel, campaign_id, canvas_id, canvas_step_id, variation_id) as cell,
      if(dispatch_id is null, null, hash(dispatch_id)) as dispatch,
      time,
      (case action ${Object.entries(KIND_OF_ACTION)
        .map(([action, kind]) => `when '${action}' then ${kind}`)
        .join(' ')} end)::utinyint as kind,
      kind = ${KINDS.started} or (kind = ${KINDS.viewed}
        and channel in ('in_app_message', 'banner', 'feature_flag', 'news_feed')) as is_start,
      if(is_start, time, time + ${CLOCK_SKEW}) as after
    from relevant where action <> 'converted'
  ),
  numbered as (
    select *, count(*) filter (where is_start) over (
      partition by message order by after, not is_start
      rows between unbounded preceding and current row) as last_send
    from touches
  ),
  matched as (
    select * exclude (last_send, after), coalesce(
      if(dispatch is null, null, max(if(is_start, last_send, null)) over (
        partition by message, dispatch order by after, not is_start
        rows between unbounded preceding and current row)),
      last_send)::integer as send_no
    from numbered
  ),
  messages as (
    select message, send_no, any_value(person_source) as person_source,
      coalesce(min(time) filter (where is_start), min(time)) as time,
      coalesce(max(cell) filter (where is_start), max(cell)) as cell,
      bool_or(kind = ${KINDS.delivered}) as has_receipt,
      bool_or(kind = ${KINDS.bounced}) as is_bounced,
      bool_or(kind between ${KINDS.viewed} and ${KINDS.botClicked}) as is_seen,
      bool_or(kind = ${KINDS.viewed}) as is_viewed,
      count(*) filter (where kind = ${KINDS.opened})::integer as opens,
      count(*) filter (where kind = ${KINDS.machineOpened})::integer as machine_opens,
      count(*) filter (where kind = ${KINDS.clicked})::integer as clicks,
      count(*) filter (where kind = ${KINDS.botClicked})::integer as bot_clicks,
      bool_or(kind = ${KINDS.unsubscribed}) as is_unsubscribed,
      bool_or(kind = ${KINDS.markedAsSpam}) as is_spam,
      count(*)::integer as events
    from matched
    group by message, send_no
  ),
  conversions as (
    select time, hash(person_id, coalesce(campaign_id, canvas_id)) as person_source,
      hash(channel, campaign_id, canvas_id, canvas_step_id, variation_id) as cell
    from relevant where action = 'converted'
  ),
  converted as (
    select coalesce(m.time, c.time)::date as day, coalesce(m.cell, c.cell) as cell,
      count(distinct (m.message, m.send_no)) filter (where m.send_no > 0) as unique_conversions,
      count(*) as conversions
    from conversions c
    asof left join (from messages semi join conversions using (person_source)) m
      on m.person_source = c.person_source and c.time + ${CLOCK_SKEW} >= m.time
    group by all
  ),
  purchases as (
    select hash(person_id) as person, time, amount, coalesce(currency, 'XXX') as currency
    from c360.timeline where action = 'purchased' and amount is not null and person_id is not null
  ),
  clicks as (
    select hash(person_id) as person, time, ${MESSAGE} as message
    from relevant semi join purchases on purchases.person = hash(person_id)
    where action = 'clicked' or (action = 'opened' and channel = 'push')
  ),
  earned as (
    select m.time::date as day, m.cell, p.currency, count(*) as purchases, sum(p.amount) as revenue
    from purchases p
    asof join clicks c on c.person = p.person and p.time >= c.time
    asof join (from messages semi join clicks using (message)) m
      on m.message = c.message and c.time + ${CLOCK_SKEW} >= m.time
    where p.time <= c.time + ${REVENUE_WINDOW}
    group by all
  ),
  cells as (
    select hash(channel, campaign_id, canvas_id, canvas_step_id, variation_id) as cell,
      any_value(channel) as channel, any_value(campaign_id) as campaign_id, any_value(canvas_id) as canvas_id,
      any_value(canvas_step_id) as canvas_step_id, any_value(variation_id) as variation_id,
      arg_max(campaign_name, time) as campaign_name, arg_max(canvas_name, time) as canvas_name,
      arg_max(canvas_step_name, time) as canvas_step_name, arg_max(variation_name, time) as variation_name,
      max(time) as last_time
    from relevant group by cell
  ),
  named as (
    select * replace (
      arg_max(campaign_name, last_time) over (partition by campaign_id) as campaign_name,
      arg_max(canvas_name, last_time) over (partition by canvas_id) as canvas_name,
      arg_max(canvas_step_name, last_time) over (partition by canvas_id, canvas_step_id) as canvas_step_name,
      arg_max(variation_name, last_time) over (partition by campaign_id, canvas_id, variation_id) as variation_name)
    from cells
  ),
  counted as (
    select m.time::date as day, m.cell,
      count(*) filter (where send_no > 0 and channel <> 'control') as sent,
      count(*) filter (where send_no > 0 and channel <> 'control' and (has_receipt or is_seen
        or (channel not in ('email', 'sms', 'whatsapp', 'rcs') and not is_bounced))) as delivered,
      count(*) filter (where send_no > 0 and is_bounced) as bounced,
      count(*) filter (where send_no > 0 and is_viewed) as viewed,
      count(*) filter (where send_no > 0 and opens > 0) as unique_opens,
      sum(opens) filter (where send_no > 0) as opens,
      sum(machine_opens) filter (where send_no > 0) as machine_opens,
      count(*) filter (where send_no > 0 and clicks > 0) as unique_clicks,
      sum(clicks) filter (where send_no > 0) as clicks,
      sum(bot_clicks) filter (where send_no > 0) as suspected_bot_clicks,
      count(*) filter (where send_no > 0 and is_unsubscribed) as unsubscribes,
      count(*) filter (where send_no > 0 and is_spam) as spam_reports,
      count(*) filter (where send_no > 0 and channel = 'control') as control_people,
      sum(events) filter (where send_no = 0) as events_without_send,
      null::varchar as currency
    from messages m join cells using (cell)
    group by all
    union all by name from converted
    union all by name from earned
  ),
  summed as (
    -- Counts have no currency of their own: they go with the first one of their cell.
    select day, cell, coalesce(currency, first_currency) as currency, sum(revenue)::decimal(38, 4) as revenue,
      ${COUNTS.map((name) => `coalesce(sum(${name}), 0)::bigint as ${name}`).join(', ')}
    from (select *, min(currency) over (partition by day, cell) as first_currency from counted)
    group by all
  )
  select ${Object.keys(COLUMNS)
    .map((name) => BUILT[name] ?? name)
    .join(', ')}
  from summed join named using (cell)`;
