/**
 * The operators of arrays (facts 3.5): `add` and `remove` on sets of scalars, `$add`, `$remove` and `$update` on arrays
 * of objects. The latter run in this order whatever the order of keys, so remove and add in one request is no upsert;
 * `$add` does not look whether an equal object is there already, which makes sending it twice harmful.
 */

import { isNested, isObject, isSameValue, mergeObjects } from './nested-value.ts';
import type { Attributes, AttributeValue } from './profile-store.ts';
import { Rejection } from './rules.ts';
import { checkSize, readObjects, readSet } from './scalar-array.ts';

const UNFIT = new Rejection('OPERATOR_UNFIT');

/** `{ "add": […], "remove": […] }`; both may be given. An attribute that is not there counts as empty. */
export function applyArrayOperator(
  held: AttributeValue | undefined,
  { add = [], remove = [] }: { readonly add?: unknown; readonly remove?: unknown },
): AttributeValue | Rejection {
  const old = held ?? [];
  if (!Array.isArray(old) || isNested(old[0])) return UNFIT;
  const added = readSet([...old, ...(add as unknown[])]);
  if (added instanceof Rejection) return added;
  const gone = new Set(remove as unknown[]);
  return (added as AttributeValue[]).filter((item) => !gone.has(item));
}

/** `{ "$add": […], "$remove": […], "$update": […] }` on an array of objects. */
export function applyObjectArrayOperator(
  held: AttributeValue | undefined,
  operator: Readonly<Record<string, unknown>>,
  isMerge: boolean,
): AttributeValue | Rejection {
  const { $add = [], $remove = [], $update = [], ...others } = operator;
  const old = held ?? [];
  const isWellFormed = [$add, $remove, $update].every(Array.isArray);
  if (!isWellFormed || Object.keys(others).length > 0 || !isListOfObjects(old)) return UNFIT;
  const added = readObjects($add as unknown[]);
  if (added instanceof Rejection) return added;
  let items = [...old, ...(added as readonly Attributes[])];
  for (const removal of $remove as unknown[]) {
    const matches = readMatch(removal);
    if (matches === undefined) return UNFIT;
    items = items.filter((item) => !matches(item));
  }
  for (const update of $update as unknown[]) {
    const updated = updateItems(items, update, isMerge);
    if (updated instanceof Rejection) return updated;
    items = updated;
  }
  return checkSize(items as readonly AttributeValue[]);
}

function isListOfObjects(value: AttributeValue): value is readonly AttributeValue[] & Attributes[] {
  return Array.isArray(value) && value.every(isNested);
}

/** Every object that matches is changed: merged if the request says `_merge_objects`, otherwise replaced. */
function updateItems(
  items: readonly Attributes[],
  update: unknown,
  isMerge: boolean,
): Attributes[] | Rejection {
  const matches = readMatch(update);
  if (matches === undefined) return UNFIT;
  const read = readObjects([(update as Record<string, unknown>).$new_object]);
  if (read instanceof Rejection) return read;
  const [replacement] = read as readonly Attributes[];
  return items.map((item) => {
    if (!matches(item) || replacement === undefined) return item;
    return isMerge ? mergeObjects(item, replacement) : replacement;
  });
}

/** From `$identifier_key` and `$identifier_value` to a test of objects; undefined if either is missing. */
function readMatch(selector: unknown): ((item: Attributes) => boolean) | undefined {
  if (!isObject(selector)) return undefined;
  const { $identifier_key: key, $identifier_value: value } = selector;
  if (typeof key !== 'string' || value === undefined || value === null) return undefined;
  return (item) => isSameValue(item[key], value as AttributeValue);
}
