/**
 * The attributes of a sync by name, type and what was sent before → which of them go, and why the others do
 * not. Pure.
 */

import type { ColumnShape } from '../warehouse/column-shape.ts';
import { type BrazeType, findBadKey } from './braze-value.ts';
import type { IdentifierKind } from './destination.ts';
import type { AttributeFinding, FindingCode } from './findings.ts';
import {
  findStandardFieldMeant,
  fitsStandardField,
  normalizeName,
  RESERVED_NAMES,
  STANDARD_FIELDS,
} from './standard-fields.ts';

export interface NamedAttribute {
  /** As Braze will call it. */
  readonly attribute: string;
  readonly shape: ColumnShape;
  readonly type: BrazeType | undefined;
  /** How people are known beside it. */
  readonly kind: IdentifierKind;
}

/** Beside this identifier they would be another: Braze would look people up by them (`email` beats `phone`). */
const NO_ATTRIBUTES_BESIDE: Readonly<Partial<Record<IdentifierKind, readonly string[]>>> = {
  email: ['email'],
  phone: ['email', 'phone'],
};

export interface NameRules {
  /** The allow-list of the destination. */
  readonly allow: readonly string[] | undefined;
  /** Attributes that may be new or of a new type in this run. */
  readonly allowNow: readonly string[];
  readonly newAttributes: 'refuse' | 'allow';
  /** What this sync sent before, with its type; empty before the first run. */
  readonly known: ReadonlyMap<string, string>;
  /** Names that other syncs send to the same destination. */
  readonly others: readonly string[];
}

/** Attributes that are not on the allow-list are left out by whoever calls. */
export function checkNames(
  attributes: readonly NamedAttribute[],
  rules: NameRules,
): AttributeFinding[] {
  const names = attributes.map(({ attribute }) => attribute);
  const similar = new Map<string, Set<string>>();
  for (const name of [...names, ...rules.known.keys(), ...rules.others]) {
    const key = normalizeName(name);
    similar.set(key, (similar.get(key) ?? new Set()).add(name));
  }
  return attributes.flatMap((found, index) => {
    const { attribute, shape, type, kind } = found;
    function finding(code: FindingCode, detail?: string): AttributeFinding[] {
      const valueClass = type ?? (shape.kind === 'other' ? shape.type : shape.kind);
      return [{ attribute, code, valueClass, ...(detail === undefined ? {} : { detail }) }];
    }
    const isListed = rules.allow?.includes(attribute) === true;
    if (!isName(attribute)) return finding('bad_name');
    if (RESERVED_NAMES.has(attribute) || NO_ATTRIBUTES_BESIDE[kind]?.includes(attribute) === true)
      return finding('reserved_name');
    if (names.indexOf(attribute) !== index || names.lastIndexOf(attribute) !== index)
      return finding('sent_twice');
    const badKey = findBadKey(shape);
    if (badKey !== undefined) return finding('bad_key', `the key ${JSON.stringify(badKey)}`);
    if (type === undefined) return finding('unsupported_type');
    const field = Object.hasOwn(STANDARD_FIELDS, attribute)
      ? STANDARD_FIELDS[attribute]
      : undefined;
    if (field !== undefined && !fitsStandardField(field, type, shape))
      return finding('wrong_type', `expected ${field.expected}`);
    if (field?.isHeldBack && !isListed) return finding('held_back');
    const meant = findStandardFieldMeant(attribute);
    if (meant !== undefined && !isListed) return finding('standard_name', `${meant} in Braze`);
    const other = [...(similar.get(normalizeName(attribute)) ?? [])].find(
      (name) => name !== attribute,
    );
    // What Braze has already stays; of two new names neither is known to be right.
    if (other !== undefined && !isListed && !rules.known.has(attribute))
      return finding('near_duplicate', `beside ${JSON.stringify(other)}`);
    return checkHistory(attribute, type, rules, isListed).flatMap((code) => finding(code));
  });
}

function checkHistory(
  attribute: string,
  type: BrazeType,
  rules: NameRules,
  isListed: boolean,
): FindingCode[] {
  if (rules.allowNow.includes(attribute)) return [];
  const before = rules.known.get(attribute);
  if (before !== undefined) return before === type ? [] : ['type_changed'];
  const mayBeNew = isListed || rules.newAttributes === 'allow' || rules.known.size === 0;
  return mayBeNew ? [] : ['new_attribute'];
}

function isName(name: string): boolean {
  return name !== '' && name.length <= 255 && !name.startsWith('$') && name.trim() === name;
}
