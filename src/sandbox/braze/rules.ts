/**
 * Every rule of Braze's that the sandbox enforces, with where Braze says so and when that was read. docs/sandbox.md has
 * one line for each, and a test named after each shows it at work.
 *
 * Sources: the section of the facts that this project collected about Braze (2026-11-22), the page of braze.com/docs, and
 * the day of the copy that was read; "newest text" is the documentation's own repository as of 2026-11-22. "Clients" are
 * answers that public client code recorded. "Inferred" is our own conclusion where Braze is silent. What is silent in
 * Braze is silent here as well: it is counted, and shown by the admin endpoints only.
 */

export interface Rule {
  /** What it does to what was sent. */
  readonly effect:
    | 'request refused'
    | 'object refused'
    | 'not applied'
    | 'stored otherwise'
    | 'file refused'
    | 'row refused';
  readonly says: string;
  readonly source: string;
}

const ATTRIBUTES_PAGE = 'user_attributes_object, newest text';
const CUSTOM_PAGE = 'custom_attributes, 2026-09-02';
const TYPES_PAGE = 'data_types, 2026-09-02';
const NESTED_PAGE = 'nested_custom_attribute_support, newest text';
const ARRAY_PAGE = 'array_of_objects, newest text';
const TRACK_PAGE = 'post_user_track, newest text';
const LIMITS_PAGE = 'api_limits, 2026-09-02';
const ERRORS_PAGE = 'errors, newest text';
const FILES_PAGE = 'file_storage_integrations, newest text';

export const RULES = {
  // The request
  PATH_SLASH: refused('1.1', 'A slash at the end of the path is answered with 403', TRACK_PAGE),
  PATH_UNKNOWN: refused('1.5', 'An unknown path is answered with 404', ERRORS_PAGE),
  KEY_MISSING: refused('1.5', 'A missing or unknown key is answered with 401', ERRORS_PAGE),
  KEY_PERMISSION: refused(
    '1.5',
    'A key without the permission is answered with 403 (or 401: the page lists both)',
    ERRORS_PAGE,
  ),
  ACCOUNT_INACTIVE: refused('1.5', 'An inactive account is answered with 403', ERRORS_PAGE),
  CONTENT_TYPE: refused(
    '1.1',
    'Any content type but application/json is answered with 415',
    ERRORS_PAGE,
  ),
  BODY_TOO_LARGE: refused('1.2', 'A body above 4 MB is answered with 413 (or 400)', LIMITS_PAGE),
  BODY_INVALID: refused(
    '1.5',
    'A body that is not a JSON object is answered with 400',
    ERRORS_PAGE,
  ),
  TOO_MANY_OBJECTS: refused(
    '1.2',
    'More than 75 objects in all (older contracts: in an array) are answered with 400',
    TRACK_PAGE,
  ),
  NOTHING_VALID: refused(
    '',
    'A request without one valid object is answered with 400 and the errors of its objects',
    'Clients (RudderStack, Segment, dotnet tests), 2026-11-23',
  ),
  RATE_LIMITED: refused('1.2', 'Requests above the limit are answered with 429', LIMITS_PAGE),

  // The object
  IDENTIFIER_MISSING: object(
    '3.1',
    'An object has an identifier',
    `${TRACK_PAGE}; wording from clients`,
  ),
  IDENTIFIERS_SEVERAL: object(
    '3.1',
    'An object has exactly one of external_id, user_alias and braze_id',
    TRACK_PAGE,
  ),
  IDENTIFIER_INVALID: object(
    '3.1',
    'An identifier is a text that is not empty; null does not remove it',
    ATTRIBUTES_PAGE,
  ),
  EXTERNAL_USER_ID_TOO_LARGE: object('1.2', 'external_id has at most 987 bytes', TRACK_PAGE),
  ALIAS_INVALID: object(
    '1.2',
    'alias_name and alias_label have 1 to 236 bytes each',
    'user_alias_object, 2026-09-02',
  ),
  BLACKLISTED_EXTERNAL_USER_ID: object('1.4', 'Blocked external ids are refused', TRACK_PAGE),
  EMAIL_BAD_FORMAT: object('1.4', 'email is a valid address', TRACK_PAGE),
  INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO: object(
    '1.4',
    'email_subscription_info is refused',
    TRACK_PAGE,
  ),
  BAD_EMAIL_SUBSCRIPTION_STATE: object(
    '1.4',
    'email_subscribe is opted_in, subscribed or unsubscribed',
    TRACK_PAGE,
  ),
  BAD_PUSH_SUBSCRIPTION_STATE: object(
    '1.4',
    'push_subscribe is opted_in, subscribed or unsubscribed',
    TRACK_PAGE,
  ),
  BAD_LOCATION_UPDATE: object('1.4', 'current_location has a longitude and a latitude', TRACK_PAGE),
  BAD_SUBSCRIPTION_GROUP_ARRAY: object('1.4', 'subscription_groups is an array', TRACK_PAGE),
  BAD_SUBSCRIPTION_GROUP_HASH: object('1.4', 'A subscription group is an object', TRACK_PAGE),
  BAD_SUBSCRIPTION_GROUP_ID: object('1.4', 'subscription_group_id is a UUID', TRACK_PAGE),
  BAD_SUBSCRIPTION_GROUP_STATE: object(
    '1.4',
    'subscription_state is subscribed or unsubscribed',
    TRACK_PAGE,
  ),
  BAD_PUSH_TOKEN_VALUE: object('1.4', 'push_tokens is an array of objects', TRACK_PAGE),
  BAD_PUSH_TOKEN_APP_ID: object('1.4', 'A push token has an app_id', TRACK_PAGE),
  BAD_PUSH_TOKEN_STRING: object('1.4', 'A push token has a token that is not empty', TRACK_PAGE),
  BAD_PUSH_TOKEN_IMPORT: object(
    '3.1',
    'push_token_import takes push_tokens and neither external_id nor braze_id',
    ATTRIBUTES_PAGE,
  ),
  BAD_DEVICE_ID: object('1.4', 'device_id has 8 to 255 bytes', TRACK_PAGE),
  EVENT_INVALID: object(
    '',
    'An event has a name and a time',
    'event object, newest text; wording ours',
  ),
  PURCHASE_INVALID: object(
    '',
    'A purchase has product_id, currency, price and time',
    'purchase object, newest text; wording ours',
  ),
  OBJECT_NOT_AN_OBJECT: object(
    '',
    'What stands in an array of the request is an object',
    'Inferred',
  ),

  // Profiles
  UPDATE_EXISTING_ONLY: ignored(
    '3.1',
    'With _update_existing_only an unknown person is left out; with user_alias that is the default',
    ATTRIBUTES_PAGE,
  ),
  BRAZE_ID_UNKNOWN: ignored(
    '3.1',
    'An unknown braze_id makes no profile',
    'file_storage_integrations, newest text; taken for REST too',
  ),

  // Custom attributes
  NAME_INVALID: ignored('3.3', 'A name has 1 to 255 characters', CUSTOM_PAGE),
  NAME_BLOCKLISTED: ignored('1.4', 'Blocklisted attributes are left out', 'managing_custom_data'),
  NAME_TRIMMED: otherwise('3.3', 'Spaces around a name are removed', CUSTOM_PAGE),
  STRING_TOO_LONG: ignored(
    '3.3',
    'A text of more than 255 characters is left out',
    `${CUSTOM_PAGE}; sync FAQ`,
  ),
  TEXT_TO_TIME: otherwise('3.3', 'A text that looks like a date becomes a time', TYPES_PAGE),
  TYPE_FORCED: otherwise(
    '3.3',
    'With a type forced in the dashboard, values are converted to it',
    TYPES_PAGE,
  ),
  TYPE_UNFIT: ignored('3.3', 'What cannot be converted to the forced type is left out', TYPES_PAGE),
  ARRAY_AS_SET: otherwise('3.3', 'An array is a set: of equal values the last stays', CUSTOM_PAGE),
  ARRAY_OVER_LIMIT: otherwise('3.3', 'Of more than 500 values the oldest drop out', CUSTOM_PAGE),
  ARRAY_TOO_LARGE: ignored('3.3', 'An array of more than 100 KB is left out', CUSTOM_PAGE),
  ARRAY_ITEM_INVALID: ignored(
    '3.3',
    'An array has texts of up to 255 characters, numbers and booleans, or objects only',
    `${CUSTOM_PAGE}; that the whole update goes is inferred`,
  ),
  OPERATOR_UNFIT: ignored(
    '',
    'An operator on a value of another type, or malformed, is left out',
    'Inferred',
  ),
  INC_NOT_INTEGER: ignored('3.5', 'inc takes an integer and changes an integer', ATTRIBUTES_PAGE),
  NESTED_INVALID: ignored(
    '3.4',
    'One invalid value in an object (null, a text above 255, a bad $time) and the whole update is left out',
    NESTED_PAGE,
  ),
  NESTED_KEY_INVALID: ignored(
    '3.3',
    'A key in an object has up to 255 characters and no space, dot or $',
    NESTED_PAGE,
  ),
  NESTED_TOO_LARGE: ignored(
    '3.3',
    'An object of more than 100 KB after the update stays as it was',
    NESTED_PAGE,
  ),
  OBJECT_ARRAY_TOO_LARGE: ignored(
    '3.3',
    'An array of objects of more than 100 KB stays as it was',
    ARRAY_PAGE,
  ),

  // Standard fields
  STANDARD_INVALID: ignored(
    '3.2',
    'A standard field of another type or format is left out',
    ATTRIBUTES_PAGE,
  ),
  COUNTRY_UNKNOWN: otherwise(
    '3.2',
    'A country that cannot be mapped to ISO 3166-1 becomes null',
    ATTRIBUTES_PAGE,
  ),
  BIO_GONE: ignored('3.2', 'bio is neither stored nor a custom attribute', ATTRIBUTES_PAGE),

  // Staged files
  FILE_TOO_LARGE: file('5.1', 'A file has at most 512 MB', FILES_PAGE),
  FILE_FORMAT_UNKNOWN: file(
    '5.1',
    'A file is JSON lines, CSV or Parquet, by its name',
    `${FILES_PAGE}; that the name decides is inferred`,
  ),
  FILE_LINE_INVALID: file(
    '5.1',
    'One line that is not JSON, and the whole file is skipped',
    FILES_PAGE,
  ),
  FILE_UNREADABLE: file(
    '',
    'CSV and Parquet that cannot be read are skipped as a whole',
    'Inferred',
  ),
  DELETE_FILE_PAYLOAD: file('5.1', 'A file of deletions with a PAYLOAD fails', FILES_PAGE),
  ROW_IDENTIFIER: row(
    '5.1',
    'A row has exactly one identifier; EMAIL beats PHONE; deletions take neither',
    FILES_PAGE,
  ),
  ROW_PAYLOAD_INVALID: row('5.1', 'PAYLOAD is a JSON object, written as a text', FILES_PAGE),
  ROW_PAYLOAD_IDENTIFIER: row(
    '5.1',
    'PAYLOAD has no identifiers',
    `${FILES_PAGE}; that the row is refused is inferred`,
  ),
  ROW_PAYLOAD_TOO_LARGE: row('5.3', 'PAYLOAD has at most 1 MB', 'product limitations, 2026-09-02'),
  ROW_TOO_MANY_KEYS: row('5.3', 'PAYLOAD has at most 250 keys', 'product limitations, 2026-09-02'),
} as const satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;

/** What is left out instead of a value. */
export class Rejection {
  readonly rule: RuleId;

  constructor(rule: RuleId) {
    this.rule = rule;
  }
}

function refused(section: string, says: string, page: string): Rule {
  return { effect: 'request refused', says, source: cite(section, page) };
}

function object(section: string, says: string, page: string): Rule {
  return { effect: 'object refused', says, source: cite(section, page) };
}

function ignored(section: string, says: string, page: string): Rule {
  return { effect: 'not applied', says, source: cite(section, page) };
}

function otherwise(section: string, says: string, page: string): Rule {
  return { effect: 'stored otherwise', says, source: cite(section, page) };
}

function file(section: string, says: string, page: string): Rule {
  return { effect: 'file refused', says, source: cite(section, page) };
}

function row(section: string, says: string, page: string): Rule {
  return { effect: 'row refused', says, source: cite(section, page) };
}

/** No section where the facts say nothing. */
function cite(section: string, page: string): string {
  return section === '' ? page : `facts ${section}; ${page}`;
}
