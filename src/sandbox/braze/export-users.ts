/**
 * `POST /users/export/ids`: up to 50 external ids or aliases, or one address, number or Braze id.
 *
 * facts 1.4 and the page post_users_identifier (read 2026-11-23): 250 requests a minute, `fields_to_export` required for
 * customers since 2024-08-22. It shows what was applied, which may lag behind what was accepted.
 */

import { type Answer, refuse } from './answer.ts';
import { formatProfile } from './format-profile.ts';
import { findProfile } from './identity.ts';
import type { Alias, Profile } from './profile-store.ts';
import type { Workspace } from './workspace.ts';

/** post_users_identifier page, read 2026-11-23. */
const MAX_IDENTIFIERS = 50;

const SINGLE = ['device_id', 'email_address', 'phone'] as const;

export function exportUsers(
  { profiles }: Workspace,
  body: Readonly<Record<string, unknown>>,
): Answer {
  const { external_ids: ids = [], user_aliases: aliases = [], fields_to_export: fields } = body;
  if (!isTexts(fields)) return refuse(400, "'fields_to_export' must be an array of strings");
  if (!isTexts(ids) || !Array.isArray(aliases))
    return refuse(400, "'external_ids' and 'user_aliases' must be arrays");
  if (ids.length + aliases.length > MAX_IDENTIFIERS)
    return refuse(400, `at most ${MAX_IDENTIFIERS} external_ids or user_aliases may be given`);
  if (SINGLE.filter((name) => body[name] !== undefined).length > 1)
    return refuse(400, `only one of ${SINGLE.join(', ')} may be given`);

  const found = new Set<Profile>();
  const unknown: string[] = [];
  for (const value of ids) {
    const profile = findProfile(profiles, { kind: 'external_id', value });
    if (profile === undefined) unknown.push(value);
    else found.add(profile);
  }
  for (const pair of aliases as readonly Record<string, string>[]) {
    const alias: Alias = { name: String(pair.alias_name), label: String(pair.alias_label) };
    const profile = profiles.findByAlias(alias);
    if (profile !== undefined) found.add(profile);
  }
  for (const profile of findByContact(profiles, body)) found.add(profile);
  const users = [...found].map((profile) => {
    const shown = Object.entries(formatProfile(profile));
    return Object.fromEntries(shown.filter(([name]) => fields.includes(name)));
  });
  const invalid = unknown.length === 0 ? {} : { invalid_user_ids: unknown };
  return { status: 201, body: { message: 'success', users, ...invalid } };
}

function findByContact(
  profiles: Workspace['profiles'],
  { braze_id: brazeId, email_address: email, phone }: Readonly<Record<string, unknown>>,
): readonly Profile[] {
  const one = typeof brazeId === 'string' ? profiles.findByBrazeId(brazeId) : undefined;
  return [
    ...(one === undefined ? [] : [one]),
    ...(typeof email === 'string' ? profiles.findSharing('email', email) : []),
    ...(typeof phone === 'string' ? profiles.findSharing('phone', phone) : []),
  ];
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
