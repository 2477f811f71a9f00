/**
 * The activity catalogue: every event type of Currents → channel and metric, as one small number.
 *
 * `c360.activity` holds a narrow row for each event, and `kind` in it is a code of this list. Where one
 * column decides what an event counts as (a machine's open, a suspected bot's click, a control group), the
 * variation is a kind of its own and stands before the plain kind of its type: the first that matches
 * counts. An event type that is not here is kind 0: somebody was seen, nothing else is known.
 *
 * Codes are stored, so they are stable for ever: never change or reuse one, add the next. What an event
 * counts as is read when it is extracted; raise CATALOGUE_VERSION when an entry changes or is added, and
 * the next refresh builds everything again. Event types and fields: Braze's Currents schemas of 2019-08
 * up to v10 (2026-09).
 */

/** Raise it whenever ACTIVITY_KINDS or what is extracted changes. */
export const CATALOGUE_VERSION = '1';

/** Kind of an event type that this release does not know. */
export const OTHER_KIND = 0;

type Channel =
  | 'email'
  | 'push'
  | 'sms'
  | 'whatsapp'
  | 'rcs'
  | 'line'
  | 'in_app_message'
  | 'content_card'
  | 'banner'
  | 'webhook'
  | 'live_activity'
  | 'feature_flag'
  | 'news_feed';

/** A column's value as text, in lower case, is compared; a missing column or a null never matches. */
interface Condition {
  readonly field: string;
  readonly equals: string;
}

export interface ActivityKind {
  /** Stored in `c360.activity.kind`. */
  readonly code: number;
  readonly eventType: string;
  /** Null for what is no message of a channel: sessions, purchases, Canvas steps. */
  readonly channel: Channel | null;
  /** What happened, the same word for every channel. */
  readonly metric: string;
  /** The person did it; false for what the sender, Braze or a machine did. */
  readonly byPerson: boolean;
  /** All of them have to hold; without, every event of the type. */
  readonly when?: readonly Condition[];
}

const MACHINE_OPEN: Condition = { field: 'machine_open', equals: 'true' };
const BOT_CLICK: Condition = { field: 'is_suspected_bot_click', equals: 'true' };
const IN_CONTROL: Condition = { field: 'in_control_group', equals: 'true' };
const UNSUBSCRIBED: Condition = { field: 'subscription_status', equals: 'unsubscribed' };

function ofChannel(equals: string): Condition {
  return { field: 'channel', equals };
}

/** Metrics that tell what a person did. */
const PERSONAL_METRICS: ReadonlySet<string> = new Set([
  'opened',
  'clicked',
  'viewed',
  'dismissed',
  'read',
  'received',
  'unsubscribed',
  'marked_as_spam',
  'opted_out',
  'left_group',
  'consent_changed',
  'group_changed',
  'session_started',
  'session_ended',
  'first_session',
  'custom_event',
  'purchased',
  'located',
  'outcome',
]);

function kind(
  code: number,
  eventType: string,
  channel: Channel | null,
  metric: string,
  when?: readonly Condition[],
): ActivityKind {
  const byPerson = PERSONAL_METRICS.has(metric);
  return { code, eventType, channel, metric, byPerson, ...(when ? { when } : {}) };
}

/** Variations before the plain kind of their type. Codes: a hundred numbers for each channel. */
export const ACTIVITY_KINDS: readonly ActivityKind[] = [
  kind(100, 'users.messages.email.Send', 'email', 'sent'),
  kind(101, 'users.messages.email.Delivery', 'email', 'delivered'),
  kind(103, 'users.messages.email.Open', 'email', 'machine_opened', [MACHINE_OPEN]),
  kind(102, 'users.messages.email.Open', 'email', 'opened'),
  kind(105, 'users.messages.email.Click', 'email', 'bot_clicked', [BOT_CLICK]),
  kind(104, 'users.messages.email.Click', 'email', 'clicked'),
  // Braze did not hand it over: the address is known to bounce.
  kind(107, 'users.messages.email.Bounce', 'email', 'dropped', [
    { field: 'is_drop', equals: 'true' },
  ]),
  kind(106, 'users.messages.email.Bounce', 'email', 'bounced'),
  kind(108, 'users.messages.email.SoftBounce', 'email', 'soft_bounced'),
  kind(109, 'users.messages.email.Unsubscribe', 'email', 'unsubscribed'),
  kind(110, 'users.messages.email.MarkAsSpam', 'email', 'marked_as_spam'),
  kind(111, 'users.messages.email.Deferral', 'email', 'deferred'),
  kind(112, 'users.messages.email.Retry', 'email', 'retried'),
  kind(113, 'users.messages.email.Abort', 'email', 'aborted'),

  kind(200, 'users.messages.pushnotification.Send', 'push', 'sent'),
  kind(201, 'users.messages.pushnotification.Open', 'push', 'opened'),
  kind(202, 'users.messages.pushnotification.Bounce', 'push', 'bounced'),
  // Shown inside an app that was open, on iOS only.
  kind(203, 'users.messages.pushnotification.IosForeground', 'push', 'shown_in_foreground'),
  kind(204, 'users.messages.pushnotification.Retry', 'push', 'retried'),
  kind(205, 'users.messages.pushnotification.Abort', 'push', 'aborted'),
  kind(206, 'users.behaviors.pushnotification.TokenStateChange', 'push', 'token_changed'),

  kind(300, 'users.messages.sms.Send', 'sms', 'sent'),
  kind(301, 'users.messages.sms.CarrierSend', 'sms', 'sent_to_carrier'),
  kind(302, 'users.messages.sms.Delivery', 'sms', 'delivered'),
  kind(303, 'users.messages.sms.DeliveryFailure', 'sms', 'bounced'),
  kind(304, 'users.messages.sms.Rejection', 'sms', 'rejected'),
  kind(306, 'users.messages.sms.ShortLinkClick', 'sms', 'bot_clicked', [BOT_CLICK]),
  kind(305, 'users.messages.sms.ShortLinkClick', 'sms', 'clicked'),
  kind(307, 'users.messages.sms.InboundReceive', 'sms', 'received'),
  kind(308, 'users.messages.sms.Retry', 'sms', 'retried'),
  kind(309, 'users.messages.sms.Abort', 'sms', 'aborted'),

  kind(400, 'users.messages.whatsapp.Send', 'whatsapp', 'sent'),
  kind(401, 'users.messages.whatsapp.Delivery', 'whatsapp', 'delivered'),
  kind(402, 'users.messages.whatsapp.Read', 'whatsapp', 'read'),
  kind(403, 'users.messages.whatsapp.Click', 'whatsapp', 'clicked'),
  kind(405, 'users.messages.whatsapp.Failure', 'whatsapp', 'bounced'),
  kind(406, 'users.messages.whatsapp.InboundReceive', 'whatsapp', 'received'),
  kind(407, 'users.messages.whatsapp.Retry', 'whatsapp', 'retried'),
  kind(408, 'users.messages.whatsapp.Abort', 'whatsapp', 'aborted'),

  kind(500, 'users.messages.rcs.Send', 'rcs', 'sent'),
  kind(501, 'users.messages.rcs.Delivery', 'rcs', 'delivered'),
  kind(502, 'users.messages.rcs.Read', 'rcs', 'read'),
  kind(504, 'users.messages.rcs.Click', 'rcs', 'bot_clicked', [BOT_CLICK]),
  kind(503, 'users.messages.rcs.Click', 'rcs', 'clicked'),
  kind(505, 'users.messages.rcs.Rejection', 'rcs', 'rejected'),
  kind(506, 'users.messages.rcs.InboundReceive', 'rcs', 'received'),
  kind(507, 'users.messages.rcs.Abort', 'rcs', 'aborted'),

  kind(600, 'users.messages.line.Send', 'line', 'sent'),
  kind(602, 'users.messages.line.Click', 'line', 'bot_clicked', [BOT_CLICK]),
  kind(601, 'users.messages.line.Click', 'line', 'clicked'),
  kind(603, 'users.messages.line.InboundReceive', 'line', 'received'),
  kind(604, 'users.messages.line.Retry', 'line', 'retried'),
  kind(605, 'users.messages.line.Abort', 'line', 'aborted'),

  kind(700, 'users.messages.inappmessage.Impression', 'in_app_message', 'viewed'),
  kind(701, 'users.messages.inappmessage.Click', 'in_app_message', 'clicked'),
  kind(702, 'users.messages.inappmessage.Abort', 'in_app_message', 'aborted'),

  kind(800, 'users.messages.contentcard.Send', 'content_card', 'sent'),
  kind(801, 'users.messages.contentcard.Impression', 'content_card', 'viewed'),
  kind(802, 'users.messages.contentcard.Click', 'content_card', 'clicked'),
  kind(803, 'users.messages.contentcard.Dismiss', 'content_card', 'dismissed'),
  kind(804, 'users.messages.contentcard.Abort', 'content_card', 'aborted'),

  kind(900, 'users.messages.banner.Impression', 'banner', 'viewed'),
  kind(901, 'users.messages.banner.Click', 'banner', 'clicked'),
  kind(902, 'users.messages.banner.Dismiss', 'banner', 'dismissed'),
  kind(903, 'users.messages.banner.Abort', 'banner', 'aborted'),

  kind(1000, 'users.messages.webhook.Send', 'webhook', 'sent'),
  kind(1001, 'users.messages.webhook.Failure', 'webhook', 'bounced'),
  kind(1002, 'users.messages.webhook.Retry', 'webhook', 'retried'),
  kind(1003, 'users.messages.webhook.Abort', 'webhook', 'aborted'),

  kind(1100, 'users.messages.liveactivity.Send', 'live_activity', 'sent'),
  kind(1101, 'users.messages.liveactivity.Outcome', 'live_activity', 'outcome'),
  kind(
    1102,
    'users.behaviors.liveactivity.PushToStartTokenChange',
    'live_activity',
    'token_changed',
  ),
  kind(1103, 'users.behaviors.liveactivity.UpdateTokenChange', 'live_activity', 'token_changed'),

  kind(1200, 'users.messages.featureflag.Impression', 'feature_flag', 'viewed'),

  kind(1300, 'users.messages.newsfeedcard.Impression', 'news_feed', 'viewed'),
  kind(1301, 'users.messages.newsfeedcard.Click', 'news_feed', 'clicked'),
  kind(1302, 'users.messages.newsfeedcard.Abort', 'news_feed', 'aborted'),
  kind(1303, 'users.behaviors.app.NewsFeedImpression', 'news_feed', 'viewed'),

  kind(2000, 'users.behaviors.app.SessionStart', null, 'session_started'),
  kind(2001, 'users.behaviors.app.SessionEnd', null, 'session_ended'),
  kind(2002, 'users.behaviors.app.FirstSession', null, 'first_session'),
  kind(2003, 'users.behaviors.CustomEvent', null, 'custom_event'),
  kind(2004, 'users.behaviors.Purchase', null, 'purchased'),
  kind(2005, 'users.behaviors.Location', null, 'located'),
  kind(2006, 'users.behaviors.InstallAttribution', null, 'install_attributed'),
  kind(2007, 'users.behaviors.Uninstall', null, 'uninstalled'),

  kind(2100, 'users.behaviors.subscription.GlobalStateChange', 'email', 'opted_out', [
    ofChannel('email'),
    UNSUBSCRIBED,
  ]),
  kind(2101, 'users.behaviors.subscription.GlobalStateChange', 'push', 'opted_out', [
    ofChannel('push'),
    UNSUBSCRIBED,
  ]),
  kind(2102, 'users.behaviors.subscription.GlobalStateChange', null, 'consent_changed'),
  kind(2110, 'users.behaviors.subscriptiongroup.StateChange', 'email', 'left_group', [
    ofChannel('email'),
    UNSUBSCRIBED,
  ]),
  kind(2111, 'users.behaviors.subscriptiongroup.StateChange', 'sms', 'left_group', [
    ofChannel('sms'),
    UNSUBSCRIBED,
  ]),
  kind(2112, 'users.behaviors.subscriptiongroup.StateChange', 'whatsapp', 'left_group', [
    ofChannel('whatsapp'),
    UNSUBSCRIBED,
  ]),
  kind(2113, 'users.behaviors.subscriptiongroup.StateChange', 'rcs', 'left_group', [
    ofChannel('rcs'),
    UNSUBSCRIBED,
  ]),
  kind(2114, 'users.behaviors.subscriptiongroup.StateChange', 'line', 'left_group', [
    ofChannel('line'),
    UNSUBSCRIBED,
  ]),
  kind(2115, 'users.behaviors.subscriptiongroup.StateChange', null, 'group_changed'),

  kind(2200, 'users.profile.Update', null, 'profile_updated'),
  kind(2201, 'users.RandomBucketNumberUpdate', null, 'bucket_changed'),
  kind(2202, 'users.UserOrphan', null, 'merged_away'),
  kind(2203, 'users.UserDeleteRequest', null, 'deletion_requested'),

  kind(3000, 'users.campaigns.Conversion', null, 'converted'),
  kind(3001, 'users.campaigns.EnrollInControl', null, 'entered_control'),
  kind(3002, 'users.campaigns.Abort', null, 'aborted'),

  kind(3101, 'users.canvas.Entry', null, 'entered_control', [IN_CONTROL]),
  kind(3100, 'users.canvas.Entry', null, 'entered'),
  kind(3102, 'users.canvas.Conversion', null, 'converted'),
  kind(3103, 'users.canvas.exit.MatchedAudience', null, 'exited'),
  kind(3104, 'users.canvas.exit.PerformedEvent', null, 'exited'),
  kind(3105, 'users.canvas.Abort', null, 'aborted'),
  kind(3106, 'users.canvasstep.Progression', null, 'progressed'),
  kind(3107, 'users.canvas.costep.Send', null, 'optimized'),
  // Counted by itself: the Canvas reports the same conversion too.
  kind(3108, 'users.canvas.experimentstep.Conversion', null, 'step_converted'),
  kind(3109, 'users.canvas.experimentstep.SplitEntry', null, 'split'),

  kind(4000, 'agentconsole.AgentExecuted', null, 'agent_executed'),
  kind(4001, 'agentconsole.ToolInvocation', null, 'tool_invoked'),
];
