/**
 * The memory in which up to 2,048 rows are put together before DuckDB gets them, column by column.
 *
 * A column is a run of cells of one width, as DuckDB's vectors have them (duckdb.h): 1 byte for a boolean,
 * 4 or 8 for numbers, 16 for a text (`duckdb_string_t`) and for a list's entry (offset and length, 64 bits
 * each). Beside it lie its validity bits, 1 for a value, 0 for null. A list has a second column of items.
 *
 * All of it lies in the kernel's memory (kernel-memory.ts). Columns begin an odd number of cache lines apart:
 * at a power of two, row n of all columns would share the same few lines of the processor's first cache, and
 * each write would push out another.
 */
import { CELLS_AT, kernel } from './kernel-memory.ts';

/** Rows in a DuckDB vector. */
export const VECTOR_SIZE = 2048;

/** Up to so many bytes a text lies in its cell; a longer one is an address in it (duckdb.h). */
export const INLINE_BYTES = 12;

/** Bytes of one cell. */
export type CellSize = 1 | 2 | 4 | 8 | 16;

export interface CellColumn {
  readonly sizeBytes: CellSize;
  /** Only of a list, whose own cells have 16 bytes. */
  readonly itemSizeBytes?: CellSize;
}

/** Where a column lies in the kernel's memory. */
export interface CellPlace {
  readonly sizeBytes: CellSize;
  readonly start: number;
  readonly validityStart: number;
  /** Cells, or items of a list. */
  readonly capacity: number;
  readonly items?: CellPlace;
}

const CACHE_LINE = 64;

/** Cells and validity bits of the columns of one scan. */
export class CellLayout {
  readonly places: readonly CellPlace[];
  readonly itemCapacity: number;
  readonly #columns: readonly CellColumn[];

  /** @param itemCapacity items that all rows of a chunk may have in one list column; a multiple of 64 */
  constructor(columns: readonly CellColumn[], itemCapacity = 2 * VECTOR_SIZE) {
    let end: number = CELLS_AT;
    const place = (sizeBytes: CellSize, capacity: number): CellPlace => {
      const start = end;
      const validityStart = start + sizeBytes * capacity + CACHE_LINE;
      end = validityStart + capacity / 8 + 2 * CACHE_LINE;
      return { sizeBytes, start, validityStart, capacity };
    };
    this.places = columns.map(({ sizeBytes, itemSizeBytes }) => ({
      ...place(sizeBytes, VECTOR_SIZE),
      ...(itemSizeBytes === undefined ? {} : { items: place(itemSizeBytes, itemCapacity) }),
    }));
    this.#columns = columns;
    this.itemCapacity = itemCapacity;
    kernel.reserve(end);
  }

  /** All of the kernel's memory; places are those of `places`. */
  get buffer(): ArrayBuffer {
    return kernel.exports.memory.buffer;
  }

  get bytes(): Uint8Array {
    return kernel.views.bytes;
  }

  get words(): Int32Array {
    return kernel.views.words;
  }

  get longs(): BigInt64Array {
    return kernel.views.longs;
  }

  get view(): DataView {
    return kernel.views.view;
  }

  /** The same columns with room for twice as many items. */
  withMoreItems(): CellLayout {
    return new CellLayout(this.#columns, 2 * this.itemCapacity);
  }

  /** Makes every cell valid: decoding clears the bits of nulls and leaves the others alone. */
  resetValidity(): void {
    const { bytes } = this;
    for (const { validityStart, capacity, items } of this.places) {
      bytes.fill(0xff, validityStart, validityStart + capacity / 8);
      if (items === undefined) continue;
      bytes.fill(0xff, items.validityStart, items.validityStart + items.capacity / 8);
    }
  }

  /** Whether any of the first `count` cells is null. */
  hasNulls({ validityStart }: CellPlace, count: number): boolean {
    const { words } = this;
    const first = validityStart / 4;
    const whole = first + (count >> 5);
    for (let at = first; at < whole; at++) if (words[at] !== -1) return true;
    const rest = ~(-1 << (count & 31));
    return ((words[whole] as number) & rest) !== rest;
  }

  /** Makes the cells from `from` to before `to` null; of a list, each row from the first on must be set. */
  setNulls({ sizeBytes, start, validityStart, items }: CellPlace, from: number, to: number): void {
    const { bytes, words } = this;
    // No address of an earlier chunk stays in them.
    if (sizeBytes === 16) bytes.fill(0, start + from * 16, start + to * 16);
    for (let row = from; row < to; row++) {
      const at = validityStart + (row >> 3);
      bytes[at] = (bytes[at] as number) & ~(1 << (row & 7));
      if (items !== undefined) words[start / 4 + row * 4] = this.countItems(start, row);
    }
  }

  /** How many items the first `rows` rows of a list have; its cells begin at `start`. */
  countItems(start: number, rows: number): number {
    if (rows === 0) return 0;
    const entry = start / 4 + (rows - 1) * 4;
    return (this.words[entry] as number) + (this.words[entry + 2] as number);
  }
}
