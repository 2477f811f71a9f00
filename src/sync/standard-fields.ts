/**
 * The fields that Braze itself gives a meaning: their types and formats, and the other names under which
 * people send them by mistake. A custom attribute `Birthday` fills no `dob`, and nobody notices.
 *
 * Source: Braze, "User attributes object" and "Standard attributes", 2026-09. What is checked is what Braze
 * would drop or store as nothing without an error.
 */
import type { ColumnShape } from '../warehouse/column-shape.ts';
import { quoteLiteral } from '../warehouse/database.ts';
import { type BrazeType, brazeTypeOf } from './braze-value.ts';

export interface StandardField {
  readonly types: readonly BrazeType[];
  /** Completes "expected …". */
  readonly expected: string;
  /** SQL that is true when a value, of one of these types, has a wrong format. */
  readonly isWrong?: (value: string) => string;
  /** Names of numbers that an object must have, and no others. */
  readonly keys?: readonly string[];
  /** Not a mere attribute: a state of consent, or something that Braze itself keeps. Sent only when allowed. */
  readonly isHeldBack?: boolean;
}

const EMAIL = String.raw`[^@\s]+@[^@\s.]+(\.[^@\s.]+)+`;
/** E.164: a plus and at most 15 digits. */
const PHONE = String.raw`\+[1-9]\d{4,14}`;

const text = { types: ['string'], expected: 'a text' } as const;
const time = { types: ['time', 'string'], expected: 'a date', isHeldBack: true } as const;

export const STANDARD_FIELDS: Readonly<Record<string, StandardField>> = {
  first_name: text,
  last_name: text,
  home_city: text,
  email: matching(EMAIL, 'an email address'),
  phone: matching(PHONE, 'a number as E.164 has it: + and digits'),
  country: oneOf(
    listCodes('region', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    'an ISO 3166-1 code such as DE',
  ),
  language: oneOf(
    listCodes('language', 'abcdefghijklmnopqrstuvwxyz'),
    'an ISO 639-1 code such as de',
  ),
  dob: {
    types: ['string', 'time'],
    expected: 'a date, YYYY-MM-DD',
    isWrong: (value) =>
      `(not regexp_full_match(${value}::varchar, '\\d{4}-\\d\\d-\\d\\d') or try_cast(${value}::varchar as date) is null)`,
  },
  gender: oneOf(['M', 'F', 'O', 'N', 'P'], 'M, F, O, N or P'),
  time_zone: {
    types: ['string'],
    expected: 'a name of the IANA database such as Europe/Berlin',
    isWrong: (value) => `${value}::varchar not in (select name from pg_timezone_names())`,
  },
  current_location: {
    types: ['object'],
    expected: 'an object with longitude and latitude as numbers',
    keys: ['longitude', 'latitude'],
    isWrong: (value) =>
      `not coalesce(abs(${value}.longitude) <= 180 and abs(${value}.latitude) <= 90, false)`,
  },
  email_subscribe: {
    ...oneOf(['opted_in', 'subscribed', 'unsubscribed'], 'opted_in, subscribed or unsubscribed'),
    isHeldBack: true,
  },
  push_subscribe: {
    ...oneOf(['opted_in', 'subscribed', 'unsubscribed'], 'opted_in, subscribed or unsubscribed'),
    isHeldBack: true,
  },
  email_open_tracking_disabled: { types: ['boolean'], expected: 'true or false' },
  email_click_tracking_disabled: { types: ['boolean'], expected: 'true or false' },
  subscription_groups: {
    types: ['objects'],
    expected: 'an array of objects with subscription_group_id and subscription_state',
    isHeldBack: true,
  },
  date_of_first_session: time,
  date_of_last_session: time,
  marked_email_as_spam_at: time,
  push_tokens: { types: ['objects'], expected: 'an array of objects', isHeldBack: true },
  facebook: { types: ['object'], expected: 'an object' },
  twitter: { types: ['object'], expected: 'an object' },
};

/** Never attributes: identifiers, flags of the request, and what Braze drops or refuses. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'external_id',
  'braze_id',
  'user_alias',
  'alias_name',
  'alias_label',
  '_update_existing_only',
  '_merge_objects',
  'push_token_import',
  'bio',
  'email_subscription_info',
]);

/** As normalizeName makes them. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    birthday: 'dob',
    birthdate: 'dob',
    dateofbirth: 'dob',
    birth: 'dob',
    bday: 'dob',
    givenname: 'first_name',
    forename: 'first_name',
    fname: 'first_name',
    surname: 'last_name',
    familyname: 'last_name',
    lname: 'last_name',
    emailaddress: 'email',
    mail: 'email',
    phonenumber: 'phone',
    mobile: 'phone',
    mobilenumber: 'phone',
    mobilephone: 'phone',
    telephone: 'phone',
    cellphone: 'phone',
    msisdn: 'phone',
    hometown: 'home_city',
    countrycode: 'country',
    languagecode: 'language',
    lang: 'language',
    sex: 'gender',
    tz: 'time_zone',
    ...Object.fromEntries(Object.keys(STANDARD_FIELDS).map((name) => [normalizeName(name), name])),
  }),
);

/** The name without case, spaces and punctuation: two names that agree in it are easily confused. */
export function normalizeName(name: string): string {
  const letters = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
  return letters === '' ? name : letters;
}

/** `Birthday` → `dob`; undefined for a standard field's own name and for any other. */
export function findStandardFieldMeant(name: string): string | undefined {
  const meant = OTHER_NAMES.get(normalizeName(name));
  return meant === name ? undefined : meant;
}

/** Whether a column of this type can fill the field at all. */
export function fitsStandardField(
  field: StandardField,
  type: BrazeType,
  shape: ColumnShape,
): boolean {
  if (!field.types.includes(type)) return false;
  if (field.keys === undefined || shape.kind !== 'struct') return true;
  const numbers = shape.fields.filter((inner) => brazeTypeOf(inner.shape) === 'number');
  const names = numbers.map(({ name }) => name);
  return (
    shape.fields.length === field.keys.length && field.keys.every((key) => names.includes(key))
  );
}

function matching(pattern: string, expected: string): StandardField {
  return {
    types: ['string'],
    expected,
    isWrong: (value) => `not regexp_full_match(${value}::varchar, ${quoteLiteral(pattern)})`,
  };
}

function oneOf(values: readonly string[], expected: string): StandardField {
  const list = values.map(quoteLiteral).join(', ');
  return { types: ['string'], expected, isWrong: (value) => `${value}::varchar not in (${list})` };
}

/** Codes of two letters that ICU has a name for. */
function listCodes(type: 'region' | 'language', alphabet: string): string[] {
  const names = new Intl.DisplayNames('en', { type, fallback: 'none' });
  const letters = alphabet.split('');
  return letters
    .flatMap((first) => letters.map((second) => first + second))
    .filter((code) => names.of(code) !== undefined);
}
