/**
 * A profile as `/users/export/ids` shows it: only what is set, times as ISO 8601 in UTC, custom attributes under
 * `custom_attributes`.
 */

import { type ForcedType, typeOf } from './custom-value.ts';
import {
  type Activity,
  type Attributes,
  type AttributeValue,
  Instant,
  type Profile,
} from './profile-store.ts';

/** What JSON can hold of a value. */
type JsonValue =
  | string
  | number
  | boolean
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export interface SandboxProfile {
  readonly braze_id: string;
  readonly external_id?: string;
  readonly user_aliases?: readonly { readonly alias_name: string; readonly alias_label: string }[];
  readonly custom_attributes?: Readonly<Record<string, JsonValue>>;
  readonly custom_events?: readonly FormattedActivity[];
  readonly purchases?: readonly FormattedActivity[];
  /** Standard fields: email, first_name and so on. */
  readonly [field: string]: unknown;
}

interface FormattedActivity {
  readonly name: string;
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

export function formatProfile(profile: Profile): SandboxProfile {
  const { externalId, aliases, brazeId, standard, custom, activity } = profile;
  const customAttributes = formatAttributes(custom);
  const events = formatActivities(activity?.events);
  const purchases = formatActivities(activity?.purchases);
  return {
    ...(externalId === undefined ? {} : { external_id: externalId }),
    ...(aliases.length === 0
      ? {}
      : {
          user_aliases: aliases.map(({ name, label }) => ({
            alias_name: name,
            alias_label: label,
          })),
        }),
    braze_id: brazeId,
    ...formatAttributes(standard),
    ...(Object.keys(customAttributes).length === 0 ? {} : { custom_attributes: customAttributes }),
    ...(events.length === 0 ? {} : { custom_events: events }),
    ...(purchases.length === 0 ? {} : { purchases }),
  };
}

/** The type that Braze took each custom attribute for: what tells a time from a text. */
export function listTypes({ custom }: Profile): Record<string, ForcedType> {
  const set = Object.entries(custom).filter(
    (entry): entry is [string, AttributeValue] => entry[1] !== undefined,
  );
  return Object.fromEntries(set.map(([name, value]) => [name, typeOf(value)]));
}

function formatAttributes(attributes: Attributes): Record<string, JsonValue> {
  const set = Object.entries(attributes).filter(
    (entry): entry is [string, AttributeValue] => entry[1] !== undefined,
  );
  return Object.fromEntries(set.map(([name, value]) => [name, formatValue(value)]));
}

function formatValue(value: AttributeValue): JsonValue {
  if (typeof value !== 'object') return value;
  if (value instanceof Instant) return value.toJSON();
  return Array.isArray(value) ? value.map(formatValue) : formatAttributes(value as Attributes);
}

function formatActivities(
  activities: ReadonlyMap<string, Activity> | undefined,
): FormattedActivity[] {
  return [...(activities ?? [])].map(([name, { count, firstAt, lastAt }]) => ({
    name,
    first: new Date(firstAt).toISOString(),
    last: new Date(lastAt).toISOString(),
    count,
  }));
}
