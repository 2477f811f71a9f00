/**
 * What is known of each name that came as a key of an attributes object: whether it is an attribute at all, a standard
 * field or a custom attribute, which type the dashboard forces on it, and what happened to its values so far.
 *
 * Names are looked up once: a million people with twenty attributes share twenty entries.
 */

import type { ForcedType } from './custom-value.ts';
import { isTooLong } from './nested-value.ts';
import { STANDARD_FIELDS, type StandardField } from './standard-field.ts';

/** What happened to the values of one attribute. */
export interface FieldCounts {
  /** Values that were accepted and stored, unset ones included. */
  written: number;
  /** Of these, those that changed nothing: paid for all the same (facts 1.6). */
  unchanged: number;
  /** Of these, nulls. */
  unset: number;
  /** Values that were left out in silence. */
  ignored: number;
}

export interface Field {
  /** Without the spaces around it (facts 3.3). */
  readonly name: string;
  readonly role: 'standard' | 'custom' | 'none' | 'invalid';
  readonly standard: StandardField | undefined;
  readonly counts: FieldCounts;
  /** Whether spaces were removed. */
  readonly isTrimmed: boolean;
}

/** What the dashboard says of an attribute. */
export interface AttributeSettings {
  /** Values are converted to it or left out. */
  readonly type?: ForcedType;
  readonly isBlocklisted?: boolean;
}

/** Keys that say who and how, not what. `alias_name` and `alias_label` belong into `user_alias`. */
const NO_ATTRIBUTES = new Set([
  'external_id',
  'user_alias',
  'braze_id',
  'alias_name',
  'alias_label',
  '_update_existing_only',
  '_merge_objects',
  'push_token_import',
]);

export class Fields {
  readonly #byKey = new Map<string, Field>();
  readonly #settings: Map<string, AttributeSettings>;

  constructor(settings: Readonly<Record<string, AttributeSettings>>) {
    this.#settings = new Map(Object.entries(settings));
  }

  of(key: string): Field {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const field = describe(key);
    this.#byKey.set(key, field);
    return field;
  }

  settingsOf(name: string): AttributeSettings | undefined {
    return this.#settings.size === 0 ? undefined : this.#settings.get(name);
  }

  /** From now on; values that are held already stay as they are. */
  setSettings(name: string, settings: AttributeSettings): void {
    this.#settings.set(name, settings);
  }

  /** Counts by name, of every attribute that had a value. */
  counts(): Record<string, FieldCounts> {
    const named = [...this.#byKey.values()].filter(({ role }) => role !== 'none');
    return Object.fromEntries(named.map(({ name, counts }) => [name, { ...counts }]));
  }

  clear(): void {
    this.#byKey.clear();
  }
}

function describe(key: string): Field {
  const name = key.trim();
  const standard = STANDARD_FIELDS.get(name);
  return {
    name,
    role: findRole(name, standard),
    standard,
    counts: { written: 0, unchanged: 0, unset: 0, ignored: 0 },
    isTrimmed: name !== key,
  };
}

function findRole(name: string, standard: StandardField | undefined): Field['role'] {
  if (NO_ATTRIBUTES.has(name)) return 'none';
  if (standard !== undefined) return 'standard';
  return name === '' || isTooLong(name) ? 'invalid' : 'custom';
}
