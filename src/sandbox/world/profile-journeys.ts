/**
 * What changes about people themselves: profile updates, consent, merges, deletion, removed apps, bucket
 * numbers. Few events, but the ones that a customer-360 stands on.
 */

import type { Journey, Moment, Step } from './journey.ts';
import type { FieldValues } from './story-event.ts';

/** Every profile field of the event, absent: an update names only what changed. */
const UNCHANGED: FieldValues = {
  archived: null,
  first_name: null,
  last_name: null,
  email_address: null,
  gender: null,
  phone_number: null,
  dob: null,
  timezone: null,
  home_city: null,
  country: null,
  language: null,
  custom_attributes: null,
};

const UPDATE_SOURCES = ['REST', 'REST', 'SDK', 'SDK', 'CSV', 'Cloud Data Ingestion'] as const;

const PROFILE_UPDATE: Step = { event: 'users.profile.Update', values: profileValues };

const SIGN_UP: Step = {
  event: 'users.profile.Update',
  effect: 'identify',
  values: ({ person }) => ({
    ...UNCHANGED,
    first_name: person.firstName,
    last_name: person.lastName,
    email_address: person.email,
    update_source: 'SDK',
    custom_attributes: JSON.stringify({ signed_up: true }),
  }),
};

const PREFERENCES: Step = {
  leadsToOneOf: [
    {
      event: 'users.behaviors.subscription.GlobalStateChange',
      chance: 3,
      effect: 'joinEmail',
      values: ({ person, draw }) => ({
        subscription_status: draw.pick(['Subscribed', 'Opted-In']),
        channel: 'email',
        state_change_source: draw.pick(['Preference Center', 'SDK', 'REST API']),
        channel_identifier: person.email,
        ...WITHOUT_MESSAGE,
      }),
    },
    {
      event: 'users.behaviors.subscriptiongroup.StateChange',
      chance: 2,
      effect: 'joinPhone',
      values: ({ person, draw }) => ({
        subscription_status: 'Subscribed',
        channel: draw.pick(['sms', 'whatsapp']),
        state_change_source: draw.pick(['Preference Center', 'SDK', 'REST API']),
        phone_number: person.phone,
        channel_identifier: person.phone,
        ...WITHOUT_MESSAGE,
      }),
    },
  ],
};

const WITHOUT_MESSAGE: FieldValues = { send_id: null, dispatch_id: null };

export const PROFILE_JOURNEYS: readonly Journey[] = [
  { name: 'profile', weight: 5, audience: 'any', start: PROFILE_UPDATE },
  { name: 'sign up', weight: 0.6, audience: 'anonymous', start: SIGN_UP },
  { name: 'preferences', weight: 0.8, audience: 'any', start: PREFERENCES },
  {
    name: 'merge',
    weight: 0.3,
    audience: 'anonymous',
    isOnDevice: true,
    start: {
      event: 'users.UserOrphan',
      effect: 'merge',
      // Alone in the world there is nobody to merge with: the field then makes up an id.
      values: ({ other, person }) => (other === person ? {} : { orphaned_by_id: other.userId }),
    },
  },
  {
    name: 'deletion',
    weight: 0.1,
    audience: 'any',
    start: { event: 'users.UserDeleteRequest', effect: 'delete' },
  },
  {
    name: 'uninstall',
    weight: 0.3,
    audience: 'push',
    isOnDevice: true,
    start: { event: 'users.behaviors.Uninstall', effect: 'uninstall' },
  },
  {
    name: 'bucket number',
    weight: 0.2,
    audience: 'any',
    start: { event: 'users.RandomBucketNumberUpdate' },
  },
];

/** One to four profile fields, or custom attributes, or both. */
function profileValues({ draw, person }: Moment): FieldValues {
  const { place } = person;
  const values: Record<string, unknown> = {
    ...UNCHANGED,
    update_source: draw.pick(UPDATE_SOURCES),
  };
  if (draw.happens(0.2))
    Object.assign(values, { first_name: person.firstName, last_name: person.lastName });
  if (draw.happens(0.15)) values.email_address = person.email;
  if (draw.happens(0.1)) values.phone_number = person.phone;
  if (draw.happens(0.1)) values.dob = `${person.birthday}T00:00:00.000+00:00`;
  if (draw.happens(0.15)) Object.assign(values, { home_city: place.city, country: place.country });
  if (draw.happens(0.1))
    Object.assign(values, { timezone: place.timeZone, language: place.language });
  if (draw.happens(0.75)) values.custom_attributes = JSON.stringify(customAttributes(draw, person));
  return values;
}

function customAttributes(draw: Moment['draw'], person: Moment['person']): object {
  const attributes: Record<string, unknown> = {};
  if (draw.happens(0.5)) attributes.loyalty_tier = person.loyaltyTier;
  if (draw.happens(0.4)) attributes.loyalty_points = draw.whole(0, 5_000);
  if (draw.happens(0.3))
    attributes.favourite_categories = ['camp', draw.pick(['shoes', 'packs', 'gear'])];
  if (draw.happens(0.2)) attributes.lifetime_value = draw.whole(0, 200_000) / 100;
  if (draw.happens(0.2))
    attributes.newsletter_topics = { hiking: true, climbing: draw.happens(0.5) };
  if (draw.happens(0.1)) attributes.store = null;
  if (Object.keys(attributes).length === 0) attributes.visits = draw.whole(1, 40);
  return attributes;
}
