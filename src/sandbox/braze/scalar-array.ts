/**
 * Arrays as attributes (facts 3.3): of texts, numbers and booleans they are sets with a limit, of objects they are
 * lists. A mixture is neither and is left out.
 */

import {
  isNested,
  isObject,
  isTooLong,
  MAX_OBJECT_BYTES,
  measure,
  readNested,
} from './nested-value.ts';
import type { AttributeValue } from './profile-store.ts';
import { Rejection } from './rules.ts';

/** facts 3.3: default and maximum length; custom_attributes page, 2026-09-02. Older texts say 25. */
export const MAX_ARRAY_LENGTH = 500;

/** So many texts of 255 characters are below 100 KB however they are escaped; more are measured. */
const SURELY_SMALL = 65;

const ITEM_INVALID = new Rejection('ARRAY_ITEM_INVALID');
const TOO_LARGE = new Rejection('ARRAY_TOO_LARGE');
const OBJECTS_TOO_LARGE = new Rejection('OBJECT_ARRAY_TOO_LARGE');

/** A whole array as it is sent. */
export function readArray(sent: readonly unknown[]): AttributeValue | Rejection {
  return sent.length > 0 && isObject(sent[0]) ? readObjects(sent) : readSet(sent);
}

/** Scalars in the order in which they came last; beyond the limit the oldest drop out. */
export function readSet(sent: readonly unknown[]): AttributeValue | Rejection {
  const set = new Set<AttributeValue>();
  for (const item of sent) {
    if (!isScalar(item)) return ITEM_INVALID;
    set.delete(item); // added again it moves to the end
    set.add(item);
  }
  const kept = set.size > MAX_ARRAY_LENGTH ? [...set].slice(-MAX_ARRAY_LENGTH) : [...set];
  return kept.length > SURELY_SMALL && measure(kept) > MAX_OBJECT_BYTES ? TOO_LARGE : kept;
}

function isScalar(item: unknown): item is string | number | boolean {
  if (typeof item === 'string') return !isTooLong(item);
  return typeof item === 'number' || typeof item === 'boolean';
}

/** A list of objects as it is sent, or as it is after an operator. */
export function readObjects(sent: readonly unknown[]): AttributeValue | Rejection {
  const objects: AttributeValue[] = [];
  for (const item of sent) {
    if (!isObject(item)) return ITEM_INVALID;
    const read = readNested(item);
    if (read instanceof Rejection) return read;
    if (!isNested(read)) return ITEM_INVALID;
    objects.push(read as AttributeValue);
  }
  return checkSize(objects);
}

/** facts 3.3: no limit of items, 100 KB in all. */
export function checkSize(objects: readonly AttributeValue[]): AttributeValue | Rejection {
  return measure(objects) > MAX_OBJECT_BYTES ? OBJECTS_TOO_LARGE : objects;
}
