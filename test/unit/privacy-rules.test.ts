/** What the setting `privacy` means, rule by rule. */
import { describe, expect, it } from 'vitest';
import { listEventTypes, listKnownSchemas } from '../../src/avro/schema-registry.ts';
import { classOfField } from '../../src/personal-fields.ts';
import { isPrivacyRule, PrivacyRules } from '../../src/privacy-rules.ts';

/** The treatment as text: `hash`, `drop`, `keep`, or the keys. */
function treat(
  rules: { hash?: string[]; drop?: string[] },
  field: string,
  eventType = 'users.messages.email.Open',
  isMarked = false,
): string {
  const parsed = new PrivacyRules({ hash: rules.hash ?? [], drop: rules.drop ?? [] });
  const { whole, keys } = parsed.treatmentOf(eventType, field, isMarked);
  return whole ?? ([...keys].map(([key, action]) => `${action} ${key}`).join(', ') || 'keep');
}

describe('a rule', () => {
  it('names a field in every event type', () => {
    expect(treat({ hash: ['email_address'] }, 'email_address')).toBe('hash');
    expect(treat({ hash: ['email_address'] }, 'email_address', 'any.Other')).toBe('hash');
    expect(treat({ hash: ['email_address'] }, 'email_address_2')).toBe('keep');
  });

  it('names a field in the event types that a pattern fits', () => {
    const rules = { drop: ['email_address in users.messages.*'] };
    expect(treat(rules, 'email_address')).toBe('drop');
    expect(treat(rules, 'email_address', 'users.profile.Update')).toBe('keep');
  });

  it('names a key of a field, whatever the key is called', () => {
    expect(treat({ hash: ['properties.e-mail of. friend'] }, 'properties')).toBe(
      'hash e-mail of. friend',
    );
    expect(
      treat({ drop: ['properties.a in b.*'], hash: ['properties.a'] }, 'properties', 'b.C'),
    ).toBe('drop a');
    expect(treat({ drop: ['properties.a in b.*'] }, 'properties', 'c.D')).toBe('keep');
  });

  it('names what Braze marks, or a class of it', () => {
    for (const field of ['email_address', 'to_phone_number', 'dob', 'ad_id'])
      expect(treat({ hash: ['pii'] }, field)).toBe('hash');
    expect(treat({ hash: ['pii.phone'] }, 'to_phone_number')).toBe('hash');
    expect(treat({ hash: ['pii.phone'] }, 'email_address')).toBe('keep');
    expect(treat({ hash: ['pii'] }, 'brand_new', 'a.B', true)).toBe('hash');
    expect(treat({ hash: ['pii'] }, 'brand_new', 'a.B', false)).toBe('keep');
  });

  it('takes ids of people for personal only where that is said', () => {
    for (const field of ['user_id', 'orphaned_by_id', 'external_user_id']) {
      expect(treat({ hash: ['pii'] }, field)).toBe('keep');
      expect(treat({ drop: ['*'] }, field)).toBe('keep');
      expect(treat({ hash: ['pii.id'] }, field)).toBe('hash');
    }
    expect(treat({ hash: ['user_id'] }, 'orphaned_by_id')).toBe('hash');
  });

  it('never touches what duplicates are known by', () => {
    for (const field of ['id', 'time']) expect(treat({ drop: ['*'] }, field)).toBe('keep');
    expect(treat({ drop: ['*'] }, 'url')).toBe('drop');
  });

  it('that drops beats one that hashes', () => {
    expect(treat({ hash: ['pii'], drop: ['dob'] }, 'dob')).toBe('drop');
  });

  it.each(['', 'id', 'time', 'pii.shoes', '*.a', 'a in', 'a in b c', 'a,b', '.a', 'id in a.B'])(
    'is not %j',
    (text) => expect(isPrivacyRule(text, 'hash')).toBe(false),
  );

  it.each(['user_id', 'orphaned_by_id', 'pii.id', 'user_id in a.*'])(
    'cannot drop %s, which erasing needs',
    (text) => {
      expect(isPrivacyRule(text, 'drop')).toBe(false);
      expect(isPrivacyRule(text, 'hash')).toBe(true);
    },
  );
});

it('every field that a schema marks as personal has a class', () => {
  const marked = listEventTypes().flatMap((eventType) =>
    listKnownSchemas(eventType).flatMap(({ schema }) =>
      schema.type.fields.filter((field) => field.pii).map((field) => field.name),
    ),
  );
  expect(marked.length).toBeGreaterThan(100);
  expect([...new Set(marked)].filter((field) => classOfField(field) === undefined)).toEqual([]);
});
