import { describe, expect, it } from 'vitest';
import { listEventTypes, listKnownSchemas } from '../../../src/avro/schema-registry.ts';
import { ACTIVITY_KINDS } from '../../../src/profiles/activity-kinds.ts';

describe('the activity catalogue', () => {
  it('has every event type whose schemas we know', () => {
    const known = new Set(ACTIVITY_KINDS.map((kind) => kind.eventType));
    expect(listEventTypes().filter((eventType) => !known.has(eventType))).toEqual([]);
  });

  it('gives no code twice, and none to the unknown', () => {
    const codes = ACTIVITY_KINDS.map((kind) => kind.code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(Math.min(...codes)).toBeGreaterThan(0);
    expect(Math.max(...codes)).toBeLessThan(2 ** 16);
  });

  it('has one plain kind for each event type, after its variations', () => {
    for (const eventType of new Set(ACTIVITY_KINDS.map((kind) => kind.eventType))) {
      const ofType = ACTIVITY_KINDS.filter((kind) => kind.eventType === eventType);
      expect(
        ofType.findIndex((kind) => kind.when === undefined),
        eventType,
      ).toBe(ofType.length - 1);
    }
  });

  it('decides by fields that some release of the event type has', () => {
    for (const { eventType, when } of ACTIVITY_KINDS) {
      const fields = listKnownSchemas(eventType).flatMap(({ schema }) =>
        schema.type.fields.map((field) => field.name),
      );
      for (const { field } of when ?? []) expect(fields, eventType).toContain(field);
    }
  });
});
