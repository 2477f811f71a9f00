/**
 * The channels as profiles see them: how each is called for people, which event means that a message reached
 * somebody, and what counts as an answer to it.
 *
 * Which metrics a channel has follows from the activity catalogue; only what the words mean stands here.
 */
import { ACTIVITY_KINDS, type ActivityKind } from './activity-kinds.ts';

export interface Channel {
  /** As in the activity catalogue; the beginning of column names. */
  readonly name: string;
  /** In the middle of a sentence. */
  readonly label: string;
  /** The metric by which its messages reach people; conversions count for the channel of the last of them. */
  readonly reachedBy?: 'sent' | 'viewed';
  /** A message that interrupts people, and so counts for fatigue. */
  readonly isPushed?: boolean;
}

/** In the order of the columns. */
export const CHANNELS: readonly Channel[] = [
  { name: 'email', label: 'emails', reachedBy: 'sent', isPushed: true },
  { name: 'push', label: 'push notifications', reachedBy: 'sent', isPushed: true },
  { name: 'sms', label: 'SMS and MMS', reachedBy: 'sent', isPushed: true },
  { name: 'whatsapp', label: 'WhatsApp messages', reachedBy: 'sent', isPushed: true },
  { name: 'rcs', label: 'RCS messages', reachedBy: 'sent', isPushed: true },
  { name: 'line', label: 'LINE messages', reachedBy: 'sent', isPushed: true },
  { name: 'in_app_message', label: 'in-app messages', reachedBy: 'viewed' },
  { name: 'content_card', label: 'content cards', reachedBy: 'sent' },
  { name: 'banner', label: 'banners', reachedBy: 'viewed' },
  { name: 'webhook', label: 'webhooks', reachedBy: 'sent' },
  { name: 'live_activity', label: 'live activities' },
  { name: 'feature_flag', label: 'feature flags' },
  { name: 'news_feed', label: 'news feed cards' },
];

/** What a person does with a message that shows interest. Machine opens and suspected bot clicks do not. */
const ENGAGED: ReadonlySet<string> = new Set(['opened', 'clicked', 'read', 'received']);
const OWN_DOING: ReadonlySet<string> = new Set(['session_started', 'custom_event', 'purchased']);

/** Whether somebody answered a message: a person's open, click, read or reply. */
export function isEngagement({ channel, metric }: ActivityKind): boolean {
  return channel !== null && ENGAGED.has(metric);
}

const PUSHED: ReadonlySet<string | null> = new Set(
  CHANNELS.filter(({ isPushed }) => isPushed).map(({ name }) => name),
);

/** A message that interrupts people, sent to them. */
export function isMessage({ channel, metric }: ActivityKind): boolean {
  return PUSHED.has(channel) && metric === 'sent';
}

/** An answer to such a message. */
export function isMessageAnswer(kind: ActivityKind): boolean {
  return PUSHED.has(kind.channel) && isEngagement(kind);
}

/** What people do of their own accord: answers, visits, purchases. Hours of the day are counted of these. */
export function isOwnDoing(kind: ActivityKind): boolean {
  return isEngagement(kind) || OWN_DOING.has(kind.metric);
}

/** Kinds by which a campaign or Canvas reaches somebody → the channel. */
export const REACHING_KINDS: ReadonlyMap<number, string> = new Map(
  ACTIVITY_KINDS.flatMap(({ code, channel, metric }) => {
    const found = CHANNELS.find(({ name }) => name === channel);
    return found?.reachedBy === metric ? [[code, found.name] as const] : [];
  }),
);

/** Codes of the kinds that match, for `kind in (…)`. */
export function listCodes(matches: (kind: ActivityKind) => boolean): string {
  return ACTIVITY_KINDS.filter(matches)
    .map(({ code }) => code)
    .join(', ');
}

/** Event types of the kinds that match, each once. */
export function listEventTypes(matches: (kind: ActivityKind) => boolean): string[] {
  return [...new Set(ACTIVITY_KINDS.filter(matches).map(({ eventType }) => eventType))];
}

/** Matches kinds by their metric, whatever the channel. */
export function withMetric(...metrics: readonly string[]): (kind: ActivityKind) => boolean {
  return ({ metric }) => metrics.includes(metric);
}
