/**
 * The hot path: the bytes of a block → cells of a layout, record after record, as a program says
 * (cell-program.ts). No JavaScript value is made of anything. What comes out is what DuckDB keeps in
 * memory, so that a chunk of 2,048 rows is handed over in a few calls a column.
 *
 * A text becomes a cell of 16 bytes (duckdb_string_t in duckdb.h): its length, then up to 12 bytes of it, or
 * its first 4 bytes and the address of all of them. The caller has put the bytes of the block where DuckDB
 * finds them and says where that is; how long they stay there is his business.
 *
 * Why it is safe. A cell that points outside of those bytes would be memory corruption, so:
 * - every length, count and branch is compared with the bytes that are left before it is used, and no text
 *   is written that does not end at or before `end`, up to which the caller vouches for the address;
 * - all writes go through typed arrays, which cannot be written outside of; a row's number is below 2,048
 *   and an item's below the capacity of its list;
 * - texts are checked to be UTF-8, which DuckDB takes on trust from here;
 * - whatever is not as it should be ends the call with the last whole row. What the defect is, in words, is
 *   found out by block-checker.ts, which accepts exactly the same bytes.
 *
 * Why it is written like this, against taste:
 * - One loop over steps and one big switch: it is as fast as code generated for each schema (measured for
 *   30 columns), and needs no `eval`.
 * - Numbers instead of names in that loop: V8 loads an imported constant from memory, and checks it, on each
 *   use, and compares the cases of a switch one by one unless they are literals. The names stand beside;
 *   `step + 1` is AT_BASE and `step + 5` AT_SIZE.
 * - Reading a length stands there twice, for texts and for bytes that are passed over: one more test for
 *   each of them costs a few percent.
 * - Four bytes at a time through a DataView; of a short text more bytes are read than it has and masked off.
 * - State that several calls share lies in fields, and is copied to local variables where loops use it.
 */
import { isUtf8 } from 'node:buffer';
import { CellLayout, INLINE_BYTES } from './cell-layout.ts';
import {
  AT_ARGUMENT,
  AT_BASE,
  AT_BLANK,
  AT_CELL_SIZE,
  AT_CODE,
  AT_MINIMUM,
  AT_VALIDITY,
  BLANK,
  type CellProgram,
  LAST_OP,
  OP,
  STEP_SIZE,
} from './cell-program.ts';

/** Why a call ended. All but `done` leave the position at the start of a record that is not in the cells. */
export const OUTCOME = {
  /** All records that were asked for. */
  done: 0,
  /** The next record goes on beyond `end`. */
  outOfBytes: -1,
  /** The next record breaks Avro's rules. */
  defect: -2,
  /** The next record has a value that its column cannot hold. */
  misfit: -3,
  /** The next record has more items than a list of this layout has room for. */
  itemsFull: -4,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** Any of four bytes that is not ASCII. */
const NOT_ASCII = 0x80808080 | 0;
const TWO_32 = 2 ** 32;
/** Keeps the first n bytes of a little-endian word. */
const FIRST_BYTES = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1);

/** A block's bytes, in the two forms in which they are read. */
export interface BlockBytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Addresses are 64 bits; neither the bytes of a block nor the symbols lie across a multiple of 2^32. */
export interface Address {
  readonly low: number;
  readonly high: number;
}

const NOWHERE: Address = { low: 0, high: 0 };

const NO_PROGRAM: CellProgram = {
  layout: new CellLayout([]),
  steps: new Int32Array(0),
  fieldSteps: 0,
  scales: [],
  accepts: [],
  stores: [],
  symbols: [],
  symbolBytes: Buffer.alloc(0),
  pointsAtBytes: false,
};

export class CellDecoder {
  /** Where the next record begins. */
  pos = 0;
  /** The row that the next record goes to. */
  row = 0;

  #program: CellProgram = NO_PROGRAM;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  /** Up to here twelve bytes can be read. */
  #lastInline = 0;
  #low = 0;
  #high = 0;
  #symbolsLow = 0;
  #symbolsHigh = 0;
  /** The last number that was read, as 64 bits. */
  #longLow = 0;
  #longHigh = 0;

  /**
   * Decodes the next `records` records of a block, from `pos` on, into rows from `row` on.
   *
   * @param end no cell will point at bytes from here on
   * @param address where byte 0 of the block is for DuckDB; bytes from `pos` to `end` are there
   * @param symbols where the program's `symbolBytes` are for DuckDB
   */
  decode(
    program: CellProgram,
    block: BlockBytes,
    end: number,
    records: number,
    address: Address = NOWHERE,
    symbols: Address = NOWHERE,
  ): Outcome {
    this.#program = program;
    this.#bytes = block.bytes;
    this.#view = block.view;
    this.#end = end;
    this.#lastInline = block.bytes.length - INLINE_BYTES;
    this.#low = address.low;
    this.#high = address.high;
    this.#symbolsLow = symbols.low;
    this.#symbolsHigh = symbols.high;
    const next = this.#decodeSteps(0, program.fieldSteps, this.row, records, this.pos);
    return next < 0 ? (next as Outcome) : OUTCOME.done;
  }

  /**
   * Follows the steps from `from` to before `to` for `count` rows, or for as many items of a list.
   *
   * @returns the position behind the values, or an outcome; of rows, `pos` and `row` tell how far it came
   */
  #decodeSteps(from: number, to: number, firstRow: number, count: number, start: number): number {
    const { steps, layout } = this.#program;
    const { words, doubles, bytes: cells } = layout;
    const bytes = this.#bytes;
    const view = this.#view;
    const end = this.#end | 0;
    const low = this.#low | 0;
    const high = this.#high | 0;
    const lastInline = this.#lastInline | 0;
    const firstBytes = FIRST_BYTES;
    const notAscii = 0x80808080 | 0;
    const isRecord = from === 0;
    let pos = start | 0;
    for (let row = firstRow | 0, lastRow = (firstRow + count) | 0; row < lastRow; row++) {
      for (let step = from | 0; step < to; step += 8) {
        const code = steps[step] as number;
        // Beyond LAST_OP: a union.
        if (code > 0x1f) {
          if (pos >= end) return OUTCOME.outOfBytes;
          let branch = bytes[pos] as number;
          if (branch < 0x80) pos++;
          else {
            pos = this.#readLong(pos) | 0;
            if (pos < 0) return pos;
            branch = this.#longHigh === 0 && this.#longLow >>> 0 < 2 ? this.#longLow * 2 : -1;
          }
          // A branch's number is zigzag: 0 is the first, 2 the second.
          const ofValue = (code & 0x20) !== 0 ? 2 : 0; // NULL_FIRST
          if (branch !== ofValue) {
            // ONLY_BRANCH
            if (branch !== 2 - ofValue || (code & 0x80) !== 0) return OUTCOME.defect;
            // From passText on nothing is stored.
            if ((code & 0x1f) < 20) this.#storeNull(step, row);
            continue;
          }
        }

        switch (code & 0x1f) {
          case 0: {
            // text
            if (pos >= end) return OUTCOME.outOfBytes;
            let length = bytes[pos++] as number;
            if (length >= 0x80) {
              pos = this.#readLength(pos - 1) | 0;
              if (pos < 0) return pos;
              length = this.#longLow | 0;
            } else {
              // Zigzag: odd is negative.
              if ((length & 1) !== 0) return OUTCOME.defect;
              length >>>= 1;
            }
            if (length > end - pos) return OUTCOME.outOfBytes;
            const at = ((steps[step + 1] as number) + (row << 2)) | 0;
            const seen = storeSpan(words, view, at, pos, length, low, high, lastInline, firstBytes);
            if ((seen & notAscii) !== 0 && !isUtf8(bytes.subarray(pos, pos + length))) {
              return OUTCOME.defect;
            }
            pos += length;
            break;
          }
          case 23: {
            // passBytes
            if (pos >= end) return OUTCOME.outOfBytes;
            let length = bytes[pos++] as number;
            if (length >= 0x80) {
              pos = this.#readLength(pos - 1) | 0;
              if (pos < 0) return pos;
              length = this.#longLow | 0;
            } else {
              if ((length & 1) !== 0) return OUTCOME.defect;
              length >>>= 1;
            }
            if (length > end - pos) return OUTCOME.outOfBytes;
            pos += length;
            break;
          }
          case 13: // bytes
          case 11: // acceptedText
          case 15: // storedText
          case 16: // storedBytes
          case 20: {
            // passText
            pos = this.#readLength(pos) | 0;
            if (pos < 0) return pos;
            const length = this.#longLow | 0;
            if (length > end - pos) return OUTCOME.outOfBytes;
            const outcome = this.#storeSpanAs(code & 0x1f, step, row, pos, length);
            if (outcome !== OUTCOME.done) return outcome;
            pos += length;
            break;
          }

          case 1: // int32
          case 19: // intAsInt64
          case 9: // intAsDouble
          case 3: // scaledInt
          case 21: {
            // passInt
            if (pos >= end) return OUTCOME.outOfBytes;
            let byte = bytes[pos++] as number;
            let raw = byte & 0x7f;
            for (let shift = 7; byte >= 0x80; shift += 7) {
              if (pos >= end) return OUTCOME.outOfBytes;
              byte = bytes[pos++] as number;
              // The fifth byte has room for four bits.
              if (shift === 28 && byte > 0x0f) return OUTCOME.defect;
              raw |= (byte & 0x7f) << shift;
            }
            const value = (raw >>> 1) ^ -(raw & 1);
            if (!this.#storeInt(code & 0x1f, step, row, value)) return OUTCOME.misfit;
            break;
          }

          case 2: // int64
          case 4: // scaledLong
          case 10: // longAsDouble
          case 22: // passLong
            pos = this.#readLong(pos) | 0;
            if (pos < 0) return pos;
            if (!this.#storeLong(code & 0x1f, step, row)) return OUTCOME.misfit;
            break;

          case 5: // boolean
          case 25: {
            // passBoolean
            if (pos >= end) return OUTCOME.outOfBytes;
            const byte = bytes[pos++] as number;
            if (byte > 1) return OUTCOME.defect;
            if ((code & 0x1f) === 5) {
              cells[(steps[step + 1] as number) + row] = byte;
            }
            break;
          }

          case 6: // float32
            if (end - pos < 4) return OUTCOME.outOfBytes;
            words[(steps[step + 1] as number) + row] = view.getInt32(pos, true);
            pos += 4;
            break;
          case 8: // floatAsDouble
            if (end - pos < 4) return OUTCOME.outOfBytes;
            doubles[(steps[step + 1] as number) + row] = view.getFloat32(pos, true);
            pos += 4;
            break;
          case 7: // float64
            if (end - pos < 8) return OUTCOME.outOfBytes;
            doubles[(steps[step + 1] as number) + row] = view.getFloat64(pos, true);
            pos += 8;
            break;

          case 14: {
            // fixed
            const size = steps[step + 5] as number;
            if (size > end - pos) return OUTCOME.outOfBytes;
            const at = ((steps[step + 1] as number) + (row << 2)) | 0;
            storeSpan(words, view, at, pos, size, low, high, lastInline, firstBytes);
            pos += size;
            break;
          }
          case 17: {
            // storedFixed
            const size = steps[step + 5] as number;
            if (size > end - pos) return OUTCOME.outOfBytes;
            if (!this.#storeRare(step, row, pos, size)) return OUTCOME.misfit;
            pos += size;
            break;
          }
          case 24: {
            // passFixed
            const size = steps[step + 5] as number;
            if (size > end - pos) return OUTCOME.outOfBytes;
            pos += size;
            break;
          }

          case 12: // symbol
          case 26: // passSymbol
            pos = this.#readLong(pos) | 0;
            if (pos < 0) return pos;
            if (!this.#storeSymbol(code & 0x1f, step, row)) return OUTCOME.defect;
            break;

          case 18: // list
          case 27: // passList
            pos = this.#decodeItems(step, row, pos) | 0;
            if (pos < 0) return pos;
            break;

          default:
            // OP.expectNull: it is not null.
            return OUTCOME.misfit;
        }
      }
      if (isRecord) {
        this.pos = pos;
        this.row = row + 1;
      }
    }
    return pos;
  }

  #storeNull(step: number, row: number): void {
    const { steps, layout } = this.#program;
    const { words, bytes: cells } = layout;
    const validity = (steps[step + AT_VALIDITY] as number) + (row >> 3);
    cells[validity] = (cells[validity] as number) & ~(1 << (row & 7));
    const blank = steps[step + AT_BLANK] as number;
    if (blank === BLANK.none) return;
    const base = steps[step + AT_BASE] as number;
    const at = base + row * 4;
    words[at] = blank === BLANK.list ? layout.countItems(base * 4, row) : 0;
    words[at + 1] = 0;
    words[at + 2] = 0;
    words[at + 3] = 0;
  }

  /** The rarer uses of a text or of bytes. */
  #storeSpanAs(op: number, step: number, row: number, pos: number, length: number): Outcome {
    const { steps, layout } = this.#program;
    const isText = op === OP.passText || op === OP.acceptedText || op === OP.storedText;
    if (isText && !this.#isText(pos, length)) return OUTCOME.defect;
    if (op === OP.passText) return OUTCOME.done;
    if (op === OP.storedText || op === OP.storedBytes) {
      return this.#storeRare(step, row, pos, length) ? OUTCOME.done : OUTCOME.misfit;
    }
    if (op === OP.acceptedText && !this.#acceptsText(step, pos, length)) return OUTCOME.misfit;
    const at = (steps[step + AT_BASE] as number) + row * 4;
    storeSpan(
      layout.words,
      this.#view,
      at,
      pos,
      length,
      this.#low,
      this.#high,
      this.#lastInline,
      FIRST_BYTES,
    );
    return OUTCOME.done;
  }

  #isText(pos: number, length: number): boolean {
    const bytes = this.#bytes;
    const view = this.#view;
    const end = pos + length;
    let seen = 0;
    let i = pos;
    for (; i < end - 3; i += 4) seen |= view.getInt32(i, true);
    for (; i < end; i++) seen |= bytes[i] as number;
    return (seen & NOT_ASCII) === 0 || isUtf8(bytes.subarray(pos, end));
  }

  #acceptsText(step: number, pos: number, length: number): boolean {
    const { steps, accepts } = this.#program;
    const accept = accepts[steps[step + AT_ARGUMENT] as number];
    return accept?.(this.#bytes, pos, pos + length) === true;
  }

  #storeRare(step: number, row: number, pos: number, length: number): boolean {
    const { steps, stores, layout } = this.#program;
    const store = stores[steps[step + AT_ARGUMENT] as number];
    const at = (steps[step + AT_BASE] as number) + row * (steps[step + AT_CELL_SIZE] as number);
    return store?.(this.#bytes, pos, pos + length, layout.view, at) === true;
  }

  /** The last number, as the index of a symbol. */
  #storeSymbol(op: number, step: number, row: number): boolean {
    const { steps, symbols, layout } = this.#program;
    const { words } = layout;
    const argument = steps[step + AT_ARGUMENT] as number;
    const table = op === OP.symbol ? symbols[argument] : undefined;
    const count = table === undefined ? argument : table.count;
    if (this.#longHigh !== 0 || this.#longLow >>> 0 >= count) return false;
    if (table === undefined) return true;
    const at = (steps[step + AT_BASE] as number) + row * 4;
    const symbol = this.#longLow * 4;
    const length = table.cells[symbol] as number;
    const third = table.cells[symbol + 2] as number;
    const isInline = length <= INLINE_BYTES;
    words[at] = length;
    words[at + 1] = table.cells[symbol + 1] as number;
    words[at + 2] = isInline ? third : (this.#symbolsLow + third) | 0;
    words[at + 3] = isInline ? (table.cells[symbol + 3] as number) : this.#symbolsHigh;
    return true;
  }

  #storeInt(op: number, step: number, row: number, value: number): boolean {
    const { steps, layout } = this.#program;
    const base = steps[step + AT_BASE] as number;
    switch (op) {
      case OP.int32:
        layout.words[base + row] = value;
        return true;
      case OP.intAsInt64:
        layout.words[base + row * 2] = value;
        layout.words[base + row * 2 + 1] = value >> 31;
        return true;
      case OP.intAsDouble:
        layout.doubles[base + row] = value;
        return true;
      case OP.scaledInt:
        return this.#storeScaled(step, row, value);
      default:
        return true;
    }
  }

  /** An exact integer of at most 53 bits, times the step's factor. */
  #storeScaled(step: number, row: number, value: number): boolean {
    const { steps, scales, layout } = this.#program;
    const scale = scales[steps[step + AT_ARGUMENT] as number];
    if (scale === undefined) return false;
    const scaled = value * scale.factor;
    if (!Number.isSafeInteger(scaled)) return this.#storeLarge(step, row, BigInt(value));
    if (scaled < scale.lowest || scaled > scale.highest) return false;
    const base = steps[step + AT_BASE] as number;
    if (scale.sizeBytes === 4) {
      layout.words[base + row] = scaled;
    } else {
      layout.words[base + row * 2] = scaled | 0;
      layout.words[base + row * 2 + 1] = Math.floor(scaled / TWO_32);
    }
    return true;
  }

  #storeLarge(step: number, row: number, value: bigint): boolean {
    const { steps, scales, layout } = this.#program;
    const scale = scales[steps[step + AT_ARGUMENT] as number];
    const scaled = value * BigInt(scale?.factor ?? 0);
    if (scale === undefined || scaled < scale.min || scaled > scale.max) return false;
    const at = (steps[step + AT_BASE] as number) * 4 + row * 8;
    layout.view.setBigInt64(at, scaled, true);
    return true;
  }

  /** The last number. */
  #storeLong(op: number, step: number, row: number): boolean {
    if (op === OP.passLong) return true;
    const { steps, layout } = this.#program;
    const base = steps[step + AT_BASE] as number;
    if (op === OP.int64) {
      layout.words[base + row * 2] = this.#longLow;
      layout.words[base + row * 2 + 1] = this.#longHigh;
      return true;
    }
    const value = this.#longHigh * TWO_32 + (this.#longLow >>> 0);
    const isExact = Number.isSafeInteger(value);
    const exact = isExact ? 0n : (BigInt(this.#longHigh) << 32n) | BigInt(this.#longLow >>> 0);
    if (op === OP.scaledLong) {
      return isExact ? this.#storeScaled(step, row, value) : this.#storeLarge(step, row, exact);
    }
    if (!isExact && BigInt(value) !== exact) return false;
    layout.doubles[base + row] = value;
    return true;
  }

  /** Blocks of items; a negative count is followed by the length of its block. */
  #decodeItems(step: number, row: number, start: number): number {
    const { steps, layout } = this.#program;
    const isWanted = ((steps[step + AT_CODE] as number) & LAST_OP) === OP.list;
    const item = steps[step + AT_ARGUMENT] as number;
    const minimumBytes = steps[step + AT_MINIMUM] as number;
    const entry = (steps[step + AT_BASE] as number) + row * 4;
    const first = isWanted ? layout.countItems((steps[step + AT_BASE] as number) * 4, row) : 0;
    let index = first;
    let pos = start;
    for (;;) {
      pos = this.#readLong(pos);
      if (pos < 0) return pos;
      let count = this.#longHigh * TWO_32 + (this.#longLow >>> 0);
      if (count === 0) break;
      let blockEnd = -1;
      if (count < 0) {
        count = -count;
        pos = this.#readLong(pos);
        if (pos < 0) return pos;
        if (this.#longHigh < 0) return OUTCOME.defect;
        blockEnd = pos + this.#longHigh * TWO_32 + (this.#longLow >>> 0);
      }
      if (count * minimumBytes > this.#end - pos) return OUTCOME.outOfBytes;
      if (isWanted && index + count > layout.itemCapacity) return OUTCOME.itemsFull;
      pos = this.#decodeSteps(item, item + STEP_SIZE, isWanted ? index : 0, count, pos);
      if (pos < 0) return pos;
      index += count;
      if (blockEnd !== -1 && pos !== blockEnd) return OUTCOME.defect;
    }
    if (isWanted) {
      layout.words[entry] = first;
      layout.words[entry + 1] = 0;
      layout.words[entry + 2] = index - first;
      layout.words[entry + 3] = 0;
    }
    return pos;
  }

  /** Reads the length of a text or of bytes into `#longLow`. */
  #readLength(start: number): number {
    const pos = this.#readLong(start);
    if (pos < 0) return pos;
    if (this.#longHigh < 0) return OUTCOME.defect;
    // 2^31 is more than any block has.
    return this.#longHigh > 0 || this.#longLow < 0 ? OUTCOME.outOfBytes : pos;
  }

  /** Reads a zigzag varint into `#longLow` and `#longHigh`; at most ten bytes. */
  #readLong(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let pos = start;
    if (end - pos >= 2) {
      const near = bytes[pos] as number;
      const far = bytes[pos + 1] as number;
      if (near < 0x80 || far < 0x80) {
        const raw = near < 0x80 ? near : (near & 0x7f) | (far << 7);
        this.#longLow = (raw >>> 1) ^ -(raw & 1);
        this.#longHigh = -(raw & 1);
        return near < 0x80 ? pos + 1 : pos + 2;
      }
    }
    // 28, 28 and 8 bits.
    let first = 0;
    let second = 0;
    let third = 0;
    for (let i = 0; i < 10; i++) {
      if (pos >= end) return OUTCOME.outOfBytes;
      const byte = bytes[pos++] as number;
      const part = byte & 0x7f;
      if (i < 4) first |= part << (7 * i);
      else if (i < 8) second |= part << (7 * (i - 4));
      else third |= part << (7 * (i - 8));
      if (byte >= 0x80) continue;
      // The tenth byte has room for one bit.
      if (i === 9 && byte > 1) return OUTCOME.defect;
      const low = first | (second << 28);
      const high = (second >>> 4) | (third << 24);
      const sign = -(low & 1);
      this.#longLow = ((low >>> 1) | (high << 31)) ^ sign;
      this.#longHigh = (high >>> 1) ^ sign;
      return pos;
    }
    return OUTCOME.defect;
  }
}

/**
 * Writes the cell of a text or of bytes.
 *
 * @param at of the cell's first word
 * @returns all words of it or-ed together
 */
function storeSpan(
  words: Int32Array,
  view: DataView,
  at: number,
  pos: number,
  length: number,
  low: number,
  high: number,
  lastInline: number,
  firstBytes: Int32Array,
): number {
  words[at] = length;
  if (length > 12) {
    let seen = view.getInt32(pos, true);
    words[at + 1] = seen;
    words[at + 2] = (low + pos) | 0;
    words[at + 3] = high;
    const last = pos + length - 4;
    let i = pos + 4;
    for (; i < last - 12; i += 16) {
      seen |=
        view.getInt32(i, true) |
        view.getInt32(i + 4, true) |
        view.getInt32(i + 8, true) |
        view.getInt32(i + 12, true);
    }
    for (; i < last; i += 4) seen |= view.getInt32(i, true);
    return seen | view.getInt32(last, true);
  }
  if (pos > lastInline) return storeLastSpan(words, view, at, pos, length);
  let first = view.getInt32(pos, true);
  let second = 0;
  let third = 0;
  if (length > 8) {
    second = view.getInt32(pos + 4, true);
    third = view.getInt32(pos + 8, true) & (firstBytes[length - 8] as number);
  } else if (length > 4) {
    second = view.getInt32(pos + 4, true) & (firstBytes[length - 4] as number);
  } else {
    first &= firstBytes[length] as number;
  }
  words[at + 1] = first;
  words[at + 2] = second;
  words[at + 3] = third;
  return first | second | third;
}

/** A short one at the end of the block, where twelve bytes cannot be read. */
function storeLastSpan(
  words: Int32Array,
  view: DataView,
  at: number,
  pos: number,
  length: number,
): number {
  const cell = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const word = i >> 2;
    cell[word] = (cell[word] as number) | (view.getUint8(pos + i) << (8 * (i & 3)));
  }
  words.set(cell, at + 1);
  return (cell[0] as number) | (cell[1] as number) | (cell[2] as number);
}
