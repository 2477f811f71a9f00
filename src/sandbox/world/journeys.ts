/**
 * All journeys of the generated world and how often each is told. Together they hold every event type
 * that we have a schema for; a test fails when one is missing.
 *
 * Weights are shares of stories, not of events: an email story has about two and a half events, a session
 * four. The order is the order of importance: a bucket too small for everything has the first ones.
 */

import type { Journey, Moment, Step } from './journey.ts';
import {
  abortValues,
  CONTENT_CARD,
  EMAIL,
  LINE,
  PUSH,
  RCS,
  SMS,
  WEBHOOK,
  WHATSAPP,
} from './message-steps.ts';
import { PROFILE_JOURNEYS } from './profile-journeys.ts';
import { FIRST_VISIT, VISIT, visitWith } from './visit-steps.ts';

const INAPP: Step = visitWith({
  leadsToOneOf: [
    {
      event: 'users.messages.inappmessage.Impression',
      chance: 0.96,
      after: [1, 10],
      leadsTo: [
        { event: 'users.messages.inappmessage.Click', isEager: true, chance: 0.25, after: [1, 20] },
      ],
    },
    {
      event: 'users.messages.inappmessage.Abort',
      chance: 0.04,
      after: [1, 10],
      values: abortValues,
    },
  ],
});

const BANNER: Step = visitWith({
  leadsToOneOf: [
    {
      event: 'users.messages.banner.Impression',
      chance: 0.97,
      after: [1, 10],
      leadsToOneOf: [
        { chance: 0.85 },
        { event: 'users.messages.banner.Click', chance: 0.1, after: [1, 30] },
        { event: 'users.messages.banner.Dismiss', chance: 0.05, after: [1, 30] },
      ],
    },
    { event: 'users.messages.banner.Abort', chance: 0.03, after: [1, 10], values: abortValues },
  ],
});

const NEWS_FEED: Step = visitWith({
  event: 'users.behaviors.app.NewsFeedImpression',
  after: [1, 10],
  leadsToOneOf: [
    {
      event: 'users.messages.newsfeedcard.Impression',
      chance: 0.9,
      after: [1, 10],
      leadsTo: [{ event: 'users.messages.newsfeedcard.Click', chance: 0.2, after: [1, 30] }],
    },
    {
      event: 'users.messages.newsfeedcard.Abort',
      chance: 0.1,
      after: [1, 10],
      values: abortValues,
    },
  ],
});

const EXTRAS_OF_VISIT: Step = visitWith(
  { event: 'users.behaviors.Location', chance: 0.6, after: [1, 30] },
  { event: 'users.messages.featureflag.Impression', chance: 0.6, after: [1, 30] },
);

const LIVE_ACTIVITY: Step = {
  event: 'users.behaviors.liveactivity.PushToStartTokenChange',
  values: tokenAdded,
  leadsTo: [
    {
      event: 'users.messages.liveactivity.Send',
      after: [5, 600],
      values: () => ({ live_activity_event_type: 'start' }),
      leadsTo: [
        {
          event: 'users.messages.liveactivity.Outcome',
          after: [1, 10],
          values: ({ draw }) => ({
            live_activity_event_type: 'start',
            live_activity_event_outcome: draw.pick(['received', 'received', 'dismissed']),
          }),
        },
        {
          event: 'users.behaviors.liveactivity.UpdateTokenChange',
          chance: 0.9,
          after: [1, 20],
          values: tokenAdded,
        },
      ],
    },
  ],
};

/** A person goes from step to step; a tenth is kept out to measure what the Canvas does. */
const CANVAS: Step = {
  leadsToOneOf: [
    {
      event: 'users.canvas.Entry',
      chance: 0.9,
      values: () => ({ in_control_group: false }),
      leadsTo: [
        {
          event: 'users.canvasstep.Progression',
          after: [0, 60],
          values: () => ({ progression_type: 'advance', is_canvas_entry: true, exit_reason: null }),
          leadsToOneOf: [
            { chance: 4, entersChannel: 'email', leadsTo: [EMAIL] },
            { chance: 2, entersChannel: 'push', leadsTo: [PUSH] },
            { chance: 1, entersChannel: 'sms', leadsTo: [SMS] },
            { chance: 1, entersChannel: 'contentcard', leadsTo: [CONTENT_CARD] },
            { chance: 1, entersChannel: 'webhook', leadsTo: [WEBHOOK] },
          ],
        },
        {
          event: 'users.canvas.experimentstep.SplitEntry',
          chance: 0.2,
          after: [1, 60],
          values: ({ draw }) => ({ in_control_group: draw.happens(0.1) }),
        },
        {
          event: 'users.canvas.costep.Send',
          chance: 0.1,
          after: [60, 3_600],
          values: () => ({ channel: 'email' }),
        },
        {
          event: 'users.canvas.exit.MatchedAudience',
          chance: 0.08,
          after: [1_800, 10_800],
          leadsTo: [
            {
              event: 'users.canvasstep.Progression',
              values: () => ({
                progression_type: 'exit',
                is_canvas_entry: false,
                exit_reason: 'matched_exit_audience',
                next_step_id: null,
              }),
            },
          ],
        },
      ],
    },
    {
      event: 'users.canvas.Entry',
      chance: 0.1,
      values: () => ({ in_control_group: true, canvas_step_id: null, canvas_step_name: null }),
    },
    { event: 'users.canvas.Abort', chance: 0.02, values: abortValues },
  ],
};

const CONTROL: Step = {
  leadsToOneOf: [
    {
      event: 'users.campaigns.EnrollInControl',
      chance: 0.95,
      values: () => ({ send_id: null, message_variation_name: 'Control' }),
    },
    { event: 'users.campaigns.Abort', chance: 0.05, values: abortValues },
  ],
};

const AGENT: Step = {
  event: 'agentconsole.AgentExecuted',
  values: ({ draw }) => {
    const prompt = draw.whole(200, 4_000);
    const completion = draw.whole(20, 800);
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      is_error: false,
    };
  },
  leadsTo: [
    { event: 'agentconsole.ToolInvocation', chance: 0.7, after: [0, 3] },
    { event: 'agentconsole.ToolInvocation', chance: 0.3, after: [1, 5] },
  ],
};

export const JOURNEYS: readonly Journey[] = [
  {
    name: 'session',
    weight: 13,
    audience: 'app',
    isRoundTheClock: true,
    isOnDevice: true,
    start: VISIT,
  },
  {
    name: 'email',
    weight: 34,
    audience: 'email',
    origin: 'campaign',
    channel: 'email',
    start: EMAIL,
  },
  {
    name: 'push',
    weight: 14,
    audience: 'push',
    origin: 'campaign',
    channel: 'push',
    isOnDevice: true,
    start: PUSH,
  },
  { name: 'canvas', weight: 6, audience: 'email', origin: 'canvas', start: CANVAS },
  { name: 'install', weight: 1.2, audience: 'newcomer', isOnDevice: true, start: FIRST_VISIT },
  ...PROFILE_JOURNEYS,
  { name: 'sms', weight: 2.5, audience: 'phone', origin: 'campaign', channel: 'sms', start: SMS },
  {
    name: 'content card',
    weight: 4,
    audience: 'app',
    origin: 'campaign',
    channel: 'contentcard',
    isOnDevice: true,
    start: CONTENT_CARD,
  },
  {
    name: 'in-app message',
    weight: 3.5,
    audience: 'app',
    origin: 'campaign',
    channel: 'inapp',
    isOnDevice: true,
    start: INAPP,
  },
  {
    name: 'banner',
    weight: 1.5,
    audience: 'app',
    origin: 'campaign',
    channel: 'banner',
    isOnDevice: true,
    start: BANNER,
  },
  {
    name: 'webhook',
    weight: 1.5,
    audience: 'any',
    origin: 'campaign',
    channel: 'webhook',
    start: WEBHOOK,
  },
  {
    name: 'control group',
    weight: 0.8,
    audience: 'email',
    origin: 'campaign',
    channel: 'email',
    start: CONTROL,
  },
  {
    name: 'place and flags',
    weight: 1.2,
    audience: 'app',
    isOnDevice: true,
    start: EXTRAS_OF_VISIT,
  },
  {
    name: 'whatsapp',
    weight: 1,
    audience: 'phone',
    origin: 'campaign',
    channel: 'whatsapp',
    start: WHATSAPP,
  },
  { name: 'rcs', weight: 0.8, audience: 'phone', origin: 'campaign', channel: 'rcs', start: RCS },
  {
    name: 'line',
    weight: 0.8,
    audience: 'phone',
    origin: 'campaign',
    channel: 'line',
    start: LINE,
  },
  {
    name: 'live activity',
    weight: 0.5,
    audience: 'push',
    origin: 'campaign',
    channel: 'liveactivity',
    isOnDevice: true,
    start: LIVE_ACTIVITY,
  },
  { name: 'agent', weight: 0.5, audience: 'any', origin: 'canvas', start: AGENT },
  {
    name: 'news feed',
    weight: 0.2,
    audience: 'app',
    origin: 'campaign',
    channel: 'newsfeed',
    isOnDevice: true,
    start: NEWS_FEED,
  },
];

function tokenAdded({ draw }: Moment): Readonly<Record<string, unknown>> {
  return { push_token_state_change_type: draw.pick(['add', 'update']) };
}
