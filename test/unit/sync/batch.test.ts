/** Packing: nothing lost, nothing twice, every limit respected. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchLimits, formatBody, packBatches } from '../../../src/sync/batch.ts';
import type { OutboxItem } from '../../../src/sync/destination.ts';
import { somePeople } from '../../support/sync-books.ts';

const UNLIMITED: BatchLimits = { maxObjects: 1000, maxBytes: 1e9 };

const items: fc.Arbitrary<readonly OutboxItem[]> = fc
  .array(fc.dictionary(fc.string({ maxLength: 12, unit: 'grapheme' }), fc.jsonValue()), {
    maxLength: 60,
  })
  .map((objects) =>
    objects.map((object, itemId) => {
      return { itemId, object: Buffer.from(JSON.stringify(object)), repeatable: true };
    }),
  );

const limits = fc.record({
  maxObjects: fc.integer({ min: 1, max: 12 }),
  maxBytes: fc.integer({ min: 20, max: 2000 }),
});

function itemIds(found: readonly OutboxItem[]): number[] {
  return found.map(({ itemId }) => itemId);
}

describe('batches', () => {
  it('hold every item once and in order, and only those apart that no request could carry', () => {
    fc.assert(
      fc.property(items, limits, (given, limit) => {
        const { batches, tooLarge } = packBatches(given, limit);
        const apart = new Set(tooLarge);
        expect(itemIds(batches.flat())).toEqual(itemIds(given.filter((item) => !apart.has(item))));
        expect(itemIds(tooLarge)).toEqual(itemIds(given.filter((item) => apart.has(item))));
        for (const item of tooLarge)
          expect(formatBody([item]).length).toBeGreaterThan(limit.maxBytes);
      }),
    );
  });

  it('respect the count and the bytes of the body, which is JSON', () => {
    fc.assert(
      fc.property(items, limits, (given, limit) => {
        for (const batch of packBatches(given, limit).batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(limit.maxObjects);
          const body = formatBody(batch);
          expect(body.length).toBeLessThanOrEqual(limit.maxBytes);
          expect(JSON.parse(String(body))).toEqual({
            attributes: batch.map(({ object }) => JSON.parse(String(object))),
          });
        }
      }),
    );
  });

  it('are no more than needed: two that follow each other would not fit into one', () => {
    fc.assert(
      fc.property(items, limits, (given, limit) => {
        const { batches } = packBatches(given, limit);
        for (const [index, batch] of batches.slice(1).entries()) {
          const more = [...(batches[index] ?? []), ...batch.slice(0, 1)];
          const isOver = more.length > limit.maxObjects || formatBody(more).length > limit.maxBytes;
          expect(isOver).toBe(true);
        }
      }),
    );
  });

  it('of 75 are what a thousand people need by default', () => {
    const { batches } = packBatches(somePeople(1000), { ...UNLIMITED, maxObjects: 75 });
    expect(batches).toHaveLength(14);
  });
});
