/**
 * The counts of each channel: for every metric that its event types have, in total and in each window, and
 * when the channel was last used.
 *
 * Made from the activity catalogue: a new event type there is a new column here, once its metric has a
 * meaning below. Metrics that only tell how sending went (retries, aborts) have a total and no windows.
 */
import { ACTIVITY_KINDS, type ActivityKind } from './activity-kinds.ts';
import { CHANNELS, type Channel, isEngagement, listEventTypes } from './channels.ts';
import { type Count, countPart, numberedCountPart, SUMS } from './count-columns.ts';
import type { ProfilePart } from './profile-column.ts';

/** What a metric means, for a channel called `label`. */
const METRICS: Readonly<Record<string, (label: string) => string>> = {
  sent: (label) => `How many ${label} were sent to them.`,
  sent_to_carrier: (label) => `How many ${label} were handed to the carrier.`,
  delivered: (label) => `How many ${label} were delivered.`,
  opened: (label) => `How often they opened ${label}, machine opens left out.`,
  machine_opened: (label) =>
    `How often a machine opened ${label} (prefetching by the mail provider).`,
  clicked: (label) => `How often they clicked in ${label}, suspected bot clicks left out.`,
  bot_clicked: (label) => `How many clicks in ${label} Braze suspects of a bot.`,
  read: (label) => `How many ${label} they read, by read receipts.`,
  received: (label) => `How many messages came from them in answer to ${label}.`,
  viewed: (label) => `How often they saw ${label}.`,
  dismissed: (label) => `How often they dismissed ${label}.`,
  bounced: (label) => `How many ${label} failed for good.`,
  dropped: (label) => `How many ${label} were not handed over, the address being known to bounce.`,
  soft_bounced: (label) => `How many ${label} bounced for now (mailbox full and the like).`,
  rejected: (label) => `How many ${label} the carrier refused.`,
  unsubscribed: (label) => `How often they unsubscribed by the link in ${label}.`,
  opted_out: (label) => `How often their consent to ${label} became unsubscribed.`,
  left_group: (label) => `How often they left a subscription group of ${label}.`,
  marked_as_spam: (label) => `How many ${label} they marked as spam.`,
  deferred: (label) => `How often the delivery of ${label} was put off by the recipient's server.`,
  retried: (label) => `How often Braze tried again to send ${label}.`,
  aborted: (label) => `How many ${label} Braze decided not to send.`,
  shown_in_foreground: (label) => `How many ${label} came while the app was open (iOS).`,
  token_changed: (label) => `How often their token for ${label} changed.`,
  outcome: (label) => `How many outcomes of ${label} were reported.`,
};

/** They tell how sending went, not how somebody fares: a total is enough. */
const WITHOUT_WINDOWS: ReadonlySet<string> = new Set([
  'sent_to_carrier',
  'deferred',
  'retried',
  'aborted',
  'shown_in_foreground',
  'token_changed',
  'outcome',
]);

/**
 * Channels that are computed and stored together: whoever looks at one of them reads all of them, but few
 * lists are quicker to write than many.
 */
const TOGETHER: Readonly<Record<string, (channel: Channel) => boolean>> = {
  email: ({ name }) => name === 'email',
  channel: ({ name }) => name !== 'email',
};

export const CHANNEL_PARTS: readonly ProfilePart[] = Object.entries(TOGETHER).map(
  ([name, includes]) =>
    countPart(
      name,
      CHANNELS.filter(includes).map((channel) => ({
        title: `${channel.label.charAt(0).toUpperCase()}${channel.label.slice(1)}`,
        counts: listChannelCounts(channel),
      })),
    ),
);

function listChannelCounts({ name, label, reachedBy }: Channel): Count[] {
  const kinds = ACTIVITY_KINDS.filter(({ channel }) => channel === name);
  const metrics = [...new Set(kinds.map(({ metric }) => metric))];
  const last: Count[] = [
    {
      name: `${name}_last_activity_at`,
      meaning: `When the last event of ${label} was.`,
      matches: ({ channel }) => channel === name,
      shows: 'last',
    },
  ];
  if (reachedBy !== undefined)
    last.push({
      name: `${name}_last_${reachedBy}_at`,
      meaning: `When the last of the ${label} was ${reachedBy}.`,
      matches: ({ channel, metric }) => channel === name && metric === reachedBy,
      shows: 'last',
    });
  if (kinds.some(isEngagement))
    last.push({
      name: `${name}_last_engaged_at`,
      meaning: `When they last answered ${label}: an open, click, read or reply of a person.`,
      matches: (kind) => kind.channel === name && isEngagement(kind),
      shows: 'last',
    });
  return [
    ...metrics.map(
      (metric): Count => ({
        name: `${name}_${metric}`,
        meaning: describeMetric(metric, label),
        matches: (kind) => kind.channel === name && kind.metric === metric,
        shows: WITHOUT_WINDOWS.has(metric) ? 'total' : 'all',
      }),
    ),
    ...last,
  ];
}

const CONVERTING = CHANNELS.filter(({ reachedBy }) => reachedBy !== undefined);
const CONVERSION_EVENTS = listEventTypes(isConversion);

function isConversion({ metric }: ActivityKind): boolean {
  return metric === 'converted';
}

/**
 * Conversions, in all and by the channel whose message of the same campaign or Canvas came last before. The
 * first count is all of them, then one for each channel.
 */
export const CONVERSION_PART: ProfilePart = numberedCountPart(
  'conversion',
  [
    {
      title: 'Conversions',
      counts: [
        {
          name: 'conversions',
          meaning: 'How often they converted for a campaign or Canvas, whatever the channel.',
          unit: 'conversions',
          matches: isConversion,
        },
        ...CONVERTING.map(
          ({ name, label, reachedBy }): Count => ({
            name: `${name}_converted`,
            meaning: `How often they converted for a campaign or Canvas that last reached them by ${label}.`,
            unit: 'conversions',
            matches: isConversion,
            events: [
              ...CONVERSION_EVENTS,
              ...listEventTypes((kind) => kind.channel === name && kind.metric === reachedBy),
            ],
          }),
        ),
      ],
    },
  ],
  `(select person_no, no, ${SUMS}, max(last_at) as last_at
    from portion_conversion_counts join (values
      ${CONVERTING.map(({ name }, index) => `('${name}', 0), ('${name}', ${index + 1})`).join(', ')}, ('', 0)
    ) counted(channel, no) using (channel) group by person_no, no)`,
);

function describeMetric(metric: string, label: string): string {
  const describe = METRICS[metric];
  if (describe === undefined) throw new TypeError(`metric ${metric} has no meaning`);
  return describe(label);
}
