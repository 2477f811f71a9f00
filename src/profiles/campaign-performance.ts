/**
 * The SELECT of c360.campaign_performance: what became of the messages of each campaign and Canvas step.
 *
 * The unit is a message: one send to one person. What follows it – delivery, opens, clicks, complaints –
 * carries no number of the send, so it belongs to the last send of the same campaign or Canvas step to that
 * person in that channel – of the same dispatch, where both say which – and counts on the day of that send. That is why counts add up in every row:
 * delivered ≤ sent and unique_opens ≤ delivered, also around midnight and for opens a week later. What has no send in the tables (it was sent before the export began, or Braze
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

/** A purchase later than that is not thought to come from the click. Braze's own default for conversions is 3 days, GA4's for ads 30: a week lies between. */
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

const CELL = 'channel, campaign_id, canvas_id, canvas_step_id, variation_id';

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

const SQL = `
  with touches as (
    select person_id, time, action,
      coalesce(channel, 'control') as channel,
      campaign_id, campaign_name, canvas_id, canvas_name, canvas_step_id, canvas_step_name,
      if(campaign_id is null, canvas_variation_id, message_variation_id) as variation_id,
      if(campaign_id is null, canvas_variation_name, message_variation_name) as variation_name,
      coalesce(campaign_id, concat_ws('/', canvas_id, canvas_step_id)) as message, dispatch_id,
      if(action in ('sent', 'entered_control', 'viewed'), time, time + ${CLOCK_SKEW}) as after,
      action in ('sent', 'entered_control') or (action = 'viewed'
        and channel in ('in_app_message', 'banner', 'feature_flag', 'news_feed')) as is_start
    from c360.timeline
    where (campaign_id is not null or canvas_id is not null)
      and person_id is not null
      and (channel is not null or action = 'entered_control')
      and action in ('sent', 'entered_control', 'delivered', 'viewed', 'opened', 'read', 'machine_opened',
        'clicked', 'bot_clicked', 'bounced', 'dropped', 'rejected', 'unsubscribed', 'left_group',
        'opted_out', 'marked_as_spam')
  ),
  numbered as (
    select *, count(*) filter (where is_start) over (
      partition by person_id, channel, message order by after, not is_start
      rows between unbounded preceding and current row) as last_send
    from touches
  ),
  matched as (
    select *, coalesce(
      if(dispatch_id is null, null, max(if(is_start, last_send, null)) over (
        partition by person_id, channel, message, dispatch_id order by after, not is_start
        rows between unbounded preceding and current row)),
      last_send) as send_no
    from numbered
  ),
  messages as (
    select person_id, channel, message, send_no > 0 as has_start,
      coalesce(min(time) filter (where is_start), min(time)) as time,
      any_value(campaign_id) as campaign_id, max(campaign_name) as campaign_name,
      any_value(canvas_id) as canvas_id, max(canvas_name) as canvas_name,
      any_value(canvas_step_id) as canvas_step_id, max(canvas_step_name) as canvas_step_name,
      coalesce(max(variation_id) filter (where is_start), max(variation_id)) as variation_id,
      coalesce(max(variation_name) filter (where is_start), max(variation_name)) as variation_name,
      bool_or(action = 'delivered') as has_receipt,
      bool_or(action in ('bounced', 'dropped', 'rejected')) as is_bounced,
      bool_or(action in ('viewed', 'opened', 'read', 'machine_opened', 'clicked', 'bot_clicked')) as is_seen,
      bool_or(action = 'viewed') as is_viewed,
      count(*) filter (where action in ('opened', 'read')) as opens,
      count(*) filter (where action = 'machine_opened') as machine_opens,
      count(*) filter (where action = 'clicked') as clicks,
      count(*) filter (where action = 'bot_clicked') as bot_clicks,
      bool_or(action in ('unsubscribed', 'left_group', 'opted_out')) as is_unsubscribed,
      bool_or(action = 'marked_as_spam') as is_spam,
      list(time) filter (where action = 'clicked' or (channel = 'push' and action = 'opened')) as clicked_at,
      count(*) as events
    from matched
    group by person_id, channel, message, send_no
  ),
  conversions as (
    select c.time, c.person_id, coalesce(m.has_start, false) as has_start, m.time as message_time,
      m.channel, m.message,
      coalesce(m.campaign_id, c.campaign_id) as campaign_id,
      coalesce(m.canvas_id, c.canvas_id) as canvas_id,
      coalesce(m.canvas_step_id, c.canvas_step_id) as canvas_step_id,
      coalesce(m.variation_id, c.variation_id) as variation_id,
      c.campaign_name, c.canvas_name, coalesce(m.canvas_step_name, c.canvas_step_name) as canvas_step_name,
      coalesce(m.variation_name, c.variation_name) as variation_name
    from (
      select time, person_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_step_id,
        canvas_step_name, coalesce(campaign_id, canvas_id) as source,
        if(campaign_id is null, canvas_variation_id, message_variation_id) as variation_id,
        if(campaign_id is null, canvas_variation_name, message_variation_name) as variation_name
      from c360.timeline
      where action = 'converted' and (campaign_id is not null or canvas_id is not null)
    ) c
    asof left join (select *, coalesce(campaign_id, canvas_id) as source from messages) m
      on m.person_id = c.person_id and m.source = c.source and c.time + ${CLOCK_SKEW} >= m.time
  ),
  clicks as (
    select unnest(clicked_at) as clicked_at, person_id, channel, time, campaign_id, campaign_name, canvas_id,
      canvas_name, canvas_step_id, canvas_step_name, variation_id, variation_name
    from messages where clicked_at is not null
  ),
  purchases as (
    select c.*, coalesce(p.currency, 'XXX') as currency, p.amount
    from (select time, person_id, amount, currency from c360.timeline
          where action = 'purchased' and amount is not null and person_id is not null) p
    asof join clicks c on c.person_id = p.person_id and p.time >= c.clicked_at
    where p.time <= c.clicked_at + ${REVENUE_WINDOW}
  ),
  counted as (
    select time::date as day, ${CELL},
      max(campaign_name) as campaign_name, max(canvas_name) as canvas_name,
      max(canvas_step_name) as canvas_step_name, max(variation_name) as variation_name,
      count(*) filter (where has_start and channel <> 'control') as sent,
      count(*) filter (where has_start and channel <> 'control' and (has_receipt or is_seen
        or (channel not in ('email', 'sms', 'whatsapp', 'rcs') and not is_bounced))) as delivered,
      count(*) filter (where has_start and is_bounced) as bounced,
      count(*) filter (where has_start and is_viewed) as viewed,
      count(*) filter (where has_start and opens > 0) as unique_opens,
      sum(opens) filter (where has_start) as opens,
      sum(machine_opens) filter (where has_start) as machine_opens,
      count(*) filter (where has_start and clicks > 0) as unique_clicks,
      sum(clicks) filter (where has_start) as clicks,
      sum(bot_clicks) filter (where has_start) as suspected_bot_clicks,
      count(*) filter (where has_start and is_unsubscribed) as unsubscribes,
      count(*) filter (where has_start and is_spam) as spam_reports,
      count(*) filter (where has_start and channel = 'control') as control_people,
      sum(events) filter (where not has_start) as events_without_send,
      null::varchar as currency
    from messages group by all
    union all by name
    select coalesce(message_time, time)::date as day, ${CELL},
      max(campaign_name) as campaign_name, max(canvas_name) as canvas_name,
      max(canvas_step_name) as canvas_step_name, max(variation_name) as variation_name,
      count(distinct (person_id, message, message_time)) filter (where has_start) as unique_conversions,
      count(*) as conversions
    from conversions group by all
    union all by name
    select time::date as day, ${CELL},
      max(campaign_name) as campaign_name, max(canvas_name) as canvas_name,
      max(canvas_step_name) as canvas_step_name, max(variation_name) as variation_name,
      currency, count(*) as purchases, sum(amount) as revenue
    from purchases group by all
  ),
  named as (
    -- Counts have no currency of their own: they go with the first one of their cell.
    select * replace (coalesce(currency, min(currency) over (partition by day, ${CELL})) as currency,
      arg_max(campaign_name, day) over (partition by campaign_id) as campaign_name,
      arg_max(canvas_name, day) over (partition by canvas_id) as canvas_name,
      arg_max(canvas_step_name, day) over (partition by canvas_id, canvas_step_id) as canvas_step_name,
      arg_max(variation_name, day) over (partition by campaign_id, canvas_id, variation_id) as variation_name)
    from counted
  ),
  summed as (
    select day, ${CELL}, currency,
      any_value(campaign_name) as campaign_name, any_value(canvas_name) as canvas_name,
      any_value(canvas_step_name) as canvas_step_name, any_value(variation_name) as variation_name,
      sum(revenue)::decimal(38, 4) as revenue,
      ${COUNTS.map((name) => `coalesce(sum(${name}), 0)::bigint as ${name}`).join(', ')}
    from named group by all
  )
  select ${Object.entries(COLUMNS)
    .map(([name]) => BUILT[name] ?? name)
    .join(', ')}
  from summed`;
