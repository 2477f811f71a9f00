/**
 * One object of `attributes`, in Braze's two steps: `judgeAttributes` says at once whether the object is refused,
 * `applyAttributes` changes the profile, later perhaps, and loses in silence what Braze loses in silence.
 *
 * The same for REST and for rows of staged files.
 */

import { countDataPoints, readCustomValue } from './custom-value.ts';
import type { Field } from './fields.ts';
import {
  findOrCreateProfile,
  findProfile,
  type Identity,
  isIdentity,
  mayCreate,
  readIdentity,
} from './identity.ts';
import { isObject, isSameValue } from './nested-value.ts';
import type { Attributes, AttributeValue, Profile } from './profile-store.ts';
import { importPushTokens, judgePushTokenImport } from './push-token-import.ts';
import { Rejection } from './rules.ts';
import { MAX_ARRAY_LENGTH } from './scalar-array.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;

/** Why the object is refused, as the `type` of its error; or undefined. Changes nothing. */
export function judgeAttributes(workspace: Workspace, object: SentObject): string | undefined {
  const refusal = judgeIdentity(workspace, object);
  if (refusal !== undefined) return refusal;
  // `for in` makes no array of the keys; what came out of JSON inherits nothing that it would find.
  for (const key in object) {
    const { standard } = workspace.fields.of(key);
    if (standard?.judge === undefined || object[key] === null) continue;
    const code = standard.judge(object[key]);
    if (code !== undefined) return code;
  }
  return undefined;
}

function judgeIdentity(workspace: Workspace, object: SentObject): string | undefined {
  if (object.push_token_import === true) return judgePushTokenImport(object);
  const identity = readIdentity(object);
  if (!isIdentity(identity)) return identity;
  const isBlocked =
    identity.kind === 'external_id' && workspace.settings.blockedExternalIds.has(identity.value);
  return isBlocked ? 'BLACKLISTED_EXTERNAL_USER_ID' : undefined;
}

/** Applies an object that was not refused. Whom it is for is decided now, not when it came. */
export function applyAttributes(workspace: Workspace, object: SentObject): void {
  if (object.push_token_import === true) {
    importPushTokens(workspace, object);
    return;
  }
  const identity = readIdentity(object);
  if (!isIdentity(identity)) return;
  const profile = chooseProfile(workspace, object, identity);
  if (profile === undefined) return;
  const isMerge = object._merge_objects === true || object._merge_objects === 'true';
  for (const key in object) {
    const field = workspace.fields.of(key);
    if (field.role === 'none' || key === identity.kind) continue;
    if (field.isTrimmed) workspace.tally.silent('NAME_TRIMMED');
    if (field.role === 'invalid') leaveOut(workspace, field, NAME_INVALID);
    else if (field.role === 'standard') writeStandard(workspace, profile, field, object[key]);
    else writeCustom(workspace, profile, field, object[key], isMerge);
  }
  workspace.profiles.touch(profile, workspace.settings.clock());
}

const NAME_INVALID = new Rejection('NAME_INVALID');
const BLOCKLISTED = new Rejection('NAME_BLOCKLISTED');

function chooseProfile(
  { profiles, tally }: Workspace,
  object: SentObject,
  identity: Identity,
): Profile | undefined {
  if (mayCreate(object, identity)) {
    const profile = findOrCreateProfile(profiles, identity);
    if (profile === undefined) tally.silent('BRAZE_ID_UNKNOWN');
    return profile;
  }
  const profile = findProfile(profiles, identity);
  if (profile === undefined) tally.silent('UPDATE_EXISTING_ONLY');
  return profile;
}

function writeCustom(
  workspace: Workspace,
  profile: Profile,
  field: Field,
  sent: unknown,
  isMerge: boolean,
): void {
  const settings = workspace.fields.settingsOf(field.name);
  if (settings?.isBlocklisted) {
    leaveOut(workspace, field, BLOCKLISTED);
    return;
  }
  const held = profile.custom[field.name];
  if (sent === null) {
    store(profile.custom, field, held, undefined);
    workspace.tally.dataPoints += 1;
    return;
  }
  const next = readCustomValue(sent, held, isMerge, settings?.type);
  if (next instanceof Rejection) {
    leaveOut(workspace, field, next);
    return;
  }
  noteConversion(workspace, sent, held, next);
  if (isObject(sent) && ('inc' in sent || '$add' in sent))
    workspace.tally.operator(profile.brazeId, field.name, sent);
  store(profile.custom, field, held, next);
  workspace.tally.dataPoints += countDataPoints(sent);
}

/** What is stored otherwise than it was sent, or pushes out what was held, is counted like what is lost. */
function noteConversion(
  { tally }: Workspace,
  sent: unknown,
  held: AttributeValue | undefined,
  next: AttributeValue,
): void {
  if (typeof sent === 'string' && typeof next === 'object') tally.silent('TEXT_TO_TIME');
  else if (typeof sent !== 'object' && typeof sent !== typeof next) tally.silent('TYPE_FORCED');
  else if (!Array.isArray(next)) return;
  else if (Array.isArray(sent) && sent.length !== next.length)
    tally.silent(sent.length > MAX_ARRAY_LENGTH ? 'ARRAY_OVER_LIMIT' : 'ARRAY_AS_SET');
  else if (isObject(sent) && next.length === MAX_ARRAY_LENGTH && isPushedOut(sent, held, next))
    tally.silent('ARRAY_OVER_LIMIT');
}

/** Whether `add` cost a value that was there and that nobody removed. */
function isPushedOut(
  { remove }: SentObject,
  held: AttributeValue | undefined,
  next: readonly AttributeValue[],
): boolean {
  const left = new Set<unknown>([...next, ...(Array.isArray(remove) ? remove : [])]);
  return Array.isArray(held) && held.some((item) => !left.has(item));
}

function writeStandard(workspace: Workspace, profile: Profile, field: Field, sent: unknown): void {
  const { standard, name } = field;
  if (standard === undefined) return;
  const next = sent === null ? undefined : standard.read(sent);
  if (next instanceof Rejection) {
    leaveOut(workspace, field, next);
    return;
  }
  if (sent !== null && next === undefined) workspace.tally.silent('COUNTRY_UNKNOWN');
  if (standard.isBillable) workspace.tally.dataPoints += 1;
  const held = profile.standard[name];
  if (name === 'email' || name === 'phone') {
    count(field, held, next);
    workspace.profiles.setContact(profile, name, next as string | undefined);
  } else if (name === 'subscription_groups') {
    setGroups(workspace, profile, field, (next ?? []) as readonly Attributes[]);
  } else {
    store(profile.standard, field, held, next);
  }
}

/** Groups are set one by one, and for every profile with the same address (facts 3.2). */
function setGroups(
  { profiles }: Workspace,
  profile: Profile,
  field: Field,
  groups: readonly Attributes[],
): void {
  const email = profile.standard.email as string | undefined;
  const sharing = email === undefined ? [] : profiles.findSharing('email', email);
  for (const one of new Set([profile, ...sharing])) {
    const held = (one.standard[field.name] ?? []) as readonly Attributes[];
    const byId = new Map(held.map((group) => [group.subscription_group_id, group]));
    for (const group of groups) byId.set(group.subscription_group_id, group);
    const next = [...byId.values()];
    if (one === profile) count(field, held, next);
    one.standard[field.name] = next;
  }
}

function leaveOut({ tally }: Workspace, field: Field, { rule }: Rejection): void {
  field.counts.ignored += 1;
  tally.silent(rule);
}

function store(
  attributes: Attributes,
  field: Field,
  held: AttributeValue | undefined,
  next: AttributeValue | undefined,
): void {
  count(field, held, next);
  if (next !== undefined || held !== undefined) attributes[field.name] = next;
}

function count(
  { counts }: Field,
  held: AttributeValue | undefined,
  next: AttributeValue | undefined,
): void {
  counts.written += 1;
  if (next === undefined) counts.unset += 1;
  if (held === next || (held !== undefined && isSameValue(held, next))) counts.unchanged += 1;
}
