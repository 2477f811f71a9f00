/**
 * Made-up histories of a handful of people: what happened, and in which objects it was delivered when.
 *
 * Merges come in chains and circles, before and after the events that they concern; events come late, twice,
 * and from the future; objects are overwritten with fewer events. Few ids and few instants, so that they meet.
 */

import fc from 'fast-check';
import { anObjectOf, type EventFields } from './person-events.ts';
import type { TestObject } from './test-warehouse.ts';

/** One delivery: objects that are loaded together, and the instant of the refresh after it. */
export interface Delivery {
  readonly objects: readonly TestObject[];
  readonly asOf: Date;
}

interface Happening {
  readonly eventType: string;
  readonly fields: EventFields;
}

const DAY_S = 86_400;
/** The last refresh of a history is at most this long after its first. */
const START_S = Date.parse('2026-09-01T00:00:00Z') / 1000;

const user = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const campaign = fc.constantFrom(
  { campaign_id: 'c1' },
  { campaign_id: 'c2' },
  { canvas_id: 'v1' },
  {},
);
const externalId = fc.constantFrom(null, 'x1', 'x2', 'X1 ', '', '[REDACTED]');

/** Mostly around the edges of the windows, to the second. */
const second = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 7, 30, 90, 365, 400),
    fc.integer({ min: -2 * DAY_S, max: 2 * DAY_S }),
    fc.boolean(),
  )
  .map(([days, offset, isRound]) => START_S - days * DAY_S + (isRound ? 0 : offset));

/** Fields of one event type beside the id, the user and the time. */
const TYPES: Readonly<Record<string, fc.Arbitrary<EventFields>>> = {
  'users.messages.email.Send': campaign,
  'users.messages.email.Delivery': campaign,
  'users.messages.email.Open': fc
    .tuple(campaign, fc.constantFrom('true', null))
    .map(([message, machine_open]) => ({ ...message, machine_open })),
  'users.messages.email.Click': campaign,
  'users.messages.pushnotification.Send': campaign,
  'users.campaigns.Conversion': fc.constant({ campaign_id: 'c1' }),
  'users.canvas.Conversion': fc.constant({ canvas_id: 'v1' }),
  'users.behaviors.app.SessionStart': fc
    .tuple(fc.constantFrom('d1', 'd2', null), fc.constantFrom('ios', 'android'))
    .map(([device_id, platform]) => ({ device_id, platform, os_version: '17', device_model: 'X' })),
  'users.behaviors.CustomEvent': fc.constantFrom('Europe/Berlin', 'UTC', null).map((timezone) => ({
    name: 'look',
    timezone,
  })),
  'users.behaviors.Purchase': fc
    .tuple(fc.constantFrom(3.14, 0.1, 19.99, 100), fc.constantFrom('EUR', 'USD'))
    .map(([price, currency]) => ({ price, currency, product_id: 'p' })),
  'users.behaviors.Uninstall': fc.constant({ app_id: 'app' }),
  'users.behaviors.subscription.GlobalStateChange': fc
    .tuple(fc.constantFrom('Opted-In', 'unsubscribed'), fc.constantFrom('email', 'push'))
    .map(([subscription_status, channel]) => ({ subscription_status, channel })),
  'users.behaviors.subscriptiongroup.StateChange': fc
    .constantFrom('Subscribed', 'Unsubscribed')
    .map((subscription_status) => ({
      subscription_status,
      subscription_group_id: 'g',
      channel: 'sms',
    })),
  'users.behaviors.pushnotification.TokenStateChange': fc
    .constantFrom('add', 'remove')
    .map((push_token_state_change_type) => ({ push_token: 't', push_token_state_change_type })),
  'users.profile.Update': fc
    .tuple(
      fc.constantFrom('Ann', 'Bea', null, ''),
      fc.constantFrom('{"color":"red"}', '{"color":null,"size":4}', '{}', '[]', null),
    )
    .map(([first_name, custom_attributes]) => ({ first_name, custom_attributes })),
  'users.UserOrphan': user.map((orphaned_by_id) => ({ orphaned_by_id })),
  'users.messages.telepathy.Send': fc.constant({}),
};

/** Merges are drawn more often than other types. */
const happening: fc.Arbitrary<Happening> = fc
  .constantFrom(...Object.keys(TYPES), 'users.UserOrphan', 'users.UserOrphan')
  .chain((eventType) =>
    fc
      .tuple(
        TYPES[eventType] as fc.Arbitrary<EventFields>,
        fc.option(user, { freq: 20 }),
        externalId,
        second,
        fc.integer({ min: 0, max: 2 }),
      )
      .map(([fields, user_id, external_user_id, time, ms]) => ({
        eventType,
        fields: {
          ...fields,
          user_id,
          external_user_id,
          time,
          ...(eventType === 'users.profile.Update' ? { time_ms: time * 1000 + ms } : {}),
        },
      })),
  );

/** What happened, and for each event the deliveries (of `deliveries`) that it comes with, once or twice. */
export function aHistory({ deliveries }: { readonly deliveries: number }) {
  const number = fc.nat({ max: deliveries - 1 });
  return fc
    .record({
      events: fc.array(fc.tuple(happening, number, fc.option(number, { freq: 4 })), {
        minLength: 1,
        maxLength: 24,
      }),
      steps: fc.array(fc.constantFrom(0, 1, 3600, DAY_S, 7 * DAY_S, 31 * DAY_S), {
        minLength: deliveries,
        maxLength: deliveries,
      }),
      /** Which object of the first delivery comes again with fewer events, and with which delivery. */
      overwritten: fc.option(fc.tuple(fc.nat({ max: 20 }), number)),
    })
    .map(({ events, steps, overwritten }) => {
      let atS = START_S;
      const history: Delivery[] = steps.map((stepS, index) => {
        atS += stepS;
        const delivered = events.flatMap(([event, first, again], at) =>
          first === index || again === index
            ? [{ ...event, fields: { ...event.fields, id: `event-${at}` } }]
            : [],
        );
        return { asOf: new Date(atS * 1000), objects: pack(delivered, index) };
      });
      return overwritten === null ? history : overwrite(history, overwritten);
    });
}

function pack(delivered: readonly Happening[], delivery: number): TestObject[] {
  const types = [...new Set(delivered.map(({ eventType }) => eventType))];
  return types.map((eventType) =>
    anObjectOf(
      eventType,
      delivered.flatMap((event) => (event.eventType === eventType ? [event.fields] : [])),
      { key: `event_type=${eventType}/${delivery}.avro`, etag: 'v1' },
    ),
  );
}

/** An object of the first delivery, without its first event, once more with a later one. */
function overwrite(
  history: readonly Delivery[],
  [object, later]: readonly [number, number],
): readonly Delivery[] {
  const objects = history[0]?.objects ?? [];
  const old = objects[object % Math.max(1, objects.length)];
  if (old === undefined || later === 0) return history;
  const thinned: TestObject = { ...old, records: old.records.slice(1), etag: 'v2' };
  return history.map((delivery, index) =>
    index === later ? { ...delivery, objects: [...delivery.objects, thinned] } : delivery,
  );
}

/** The objects that count in the end: of each key the version that came last. */
export function listFinalObjects(history: readonly Delivery[]): readonly TestObject[] {
  const byKey = new Map(
    history.flatMap(({ objects }) => objects.map((object) => [object.key, object] as const)),
  );
  return [...byKey.values()];
}
