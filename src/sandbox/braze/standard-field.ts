/**
 * The fields that Braze knows by name (facts 3.2): what each accepts, and what happens to the rest. Most bad values are
 * left out in silence; a few refuse the whole object under a code of their own.
 *
 * Names are lower-case and case-sensitive: `Email` is a custom attribute.
 */

import { isObject, isTooLong } from './nested-value.ts';
import { type AttributeValue, Instant } from './profile-store.ts';
import { Rejection, type RuleId } from './rules.ts';
import { parseTime } from './time-text.ts';

export interface StandardField {
  /** The value to hold, undefined to unset, or why it is left out. Null never gets here: it unsets. */
  read(value: unknown): AttributeValue | Rejection | undefined;
  /** The code that refuses the whole object, or undefined. Null passes. */
  judge?(value: unknown): RuleId | undefined;
  /** Whether setting it costs a data point (facts 1.6). */
  readonly isBillable: boolean;
}

const INVALID = new Rejection('STANDARD_INVALID');
const BIO = new Rejection('BIO_GONE');

const SUBSCRIPTION_STATES = new Set<unknown>(['opted_in', 'subscribed', 'unsubscribed']);
const GENDERS = new Set<unknown>(['M', 'F', 'O', 'N', 'P']);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/;

export const STANDARD_FIELDS: ReadonlyMap<string, StandardField> = new Map<string, StandardField>([
  ['first_name', billable(readText)],
  ['last_name', billable(readText)],
  ['home_city', billable(readText)],
  ['email', { ...billable(readText), judge: judgeEmail }],
  ['phone', billable(readText)],
  ['country', billable(readCountry)],
  ['language', billable((value) => (isLanguage(value) ? value : INVALID))],
  ['dob', billable(readDate)],
  ['gender', billable((value) => (GENDERS.has(value) ? (value as string) : INVALID))],
  ['time_zone', billable((value) => (isTimeZone(value) ? value : INVALID))],
  ['current_location', { ...billable(keep), judge: judgeLocation }],
  ['email_subscribe', { ...free(keep), judge: stateJudge('BAD_EMAIL_SUBSCRIPTION_STATE') }],
  ['push_subscribe', { ...free(keep), judge: stateJudge('BAD_PUSH_SUBSCRIPTION_STATE') }],
  ['email_open_tracking_disabled', free(readBoolean)],
  ['email_click_tracking_disabled', free(readBoolean)],
  ['subscription_groups', { ...free(keep), judge: judgeGroups }],
  ['date_of_first_session', free(readInstant)],
  ['date_of_last_session', free(readInstant)],
  ['marked_email_as_spam_at', free(readInstant)],
  ['push_tokens', { ...free(keep), judge: judgePushTokens }],
  ['facebook', free(readFacebook)],
  ['twitter', free(readTwitter)],
  ['bio', free(() => BIO)],
  [
    'email_subscription_info',
    { ...free(() => INVALID), judge: () => 'INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO' },
  ],
]);

function billable(read: StandardField['read']): StandardField {
  return { read, isBillable: true };
}

function free(read: StandardField['read']): StandardField {
  return { read, isBillable: false };
}

/** For what `judge` has looked at already. */
function keep(value: unknown): AttributeValue {
  return value as AttributeValue;
}

function readText(value: unknown): AttributeValue | Rejection {
  if (typeof value !== 'string') return INVALID;
  return isTooLong(value) ? new Rejection('STRING_TOO_LONG') : value;
}

function readBoolean(value: unknown): AttributeValue | Rejection {
  return typeof value === 'boolean' ? value : INVALID;
}

function readInstant(value: unknown): AttributeValue | Rejection {
  const ms = typeof value === 'string' ? parseTime(value) : undefined;
  return ms === undefined ? INVALID : new Instant(ms);
}

/** `YYYY-MM-DD` and nothing else. */
function readDate(value: unknown): AttributeValue | Rejection {
  const isDate = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);
  return isDate && parseTime(value) !== undefined ? value : INVALID;
}

const REGIONS = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
const LANGUAGES = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' });

/** Codes that ICU names without their being of ISO 3166-1. */
const NO_COUNTRIES = new Set([
  'EU',
  'EZ',
  'UN',
  'XA',
  'XB',
  'ZZ',
  'QO',
  'AC',
  'CP',
  'DG',
  'TA',
  'IC',
  'EA',
  'CQ',
  'XK',
]);

/** "Best-effort mapping": codes in either case and English names; the rest becomes null (facts 3.2). */
function readCountry(value: unknown): AttributeValue | Rejection | undefined {
  if (typeof value !== 'string') return INVALID;
  const text = value.trim();
  return findCountries().get(text.toUpperCase());
}

let countries: Map<string, string> | undefined;

/** Made at the first country: asking ICU for all pairs of letters takes a few milliseconds. */
function findCountries(): Map<string, string> {
  if (countries !== undefined) return countries;
  countries = new Map();
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('');
  for (const code of letters.flatMap((first) => letters.map((second) => first + second))) {
    const name = NO_COUNTRIES.has(code) ? undefined : REGIONS.of(code);
    // ICU still names codes that were withdrawn; they resolve to another code.
    if (name === undefined || new Intl.Locale(`und-${code}`).region !== code) continue;
    countries.set(code, code);
    countries.set(name.toUpperCase(), code);
  }
  return countries;
}

const knownLanguages = new Map<string, boolean>();

/** ISO 639-1; Braze's own list is not in our facts, so every two-letter language that ICU knows will do. */
function isLanguage(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[a-z]{2}$/.test(value)) return false;
  return remember(knownLanguages, value, () => LANGUAGES.of(value) !== undefined);
}

const knownTimeZones = new Map<string, boolean>();

function isTimeZone(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[A-Za-z]/.test(value)) return false;
  return remember(knownTimeZones, value, () => {
    try {
      return Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '';
    } catch {
      return false; // how Intl says that it knows no such zone
    }
  });
}

/** Asking Intl is slow; texts from outside are remembered up to a number. */
function remember(known: Map<string, boolean>, text: string, ask: () => boolean): boolean {
  const answer = known.get(text) ?? ask();
  if (known.size < 1000) known.set(text, answer);
  return answer;
}

function judgeEmail(value: unknown): RuleId | undefined {
  return typeof value === 'string' && EMAIL.test(value) ? undefined : 'EMAIL_BAD_FORMAT';
}

function judgeLocation(value: unknown): RuleId | undefined {
  const { longitude, latitude } = (value ?? {}) as Record<string, unknown>;
  const isOnEarth = isWithin(longitude, 180) && isWithin(latitude, 90);
  return isOnEarth ? undefined : 'BAD_LOCATION_UPDATE';
}

function isWithin(value: unknown, most: number): boolean {
  return typeof value === 'number' && Math.abs(value) <= most;
}

function stateJudge(code: RuleId): (value: unknown) => RuleId | undefined {
  return (value) => (SUBSCRIPTION_STATES.has(value) ? undefined : code);
}

function judgeGroups(value: unknown): RuleId | undefined {
  if (!Array.isArray(value)) return 'BAD_SUBSCRIPTION_GROUP_ARRAY';
  for (const group of value) {
    if (!isObject(group)) return 'BAD_SUBSCRIPTION_GROUP_HASH';
    if (!UUID.test(String(group.subscription_group_id))) return 'BAD_SUBSCRIPTION_GROUP_ID';
    const state = group.subscription_state;
    if (state !== 'subscribed' && state !== 'unsubscribed') return 'BAD_SUBSCRIPTION_GROUP_STATE';
  }
  return undefined;
}

function judgePushTokens(value: unknown): RuleId | undefined {
  if (!Array.isArray(value)) return 'BAD_PUSH_TOKEN_VALUE';
  for (const token of value) {
    if (!isObject(token)) return 'BAD_PUSH_TOKEN_VALUE';
    if (!isText(token.app_id)) return 'BAD_PUSH_TOKEN_APP_ID';
    if (!isText(token.token)) return 'BAD_PUSH_TOKEN_STRING';
    const device = token.device_id;
    if (device !== undefined && !isDeviceId(device)) return 'BAD_DEVICE_ID';
  }
  return undefined;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/** facts 1.4: 8 to 255 bytes. */
function isDeviceId(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const byteCount = Buffer.byteLength(value);
  return byteCount >= 8 && byteCount <= 255;
}

function readFacebook(value: unknown): AttributeValue | Rejection {
  if (!isObject(value)) return INVALID;
  const { id, likes, num_friends: friends } = value;
  const isValid =
    isOptional(id, 'string') &&
    isOptional(friends, 'number') &&
    (likes === undefined || isTexts(likes));
  return isValid ? keep(value) : INVALID;
}

function readTwitter(value: unknown): AttributeValue | Rejection {
  if (!isObject(value)) return INVALID;
  const numbers = [value.id, value.followers_count, value.friends_count, value.statuses_count];
  const isValid =
    isOptional(value.screen_name, 'string') &&
    numbers.every((count) => isOptional(count, 'number'));
  return isValid ? keep(value) : INVALID;
}

function isOptional(value: unknown, type: 'string' | 'number'): boolean {
  return value === undefined || typeof value === type;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
