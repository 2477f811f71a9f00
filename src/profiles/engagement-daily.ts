/**
 * The SELECT of c360.engagement_daily: what happened on each day in each channel.
 *
 * Everything counts on the day on which it happened, whenever the message was sent: a day can have more
 * opens than deliveries. For rates take c360.campaign_performance, which goes by the day of sending.
 */
import { ACTIVITY_KINDS } from './activity-kinds.ts';
import type { EventView } from './event-view.ts';

const COLUMNS = {
  day: 'Day on which it happened, UTC.',
  channel:
    'email, push, sms, whatsapp, rcs, line, in_app_message, content_card, banner, webhook, live_activity, feature_flag or news_feed; app for what people did in apps and on sites without a message.',
  active_people:
    'People who did something themselves: opened, clicked, replied, started a session, bought …; machine opens and suspected bots do not count.',
  messaged_people: 'People to whom something was sent or shown.',
  sent: 'Send events.',
  delivered: 'Delivery receipts; only email, SMS, WhatsApp and RCS have them.',
  bounced: 'Bounces, rejections and failures for good.',
  viewed: 'Views of content cards, in-app messages, banners, feature flags and news feed cards.',
  opens: 'Opens and read receipts of persons.',
  people_opened: 'People who opened or read.',
  machine_opens: 'Opens by mail programs themselves.',
  clicks: 'Clicks of persons.',
  people_clicked: 'People who clicked.',
  suspected_bot_clicks: 'Clicks that Braze suspects to be of bots.',
  replies: 'Messages that people sent themselves: SMS, WhatsApp, RCS, LINE.',
  unsubscribes: 'Unsubscribe events, opt-outs and subscription groups left.',
  sessions: 'Sessions started.',
  custom_events: 'Custom events.',
  purchases: 'Purchases.',
} as const;

const PERSONAL_ACTIONS = [
  ...new Set(ACTIVITY_KINDS.filter(({ byPerson }) => byPerson).map(({ metric }) => metric)),
]
  .map((metric) => `'${metric}'`)
  .join(', ');

export function buildEngagementDaily(): EventView {
  return {
    name: 'engagement_daily',
    comment: 'What happened on each day in each channel, and how many people took part.',
    columns: COLUMNS,
    sql: `
      select time::date as day, coalesce(channel, 'app') as channel,
        count(distinct person_id) filter (where action in (${PERSONAL_ACTIONS})) as active_people,
        count(distinct person_id) filter (where action in ('sent', 'viewed')) as messaged_people,
        count(*) filter (where action = 'sent') as sent,
        count(*) filter (where action = 'delivered') as delivered,
        count(*) filter (where action in ('bounced', 'dropped', 'rejected')) as bounced,
        count(*) filter (where action = 'viewed') as viewed,
        count(*) filter (where action in ('opened', 'read')) as opens,
        count(distinct person_id) filter (where action in ('opened', 'read')) as people_opened,
        count(*) filter (where action = 'machine_opened') as machine_opens,
        count(*) filter (where action = 'clicked') as clicks,
        count(distinct person_id) filter (where action = 'clicked') as people_clicked,
        count(*) filter (where action = 'bot_clicked') as suspected_bot_clicks,
        count(*) filter (where action = 'received') as replies,
        count(*) filter (where action in ('unsubscribed', 'opted_out', 'left_group')) as unsubscribes,
        count(*) filter (where action = 'session_started') as sessions,
        count(*) filter (where action = 'custom_event') as custom_events,
        count(*) filter (where action = 'purchased') as purchases
      from c360.timeline
      where channel is not null or action in (${PERSONAL_ACTIONS})
      group by all`,
  };
}
