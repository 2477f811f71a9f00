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
    const misplaced = [...new Set(ACTIVITY_KINDS.map((kind) => kind.eventType))].filter(
      (eventType) => {
        const ofType = ACTIVITY_KINDS.filter((kind) => kind.eventType === eventType);
        return ofType.findIndex((kind) => kind.when === undefined) !== ofType.length - 1;
      },
    );
    expect(misplaced).toEqual([]);
  });

  it('decides by fields that some release of the event type has', () => {
    const unknown = ACTIVITY_KINDS.flatMap(({ eventType, when = [] }) => {
      const fields = new Set(
        listKnownSchemas(eventType).flatMap(({ schema }) =>
          schema.type.fields.map((field) => field.name),
        ),
      );
      return when.filter(({ field }) => !fields.has(field)).map(({ field }) => [eventType, field]);
    });
    expect(unknown).toEqual([]);
  });
});
