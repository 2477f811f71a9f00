/**
 * Objects as attributes: what Braze accepts in them, and how two are merged.
 *
 * One bad value in it and Braze drops the whole update without a word (facts 3.4), so reading ends at the first. The
 * result is a copy that inherits nothing, with `{ "$time": … }` as an instant.
 */

import {
  type Attributes,
  type AttributeValue,
  createAttributes,
  Instant,
} from './profile-store.ts';
import { Rejection } from './rules.ts';
import { parseTime } from './time-text.ts';

/** facts 3.3; custom_attributes page, 2026-09-02. Also of keys and of names. */
const MAX_TEXT_LENGTH = 255;

/** facts 3.3: "100 KB after the update". Kilobytes of 1,000, the stricter reading. */
export const MAX_OBJECT_BYTES = 100_000;

/** Braze documents no depth; ours only keeps a hostile body from exhausting the stack. */
const MAX_DEPTH = 100;

const INVALID = new Rejection('NESTED_INVALID');
const KEY_INVALID = new Rejection('NESTED_KEY_INVALID');

/** In characters, not in UTF-16 units: Braze says characters, and an emoji is one. */
export function isTooLong(text: string): boolean {
  return text.length > MAX_TEXT_LENGTH && Array.from(text).length > MAX_TEXT_LENGTH;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a stored value is an object, and not a time or an array. */
export function isNested(value: AttributeValue | undefined): value is Attributes {
  return isObject(value) && !(value instanceof Instant);
}

/** A value inside an object, with all that is in it. */
export function readNested(value: unknown, depth = 0): AttributeValue | Rejection {
  if (typeof value === 'string') return isTooLong(value) ? INVALID : value;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (value === null || value === undefined || depth > MAX_DEPTH) return INVALID;
  if (!Array.isArray(value)) return readNestedObject(value as Record<string, unknown>, depth);
  const items: AttributeValue[] = [];
  for (const item of value) {
    const read = readNested(item, depth + 1);
    if (read instanceof Rejection) return read;
    items.push(read);
  }
  return items;
}

function readNestedObject(
  object: Readonly<Record<string, unknown>>,
  depth: number,
): AttributeValue | Rejection {
  const keys = Object.keys(object);
  if (keys.length === 1 && keys[0] === '$time') return readNestedTime(object.$time);
  const copy = createAttributes();
  for (const key of keys) {
    if (/[ .$]/.test(key) || isTooLong(key)) return KEY_INVALID;
    const read = readNested(object[key], depth + 1);
    if (read instanceof Rejection) return read;
    copy[key] = read;
  }
  return copy as AttributeValue;
}

/** Never null, and a year from 0 to 3000 (facts 3.5, 3.3). With or without a time of day: samples have both. */
function readNestedTime(text: unknown): AttributeValue | Rejection {
  const ms = typeof text === 'string' ? parseTime(text) : undefined;
  return ms === undefined ? INVALID : new Instant(ms);
}

/** `_merge_objects`: keys of `update` win, objects in objects are merged in turn, everything else is replaced. */
export function mergeObjects(old: Attributes, update: Attributes): Attributes {
  const merged = createAttributes();
  for (const key of Object.keys(old)) merged[key] = old[key];
  for (const key of Object.keys(update)) {
    const before = merged[key];
    const after = update[key];
    merged[key] =
      isNested(before) && isNested(after) ? (mergeObjects(before, after) as AttributeValue) : after;
  }
  return merged;
}

/** UTF-8 bytes of the value as JSON, which is what we take Braze's kilobytes to count. */
export function measure(value: AttributeValue | Attributes): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Data points: one for each key that an object sets, in whatever depth (facts 1.6). An empty object counts once. */
export function countKeys(value: AttributeValue | Attributes): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countKeys(item), 0);
  if (!isNested(value as AttributeValue)) return 1;
  const inside = Object.values(value as Attributes);
  return Math.max(
    1,
    inside.reduce((sum: number, item) => sum + countKeys(item as AttributeValue), 0),
  );
}

/** Whether Braze holds the same before and after; arrays are compared in order. */
export function isSameValue(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof Instant || b instanceof Instant)
    return a instanceof Instant && b instanceof Instant && a.ms === b.ms;
  const names = Object.keys(a);
  if (Array.isArray(a) !== Array.isArray(b) || names.length !== Object.keys(b).length) return false;
  return names.every((name) => isSameValue((a as Attributes)[name], (b as Attributes)[name]));
}
