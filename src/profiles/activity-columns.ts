/** Counts that belong to no one channel: all events, visits, journeys, purchases, and messages in all. */
import { isMessage, isMessageAnswer, withMetric } from './channels.ts';
import { countPart } from './count-columns.ts';
import type { ProfilePart } from './profile-column.ts';

export const ACTIVITY_PART: ProfilePart = countPart('activity', [
  {
    title: 'Activity in all',
    counts: [
      {
        name: 'events',
        meaning: 'How many events of theirs there are, of all types.',
        matches: () => true,
        countsUnknown: true,
        events: ['*'],
      },
      {
        name: 'sessions',
        meaning: 'How many sessions they started.',
        unit: 'sessions',
        matches: withMetric('session_started'),
      },
      {
        name: 'custom_events',
        meaning: 'How many custom events they caused.',
        matches: withMetric('custom_event'),
      },
      {
        name: 'purchases',
        meaning: 'How many products they bought, one for each event; an order may have several.',
        matches: withMetric('purchased'),
      },
      {
        name: 'canvas_entries',
        meaning: 'How often they entered a Canvas, control groups left out.',
        matches: withMetric('entered'),
      },
      {
        name: 'control_entries',
        meaning: 'How often they were put in the control group of a campaign or Canvas.',
        matches: withMetric('entered_control'),
      },
      {
        name: 'messages_sent',
        meaning: 'How many messages were sent to them by email, push, SMS, WhatsApp, RCS and LINE.',
        unit: 'messages',
        matches: isMessage,
      },
      {
        name: 'messages_engaged',
        meaning:
          'How often they answered a message of messages_sent: opens, clicks, reads and replies of a person.',
        matches: isMessageAnswer,
      },
    ],
  },
]);
