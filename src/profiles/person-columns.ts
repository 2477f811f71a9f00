/**
 * Who somebody is: ids, attributes, consent, devices, and when they were seen.
 *
 * All of it comes from c360.facts by last write, whichever of a person's merged users it was written to; only
 * the external id prefers the surviving user. What is null in JSON was removed, and is not shown.
 */
import { listCodes, listEventTypes, withMetric } from './channels.ts';
import type { ProfileColumn, ProfilePart } from './profile-column.ts';

const EVERY_EVENT = ['*'];
const NOT_FROM_MAIL = [
  'every event except users.messages.email.Open and users.messages.email.Click',
];
const PROFILE_EVENT = 'users.profile.Update';
const GLOBAL_CONSENT = ['users.behaviors.subscription.GlobalStateChange'];
const GROUP_CONSENT = ['users.behaviors.subscriptiongroup.StateChange'];
const TOKEN_EVENTS = ['users.behaviors.pushnotification.TokenStateChange'];
const DEVICE_EVENTS = ['users.behaviors.*', 'users.messages.* with a device_id'];

const LAST_OWN_ID =
  "max({'ms': own_ms, 'id': key}) filter (name = 'external_id' and own_ms is not null)";
const LAST_ID = "max({'ms': time_ms, 'id': key}) filter (name = 'external_id')";
const EXTERNAL_ID = `coalesce(${LAST_OWN_ID}, ${LAST_ID}).id`;

/** An instant in milliseconds as a timestamp. */
function instant(ms: string): string {
  return `make_timestamp(${ms} * 1000)`;
}

/** Attributes that other events carry too, opens and clicks of email left out, and in which fields. */
const CARRIED: Readonly<Record<string, string>> = {
  email_address: 'email_address',
  phone_number: 'phone_number, to_phone_number or user_phone_number',
  timezone: 'timezone',
  gender: 'gender',
  country: 'country',
  language: 'language',
};

function attribute(
  name: string,
  meaning: string,
  type = 'varchar',
  convert = (text: string) => text,
): ProfileColumn {
  const fields = CARRIED[name];
  return {
    name,
    type,
    meaning,
    events: fields === undefined ? [PROFILE_EVENT] : [PROFILE_EVENT, `other events with ${fields}`],
    sql: convert(`any_value(text) filter (name = 'attribute' and key = '${name}')`),
  };
}

const ATTRIBUTES: readonly ProfileColumn[] = [
  attribute('first_name', 'First name.'),
  attribute('last_name', 'Last name.'),
  attribute('email_address', 'Email address.'),
  attribute('phone_number', 'Phone number.'),
  attribute('gender', 'Gender as Braze writes it (M, F, O, N, P).'),
  attribute('dob', 'Date of birth.', 'date', (text) => `try_cast(left(${text}, 10) as date)`),
  attribute('country', 'Country, as a code of two letters.'),
  attribute('home_city', 'Home city.'),
  attribute('language', 'Language, as a code of two letters.'),
  attribute('timezone', 'Time zone as it was written; best_hour_timezone has it checked.'),
  attribute(
    'archived',
    'Whether Braze archived the user.',
    'boolean',
    (text) => `try_cast(${text} as boolean)`,
  ),
];

export const ID_PART: ProfilePart = {
  name: 'ids',
  from: "(from portion_facts where name = 'external_id')",
  sections: [
    {
      title: 'Ids',
      columns: [
        {
          name: 'external_id',
          type: 'varchar',
          meaning:
            'Your own id for them, the last one seen; that of a user merged into them if they have none. Null for anonymous people.',
          events: NOT_FROM_MAIL,
          sql: EXTERNAL_ID,
        },
        {
          name: 'former_external_ids',
          type: 'varchar[]',
          meaning: 'Other external ids that were theirs, in the order first seen.',
          events: NOT_FROM_MAIL,
          sql: `list_filter(list_transform(list_sort(list({'ms': first_ms, 'id': key})), lambda seen: seen.id),
            lambda id: id <> ${EXTERNAL_ID})`,
          whenAbsent: '[]',
        },
        {
          name: 'identified_at',
          type: 'timestamp',
          meaning: 'When an external id was first seen: they are no longer anonymous.',
          unit: 'UTC',
          events: NOT_FROM_MAIL,
          sql: instant('min(first_ms)'),
        },
      ],
    },
  ],
};

export const FORMER_USER_PART: ProfilePart = {
  name: 'former_users',
  from: '(from portion_users join {state}.users using (user_no) where user_no <> person_no)',
  sections: [
    {
      title: 'Ids of merged users',
      columns: [
        {
          name: 'former_user_ids',
          type: 'varchar[]',
          meaning: 'Braze user ids that were merged into them, in the order of the alphabet.',
          events: ['users.UserOrphan'],
          sql: 'list_sort(list(user_id))',
          whenAbsent: '[]',
        },
      ],
    },
  ],
};

export const ATTRIBUTE_PART: ProfilePart = {
  name: 'attributes',
  from: "(from portion_facts where name in ('attribute', 'random_bucket', 'install_source'))",
  sections: [
    {
      title: 'Attributes',
      columns: [
        ...ATTRIBUTES,
        {
          name: 'random_bucket_number',
          type: 'integer',
          meaning: "Braze's random bucket number, for splitting people into groups.",
          unit: 'number from 0 to 9999',
          events: ['users.RandomBucketNumberUpdate'],
          sql: "try_cast(any_value(text) filter (name = 'random_bucket') as integer)",
        },
        {
          name: 'install_source',
          type: 'varchar',
          meaning: 'What the last install is attributed to.',
          events: ['users.behaviors.InstallAttribution'],
          sql: "any_value(text) filter (name = 'install_source')",
        },
      ],
    },
  ],
};

export const CUSTOM_ATTRIBUTE_PART: ProfilePart = {
  name: 'custom_attributes',
  from: "(from portion_facts where name = 'custom_attribute')",
  sections: [
    {
      title: 'Custom attributes',
      columns: [
        {
          name: 'custom_attributes',
          type: 'json',
          meaning:
            "Custom attributes, the last value of each, in the order of the alphabet; removed ones are left out: custom_attributes->>'$.loyalty_tier'.",
          events: [PROFILE_EVENT],
          sql: "'{' || coalesce(array_to_string(list_sort(list(to_json(key)::varchar || ':' || value) filter (value <> 'null')), ','), '') || '}'",
          whenAbsent: "'{}'",
        },
      ],
    },
  ],
};

function consent(channel: string): ProfileColumn[] {
  const filter = `filter (key = '${channel}')`;
  return [
    {
      name: `${channel}_consent`,
      type: 'varchar',
      meaning: `Consent to ${channel}: opted_in, subscribed or unsubscribed; null if it never changed.`,
      events: GLOBAL_CONSENT,
      sql: `any_value(lower(replace(text, '-', '_'))) ${filter}`,
    },
    {
      name: `${channel}_consent_at`,
      type: 'timestamp',
      meaning: `When consent to ${channel} last changed.`,
      unit: 'UTC',
      events: GLOBAL_CONSENT,
      sql: `${instant(`max(time_ms) ${filter}`)}`,
    },
  ];
}

export const CONSENT_PART: ProfilePart = {
  name: 'consent',
  from: "(from portion_facts where name = 'consent')",
  sections: [{ title: 'Consent by channel', columns: [...consent('email'), ...consent('push')] }],
};

function groupConsent(channel: string): ProfileColumn {
  const status = "lower(value->>'status')";
  const filter = `filter ((value->>'channel') = '${channel}')`;
  return {
    name: `${channel}_consent`,
    type: 'varchar',
    meaning: `subscribed if they are in any subscription group of ${channel}, unsubscribed if they left all of them; null if none is known.`,
    events: GROUP_CONSENT,
    sql: `case when bool_or(${status} = 'subscribed') ${filter} then 'subscribed' else any_value(${status}) ${filter} end`,
  };
}

export const GROUP_PART: ProfilePart = {
  name: 'groups',
  from: "(from portion_facts where name = 'subscription_group')",
  sections: [
    {
      title: 'Consent by subscription group',
      columns: [
        groupConsent('sms'),
        groupConsent('whatsapp'),
        groupConsent('rcs'),
        groupConsent('line'),
        {
          name: 'subscription_groups',
          type: 'json',
          meaning:
            'Every subscription group that they joined or left: a list of {group_id, channel, status, changed_at}.',
          events: GROUP_CONSENT,
          sql: `to_json(list_sort(list({'group_id': key, 'channel': value->>'channel',
            'status': lower(value->>'status'), 'changed_at': ${instant('time_ms')}})))`,
          whenAbsent: "'[]'",
        },
      ],
    },
  ],
};

function distinctTexts(value: string): string {
  return `coalesce(list_sort(list(distinct ${value}) filter (${value} is not null)), [])`;
}

function lastText(field: string): string {
  return `max({'ms': time_ms, 'key': key, 'value': value->>'${field}'}) filter ((value->>'${field}') is not null)`;
}

export const DEVICE_PART: ProfilePart = {
  name: 'devices',
  from: "(from portion_facts where name = 'device')",
  sections: [
    {
      title: 'Devices',
      columns: [
        {
          name: 'devices',
          type: 'json',
          meaning:
            'Devices they used, in the order first seen: a list of {first_seen_at, last_seen_at, device_id, platform, model, os_version, app_version}.',
          events: DEVICE_EVENTS,
          sql: `to_json(list_sort(list({'first_seen_at': ${instant('first_ms')},
            'last_seen_at': ${instant('time_ms')}, 'device_id': key, 'platform': value->>'platform',
            'model': value->>'model', 'os_version': value->>'os_version',
            'app_version': value->>'app_version'})))`,
          whenAbsent: "'[]'",
        },
        {
          name: 'platforms',
          type: 'varchar[]',
          meaning:
            'Platforms of their devices (ios, android, web …), in the order of the alphabet.',
          events: DEVICE_EVENTS,
          sql: distinctTexts("(value->>'platform')"),
          whenAbsent: '[]',
        },
        {
          name: 'last_platform',
          type: 'varchar',
          meaning: 'Platform of the device used last.',
          events: DEVICE_EVENTS,
          sql: `${lastText('platform')}.value`,
        },
        {
          name: 'app_versions',
          type: 'varchar[]',
          meaning: 'App versions on their devices, in the order of the alphabet.',
          events: DEVICE_EVENTS,
          sql: distinctTexts("(value->>'app_version')"),
          whenAbsent: '[]',
        },
      ],
    },
  ],
};

export const TOKEN_PART: ProfilePart = {
  name: 'tokens',
  from: "(from portion_facts where name = 'push_token' and (value->>'state') is distinct from 'remove')",
  sections: [
    {
      title: 'Push tokens',
      columns: [
        {
          name: 'push_tokens',
          type: 'json',
          meaning:
            'Push tokens that were not removed, the last changed at the end: a list of {changed_at, token, platform, device_id}.',
          events: TOKEN_EVENTS,
          sql: `to_json(list_sort(list({'changed_at': ${instant('time_ms')}, 'token': key,
            'platform': value->>'platform', 'device_id': value->>'device_id'})))`,
          whenAbsent: "'[]'",
        },
      ],
    },
  ],
};

const UNINSTALLED = listCodes(withMetric('uninstalled'));
const SESSION = listCodes(withMetric('session_started', 'first_session'));
const LAST_UNINSTALL = `max(last_at) filter (kind in (${UNINSTALLED}))`;
const LAST_SESSION = `max(last_at) filter (kind in (${SESSION}))`;
const SESSION_EVENTS = listEventTypes(withMetric('session_started', 'first_session'));
const UNINSTALL_EVENTS = [...listEventTypes(withMetric('uninstalled')), ...SESSION_EVENTS];

export const SEEN_PART: ProfilePart = {
  name: 'seen',
  from: 'portion_counts',
  sections: [
    {
      title: 'Seen',
      columns: [
        seenColumn('first_seen_at', 'Their first event of any type.', EVERY_EVENT, 'min(first_at)'),
        seenColumn('last_seen_at', 'Their last event of any type.', EVERY_EVENT, 'max(last_at)'),
        seenColumn(
          'last_active_at',
          'The last time they did something themselves; what was sent to them does not count.',
          ['every event type that tells what a person did'],
          `max(last_at) filter (kind in (${listCodes(({ byPerson }) => byPerson)}))`,
        ),
        seenColumn(
          'first_session_at',
          'Their first session.',
          SESSION_EVENTS,
          `min(first_at) filter (kind in (${SESSION}))`,
        ),
        seenColumn('last_session_at', 'Their last session.', SESSION_EVENTS, LAST_SESSION),
        seenColumn(
          'uninstalled_at',
          'When they removed the app, if no session came after that.',
          UNINSTALL_EVENTS,
          `case when ${LAST_SESSION} > ${LAST_UNINSTALL} then null else ${LAST_UNINSTALL} end`,
        ),
        {
          name: 'is_uninstalled',
          type: 'boolean',
          meaning: 'Whether they removed the app and no session came after that.',
          events: UNINSTALL_EVENTS,
          sql: `coalesce(${LAST_UNINSTALL} >= coalesce(${LAST_SESSION}, ${LAST_UNINSTALL}), false)`,
          whenAbsent: 'false',
        },
      ],
    },
  ],
};

function seenColumn(
  name: string,
  meaning: string,
  events: readonly string[],
  sql: string,
): ProfileColumn {
  return { name, type: 'timestamp', meaning, unit: 'UTC', events, sql };
}
