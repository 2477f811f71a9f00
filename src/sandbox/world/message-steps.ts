/**
 * What becomes of a message, channel by channel: sent, delivered or not, read, clicked, answered.
 *
 * Chances are what a healthy sender sees, rounded up a little where a type would otherwise be too rare
 * to look at.
 */

import type { Moment, Step } from './journey.ts';
import type { FieldValues } from './story-event.ts';
import { VISIT } from './visit-steps.ts';

const ABORT_REASONS = [
  ['liquid_abort_message', 'Aborted by Liquid: no stock'],
  ['quiet_hours', 'Quiet hours in the time zone of the user'],
  ['frequency_capped', 'Reached three messages this week'],
  ['rate_limit', 'Rate limit of the campaign reached'],
] as const;

const RETRY_REASONS = [
  ['provider_unavailable', 'The provider answered 503'],
  ['timeout', 'No answer within 30 s'],
  ['connected_content', 'Connected Content answered 429'],
] as const;

const BOT_REASONS = [
  ['user_agent'],
  ['rapid_clicks', 'data_center_ip'],
  ['data_center_ip'],
] as const;

const LEAVE_EMAIL: Step = {
  event: 'users.behaviors.subscription.GlobalStateChange',
  after: [0, 2],
  effect: 'leaveEmail',
  values: ({ person }) => ({
    subscription_status: 'Unsubscribed',
    channel: 'email',
    state_change_source: 'Email Unsubscribe Link',
    channel_identifier: person.email,
  }),
};

const LEAVE_PHONE: Step = {
  event: 'users.behaviors.subscriptiongroup.StateChange',
  after: [0, 3],
  effect: 'leavePhone',
  values: ({ person }) => ({
    subscription_status: 'Unsubscribed',
    channel: 'sms',
    state_change_source: 'Inbound Message',
    phone_number: person.phone,
    channel_identifier: person.phone,
  }),
};

/** Aborted, sent after another try, or simply sent. */
function sending(channel: string, send: Step, noSend: { readonly hasRetry: boolean }): Step {
  const abort: Step = {
    event: `users.messages.${channel}.Abort`,
    chance: 0.012,
    values: abortValues,
  };
  const retry: Step = {
    event: `users.messages.${channel}.Retry`,
    chance: 0.006,
    values: retryValues,
    leadsTo: [{ ...send, after: [30, 900] }],
  };
  return { leadsToOneOf: [{ ...send, chance: 0.982 }, abort, ...(noSend.hasRetry ? [retry] : [])] };
}

const EMAIL_CLICKS: Step = {
  event: 'users.messages.email.Click',
  isEager: true,
  chance: 0.2,
  after: [4, 240],
  values: () => ({ is_suspected_bot_click: false }),
  leadsTo: [{ ...VISIT, chance: 0.5, after: [1, 10] }],
};

const EMAIL_DELIVERED: Step = {
  event: 'users.messages.email.Delivery',
  after: [1, 90],
  leadsTo: [
    {
      event: 'users.messages.email.Open',
      isEager: true,
      chance: 0.42,
      after: [60, 28_800],
      values: () => ({ machine_open: null }),
      leadsTo: [
        EMAIL_CLICKS,
        {
          event: 'users.messages.email.Unsubscribe',
          chance: 0.006,
          after: [10, 120],
          leadsTo: [LEAVE_EMAIL],
        },
      ],
    },
    {
      event: 'users.messages.email.Open',
      chance: 0.85,
      after: [2, 900],
      when: ({ person }) => person.hasMachineOpens,
      values: () => ({ machine_open: 'true' }),
    },
    {
      event: 'users.messages.email.Click',
      chance: 0.01,
      after: [1, 6],
      values: ({ draw }) => ({
        is_suspected_bot_click: true,
        suspected_bot_click_reason: draw.pick(BOT_REASONS),
        user_agent: 'LinkScanner/2.4 (+https://scanner.example.net)',
      }),
    },
    {
      event: 'users.messages.email.MarkAsSpam',
      chance: 0.002,
      after: [60, 7_200],
      leadsTo: [{ ...LEAVE_EMAIL, values: spamValues }],
    },
  ],
};

export const EMAIL = sending(
  'email',
  {
    event: 'users.messages.email.Send',
    leadsToOneOf: [
      { ...EMAIL_DELIVERED, chance: 0.962 },
      {
        event: 'users.messages.email.Bounce',
        chance: 0.012,
        after: [1, 60],
        effect: 'leaveEmail',
        values: () => ({
          bounce_reason: '550 5.1.1 The email account does not exist',
          is_drop: false,
        }),
      },
      {
        event: 'users.messages.email.SoftBounce',
        chance: 0.014,
        after: [1, 60],
        values: () => ({ bounce_reason: '452 4.2.2 The mailbox is over its quota' }),
      },
      {
        event: 'users.messages.email.Deferral',
        chance: 0.012,
        after: [2, 60],
        leadsTo: [{ ...EMAIL_DELIVERED, after: [300, 3_600] }],
      },
    ],
  },
  { hasRetry: true },
);

export const PUSH = sending(
  'pushnotification',
  {
    event: 'users.messages.pushnotification.Send',
    leadsToOneOf: [
      {
        chance: 0.98,
        leadsTo: [
          {
            event: 'users.messages.pushnotification.Open',
            isEager: true,
            chance: 0.09,
            after: [5, 9_000],
            values: ({ draw }) => (draw.happens(0.2) ? { button_string: 'Shop now' } : {}),
            leadsTo: [{ ...VISIT, chance: 0.9, after: [0, 2] }],
          },
          {
            event: 'users.messages.pushnotification.IosForeground',
            chance: 0.03,
            after: [1, 20],
            when: ({ device }) => device?.platform === 'ios',
          },
        ],
      },
      { event: 'users.messages.pushnotification.Bounce', chance: 0.02, after: [1, 30] },
    ],
  },
  { hasRetry: true },
);

const BOT_LINK_VALUES: FieldValues = {
  is_suspected_bot_click: true,
  suspected_bot_click_reason: ['user_agent'],
  user_agent: 'LinkScanner/2.4 (+https://scanner.example.net)',
};

function linkClick(event: string): Step {
  return {
    event,
    isEager: true,
    chance: 0.12,
    after: [20, 7_200],
    values: ({ draw }) =>
      draw.happens(0.03) ? BOT_LINK_VALUES : { is_suspected_bot_click: false },
    leadsTo: [{ ...VISIT, chance: 0.5, after: [1, 10] }],
  };
}

/** Somebody answers: mostly a word, sometimes STOP. */
function answer(event: string): readonly Step[] {
  return [
    {
      event,
      chance: 0.03,
      after: [30, 3_600],
      values: ({ draw }) => ({
        action: 'other',
        message_body: draw.pick(['Yes', 'Thanks!', '2', 'When?']),
      }),
    },
    {
      event,
      chance: 0.006,
      after: [30, 3_600],
      values: () => ({ action: 'unsubscribe', message_body: 'STOP' }),
      leadsTo: [LEAVE_PHONE],
    },
  ];
}

export const SMS = sending(
  'sms',
  {
    event: 'users.messages.sms.Send',
    leadsTo: [
      {
        event: 'users.messages.sms.CarrierSend',
        after: [1, 5],
        leadsToOneOf: [
          {
            event: 'users.messages.sms.Delivery',
            chance: 0.95,
            after: [1, 40],
            leadsTo: [
              linkClick('users.messages.sms.ShortLinkClick'),
              ...answer('users.messages.sms.InboundReceive'),
            ],
          },
          {
            event: 'users.messages.sms.DeliveryFailure',
            chance: 0.03,
            after: [2, 120],
            values: () => ({
              error: 'Unreachable destination handset',
              provider_error_code: '30003',
            }),
          },
          {
            event: 'users.messages.sms.Rejection',
            chance: 0.02,
            after: [1, 10],
            values: () => ({ error: 'Carrier violation', provider_error_code: '30007' }),
          },
        ],
      },
    ],
  },
  { hasRetry: true },
);

export const WHATSAPP = sending(
  'whatsapp',
  {
    event: 'users.messages.whatsapp.Send',
    leadsToOneOf: [
      {
        event: 'users.messages.whatsapp.Delivery',
        chance: 0.97,
        after: [1, 30],
        leadsTo: [
          {
            event: 'users.messages.whatsapp.Read',
            chance: 0.7,
            after: [10, 7_200],
            leadsTo: [
              linkClick('users.messages.whatsapp.Click'),
              ...answer('users.messages.whatsapp.InboundReceive'),
            ],
          },
        ],
      },
      {
        event: 'users.messages.whatsapp.Failure',
        chance: 0.03,
        after: [1, 30],
        values: () => ({
          provider_error_code: '131026',
          provider_error_title: 'Message undeliverable',
        }),
      },
    ],
  },
  { hasRetry: true },
);

export const LINE = sending(
  'line',
  {
    event: 'users.messages.line.Send',
    leadsTo: [
      linkClick('users.messages.line.Click'),
      ...answer('users.messages.line.InboundReceive'),
    ],
  },
  { hasRetry: true },
);

export const RCS = sending(
  'rcs',
  {
    event: 'users.messages.rcs.Send',
    leadsToOneOf: [
      {
        event: 'users.messages.rcs.Delivery',
        chance: 0.95,
        after: [1, 30],
        leadsTo: [
          {
            event: 'users.messages.rcs.Read',
            chance: 0.7,
            after: [10, 7_200],
            leadsTo: [
              linkClick('users.messages.rcs.Click'),
              ...answer('users.messages.rcs.InboundReceive'),
            ],
          },
        ],
      },
      {
        event: 'users.messages.rcs.Rejection',
        chance: 0.05,
        after: [1, 20],
        values: () => ({
          error: 'Handset without RCS',
          provider_error_code: '404',
          is_sms_fallback: true,
        }),
      },
    ],
  },
  { hasRetry: false },
);

export const WEBHOOK = sending(
  'webhook',
  {
    leadsToOneOf: [
      { event: 'users.messages.webhook.Send', chance: 0.97 },
      {
        event: 'users.messages.webhook.Failure',
        chance: 0.03,
        values: ({ draw }) => ({
          http_status_code: draw.pick([429, 500, 502, 503]),
          is_terminal: true,
        }),
      },
    ],
  },
  { hasRetry: true },
);

export const CONTENT_CARD = sending(
  'contentcard',
  {
    event: 'users.messages.contentcard.Send',
    leadsTo: [
      {
        event: 'users.messages.contentcard.Impression',
        isEager: true,
        chance: 0.4,
        after: [60, 10_800],
        leadsToOneOf: [
          { chance: 0.82 },
          { event: 'users.messages.contentcard.Click', chance: 0.1, after: [2, 30] },
          { event: 'users.messages.contentcard.Dismiss', chance: 0.08, after: [2, 30] },
        ],
      },
    ],
  },
  { hasRetry: false },
);

export function abortValues({ draw }: Moment): FieldValues {
  const [type, log] = draw.pick(ABORT_REASONS);
  return { abort_type: type, abort_log: log };
}

function retryValues({ draw }: Moment): FieldValues {
  const [type, log] = draw.pick(RETRY_REASONS);
  return { retry_type: type, retry_log: log };
}

function spamValues({ person }: Moment): FieldValues {
  return {
    subscription_status: 'Unsubscribed',
    channel: 'email',
    state_change_source: 'Spam Report',
    channel_identifier: person.email,
  };
}
