/**
 * `push_token_import` (facts 3.1): tokens without a person. Each token that nobody has yet becomes a temporary anonymous
 * profile; a token that is known is left alone.
 */

import type { Attributes } from './profile-store.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;

/** Why the object is refused, or undefined. The tokens themselves are judged like any `push_tokens`. */
export function judgePushTokenImport(object: SentObject): string | undefined {
  const hasPerson = object.external_id !== undefined || object.braze_id !== undefined;
  const tokens = object.push_tokens;
  const hasTokens = Array.isArray(tokens) && tokens.length > 0;
  return hasPerson || !hasTokens ? 'BAD_PUSH_TOKEN_IMPORT' : undefined;
}

export function importPushTokens({ profiles, settings }: Workspace, object: SentObject): void {
  const known = new Set<unknown>();
  for (const profile of profiles) {
    for (const { token } of (profile.standard.push_tokens ?? []) as readonly Attributes[])
      known.add(token);
  }
  for (const token of object.push_tokens as readonly Attributes[]) {
    if (known.has(token.token)) continue;
    known.add(token.token);
    const profile = profiles.create();
    profile.standard.push_tokens = [token];
    profiles.touch(profile, settings.clock());
  }
}
