/** Packing: nothing lost, nothing twice, every limit respected, one person once in a request. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BatchLimits,
  encodeObject,
  formatBody,
  packBatches,
  type TrackObject,
} from '../../../src/sync/batch.ts';
import type { Identifier } from '../../../src/sync/destination.ts';

const UNLIMITED: BatchLimits = { maxObjects: 1000, maxBytes: 1e9 };

const identifiers: fc.Arbitrary<Identifier> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('external_id' as const, 'email' as const),
    value: fc.constantFrom('a', 'b', 'c', '"é\n', '\u{1f600}'),
  }),
  fc.record({
    kind: fc.constant('user_alias' as const),
    name: fc.constantFrom('a', 'b'),
    label: fc.constantFrom('a', 'b', 'a b'),
  }),
);

const attributes = fc
  .dictionary(fc.string({ maxLength: 12, unit: 'grapheme' }), fc.jsonValue({ maxDepth: 2 }), {
    minKeys: 1,
    maxKeys: 4,
  })
  .map((object) => JSON.stringify(object));

const objects = fc
  .array(fc.record({ identifier: identifiers, attributes }), { maxLength: 60 })
  .map((items) =>
    items.map((item, itemId) =>
      encodeObject({ ...item, itemId, repeatable: true }, { updateExistingOnly: false }),
    ),
  );

const limits = fc.record({
  maxObjects: fc.integer({ min: 1, max: 12 }),
  maxBytes: fc.integer({ min: 20, max: 2000 }),
});

function itemIds(found: readonly TrackObject[]): number[] {
  return found.map(({ item }) => item.itemId);
}

describe('batches', () => {
  it('hold every item once, and only those apart that no request could carry', () => {
    fc.assert(
      fc.property(objects, limits, (given, limit) => {
        const { batches, tooLarge } = packBatches(given, limit);
        const found = [...batches.flat(), ...tooLarge];
        expect(itemIds(found).sort((a, b) => a - b)).toEqual(itemIds(given));
        for (const object of tooLarge)
          expect(Buffer.byteLength(formatBody([object]))).toBeGreaterThan(limit.maxBytes);
      }),
    );
  });

  it('respect the count, the bytes of the body, and one object a person', () => {
    fc.assert(
      fc.property(objects, limits, (given, limit) => {
        for (const batch of packBatches(given, limit).batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(limit.maxObjects);
          expect(Buffer.byteLength(formatBody(batch))).toBeLessThanOrEqual(limit.maxBytes);
          const people = batch.map(({ item }) => JSON.stringify(item.identifier));
          expect(new Set(people).size).toBe(people.length);
        }
      }),
    );
  });

  it('keep the order of a person’s items', () => {
    fc.assert(
      fc.property(objects, limits, (given, limit) => {
        const order = packBatches(given, limit).batches.flat();
        for (const person of new Set(given.map((object) => object.person))) {
          const own = itemIds(order.filter((object) => object.person === person));
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
      }),
    );
  });

  it('are no more than needed: two that follow each other would not fit into one', () => {
    fc.assert(
      fc.property(objects, limits, (given, limit) => {
        const alone = given.filter(
          ({ person }, index) => given.findIndex((other) => other.person === person) === index,
        );
        const { batches } = packBatches(alone, limit);
        for (const [index, batch] of batches.slice(1).entries()) {
          const more = [...(batches[index] ?? []), ...batch.slice(0, 1)];
          const isOver =
            more.length > limit.maxObjects || Buffer.byteLength(formatBody(more)) > limit.maxBytes;
          expect(isOver).toBe(true);
        }
      }),
    );
  });

  it('of 75 are what a thousand people need by default', () => {
    const people = Array.from({ length: 1000 }, (_, itemId) =>
      encodeObject(
        {
          itemId,
          identifier: { kind: 'external_id', value: `${itemId}` },
          attributes: '{"a":1}',
          repeatable: true,
        },
        { updateExistingOnly: false },
      ),
    );
    expect(packBatches(people, { ...UNLIMITED, maxObjects: 75 }).batches).toHaveLength(14);
  });
});

describe('an object', () => {
  it('is the item with its identifier, whatever characters they have', () => {
    fc.assert(
      fc.property(identifiers, attributes, (identifier, text) => {
        const item = { itemId: 1, identifier, attributes: text, repeatable: true };
        const encoded = encodeObject(item, { updateExistingOnly: true });
        const who =
          identifier.kind === 'user_alias'
            ? { user_alias: { alias_name: identifier.name, alias_label: identifier.label } }
            : { [identifier.kind]: identifier.value };
        expect(JSON.parse(encoded.text)).toEqual({
          ...who,
          _update_existing_only: true,
          ...JSON.parse(text),
        });
        expect(encoded.sizeBytes).toBe(Buffer.byteLength(encoded.text));
      }),
    );
  });

  it('says of an alias that new profiles are wanted, since Braze takes the opposite for granted', () => {
    const encode = (identifier: Identifier) =>
      encodeObject(
        { itemId: 1, identifier, attributes: '{"a":1}', repeatable: true },
        { updateExistingOnly: false },
      ).text;
    expect(encode({ kind: 'user_alias', name: 'n', label: 'l' })).toBe(
      '{"user_alias":{"alias_name":"n","alias_label":"l"},"_update_existing_only":false,"a":1}',
    );
    expect(encode({ kind: 'external_id', value: 'x' })).toBe('{"external_id":"x","a":1}');
  });
});
