/**
 * The hot path: the bytes of records → cells of a layout, record after record, as a program says
 * (cell-program.ts). No JavaScript value is made of anything. What comes out is what DuckDB keeps in
 * memory, so that a chunk of 2,048 rows is handed over in a few calls a column.
 *
 * This file is AssemblyScript: TypeScript's syntax, compiled to WebAssembly (`npm run kernel`). What that
 * gives over JavaScript, where the same loop stood before: 16 bytes of a text are looked at in one
 * instruction, numbers have 64 bits, and memory is read without a check of each index. It was three times
 * as fast. Whatever it did wrong, it could touch nothing but its own memory (kernel-memory.ts).
 *
 * A text becomes a cell of 16 bytes (duckdb_string_t in duckdb.h): its length, then up to 12 bytes of it, or
 * its first 4 bytes and the address of all of them. The caller has put the same bytes where DuckDB finds
 * them and says where that is; how long they stay there is his business.
 *
 * Why it is safe. A cell that points outside of those bytes would be memory corruption, so:
 * - every length, count and branch is compared with the bytes that are left before it is used, and no text
 *   is written that does not end at or before the end of the window, up to which the address holds;
 * - a row's number is below 2,048 and an item's below the capacity of its list;
 * - texts are checked to be UTF-8, which DuckDB takes on trust from here;
 * - whatever is not as it should be ends the call with the last whole row. What the defect is, in words, is
 *   found out by block-checker.ts, which accepts exactly the same bytes.
 *
 * Beyond the window lie 16 bytes that may be read and mean nothing, and so do 4 before it.
 *
 * Most fields are short ASCII texts or null. decodeTexts() follows the steps of these in a loop of their own,
 * in which everything is in registers; what it does not like is left to decodeSteps() as it stands. That
 * took a quarter off the time of `wide` and `medium`.
 *
 * Lengths of one byte are read where they stand, for texts, JSON and bytes that are passed over: a call for
 * each cost a tenth of the time of `wide`. All others go by way of readLength().
 */

import { isPlainJson } from './json';
import { beginCall, takes } from './key-sieve';

/** Called for what is rare; answers whether the cell could be written, or the text may be stored. */
declare function storeCell(argument: i32, start: i32, end: i32, cell: i32): bool;
declare function acceptsText(argument: i32, start: i32, end: i32): bool;

// Outcomes, as in cell-decoder.ts.
const DONE: i32 = 0;
const OUT_OF_BYTES: i32 = -1;
const DEFECT: i32 = -2;
const MISFIT: i32 = -3;
const ITEMS_FULL: i32 = -4;

// Places in a step, in bytes; AT_* of cell-program.ts.
const STEP_BYTES: i32 = 32;
const BASE: usize = 4;
const VALIDITY: usize = 8;
const BLANK: usize = 12;
const ARGUMENT: usize = 16;
const MINIMUM: usize = 20;
const SIZE: usize = 20;
const CELL_SIZE: usize = 24;

const LAST_OP: i32 = 0x1f;
const NULL_FIRST: i32 = 0x20;
const ONLY_BRANCH: i32 = 0x80;
/** Ops from this one on store nothing. */
const FIRST_PASS: i32 = 20;

const BLANK_NONE: i32 = 0;
const BLANK_LIST: i32 = 2;

const INLINE_BYTES: i32 = 12;
/** A branch, a length of one byte, and as many bytes as that can tell of. */
const MAX_TEXT_BYTES: i32 = 65;

/** All bits of sixteen bytes, then none of twelve: a mask for each length of a short text. */
const MASKS: i32 = <i32>memory.data<i32>([-1, -1, -1, -1, 0, 0, 0]);

/** Where the next record begins. */
export let position: i32 = 0;
/** The row that the next record goes to. */
export let row: i32 = 0;

let steps: i32 = 0;
let tables: i32 = 0;
let windowEnd: i32 = 0;
/** Of byte 0 of this memory, as if all of it were where the window's bytes are. */
let address: i64 = 0;
let symbolsLow: i32 = 0;
let symbolsHigh: i32 = 0;
let itemCapacity: i32 = 0;
/** The last number that was read. */
let long: i64 = 0;

/**
 * Decodes the next `records` records, from `start` on, into rows from `firstRow` on.
 *
 * @param program where it lies: its tables, then its steps, those of the fields first
 * @param end no cell will point at bytes from here on
 * @param low of the address of byte 0 of this memory, as if all of it were where the window's bytes are
 * @returns an outcome; `position` and `row` tell how far it came. Records that the sieve sets aside
 *   (key-sieve.ts) count among the `records` and take no row
 */
export function decode(
  program: i32,
  tableBytes: i32,
  fieldBytes: i32,
  start: i32,
  end: i32,
  firstRow: i32,
  records: i32,
  capacity: i32,
  low: i32,
  high: i32,
  symbolLow: i32,
  symbolHigh: i32,
): i32 {
  tables = program;
  steps = program + tableBytes;
  windowEnd = end;
  itemCapacity = capacity;
  // Of all places, only those in the window are known not to be beyond a multiple of 2^32.
  address = (((<i64>high) << 32) | <i64>(<u32>(low + start))) - <i64>start;
  symbolsLow = symbolLow;
  symbolsHigh = symbolHigh;
  position = start;
  row = firstRow;
  beginCall();
  const next = decodeSteps(steps, steps + fieldBytes, firstRow, records, start);
  return next < 0 ? next : DONE;
}

/**
 * Follows the steps from `from` to before `to` for `count` rows, or for as many items of a list.
 *
 * @returns the position behind the values, or an outcome
 */
function decodeSteps(from: i32, to: i32, firstRow: i32, count: i32, start: i32): i32 {
  const end = windowEnd;
  const isRecord = from === steps;
  let pos = start;
  for (let at = firstRow, last = firstRow + count; at < last; at++) {
    for (let step = from; step < to; step += STEP_BYTES) {
      let code = load<i32>(step);
      if ((code & LAST_OP) === 0) {
        const reached = decodeTexts(step, to, at, pos);
        pos = <i32>reached;
        step = <i32>(reached >> 32);
        if (step === to) break;
        code = load<i32>(step);
      }
      // Beyond LAST_OP: a union.
      if (code > LAST_OP) {
        if (pos >= end) return OUT_OF_BYTES;
        let branch = <i32>load<u8>(pos);
        if (branch < 0x80) pos++;
        else {
          pos = readLong(pos);
          if (pos < 0) return pos;
          branch = long === 0 || long === 1 ? <i32>long * 2 : -1;
        }
        // A branch's number is zigzag: 0 is the first, 2 the second.
        const ofValue = (code & NULL_FIRST) !== 0 ? 2 : 0;
        if (branch !== ofValue) {
          if (branch !== 2 - ofValue || (code & ONLY_BRANCH) !== 0) return DEFECT;
          if ((code & LAST_OP) < FIRST_PASS) storeNull(step, at);
          continue;
        }
      }

      // The numbers are those of OP in cell-program.ts.
      switch (code & LAST_OP) {
        case 0: {
          // text
          if (pos >= end) return OUT_OF_BYTES;
          let length = <i32>load<u8>(pos++);
          if (length >= 0x80) {
            pos = readLength(pos - 1);
            if (pos < 0) return pos;
            length = <i32>long;
          } else {
            // Zigzag: odd is negative.
            if ((length & 1) !== 0) return DEFECT;
            length >>= 1;
          }
          if (length > end - pos) return OUT_OF_BYTES;
          const isAscii = storeSpan(load<i32>(step, BASE) + (at << 4), pos, length);
          if (!isAscii && !isUtf8(pos, pos + length)) return DEFECT;
          pos += length;
          break;
        }
        case 11: {
          // jsonText
          if (pos >= end) return OUT_OF_BYTES;
          let length = <i32>load<u8>(pos);
          if ((length & 0x81) === 0) {
            length >>= 1;
            pos++;
            if (length > end - pos) return OUT_OF_BYTES;
          } else {
            pos = readLength(pos);
            if (pos < 0) return pos;
            length = <i32>long;
          }
          const isAscii = storeSpan(load<i32>(step, BASE) + (at << 4), pos, length);
          if (!isAscii && !isUtf8(pos, pos + length)) return DEFECT;
          if (!isPlainJson(pos, pos + length)) {
            if (!acceptsText(load<i32>(step, ARGUMENT), pos, pos + length)) return MISFIT;
          }
          pos += length;
          break;
        }
        case 13: {
          // bytes
          pos = readLength(pos);
          if (pos < 0) return pos;
          const length = <i32>long;
          storeSpan(load<i32>(step, BASE) + (at << 4), pos, length);
          pos += length;
          break;
        }
        case 15: // storedText
        case 16: {
          // storedBytes
          pos = readLength(pos);
          if (pos < 0) return pos;
          const length = <i32>long;
          if ((code & LAST_OP) === 15 && !isText(pos, pos + length)) return DEFECT;
          if (!storeElsewhere(step, at, pos, pos + length)) return MISFIT;
          pos += length;
          break;
        }
        case 23: {
          // passBytes
          if (pos >= end) return OUT_OF_BYTES;
          let length = <i32>load<u8>(pos++);
          if (length >= 0x80) {
            pos = readLength(pos - 1);
            if (pos < 0) return pos;
            length = <i32>long;
          } else {
            if ((length & 1) !== 0) return DEFECT;
            length >>= 1;
          }
          if (length > end - pos) return OUT_OF_BYTES;
          pos += length;
          break;
        }
        case 20: {
          // passText
          pos = readLength(pos);
          if (pos < 0) return pos;
          const length = <i32>long;
          if (!isText(pos, pos + length)) return DEFECT;
          pos += length;
          break;
        }

        case 1: // int32
        case 19: // intAsInt64
        case 9: // intAsDouble
        case 3: // scaledInt
        case 21: {
          // passInt
          if (pos >= end) return OUT_OF_BYTES;
          let byte = <u32>load<u8>(pos++);
          let raw = byte & 0x7f;
          for (let shift = 7; byte >= 0x80; shift += 7) {
            if (pos >= end) return OUT_OF_BYTES;
            byte = <u32>load<u8>(pos++);
            // The fifth byte has room for four bits.
            if (shift === 28 && byte > 0x0f) return DEFECT;
            raw |= (byte & 0x7f) << shift;
          }
          const value = <i32>(raw >>> 1) ^ -(<i32>(raw & 1));
          if (!storeInt(code & LAST_OP, step, at, value)) return MISFIT;
          break;
        }

        case 2: // int64
        case 4: // scaledLong
        case 10: // longAsDouble
        case 22: // passLong
          pos = readLong(pos);
          if (pos < 0) return pos;
          if (!storeLong(code & LAST_OP, step, at)) return MISFIT;
          break;

        case 5: // boolean
        case 25: {
          // passBoolean
          if (pos >= end) return OUT_OF_BYTES;
          const byte = load<u8>(pos++);
          if (byte > 1) return DEFECT;
          if ((code & LAST_OP) === 5) store<u8>(load<i32>(step, BASE) + at, byte);
          break;
        }

        case 6: // float32
          if (end - pos < 4) return OUT_OF_BYTES;
          store<i32>(load<i32>(step, BASE) + (at << 2), load<i32>(pos));
          pos += 4;
          break;
        case 8: // floatAsDouble
          if (end - pos < 4) return OUT_OF_BYTES;
          store<f64>(load<i32>(step, BASE) + (at << 3), <f64>load<f32>(pos));
          pos += 4;
          break;
        case 7: // float64
          if (end - pos < 8) return OUT_OF_BYTES;
          store<i64>(load<i32>(step, BASE) + (at << 3), load<i64>(pos));
          pos += 8;
          break;

        case 14: {
          // fixed
          const size = load<i32>(step, SIZE);
          if (size > end - pos) return OUT_OF_BYTES;
          storeSpan(load<i32>(step, BASE) + (at << 4), pos, size);
          pos += size;
          break;
        }
        case 17: {
          // storedFixed
          const size = load<i32>(step, SIZE);
          if (size > end - pos) return OUT_OF_BYTES;
          if (!storeElsewhere(step, at, pos, pos + size)) return MISFIT;
          pos += size;
          break;
        }
        case 24: {
          // passFixed
          const size = load<i32>(step, SIZE);
          if (size > end - pos) return OUT_OF_BYTES;
          pos += size;
          break;
        }

        case 12: // symbol
          pos = readLong(pos);
          if (pos < 0) return pos;
          if (!storeSymbol(step, at)) return DEFECT;
          break;
        case 26: // passSymbol
          pos = readLong(pos);
          if (pos < 0) return pos;
          if (<u64>long >= <u64>load<u32>(step, ARGUMENT)) return DEFECT;
          break;

        case 18: // list
        case 27: // passList
          pos = decodeItems(step, at, pos);
          if (pos < 0) return pos;
          break;

        default:
          // expectNull: it is not null.
          return MISFIT;
      }
    }
    if (isRecord) {
      if (takes(at, position, pos, address)) row = at + 1;
      else {
        // The next record takes its row.
        for (let step = from; step < to; step += STEP_BYTES) clearNull(step, at);
        at--;
        last--;
      }
      position = pos;
    }
  }
  return pos;
}

/**
 * Follows the steps from `from` on while they are of texts, and these null, or ASCII and short, and the
 * window does not end soon.
 *
 * @returns the first step that is left to decodeSteps(), in the upper half, and the position of its value
 */
function decodeTexts(from: i32, to: i32, at: i32, start: i32): i64 {
  const lastStart = windowEnd - MAX_TEXT_BYTES;
  let pos = start;
  let step = from;
  for (; step < to; step += STEP_BYTES) {
    if (pos > lastStart) break;
    const code = load<i32>(step);
    let text = pos;
    if (code !== 0) {
      // Not a text, or a union.
      if ((code & LAST_OP) !== 0) break;
      const branch = <i32>load<u8>(text++);
      // NULL_FIRST as the zigzag number of the second branch.
      const ofValue = (code & NULL_FIRST) >> 4;
      if (branch !== ofValue) {
        if (branch !== 2 - ofValue || (code & ONLY_BRANCH) !== 0) break;
        clearValidity(step, at);
        v128.store(load<i32>(step, BASE) + (at << 4), i64x2(0, 0));
        pos = text;
        continue;
      }
    }
    const twice = <i32>load<u8>(text++);
    // A length of more than a byte, or a negative one.
    if ((twice & 0x81) !== 0) break;
    const length = twice >> 1;
    const cell = load<i32>(step, BASE) + (at << 4);
    let seen: v128;
    if (length > INLINE_BYTES) {
      const last = text + length - 16;
      storeLongText(cell, text, length);
      seen = loadEnds(text, last);
      if (length > 48) seen = v128.or(seen, v128.load(text + 32));
    } else {
      seen = formatShort(text, length);
      v128.store(cell, seen);
    }
    if (i8x16.bitmask(seen) !== 0) break;
    pos = text + length;
  }
  return ((<i64>step) << 32) | <i64>pos;
}

function clearValidity(step: i32, at: i32): void {
  const validity = load<i32>(step, VALIDITY) + (at >> 3);
  store<u8>(validity, <u8>(<i32>load<u8>(validity) & ~(1 << (at & 7))));
}

/**
 * Writes the cell of a text or of bytes.
 *
 * @returns whether all of them are ASCII, or no when that is not certain
 */
function storeSpan(cell: i32, pos: i32, length: i32): bool {
  if (length > INLINE_BYTES) {
    storeLongText(cell, pos, length);
    return isAscii(pos, pos + length);
  }
  const text = formatShort(pos, length);
  v128.store(cell, text);
  return i8x16.bitmask(text) === 0;
}

/** The cell of more than 12 bytes. */
function storeLongText(cell: i32, pos: i32, length: i32): void {
  store<i64>(cell, <i64>length | ((<i64>load<u32>(pos)) << 32));
  store<i64>(cell, address + <i64>pos, 8);
}

/** The cell of up to 12 bytes; four bytes from before them make room for the length. */
function formatShort(pos: i32, length: i32): v128 {
  const bytes = v128.and(v128.load(pos - 4), v128.load(MASKS + INLINE_BYTES - length));
  return i32x4.replace_lane(bytes, 0, length);
}

/** Of more than 12 bytes. */
function isAscii(start: i32, end: i32): bool {
  const last = end - 16;
  let seen = loadEnds(start, last);
  for (let at = start + 32; at < last; at += 16) seen = v128.or(seen, v128.load(at));
  return i8x16.bitmask(seen) === 0;
}

/**
 * The bits that occur in the first 32 bytes from `start` on and in the 16 from `last` on, which end a text. A
 * branch for each length would often be foreseen wrongly, so some bytes are looked at more than once, and
 * of a text of less than 16, up to three before it.
 */
function loadEnds(start: i32, last: i32): v128 {
  const first = v128.or(v128.load(min(start, last)), v128.load(min(start + 16, last)));
  return v128.or(first, v128.load(last));
}

function isText(start: i32, end: i32): bool {
  for (let at = start; at < end; at++) if (load<u8>(at) >= 0x80) return isUtf8(at, end);
  return true;
}

/** UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
function isUtf8(start: i32, end: i32): bool {
  let at = start;
  while (at < end) {
    const lead = <i32>load<u8>(at);
    if (lead < 0x80) {
      at++;
      continue;
    }
    let follow = 0;
    let lowest = 0x80;
    let highest = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) follow = 1;
    else if (lead >= 0xe0 && lead <= 0xef) {
      follow = 2;
      if (lead === 0xe0) lowest = 0xa0;
      else if (lead === 0xed) highest = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      follow = 3;
      if (lead === 0xf0) lowest = 0x90;
      else if (lead === 0xf4) highest = 0x8f;
    } else return false;
    if (end - at <= follow) return false;
    const second = <i32>load<u8>(at + 1);
    if (second < lowest || second > highest) return false;
    for (let i = 2; i <= follow; i++) if ((load<u8>(at + i) & 0xc0) !== 0x80) return false;
    at += follow + 1;
  }
  return true;
}

function storeElsewhere(step: i32, at: i32, start: i32, end: i32): bool {
  const cell = load<i32>(step, BASE) + at * load<i32>(step, CELL_SIZE);
  return storeCell(load<i32>(step, ARGUMENT), start, end, cell);
}

function storeNull(step: i32, at: i32): void {
  clearValidity(step, at);
  const blank = load<i32>(step, BLANK);
  if (blank === BLANK_NONE) return;
  const base = load<i32>(step, BASE);
  const cell = base + (at << 4);
  store<i64>(cell, blank === BLANK_LIST ? countItems(base, at) : 0);
  store<i64>(cell, 0, 8);
}

/** Takes back what a record did to validity bits. */
function clearNull(step: i32, at: i32): void {
  const op = load<i32>(step) & LAST_OP;
  if (op >= FIRST_PASS) return;
  const validity = load<i32>(step, VALIDITY) + (at >> 3);
  store<u8>(validity, <u8>(<i32>load<u8>(validity) | (1 << (at & 7))));
  if (op !== 18) return; // list
  const base = load<i32>(step, BASE);
  const first = <i32>countItems(base, at);
  const end = <i32>countItems(base, at + 1);
  const item = steps + load<i32>(step, ARGUMENT);
  for (let index = first; index < end; index++) clearNull(item, index);
}

/** How many items the first `rows` rows of a list have; its cells begin at `base`. */
function countItems(base: i32, rows: i32): i64 {
  if (rows === 0) return 0;
  const entry = base + ((rows - 1) << 4);
  return load<i64>(entry) + load<i64>(entry, 8);
}

/** The last number, as the index of a symbol. */
function storeSymbol(step: i32, at: i32): bool {
  const table = tables + load<i32>(step, ARGUMENT);
  if (<u64>long >= <u64>load<u32>(table)) return false;
  const symbol = table + 16 + ((<i32>long) << 4);
  const cell = load<i32>(step, BASE) + (at << 4);
  const length = load<i32>(symbol);
  store<i64>(cell, load<i64>(symbol));
  if (length <= INLINE_BYTES) store<i64>(cell, load<i64>(symbol, 8), 8);
  else {
    store<i32>(cell, symbolsLow + load<i32>(symbol, 8), 8);
    store<i32>(cell, symbolsHigh, 12);
  }
  return true;
}

function storeInt(op: i32, step: i32, at: i32, value: i32): bool {
  const base = load<i32>(step, BASE);
  switch (op) {
    case 1: // int32
      store<i32>(base + (at << 2), value);
      return true;
    case 19: // intAsInt64
      store<i64>(base + (at << 3), <i64>value);
      return true;
    case 9: // intAsDouble
      store<f64>(base + (at << 3), <f64>value);
      return true;
    case 3: // scaledInt
      return storeScaled(step, at, <i64>value);
    default:
      return true;
  }
}

/** The last number. */
function storeLong(op: i32, step: i32, at: i32): bool {
  const base = load<i32>(step, BASE);
  switch (op) {
    case 2: // int64
      store<i64>(base + (at << 3), long);
      return true;
    case 4: // scaledLong
      return storeScaled(step, at, long);
    case 10: {
      // longAsDouble
      const value = <f64>long;
      // 2^63 is no long, and would be taken for the greatest one.
      if (value === 9223372036854775808.0 || <i64>value !== long) return false;
      store<f64>(base + (at << 3), value);
      return true;
    }
    default:
      return true;
  }
}

/** A scale is factor, least and greatest value before scaling, 64 bits each, and the cell's size. */
function storeScaled(step: i32, at: i32, value: i64): bool {
  const scale = tables + load<i32>(step, ARGUMENT);
  if (value < load<i64>(scale, 8) || value > load<i64>(scale, 16)) return false;
  const scaled = value * load<i64>(scale);
  const base = load<i32>(step, BASE);
  if (load<i32>(scale, 24) === 4) store<i32>(base + (at << 2), <i32>scaled);
  else store<i64>(base + (at << 3), scaled);
  return true;
}

/** Blocks of items; a negative count is followed by the length of its block. */
function decodeItems(step: i32, at: i32, start: i32): i32 {
  const isWanted = (load<i32>(step) & LAST_OP) === 18; // list
  const item = steps + load<i32>(step, ARGUMENT);
  const minimumBytes = <i64>load<i32>(step, MINIMUM);
  const base = load<i32>(step, BASE);
  const first = isWanted ? <i32>countItems(base, at) : 0;
  let index = first;
  let pos = start;
  for (;;) {
    pos = readLong(pos);
    if (pos < 0) return pos;
    let count = long;
    if (count === 0) break;
    let blockEnd: i64 = -1;
    if (count < 0) {
      count = -count;
      // The least of all numbers has no opposite.
      if (count < 0) return OUT_OF_BYTES;
      pos = readLong(pos);
      if (pos < 0) return pos;
      if (long < 0) return DEFECT;
      if (long > <i64>windowEnd) blockEnd = i64.MAX_VALUE;
      else blockEnd = <i64>pos + long;
    }
    if (count > <i64>(windowEnd - pos) / minimumBytes) return OUT_OF_BYTES;
    if (isWanted && <i64>index + count > <i64>itemCapacity) return ITEMS_FULL;
    pos = decodeSteps(item, item + STEP_BYTES, isWanted ? index : 0, <i32>count, pos);
    if (pos < 0) return pos;
    index += <i32>count;
    if (blockEnd !== -1 && <i64>pos !== blockEnd) return DEFECT;
  }
  if (isWanted) {
    const entry = base + (at << 4);
    store<i64>(entry, <i64>first);
    store<i64>(entry, <i64>(index - first), 8);
  }
  return pos;
}

/** Reads the length of a text or of bytes into `long`; all of them lie before the end of the window. */
function readLength(start: i32): i32 {
  const pos = readLong(start);
  if (pos < 0) return pos;
  if (long < 0) return DEFECT;
  return long > <i64>(windowEnd - pos) ? OUT_OF_BYTES : pos;
}

/** Reads a zigzag varint into `long`; at most ten bytes. */
function readLong(start: i32): i32 {
  const end = windowEnd;
  let pos = start;
  let raw: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (pos >= end) return OUT_OF_BYTES;
    const byte = <u64>load<u8>(pos++);
    raw |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      // The tenth byte has room for one bit.
      if (shift === 63 && byte > 1) return DEFECT;
      long = <i64>(raw >> 1) ^ -(<i64>(raw & 1));
      return pos;
    }
  }
  return DEFECT;
}

export { aimSieve, doubtful, doubtfulBytes, keys, liftSieve, startSieve } from './key-sieve';
/** For tests. */
export { isPlainJson };
