/**
 * What the generated company sends: campaigns with variations, and Canvases with variations and steps.
 *
 * Newsletters go out in one or two hours of the day, triggered messages at any time. A few campaigns are
 * created while the period runs; for the first minutes their name is not known to Currents yet.
 */

import { createDraw, type Draw, mix, uuidOf } from './draw.ts';

export type Channel =
  | 'email'
  | 'push'
  | 'sms'
  | 'whatsapp'
  | 'line'
  | 'rcs'
  | 'contentcard'
  | 'inapp'
  | 'banner'
  | 'newsfeed'
  | 'webhook'
  | 'liveactivity';

export interface Variation {
  readonly id: string;
  readonly name: string;
}

export interface Campaign {
  readonly id: string;
  readonly name: string;
  readonly channel: Channel;
  readonly number: number;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly variations: readonly Variation[];
  /** UTC hours of the day in which it is sent; empty for one that is triggered by what people do. */
  readonly sendHours: readonly number[];
}

export interface CanvasStep {
  readonly id: string;
  readonly name: string;
  readonly channel: Channel;
  readonly messageVariationId: string;
}

export interface Canvas {
  readonly id: string;
  readonly name: string;
  readonly number: number;
  readonly createdAt: number;
  readonly variations: readonly Variation[];
  readonly steps: readonly CanvasStep[];
}

/** A name that ends in `*` is a newsletter, sent in certain hours; the others are triggered. */
const CAMPAIGN_NAMES: Readonly<Record<Channel, readonly string[]>> = {
  email: [
    'Weekly Trail Mail*',
    'Summer Sale, last days*',
    'New in: Ridge Boots*',
    'Members Preview*',
    'Order Confirmation',
    'Abandoned Cart, first reminder',
    'Review Request',
    'Price Drop Alert',
  ],
  push: [
    'Weekend Weather Push*',
    'Flash Sale 24 h*',
    'Back in Stock',
    'Delivery Today',
    'Abandoned Cart Push',
  ],
  sms: ['VIP Early Access SMS*', 'Parcel Out for Delivery', 'Appointment Reminder'],
  whatsapp: ['Store Opening Invitation*', 'Order Shipped on WhatsApp'],
  line: ['LINE Spring Coupons*', 'LINE Order Update'],
  rcs: ['RCS Summer Lookbook*', 'RCS Delivery Window'],
  contentcard: [
    'Home Feed: Sale Tile',
    'Home Feed: Loyalty Points',
    'Home Feed: Hike of the Month',
  ],
  inapp: ['Rate the App', 'Welcome Tour', 'Push Primer'],
  banner: ['Free Shipping Banner', 'Loyalty Banner'],
  newsfeed: ['Classic Feed: Store News'],
  webhook: ['Sync to Warehouse Webhook', 'Postcard Webhook*'],
  liveactivity: ['Parcel Tracker', 'Race Day Countdown'],
};

const CANVAS_PLANS: readonly {
  readonly name: string;
  readonly steps: readonly (readonly [string, Channel])[];
}[] = [
  {
    name: 'Onboarding 2026',
    steps: [
      ['Welcome Email', 'email'],
      ['Turn on Push', 'push'],
      ['First Hike Tips', 'email'],
      ['Starter Card', 'contentcard'],
    ],
  },
  {
    name: 'Win-back 90 days',
    steps: [
      ['We miss you', 'email'],
      ['Voucher SMS', 'sms'],
      ['Last Call', 'push'],
    ],
  },
  {
    name: 'Loyalty Gold Journey',
    steps: [
      ['Gold Benefits', 'email'],
      ['Gold Card', 'contentcard'],
      ['Tell the Warehouse', 'webhook'],
    ],
  },
  {
    name: 'Post-purchase Care',
    steps: [
      ['Care Guide', 'email'],
      ['How is it?', 'push'],
      ['Survey SMS', 'sms'],
    ],
  },
];

/** Salts for identifiers. */
const CAMPAIGN = 301;
const CANVAS = 401;
const VARIATIONS = 501;

const DAY_SECONDS = 86_400;

/** Half an hour after its creation, Currents knows a campaign's name. Our choice; Braze gives no number. */
export const NAME_DELAY_SECONDS = 1_800;

/** All campaigns; `from` and `until` (seconds) bound the period. */
export function createCampaigns(seed: number, from: number, until: number): readonly Campaign[] {
  const draw = createDraw(seed, CAMPAIGN);
  let number = mix(seed, CAMPAIGN);
  return Object.entries(CAMPAIGN_NAMES).flatMap(([channel, names]) =>
    names.map((name, index) => {
      number = mix(number, CAMPAIGN);
      const isNewsletter = name.endsWith('*');
      // The second of a channel's list is the new one; the first always exists.
      const isNew = index === 1 && draw.happens(0.6);
      return {
        id: uuidOf(number, CAMPAIGN),
        name: isNewsletter ? name.slice(0, -1) : name,
        channel: channel as Channel,
        number,
        createdAt: isNew ? hourWithin(draw, from, until) : pastDay(draw, from),
        variations: createVariations(
          number,
          draw.happens(0.5) ? ['Variant 1', 'Variant 2'] : ['Original'],
        ),
        sendHours: isNewsletter ? [(7 + 3 * index) % 24, (15 + 3 * index) % 24] : [],
      };
    }),
  );
}

/** All Canvases. Each existed before the period began. */
export function createCanvases(seed: number, from: number): readonly Canvas[] {
  const draw = createDraw(seed, CANVAS);
  let number = mix(seed, CANVAS);
  return CANVAS_PLANS.map((plan) => {
    number = mix(number, CANVAS);
    return {
      id: uuidOf(number, CANVAS),
      name: plan.name,
      number,
      createdAt: pastDay(draw, from),
      variations: createVariations(number, ['Path A', 'Path B']),
      steps: plan.steps.map(([name, channel], index) => ({
        id: uuidOf(mix(number, index), CANVAS),
        name,
        channel,
        messageVariationId: uuidOf(mix(number, index), VARIATIONS),
      })),
    };
  });
}

function createVariations(number: number, names: readonly string[]): readonly Variation[] {
  return names.map((name, index) => ({ id: uuidOf(mix(number, index + 50), VARIATIONS), name }));
}

function pastDay(draw: Draw, from: number): number {
  return from - draw.whole(2, 300) * DAY_SECONDS;
}

function hourWithin(draw: Draw, from: number, until: number): number {
  const hours = Math.max(1, Math.floor((until - from) / 3_600));
  return from + 3_600 * Math.floor(draw.share() * 0.5 * hours);
}
