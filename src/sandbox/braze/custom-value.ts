/**
 * What becomes of a value that is sent for a custom attribute (facts 3.3 to 3.5): stored, stored as something else, or
 * left out without a word. Pure: from the value sent, the value held and the type forced to the value held next.
 *
 * The operators are recognised by their keys alone, as Braze does: an object that has only `inc`, only `add` and
 * `remove`, or keys with a dollar sign, is never stored as an object.
 */

import { applyArrayOperator, applyObjectArrayOperator } from './array-operators.ts';
import {
  countKeys,
  isNested,
  isObject,
  isTooLong,
  MAX_OBJECT_BYTES,
  measure,
  mergeObjects,
  readNested,
} from './nested-value.ts';
import { type AttributeValue, Instant } from './profile-store.ts';
import { Rejection } from './rules.ts';
import { readArray } from './scalar-array.ts';
import { parseTime } from './time-text.ts';

/** Types that the dashboard can force on an attribute. */
export const FORCED_TYPES = [
  'boolean',
  'number',
  'string',
  'time',
  'array',
  'object',
  'object_array',
] as const;

export type ForcedType = (typeof FORCED_TYPES)[number];

/** The value held next, from what is sent and what is held. */
export function readCustomValue(
  sent: unknown,
  held: AttributeValue | undefined,
  isMerge: boolean,
  forced: ForcedType | undefined,
): AttributeValue | Rejection {
  if (forced !== undefined && !isObject(sent)) return convert(sent, forced);
  switch (typeof sent) {
    case 'string':
      return readText(sent);
    case 'number':
    case 'boolean':
      return sent;
    default:
      return Array.isArray(sent)
        ? readArray(sent)
        : readComposite(sent as SentObject, held, isMerge, forced);
  }
}

type SentObject = Readonly<Record<string, unknown>>;

const TOO_LONG = new Rejection('STRING_TOO_LONG');
const UNFIT = new Rejection('TYPE_UNFIT');
const OPERATOR_UNFIT = new Rejection('OPERATOR_UNFIT');
const NESTED_TOO_LARGE = new Rejection('NESTED_TOO_LARGE');
const NOT_INTEGER = new Rejection('INC_NOT_INTEGER');

function readText(text: string): AttributeValue | Rejection {
  const ms = parseTime(text);
  if (ms !== undefined) return new Instant(ms);
  return isTooLong(text) ? TOO_LONG : text;
}

function readComposite(
  sent: SentObject,
  held: AttributeValue | undefined,
  isMerge: boolean,
  forced: ForcedType | undefined,
): AttributeValue | Rejection {
  const next = readOperator(sent, held, isMerge) ?? readObject(sent, held, isMerge);
  if (next instanceof Rejection || forced === undefined) return next;
  return typeOf(next) === forced ? next : UNFIT;
}

/** The result of an operator, or undefined if the object is none. */
function readOperator(
  sent: SentObject,
  held: AttributeValue | undefined,
  isMerge: boolean,
): AttributeValue | Rejection | undefined {
  const keys = Object.keys(sent);
  if (keys.length === 0) return undefined;
  if (keys.length === 1 && typeof sent.inc === 'number') return increment(held, sent.inc);
  if (keys.every((key) => (key === 'add' || key === 'remove') && Array.isArray(sent[key])))
    return applyArrayOperator(held, sent);
  if (keys.some((key) => key.startsWith('$'))) return applyObjectArrayOperator(held, sent, isMerge);
  return undefined;
}

/** An attribute that is not there counts from zero (inferred). */
function increment(held: AttributeValue | undefined, by: number): number | Rejection {
  if (!Number.isInteger(by)) return NOT_INTEGER;
  if (held === undefined) return by;
  if (typeof held !== 'number') return OPERATOR_UNFIT;
  return Number.isInteger(held) ? held + by : NOT_INTEGER;
}

function readObject(
  sent: SentObject,
  held: AttributeValue | undefined,
  isMerge: boolean,
): AttributeValue | Rejection {
  const read = readNested(sent);
  if (read instanceof Rejection) return read;
  const isMerged = isMerge && isNested(held) && isNested(read);
  const next = isMerged ? mergeObjects(held, read) : read;
  return measure(next) > MAX_OBJECT_BYTES ? NESTED_TOO_LARGE : next;
}

/** facts 3.3: `1/true/t`, `0/false/f` -> boolean; numeric -> number; what does not fit is dropped. */
function convert(sent: unknown, forced: ForcedType): AttributeValue | Rejection {
  switch (forced) {
    case 'boolean':
      return BOOLEANS.get(JSON.stringify(sent).toLowerCase()) ?? UNFIT;
    case 'number':
      return convertToNumber(sent);
    case 'string':
      if (typeof sent === 'number' || typeof sent === 'boolean') return String(sent);
      if (typeof sent !== 'string') return UNFIT;
      return isTooLong(sent) ? TOO_LONG : sent;
    case 'time': {
      const ms = typeof sent === 'string' ? parseTime(sent) : undefined;
      return ms === undefined ? UNFIT : new Instant(ms);
    }
    case 'array':
    case 'object_array':
    case 'object': {
      const next = Array.isArray(sent) ? readArray(sent) : UNFIT;
      return next instanceof Rejection || typeOf(next) === forced ? next : UNFIT;
    }
  }
}

/** By their JSON: texts and numbers alike. */
const BOOLEANS = new Map(
  [true, 1, 'true', 't', '1', false, 0, 'false', 'f', '0'].map((text, at) => [
    JSON.stringify(text),
    at < 5,
  ]),
);

function convertToNumber(sent: unknown): number | Rejection {
  if (typeof sent === 'number') return sent;
  const isNumeric = typeof sent === 'string' && sent.trim() !== '';
  const number = isNumeric ? Number(sent) : Number.NaN;
  return Number.isFinite(number) ? number : UNFIT;
}

/** The type of a held value, in the words of the dashboard. An empty array is an array. */
export function typeOf(value: AttributeValue): ForcedType {
  if (value instanceof Instant) return 'time';
  if (Array.isArray(value)) return isNested(value[0]) ? 'object_array' : 'array';
  const type = typeof value;
  return type === 'boolean' || type === 'number' || type === 'string' ? type : 'object';
}

/**
 * Data points of one accepted value, by what was sent, whether or not it changed anything (facts 1.6): one for a
 * scalar, for a whole array and for an array operator; one a key for objects and arrays of objects.
 */
export function countDataPoints(sent: unknown): number {
  if (typeof sent !== 'object' || sent === null) return 1;
  if (Array.isArray(sent)) return isObject(sent[0]) ? countKeys(sent) : 1;
  const object = sent as Record<string, unknown>;
  const operators = ['$add', '$remove', '$update'].filter((key) => Array.isArray(object[key]));
  if (operators.length === 0) {
    const isOperator = 'add' in object || 'remove' in object || 'inc' in object;
    return isOperator ? 1 : countKeys(object as never);
  }
  const items = operators.flatMap((key) => object[key] as Record<string, unknown>[]);
  return items.reduce((sum, item) => sum + countItem(item), 0);
}

/** An item to remove counts once, an item to update by the keys of its new object. */
function countItem(item: Readonly<Record<string, unknown>>): number {
  if (item.$new_object !== undefined) return countKeys(item.$new_object as never);
  return '$identifier_key' in item ? 1 : countKeys(item as never);
}
