/** One object of `attributes`, applied to the profile it is for. */

import { findOrCreateProfile, findProfile, mayCreate, readIdentity } from './identity.ts';
import type { AttributeValue } from './profile-store.ts';
import type { Workspace } from './workspace.ts';

const NOT_ATTRIBUTES = new Set([
  'external_id',
  'user_alias',
  'braze_id',
  '_update_existing_only',
  '_merge_objects',
]);

/** Returns why the object is refused, or undefined. */
export function applyAttributes(
  workspace: Workspace,
  object: Readonly<Record<string, unknown>>,
): string | undefined {
  const identity = readIdentity(object);
  if (typeof identity === 'string') return identity;
  const { profiles, settings } = workspace;
  const profile = mayCreate(object, identity)
    ? findOrCreateProfile(profiles, identity)
    : findProfile(profiles, identity);
  if (profile === undefined) return undefined;
  profiles.touch(profile, settings.clock());
  for (const name of Object.keys(object)) {
    if (NOT_ATTRIBUTES.has(name)) continue;
    const value = object[name] as AttributeValue | null;
    if (name === 'email' || name === 'phone')
      profiles.setContact(profile, name, (value as string | null) ?? undefined);
    else profile.custom[name] = value ?? undefined;
  }
  return undefined;
}
