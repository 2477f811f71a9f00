/**
 * What the counts say about how to reach somebody: the channel they answer on, the hour of the day, and
 * whether they get more messages than they care for.
 *
 * Fatigue sets the messages of the last 30 days against the answers to them, in fixed bands:
 *
 *     high     they unsubscribed or complained, or get 3 or more messages a week and answer fewer than 1 in 20
 *     low      less than one message a week, or they answer 1 in 5
 *     medium   everything between
 *     null     nothing was sent
 */
import { ACTIVITY_KINDS, type ActivityKind } from './activity-kinds.ts';
import {
  isEngagement,
  isMessage,
  isMessageAnswer,
  isOwnDoing,
  listCodes,
  listEventTypes,
} from './channels.ts';
import type { ProfileColumn, ProfilePart } from './profile-column.ts';

const MANY_A_WEEK = 3;
const FEW_A_WEEK = 1;
const LITTLE_ANSWERED = 0.05;
const WELL_ANSWERED = 0.2;

const COMPLAINTS = new Set(['unsubscribed', 'opted_out', 'left_group', 'marked_as_spam']);

function isComplaint({ channel, metric }: ActivityKind): boolean {
  return channel !== null && COMPLAINTS.has(metric);
}

function count(window: string, matches: (kind: ActivityKind) => boolean): string {
  return `coalesce(sum(${window}) filter (kind in (${listCodes(matches)})), 0)`;
}

const MESSAGES_A_WEEK = `(${count('n_30d', isMessage)} * 7 / 30.0)`;
const ANSWERED = `(${count('n_30d', isMessageAnswer)} / nullif(${count('n_30d', isMessage)}, 0)::double)`;

export const FATIGUE_PART: ProfilePart = {
  name: 'fatigue',
  from: 'portion_counts',
  sections: [
    {
      title: 'Fatigue',
      columns: [
        {
          name: 'messages_per_week',
          type: 'double',
          meaning: 'messages_sent_30d as messages a week, to one decimal.',
          unit: 'messages a week',
          events: listEventTypes(isMessage),
          sql: `round(${MESSAGES_A_WEEK}, 1)`,
          whenAbsent: '0',
        },
        {
          name: 'fatigue',
          type: 'varchar',
          meaning: `high: they unsubscribed or complained in the 30 days up to as_of, or got ${MANY_A_WEEK} or more messages a week and answered fewer than ${LITTLE_ANSWERED} of them; low: fewer than ${FEW_A_WEEK} a week, or at least ${WELL_ANSWERED} answered; medium: between; null: no message in these days.`,
          events: listEventTypes(
            (kind) => isMessage(kind) || isMessageAnswer(kind) || isComplaint(kind),
          ),
          sql: `case
        when ${count('n_30d', isMessage)} = 0 then null
        when ${count('n_30d', isComplaint)} > 0 then 'high'
        when ${MESSAGES_A_WEEK} >= ${MANY_A_WEEK} and ${ANSWERED} < ${LITTLE_ANSWERED} then 'high'
        when ${MESSAGES_A_WEEK} < ${FEW_A_WEEK} or ${ANSWERED} >= ${WELL_ANSWERED} then 'low'
        else 'medium' end`,
        },
      ],
    },
  ],
};

const CHANNEL_OF_KIND = ACTIVITY_KINDS.filter(isEngagement)
  .map(({ code, channel }) => `when ${code} then '${channel}'`)
  .join(' ');

export const PREFERENCE_PART: ProfilePart = {
  name: 'preference',
  from: `(
    select person_no, case kind ${CHANNEL_OF_KIND} end as channel, sum(n_90d) as n, max(last_at) as last_at
    from portion_counts where kind in (${listCodes(isEngagement)}) and n_90d > 0 group by all)`,
  sections: [
    {
      title: 'Preferred channel',
      columns: [
        {
          name: 'preferred_channel',
          type: 'varchar',
          meaning:
            'The channel that they answered most often in the 90 days up to as_of (opens, clicks, reads and replies of a person); of two with as many, the one answered last.',
          events: listEventTypes(isEngagement),
          sql: "max({'n': n, 'last_at': last_at, 'channel': channel}).channel",
        },
      ],
    },
  ],
};

const HOUR_COLUMNS: readonly ProfileColumn[] = [
  {
    name: 'best_hour',
    type: 'integer',
    meaning:
      'The hour of the day, by the clock where they are, in which they were most often active of their own accord in the 365 days up to as_of; of two with as many, the earlier.',
    unit: 'hour from 0 to 23, in best_hour_timezone',
    events: listEventTypes(isOwnDoing),
    sql: "-(max({'n': n, 'minus_hour': -hour}).minus_hour)",
  },
  {
    name: 'best_hour_timezone',
    type: 'varchar',
    meaning:
      'The time zone that best_hour is in: timezone if that is the name of one, UTC otherwise.',
    events: listEventTypes(isOwnDoing),
    sql: 'any_value(zone)',
  },
];

export const HOUR_PART: ProfilePart = {
  name: 'hour',
  from: 'portion_hours',
  sections: [{ title: 'Best hour', columns: HOUR_COLUMNS }],
};
