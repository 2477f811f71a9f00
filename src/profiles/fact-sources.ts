/**
 * What is known about a person by last write, and which fields of which events say it.
 *
 * Two kinds. Observed facts come along with nearly every event (the external id, the address a message went
 * to, the device): they are reduced by person before anything else, for they hardly ever change. Stated facts
 * are what an event is about (a profile update, a consent): few, and taken one by one.
 *
 * Opens and clicks of email are left out altogether: they may be booked on another profile with the same
 * address, so they never tell who somebody is. A type that the activity catalogue does not know gives its
 * external id and nothing else.
 *
 * Facts are (name, key, value), the value as JSON text:
 *
 *     external_id         the id            true
 *     attribute           first_name …      text
 *     custom_attribute    its name          any JSON; null: removed
 *     consent             email, push       opted_in, subscribed, unsubscribed
 *     subscription_group  the group's id    {status, channel}
 *     device              the device's id   {platform, model, os_version, app_version, sdk_version}
 *     push_token          the token         {state, platform, device_id}
 *     random_bucket, install_source                 number, text
 *     seen                                  true, first and last event of any type
 */

import { ACTIVITY_KINDS } from './activity-kinds.ts';
import type { EventSource } from './event-source.ts';

/** Not to be asked who somebody is; facts of Currents, "Identifiers in events". */
const SHARED_ADDRESS_TYPES: ReadonlySet<string> = new Set([
  'users.messages.email.Open',
  'users.messages.email.Click',
]);

const KNOWN_TYPES: ReadonlySet<string> = new Set(ACTIVITY_KINDS.map(({ eventType }) => eventType));

export interface ObservedFact {
  readonly name: string;
  /** Of the temporary column. */
  readonly column: string;
  /** The first of these fields that has a value. */
  readonly fields: readonly string[];
  /** SQL over the column: the fact's key and value. */
  readonly key: string;
  readonly value: string;
}

export const OBSERVED_FACTS: readonly ObservedFact[] = [
  {
    name: 'external_id',
    column: 'external_id',
    fields: ['external_user_id'],
    key: 'external_id',
    value: "'true'",
  },
  observedAttribute('email_address', ['email_address']),
  observedAttribute('phone_number', ['phone_number', 'to_phone_number', 'user_phone_number']),
  observedAttribute('timezone', ['timezone']),
];

function observedAttribute(attribute: string, fields: readonly string[]): ObservedFact {
  return {
    name: 'attribute',
    column: attribute,
    fields,
    key: `'${attribute}'`,
    value: `to_json(${attribute})`,
  };
}

/** SQL of an observed fact's value in an event, or undefined when the event type does not tell it. */
export function selectObserved(source: EventSource, fact: ObservedFact): string | undefined {
  if (SHARED_ADDRESS_TYPES.has(source.eventType)) return undefined;
  if (fact.name !== 'external_id' && !KNOWN_TYPES.has(source.eventType)) return undefined;
  return source.text(...fact.fields);
}

/** Fields that describe a device, by their name in the fact. */
export const DEVICE_FIELDS = {
  platform: 'platform',
  model: 'device_model',
  os_version: 'os_version',
  app_version: 'app_version',
  sdk_version: 'sdk_version',
} as const;

/** Whether events of this type were written on the device itself and describe it; others only name it. */
export function describesDevice(source: EventSource): boolean {
  return (
    KNOWN_TYPES.has(source.eventType) &&
    !SHARED_ADDRESS_TYPES.has(source.eventType) &&
    source.text('device_id') !== undefined &&
    source.text('os_version') !== undefined
  );
}

/** One fact for each row of the event type where `key` and `value` are not null. */
export interface StatedFact {
  readonly name: string;
  readonly key: string;
  /** SQL of JSON text. */
  readonly value: string;
  /** Added after the table: what makes several rows of one event. */
  readonly unnested?: string;
}

/** Attributes that come with few events. Observed ones are not repeated here. */
const STATED_ATTRIBUTES = [
  'first_name',
  'last_name',
  'gender',
  'dob',
  'home_city',
  'country',
  'language',
  'archived',
] as const;

/** What the events of this type state. */
export function listStatedFacts(source: EventSource): readonly StatedFact[] {
  const { eventType } = source;
  if (!KNOWN_TYPES.has(eventType) || SHARED_ADDRESS_TYPES.has(eventType)) return [];
  const attributes = STATED_ATTRIBUTES.flatMap((attribute) => {
    const text = source.text(attribute);
    return text === undefined
      ? []
      : [{ name: 'attribute', key: `'${attribute}'`, value: `to_json(${text})::varchar` }];
  });
  return [...attributes, ...(STATED_BY_TYPE[eventType]?.(source) ?? [])];
}

const STATED_BY_TYPE: Readonly<Record<string, (source: EventSource) => readonly StatedFact[]>> = {
  'users.profile.Update': (source) => {
    const attributes = source.json('custom_attributes');
    if (attributes === undefined) return [];
    // What is no object has no keys; json_each would number the elements of a list.
    const object = `case when json_type(${attributes}) = 'OBJECT' then ${attributes} end`;
    return [
      {
        name: 'custom_attribute',
        unnested: `, json_each(${object}) as attribute`,
        key: 'attribute.key',
        value: `case when coalesce(attribute.value->>'$', 'removed') not in ('', '[REDACTED]')
          then attribute.value::varchar end`,
      },
    ];
  },
  'users.behaviors.subscription.GlobalStateChange': (source) => {
    const status = formatStatus(source);
    if (status === undefined) return [];
    // Before there was a channel the state was that of email.
    const channel = source.text('channel');
    const key = channel === undefined ? "'email'" : `lower(coalesce(${channel}, 'email'))`;
    return [{ name: 'consent', key, value: `to_json(${status})::varchar` }];
  },
  'users.behaviors.subscriptiongroup.StateChange': (source) => {
    const key = source.text('subscription_group_id');
    const status = formatStatus(source);
    if (key === undefined || status === undefined) return [];
    const channel = source.text('channel');
    return [
      {
        name: 'subscription_group',
        key,
        value: `case when ${status} is not null then ${formatObject({
          status,
          ...(channel === undefined ? {} : { channel: `lower(${channel})` }),
        })} end`,
      },
    ];
  },
  'users.behaviors.pushnotification.TokenStateChange': (source) => {
    // Where tokens are not exported or redacted, a device has one for each app.
    const key = source.text('push_token', 'push_token_device_id', 'app_id');
    if (key === undefined) return [];
    const state = source.text('push_token_state_change_type');
    const parts = {
      state: state && `lower(${state})`,
      platform: source.text('platform'),
      device_id: source.text('push_token_device_id', 'device_id'),
    };
    return [{ name: 'push_token', key, value: formatObject(parts) }];
  },
  'users.RandomBucketNumberUpdate': (source) =>
    single('random_bucket', source, 'random_bucket_number'),
  'users.behaviors.InstallAttribution': (source) => single('install_source', source, 'source'),
};

function single(name: string, source: EventSource, field: string): readonly StatedFact[] {
  const text = source.text(field);
  return text === undefined ? [] : [{ name, key: "''", value: `to_json(${text})::varchar` }];
}

/** `Opted-In` and `opted_in` are one; Braze writes both. */
function formatStatus(source: EventSource): string | undefined {
  const status = source.text('subscription_status');
  return status && `lower(replace(replace(${status}, '-', '_'), ' ', '_'))`;
}

/** SQL of a JSON object as text; parts that the table lacks are null in it. */
export function formatObject(parts: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(parts).map(([key, sql]) => `'${key}', ${sql ?? 'null'}`);
  return `json_object(${pairs.join(', ')})::varchar`;
}
