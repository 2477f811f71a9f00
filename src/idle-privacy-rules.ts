/**
 * The setting `privacy` → its rules that no known schema has anything for: a field or an event type that is mistyped.
 *
 * What such a rule was meant for is stored in the clear, and nothing looks wrong. Files may have fields that we do
 * not know, so it is no error: `doctor` doubts it, and so does the load that first sees the rule.
 */
import { listEventTypes, listKnownSchemas } from './avro/schema-registry.ts';
import { findNearestName } from './nearest-name.ts';
import { PrivacyRules, type PrivacySettings } from './privacy-rules.ts';

export interface IdleRules {
  /** As written in the settings. */
  readonly rules: readonly string[];
  /** The field that the first of them may have meant, when its own is unknown. */
  readonly meant: string | undefined;
}

export function findIdleRules({ hash, drop }: PrivacySettings): IdleRules {
  const known = listEventTypes().flatMap((eventType) =>
    listKnownSchemas(eventType).flatMap(({ schema }) =>
      schema.type.fields.map(({ name, pii = false }) => ({ eventType, name, pii })),
    ),
  );
  const rules = [...new Set([...hash, ...drop])].filter((text) => {
    // What it would do is not asked, only whether it would do anything.
    const rule = new PrivacyRules({ hash: [text], drop: [] });
    return !known.some(({ eventType, name, pii }) => {
      const { whole, keys } = rule.treatmentOf(eventType, name, pii);
      return whole !== undefined || keys.size > 0;
    });
  });
  const names = new Set(known.map(({ name }) => name));
  const [first] = rules;
  const [field] =
    first === undefined ? [] : new PrivacyRules({ hash: [first], drop: [] }).namedFields;
  const isUnknown = field !== undefined && !names.has(field);
  return { rules, meant: isUnknown ? findNearestName(field, [...names]) : undefined };
}
