/**
 * Whose object is it? From the identifiers in one object of a request to a profile, by Braze's precedence: exactly
 * one of `external_id`, `user_alias` and `braze_id`; without any of them the profile is looked up by `email`, or else
 * by `phone`.
 *
 * Surprises that are Braze's own: an unknown external id makes a new profile even if the address belongs to
 * somebody already, and an alias makes none unless the object says `_update_existing_only: false`.
 */

import type { Alias, Profile, ProfileStore } from './profile-store.ts';

export type Identity =
  | { readonly kind: 'external_id' | 'braze_id' | 'email' | 'phone'; readonly value: string }
  | { readonly kind: 'user_alias'; readonly alias: Alias };

/** facts 1.2; track page, 2026-09. */
const MAX_EXTERNAL_ID_BYTES = 987;

/** facts 1.2; user_alias_object page, 2026-09-02: name and label each non-empty and no longer. */
const MAX_ALIAS_BYTES = 236;

const PRIMARY = ['external_id', 'user_alias', 'braze_id'] as const;

/**
 * The identifier that counts, or as text why Braze refuses the object. The sentences are those that clients
 * recorded (facts 1.4: `type` is free text).
 */
export function readIdentity(object: Readonly<Record<string, unknown>>): Identity | string {
  const given = PRIMARY.filter((name) => object[name] !== undefined);
  if (given.length > 1) return `only one of 'external_id', 'user_alias' or 'braze_id' may be given`;
  const [name] = given;
  if (name === undefined) return readContact(object);
  const value = object[name];
  if (name === 'user_alias') return readAlias(value);
  if (typeof value !== 'string' || value === '') return `'${name}' must be a non-empty string`;
  if (name === 'external_id' && isLongerThan(value, MAX_EXTERNAL_ID_BYTES))
    return 'EXTERNAL_USER_ID_TOO_LARGE';
  return { kind: name, value };
}

export function isIdentity(read: Identity | string): read is Identity {
  return typeof read === 'object';
}

/** The pair, or as text what is wrong with it. */
function readAlias(value: unknown): Identity | string {
  const { alias_name: name, alias_label: label } = (value ?? {}) as Record<string, unknown>;
  for (const part of [name, label]) {
    if (typeof part !== 'string' || part === '' || isLongerThan(part, MAX_ALIAS_BYTES))
      return `'user_alias' must have 'alias_name' and 'alias_label' of 1 to ${MAX_ALIAS_BYTES} bytes`;
  }
  return { kind: 'user_alias', alias: { name: name as string, label: label as string } };
}

function readContact(object: Readonly<Record<string, unknown>>): Identity | string {
  for (const kind of ['email', 'phone'] as const) {
    const value = object[kind];
    if (typeof value === 'string' && value !== '') return { kind, value };
  }
  return `'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required`;
}

/** The profile that the identifier leads to, if there is one. Changes nothing. */
export function findProfile(store: ProfileStore, identity: Identity): Profile | undefined {
  switch (identity.kind) {
    case 'external_id':
      return store.findByExternalId(identity.value);
    case 'braze_id':
      return store.findByBrazeId(identity.value);
    case 'user_alias':
      return store.findByAlias(identity.alias);
    case 'email':
    case 'phone':
      return choose(store.findSharing(identity.kind, identity.value));
  }
}

/**
 * facts 3.1: of several profiles with one address the most recently updated that has an external id wins, and
 * without such the most recently updated. (Documented for email; taken for phone as well.)
 */
function choose(profiles: ReadonlySet<Profile>): Profile | undefined {
  let best: Profile | undefined;
  for (const profile of profiles) {
    if (best === undefined || isPreferred(profile, best)) best = profile;
  }
  return best;
}

function isPreferred(profile: Profile, other: Profile): boolean {
  const isIdentified = profile.externalId !== undefined;
  if (isIdentified !== (other.externalId !== undefined)) return isIdentified;
  return profile.updateNumber > other.updateNumber;
}

/** The profile that the identifier leads to, made if it is missing. A Braze id makes none (facts 3.1): undefined. */
export function findOrCreateProfile(store: ProfileStore, identity: Identity): Profile | undefined {
  const found = findProfile(store, identity);
  if (found !== undefined || identity.kind === 'braze_id') return found;
  if (identity.kind === 'external_id') return store.create({ externalId: identity.value });
  if (identity.kind === 'user_alias') return store.create({ alias: identity.alias });
  const profile = store.create();
  store.setContact(profile, identity.kind, identity.value);
  return profile;
}

/**
 * facts 3.1, attributes page: `_update_existing_only` is false by default, and true with an alias.
 */
export function mayCreate(object: Readonly<Record<string, unknown>>, identity: Identity): boolean {
  const only = object._update_existing_only;
  return only === undefined ? identity.kind !== 'user_alias' : only !== true && only !== 'true';
}

/** In UTF-8; most texts are short enough not to be measured. */
function isLongerThan(text: string, byteCount: number): boolean {
  return text.length * 3 > byteCount && Buffer.byteLength(text) > byteCount;
}
