/**
 * `POST /users/delete`: up to 50 people by one kind of identifier (facts 7). Irreversible; the answer counts those that
 * were found, and unknown ones are no error.
 */

import { type Answer, refuse } from './answer.ts';
import { findProfile } from './identity.ts';
import { isObject } from './nested-value.ts';
import type { Profile, ProfileStore } from './profile-store.ts';
import type { Workspace } from './workspace.ts';

/** facts 7, S0902: at most 50 items in a request. */
const MAX_ITEMS = 50;

const KINDS = [
  'external_ids',
  'user_aliases',
  'braze_ids',
  'email_addresses',
  'phone_numbers',
] as const;

type Kind = (typeof KINDS)[number];

export function deleteUsers(workspace: Workspace, body: Readonly<Record<string, unknown>>): Answer {
  const [kind, ...more] = KINDS.filter((name) => body[name] !== undefined);
  if (kind === undefined || more.length > 0)
    return refuse(400, `exactly one of ${KINDS.join(', ')} must be given`);
  const items = body[kind];
  if (!Array.isArray(items)) return refuse(400, `'${kind}' must be an array`);
  if (items.length > MAX_ITEMS) return refuse(400, `at most ${MAX_ITEMS} users may be deleted`);

  const found = new Set<Profile>();
  for (const item of items) {
    const profile = findItem(workspace.profiles, kind, item);
    if (typeof profile === 'string') return refuse(400, profile);
    if (profile !== undefined) found.add(profile);
  }
  deleteProfiles(workspace, [...found]);
  return { status: 201, body: { message: 'success', deleted: found.size } };
}

export function deleteProfiles(workspace: Workspace, profiles: readonly Profile[]): void {
  if (profiles.length === 0) return;
  workspace.journal?.({ deleted: profiles.map(({ brazeId }) => brazeId) });
  for (const profile of profiles) workspace.profiles.delete(profile);
}

/** The profile, undefined for nobody, or as text what is wrong with the item. */
function findItem(store: ProfileStore, kind: Kind, item: unknown): Profile | string | undefined {
  switch (kind) {
    case 'external_ids':
      return findProfile(store, { kind: 'external_id', value: String(item) });
    case 'braze_ids':
      return findProfile(store, { kind: 'braze_id', value: String(item) });
    case 'user_aliases': {
      if (!isObject(item)) return "'user_aliases' must have 'alias_name' and 'alias_label'";
      const alias = { name: String(item.alias_name), label: String(item.alias_label) };
      return findProfile(store, { kind: 'user_alias', alias });
    }
    case 'email_addresses':
      return findByContact(store, 'email', item);
    case 'phone_numbers':
      return findByContact(store, 'phone', item);
  }
}

/** facts 7: `prioritization` says which of several is meant; one that stays ambiguous is not deleted. */
function findByContact(
  store: ProfileStore,
  field: 'email' | 'phone',
  item: unknown,
): Profile | string | undefined {
  const { [field]: value, prioritization } = (isObject(item) ? item : {}) as Record<
    string,
    unknown
  >;
  if (typeof value !== 'string' || !Array.isArray(prioritization) || prioritization.length === 0)
    return `each needs '${field}' and 'prioritization'`;
  let candidates = [...store.findSharing(field, value)];
  for (const priority of prioritization) {
    if (priority === 'identified' || priority === 'unidentified')
      candidates = candidates.filter(
        ({ externalId }) => (externalId !== undefined) === (priority === 'identified'),
      );
    else if (priority === 'most_recently_updated')
      candidates = candidates.sort((a, b) => b.updateNumber - a.updateNumber).slice(0, 1);
    else return `'prioritization' must be identified, unidentified or most_recently_updated`;
  }
  return candidates.length === 1 ? candidates[0] : undefined;
}
