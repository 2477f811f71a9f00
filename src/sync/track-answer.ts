/**
 * What Braze says to one request of `/users/track`, sorted by what has to happen next. Pure: status, headers
 * and text come in.
 *
 * Only an answer that says "success" counts as accepted; anything else with a 2xx is a lost answer, since
 * something between us and Braze may have spoken. Of texts, which may repeat what was sent, codes are kept
 * whole and sentences without anything that could be a person's: quotations, addresses, numbers.
 */
import { CurrentsError } from '../errors.ts';

/** One entry of `errors`. Its shape is not documented; these parts were seen, any of them may be missing. */
export interface ObjectError {
  /** Place in the array `attributes` as it was sent, from zero; undefined when the entry names none. */
  readonly index: number | undefined;
  readonly code: string;
  readonly reason: string;
}

export type TrackAnswer =
  /** Objects that `errors` does not name are queued. */
  | { readonly kind: 'accepted'; readonly errors: readonly ObjectError[] }
  /** Nothing was processed; with fewer objects or bytes it may be. */
  | { readonly kind: 'too-large'; readonly by: 'count' | 'bytes'; readonly reason: string }
  /** Nothing was processed, because of some object. */
  | {
      readonly kind: 'refused';
      readonly reason: ObjectError;
      readonly errors: readonly ObjectError[];
    }
  /** Nothing was processed and nothing will be. */
  | { readonly kind: 'fatal'; readonly error: CurrentsError }
  /** Nothing was processed: too many requests. */
  | { readonly kind: 'limited'; readonly reason: string }
  /** Nothing was sent. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** It went out, and what became of it is not known. */
  | { readonly kind: 'lost'; readonly reason: string };

/** "Max Input Length Exceeded" is about the count; Braze, "API errors", 2026-09. */
const TOO_MANY = /max(imum)? input length/i;
const TOO_LARGE = /too (large|big|long)|(body|payload|request) size|entity too large/i;

export function parseTrackAnswer(endpoint: string, status: number, text: string): TrackAnswer {
  const body = parseObject(text);
  const found = `HTTP ${status}`;
  if (status >= 200 && status < 300) {
    const isSuccess = body?.message === 'success' || body?.message === 'queued';
    if (!isSuccess) return { kind: 'lost', reason: `${found} without "success" in it` };
    return { kind: 'accepted', errors: parseErrors(body) };
  }
  if (status === 429) return { kind: 'limited', reason: found };
  if (status === 408 || status >= 500) return { kind: 'lost', reason: found };
  if (status === 413) return { kind: 'too-large', by: 'bytes', reason: found };
  if (status === 400) return sortBadRequest(body);
  return { kind: 'fatal', error: fatalError(endpoint, status, body) };
}

function sortBadRequest(body: Body | undefined): TrackAnswer {
  const said = [body?.message, body?.error].find((part) => typeof part === 'string') ?? '';
  const text = String(said);
  const reason = parseError(text === '' ? 'HTTP 400' : text);
  const errors = parseErrors(body);
  // Errors that name objects explain more than the sentence above them.
  if (errors.every(({ index }) => index === undefined)) {
    if (TOO_MANY.test(text)) return { kind: 'too-large', by: 'count', reason: reason.reason };
    if (TOO_LARGE.test(text)) return { kind: 'too-large', by: 'bytes', reason: reason.reason };
  }
  return { kind: 'refused', reason, errors };
}

type Body = Readonly<Record<string, unknown>>;

function parseObject(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}

function parseErrors(body: Body | undefined): ObjectError[] {
  const { errors } = body ?? {};
  return Array.isArray(errors) ? errors.map(parseError) : [];
}

function parseError(entry: unknown): ObjectError {
  const parts: Body = typeof entry === 'object' && entry !== null ? (entry as Body) : {};
  const said = [entry, parts.type, parts.message].find((part) => typeof part === 'string');
  const text = typeof said === 'string' ? said : 'no reason given';
  const isCode = /^[A-Z][A-Z0-9_]{2,80}$/.test(text);
  // We send attributes alone: an index into another array is none of ours.
  const isOurs = parts.input_array === undefined || parts.input_array === 'attributes';
  return {
    index: isOurs && Number.isSafeInteger(parts.index) ? (parts.index as number) : undefined,
    code: isCode ? text : 'REFUSED_BY_BRAZE',
    reason: isCode ? text : withoutPeople(text),
  };
}

const LONGEST_REASON = 200;

/** Braze's sentence without what may be somebody's: quoted parts, addresses, anything with a digit. */
function withoutPeople(text: string): string {
  return text
    .replace(/"[^"]*"|(?<!\w)'[^']*'/g, '…')
    .replace(/\S*[@\d]\S*/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, LONGEST_REASON);
}

function fatalError(endpoint: string, status: number, body: Body | undefined): CurrentsError {
  const text = typeof body?.message === 'string' ? `, ${withoutPeople(body.message)}` : '';
  const found = `HTTP ${status}${text}`;
  const context = { endpoint, status };
  if (status === 401 || status === 403) {
    return new CurrentsError({
      code: 'BRAZE_ACCESS_DENIED',
      message: `cannot send to ${endpoint}: ${found} (a REST API key of this workspace with the permission users.track, from an allowed address)`,
      hint: 'in Braze: Settings > APIs and Identifiers > API Keys; a key and its permissions cannot be changed, so make a new one, and check instance',
      context,
    });
  }
  return new CurrentsError({
    code: 'BRAZE_REFUSED',
    message: `cannot send to ${endpoint}: ${found} (201 from /users/track)`,
    hint: 'check instance in the settings of the destination: it is the REST endpoint of your workspace',
    context,
  });
}
