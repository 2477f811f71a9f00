/**
 * Events and purchases: counted by name on the profile, as `/users/export/ids` shows them. Unlike attributes, the same
 * one sent twice counts twice (facts 1.6).
 */

import {
  findOrCreateProfile,
  findProfile,
  isIdentity,
  mayCreate,
  readIdentity,
} from './identity.ts';
import type { Activity, Profile } from './profile-store.ts';
import { parseTime } from './time-text.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;

export type ActivityKind = 'events' | 'purchases';

/** Which field is missing or of a wrong type, in words of our own, or undefined. */
export function judgeActivity(object: SentObject, kind: ActivityKind): string | undefined {
  const identity = readIdentity(object);
  if (!isIdentity(identity)) return identity;
  if (typeof object.time !== 'string' || parseTime(object.time) === undefined)
    return "'time' must be a valid ISO 8601 time";
  const texts = kind === 'events' ? ['name'] : ['product_id', 'currency'];
  const missing = texts.find((name) => typeof object[name] !== 'string' || object[name] === '');
  if (missing !== undefined) return `'${missing}' is required`;
  return kind === 'purchases' && typeof object.price !== 'number'
    ? "'price' must be a number"
    : undefined;
}

export function applyActivity(workspace: Workspace, object: SentObject, kind: ActivityKind): void {
  const identity = readIdentity(object);
  if (!isIdentity(identity)) return;
  const { profiles, settings, tally } = workspace;
  const profile = mayCreate(object, identity)
    ? findOrCreateProfile(profiles, identity)
    : findProfile(profiles, identity);
  if (profile === undefined) {
    tally.silent(identity.kind === 'braze_id' ? 'BRAZE_ID_UNKNOWN' : 'UPDATE_EXISTING_ONLY');
    return;
  }
  note(profile, kind, String(kind === 'events' ? object.name : object.product_id), object);
  tally.dataPoints += 1;
  profiles.touch(profile, settings.clock());
}

function note(profile: Profile, kind: ActivityKind, name: string, { time }: SentObject): void {
  const at = parseTime(String(time)) ?? 0;
  profile.activity ??= { events: new Map(), purchases: new Map() };
  const old: Activity | undefined = profile.activity[kind].get(name);
  profile.activity[kind].set(name, {
    count: (old?.count ?? 0) + 1,
    firstAt: Math.min(old?.firstAt ?? at, at),
    lastAt: Math.max(old?.lastAt ?? at, at),
  });
}
