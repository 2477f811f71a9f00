/**
 * Fields that say who it was and on what: identifiers, contact, place, device.
 *
 * Names are those of Currents' own fields. Contact fields are filled wherever an event type has them;
 * device fields only where a device takes part.
 */

import { hexOf, mix, uuidOf } from '../world/draw.ts';
import type { StoryEvent } from '../world/story-event.ts';
import type { FieldTable } from './field-value.ts';

/** One workspace with one app for each platform. */
const APP_GROUP_ID = uuidOf(1, 900);
const APP_IDS: Readonly<Record<string, string>> = {
  ios: uuidOf(2, 900),
  android: uuidOf(3, 900),
  web: uuidOf(4, 900),
};

const ALTITUDE_METRES = 400;

export const PERSON_FIELDS: FieldTable = {
  user_id: ({ person }) => person.userId,
  external_user_id: ({ person, isIdentified }) => (isIdentified ? person.externalId : null),
  first_name: ({ person }) => person.firstName,
  last_name: ({ person }) => person.lastName,
  gender: ({ person }) => person.gender,
  dob: ({ person }) => person.birthday,
  email_address: ({ person }) => person.email,
  phone_number: ({ person }) => person.phone,
  to_phone_number: ({ person }) => person.phone,
  user_phone_number: ({ person }) => person.phone,
  native_line_id: ({ person }) => `U${hexOf(person.index, 31, 32)}`,
  bsuid: ({ person }) => `US.${hexOf(person.index, 32, 16)}`,
  timezone: ({ person }) => person.place.timeZone,
  country: ({ person }) => person.place.country,
  language: ({ person }) => person.place.language,
  locale_key: ({ person }) => `${person.place.language}-${person.place.country}`,
  home_city: ({ person }) => person.place.city,
  mailbox_provider: ({ person }) => person.mailboxProvider,
  latitude: ({ person }, random) => person.place.latitude + spread(random, 0.2),
  longitude: ({ person }, random) => person.place.longitude + spread(mix(random, 1), 0.2),
  altitude: (_event, random) => random % ALTITUDE_METRES,
  ll_accuracy: (_event, random) => 5 + (random % 60),
  alt_accuracy: (_event, random) => 3 + (random % 20),

  app_group_id: () => APP_GROUP_ID,
  app_group_api_id: () => APP_GROUP_ID,
  app_id: ({ device }) => (device === undefined ? null : APP_IDS[device.platform]),
  platform: ({ device }) => device?.platform,
  device_id: ({ device }) => device?.deviceId,
  push_token_device_id: ({ device }) => device?.deviceId,
  os_version: ({ device }) => device?.osVersion,
  device_model: (event) => readingDevice(event).model,
  device_class: (event) => readingDevice(event).deviceClass,
  device_os: (event) => readingDevice(event).deviceOs,
  browser: (event) => readingDevice(event).browser,
  user_agent: (event) => readingDevice(event).userAgent,
  resolution: ({ device }) => device?.resolution,
  carrier: ({ device, person }) => (device?.platform === 'web' ? null : person.place.carrier),
  sdk_version: ({ device }) => device?.sdkVersion,
  ad_id: ({ device }) => device?.adId,
  ad_id_type: ({ device }) => device?.adIdType,
  ad_tracking_enabled: ({ device }) => device?.isAdTracked,
  push_token: ({ device }) => device?.pushToken,
  push_to_start_token: ({ person }) => hexOf(person.index, 33, 64),
  ios_push_token_apns_gateway: ({ device }) => (device?.platform === 'ios' ? 1 : null),
  web_push_token_user_auth: ({ device, person }) =>
    device?.platform === 'web' ? hexOf(person.index, 34, 24) : null,
  web_push_token_public_key: ({ device, person }) =>
    device?.platform === 'web' ? hexOf(person.index, 35, 64) : null,
  web_push_token_vapid_public_key: ({ device }) =>
    device?.platform === 'web' ? hexOf(1, 36, 64) : null,
  push_token_created_at: ({ time }, random) => time - (random % 86_400),
  push_token_updated_at: ({ time }) => time,
  push_token_provisionally_opted_in: (_event, random) => random % 10 === 0,
  push_token_foreground_push_disabled: () => false,
};

/** Mail is read on the person's own device, though no device takes part in sending it. */
function readingDevice({ device, person }: StoryEvent) {
  return device ?? person.devices[0];
}

/** Between minus and plus half of `width`, with four decimals. */
function spread(random: number, width: number): number {
  return Math.round((random / 2 ** 32 - 0.5) * width * 10_000) / 10_000;
}
