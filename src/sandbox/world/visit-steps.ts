/**
 * What people do in the app or on the site, wherever they came from: the steps that messages lead to and
 * that sessions begin with.
 */

import type { Moment, Step } from './journey.ts';
import { CUSTOM_EVENTS, customEventProperties, priceIn } from './shop.ts';
import type { FieldValues } from './story-event.ts';

const CONVERSIONS: readonly Step[] = [
  {
    event: 'users.campaigns.Conversion',
    chance: 0.8,
    after: [0, 3],
    needs: 'campaign',
    values: conversionValues,
  },
  {
    event: 'users.canvas.Conversion',
    chance: 0.8,
    after: [0, 3],
    needs: 'canvas',
    values: conversionValues,
    leadsTo: [
      {
        event: 'users.canvas.experimentstep.Conversion',
        chance: 0.3,
        values: conversionValues,
      },
      { event: 'users.canvas.exit.PerformedEvent', chance: 0.5, after: [1, 5] },
    ],
  },
];

const BROWSING: readonly Step[] = [
  { event: 'users.behaviors.CustomEvent', chance: 0.9, after: [5, 100], values: customEventValues },
  { event: 'users.behaviors.CustomEvent', chance: 0.5, after: [5, 110], values: customEventValues },
  { event: 'users.behaviors.CustomEvent', chance: 0.3, after: [5, 110], values: customEventValues },
  {
    event: 'users.behaviors.Purchase',
    chance: 0.14,
    isEager: true,
    after: [60, 118],
    values: purchaseValues,
    leadsTo: CONVERSIONS,
  },
];

/** The end comes after everything that happens within; its duration is measured from the start. */
const SESSION_END: Step = {
  event: 'users.behaviors.app.SessionEnd',
  chance: 0.97,
  after: [120, 1_800],
  values: ({ visit, time }) => ({ duration: visit === undefined ? null : time - visit.startedAt }),
};

/** A whole session with a look around. */
export const VISIT: Step = {
  event: 'users.behaviors.app.SessionStart',
  startsVisit: true,
  leadsTo: [...BROWSING, SESSION_END],
};

/** A session in which these things happen as well. */
export function visitWith(...steps: readonly Step[]): Step {
  return {
    event: 'users.behaviors.app.SessionStart',
    startsVisit: true,
    leadsTo: [...steps, SESSION_END],
  };
}

/** The very first session, with what a new install brings. */
export const FIRST_VISIT: Step = {
  event: 'users.behaviors.app.FirstSession',
  startsVisit: true,
  leadsTo: [
    { event: 'users.behaviors.app.SessionStart', leadsTo: [...BROWSING, SESSION_END] },
    {
      event: 'users.behaviors.InstallAttribution',
      chance: 0.7,
      after: [2, 60],
      values: ({ draw }) => ({
        source: draw.pick([
          'Organic',
          'Search Ads',
          'Social Ads',
          'Partner Newsletter',
          'QR Poster',
        ]),
      }),
    },
    {
      event: 'users.behaviors.pushnotification.TokenStateChange',
      chance: 0.6,
      after: [3, 90],
      values: ({ draw }) => ({ push_token_state_change_type: draw.pick(['add', 'add', 'update']) }),
    },
  ],
};

function customEventValues({ draw, visit }: Moment): FieldValues {
  const name = draw.pick(CUSTOM_EVENTS);
  const random = draw.whole(0, 0xffff);
  if (visit === undefined) return { name };
  return { name, properties: JSON.stringify(customEventProperties(name, visit.product, random)) };
}

function purchaseValues({ draw, visit, person }: Moment): FieldValues {
  if (visit === undefined) return {};
  const { product } = visit;
  const quantity = Math.round(draw.skewed(1, 4));
  return {
    product_id: product.id,
    price: priceIn(person.place, product),
    currency: person.place.currency,
    properties: JSON.stringify({ name: product.name, category: product.category, quantity }),
  };
}

function conversionValues(): FieldValues {
  return {
    conversion_behavior_index: 0,
    conversion_behavior: JSON.stringify({ type: 'Makes Purchase', window_s: 259_200 }),
  };
}
