/**
 * The setting `privacy` → what becomes of each field before it is stored. Pure.
 *
 * A rule names what it is about and, if it likes, where:
 *
 *     email_address                              the field, in every event type
 *     properties.email                           one key of a field that holds a JSON object
 *     pii · pii.phone                            what Braze marks as personal, or one class of that
 *     *                                          every field
 *     dob in users.profile.Update                any of these, in one event type
 *     pii in users.messages.sms.*                … or in those that a pattern fits
 *
 * Where several fit, dropping beats hashing. `id` and `time` are never touched: without them no event could be
 * told from its duplicate. Ids of people can be hashed, by name or as `pii.id`, and `user_id` not dropped:
 * without it nobody could be erased.
 */
import { compileEventTypeGlobs } from './discovery/event-type-globs.ts';
import { classOfField, PERSONAL_CLASSES, PERSONAL_FIELDS } from './personal-fields.ts';

/** As written in the settings. */
export interface PrivacySettings {
  readonly hash: readonly string[];
  readonly drop: readonly string[];
}

type Action = 'hash' | 'drop';

/** What becomes of a field: of all of it, or of keys in it. */
export interface Treatment {
  readonly whole: Action | undefined;
  /** Only where the whole stays. */
  readonly keys: ReadonlyMap<string, Action>;
}

interface Rule {
  readonly action: Action;
  /** A field's name, `pii` or `*`. */
  readonly subject: string;
  /** A key of the field, or the class of `pii`. */
  readonly part: string | undefined;
  readonly matchesEventType: (eventType: string) => boolean;
}

/** A part may hold dots and spaces: keys of events are whatever a marketer called them. */
const RULE = /^([^\s.,]+)(?:\.([^,]+?))?(?: in ([^\s,]+))?$/;

const NEVER_TOUCHED: ReadonlySet<string> = new Set(['id', 'time']);
const IDS: ReadonlySet<string> = new Set(PERSONAL_FIELDS.id);
/** Two names for ids of one kind: a merge tells one by the other. */
const USER_IDS: ReadonlySet<string> = new Set(['user_id', 'orphaned_by_id']);

/** Completes the sentence "found … (expected …)". */
export const EXPECTED_RULES = `a list of fields, as email_address, properties.email, pii or pii.phone (classes: ${PERSONAL_CLASSES.join(', ')}), each with " in EVENT_TYPE" if need be; not id or time`;

/** Whether a text is a rule for hashing or dropping. */
export function isPrivacyRule(text: string, action: Action): boolean {
  const [, subject, part] = RULE.exec(text) ?? [];
  if (subject === undefined || NEVER_TOUCHED.has(subject)) return false;
  if (subject === 'pii') {
    if (part === undefined) return true;
    return Object.hasOwn(PERSONAL_FIELDS, part) && !(part === 'id' && action === 'drop');
  }
  if (subject === '*') return part === undefined;
  return action === 'hash' || part !== undefined || !USER_IDS.has(subject);
}

export class PrivacyRules {
  readonly #rules: readonly Rule[];

  /** @param settings rules that `isPrivacyRule` takes */
  constructor(settings: PrivacySettings) {
    this.#rules = [
      ...settings.drop.map((text) => parseRule(text, 'drop')),
      ...settings.hash.map((text) => parseRule(text, 'hash')),
    ];
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** Field names that the rules spell out: for finding the ones that no schema has. */
  get namedFields(): readonly string[] {
    const subjects = this.#rules.map((rule) => rule.subject);
    return [...new Set(subjects)].filter((name) => name !== 'pii' && name !== '*');
  }

  /** @param isMarked whether the schema that the field comes with marks it as personal */
  treatmentOf(eventType: string, field: string, isMarked: boolean): Treatment {
    const keys = new Map<string, Action>();
    if (NEVER_TOUCHED.has(field)) return { whole: undefined, keys };
    for (const { action, subject, part, matchesEventType } of this.#rules) {
      if (!matchesEventType(eventType)) continue;
      const isKey = part !== undefined && subject !== 'pii';
      if (isKey && subject === field) {
        if (!keys.has(part)) keys.set(part, action);
      } else if (!isKey && fits(subject, part, field, isMarked)) {
        return { whole: action, keys: new Map() };
      }
    }
    return { whole: undefined, keys };
  }
}

function fits(subject: string, part: string | undefined, field: string, isMarked: boolean) {
  const found = classOfField(field);
  switch (subject) {
    case '*':
      return !IDS.has(field);
    case 'pii':
      if (part !== undefined) return found === part;
      return found === undefined ? isMarked : found !== 'id';
    default:
      return subject === field || (USER_IDS.has(subject) && USER_IDS.has(field));
  }
}

function parseRule(text: string, action: Action): Rule {
  const [, subject = '', part, glob] = RULE.exec(text) ?? [];
  const matchesEventType = glob === undefined ? () => true : compileEventTypeGlobs([glob]);
  return { action, subject, part, matchesEventType };
}
