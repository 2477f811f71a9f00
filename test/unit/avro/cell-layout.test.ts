import { describe, expect, it } from 'vitest';
import { CellLayout, type CellPlace, VECTOR_SIZE } from '../../../src/avro/cell-layout.ts';

const COLUMNS = [
  { sizeBytes: 1 },
  { sizeBytes: 2 },
  { sizeBytes: 16 },
  { sizeBytes: 16, itemSizeBytes: 16 },
] as const;

function listPlaces(layout: CellLayout): readonly CellPlace[] {
  return layout.places.flatMap((place) => (place.items ? [place, place.items] : [place]));
}

describe('CellLayout', () => {
  it('gives each column cells and validity bits of its own', () => {
    const layout = new CellLayout(COLUMNS);
    const ranges = listPlaces(layout).flatMap(
      ({ start, validityStart, sizeBytes, capacity }): [number, number][] => [
        [start, start + sizeBytes * capacity],
        [validityStart, validityStart + capacity / 8],
      ],
    );
    ranges.sort(([a], [b]) => a - b);
    for (const [index, [start, end]] of ranges.entries()) {
      expect(start % 8).toBe(0);
      expect(end).toBeLessThanOrEqual(ranges[index + 1]?.[0] ?? layout.buffer.byteLength);
    }
  });

  it('sees a null in any row and none behind the last', () => {
    const layout = new CellLayout(COLUMNS);
    const [place] = layout.places as [CellPlace];
    for (const row of [0, 1, 7, 8, 63, 64, 2046, 2047]) {
      layout.resetValidity();
      expect(layout.hasNulls(place, VECTOR_SIZE)).toBe(false);
      layout.setNulls(place, row, row + 1);
      expect(layout.hasNulls(place, row)).toBe(false);
      expect(layout.hasNulls(place, row + 1)).toBe(true);
    }
  });

  it('leaves no address in a null text', () => {
    const layout = new CellLayout(COLUMNS);
    layout.bytes.fill(0xaa);
    const text = layout.places[2] as CellPlace;
    layout.setNulls(text, 1, 4);
    const cells = Array.from({ length: 5 }, (_, row) =>
      layout.view.getBigUint64(text.start + row * 16 + 8, true),
    );
    expect(cells.map((address) => address === 0n)).toEqual([false, true, true, true, false]);
  });

  it('makes null lists begin where the list before them ends', () => {
    const layout = new CellLayout(COLUMNS);
    const list = layout.places[3] as CellPlace;
    layout.view.setBigUint64(list.start, 0n, true);
    layout.view.setBigUint64(list.start + 8, 5n, true);
    layout.setNulls(list, 1, 3);
    expect([0, 1, 2, 3].map((rows) => layout.countItems(list.start, rows))).toEqual([0, 5, 5, 5]);
  });

  it('has room for twice as many items when asked', () => {
    const layout = new CellLayout(COLUMNS);
    const wider = layout.withMoreItems();
    expect(wider.itemCapacity).toBe(2 * layout.itemCapacity);
    expect(wider.places[3]?.items?.capacity).toBe(2 * layout.itemCapacity);
    expect(wider.places[2]?.capacity).toBe(VECTOR_SIZE);
  });
});
