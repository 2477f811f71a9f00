/**
 * Whether bytes are JSON that DuckDB stores, without making a string of them: half the texts of a Currents
 * bucket's custom events are JSON, and JSON.parse of each costs more than decoding the event.
 *
 * One walk over the bytes answers yes for what is plainly JSON. What it is not sure of (escapes of
 * surrogates, exponents, deep nesting, and everything that is not JSON) is decided by json-text.ts, so a
 * wrong no costs time and a wrong yes would be a defect.
 */

const MAX_DEPTH: i32 = 32;
const BLOCK_BYTES: i32 = 64;
/** A double holds any number of so many digits. */
const MAX_DIGITS: i32 = 200;

const SPACE: u32 = 0x20;
const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const MINUS: u32 = 0x2d;
const POINT: u32 = 0x2e;
const SLASH: u32 = 0x2f;
const ZERO: u32 = 0x30;
const COLON: u32 = 0x3a;
const BACKSLASH: u32 = 0x5c;
const OPEN_LIST: u32 = 0x5b;
const CLOSE_LIST: u32 = 0x5d;
const OPEN_OBJECT: u32 = 0x7b;
const CLOSE_OBJECT: u32 = 0x7d;

/**
 * One function for all, where keys and values meet the same code: a call for each of them cost more than
 * looking at them. (The compiler puts what is called here in its place.) Bytes are read up to 15 beyond the
 * end, and mean nothing there.
 */
export function isPlainJson(start: i32, end: i32): bool {
  let pos = start;
  let depth = 0;
  // Objects as 1, lists as 0, the innermost last: no deeper than an integer has bits.
  let kinds: u32 = 0;
  let isKey = false;
  // Where a text may end, or not go on as it did, among 64 bytes from `block` on.
  let block = start - BLOCK_BYTES;
  let marks: u64 = 0;
  while (true) {
    // A key or a value is due.
    pos = skipSpace(pos, end);
    if (pos >= end) return false;
    const byte = <u32>load<u8>(pos);
    if (byte === QUOTE) {
      pos++;
      while (true) {
        if (pos - block >= BLOCK_BYTES) {
          if (pos >= end) return false;
          block = pos;
          marks = markBlock(pos, end);
        }
        const left = marks >> <u64>(pos - block);
        if (left === 0) {
          pos = block + BLOCK_BYTES;
          continue;
        }
        pos += <i32>ctz<u64>(left);
        if (pos >= end) return false;
        const mark = <u32>load<u8>(pos);
        if (mark === QUOTE) break;
        if (mark !== BACKSLASH) return false;
        pos = skipEscape(pos, end);
        if (pos < 0) return false;
      }
      pos++;
      if (isKey) {
        pos = skipSpace(pos, end);
        if (pos >= end || load<u8>(pos) !== COLON) return false;
        pos++;
        isKey = false;
        continue;
      }
    } else if (isKey) {
      return false;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth >= MAX_DEPTH) return false;
      isKey = byte === OPEN_OBJECT;
      kinds = (kinds << 1) | (isKey ? 1 : 0);
      pos = skipSpace(pos + 1, end);
      if (pos >= end) return false;
      if (<u32>load<u8>(pos) !== (isKey ? CLOSE_OBJECT : CLOSE_LIST)) continue;
    } else {
      pos = byte === MINUS || isDigit(byte) ? skipNumber(pos, end) : skipWord(pos, end);
      if (pos < 0) return false;
    }
    // A value has ended, or an empty list or object is about to.
    while (true) {
      pos = skipSpace(pos, end);
      if (depth === 0) return pos === end;
      if (pos >= end) return false;
      isKey = (kinds & 1) === 1;
      const next = <u32>load<u8>(pos++);
      if (next === COMMA) break;
      if (next !== (isKey ? CLOSE_OBJECT : CLOSE_LIST)) return false;
      depth--;
      kinds >>= 1;
    }
  }
}

/** A bit for each of 64 bytes: a quote, a backslash or a control character. Bits beyond the end mean nothing. */
function markBlock(start: i32, end: i32): u64 {
  return (
    markBytes(start) |
    (markBytes(min(start + 16, end)) << 16) |
    (markBytes(min(start + 32, end)) << 32) |
    (markBytes(min(start + 48, end)) << 48)
  );
}

function markBytes(at: i32): u64 {
  const bytes = v128.load(at);
  const ends = v128.or(
    v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
    i8x16.le_u(bytes, i8x16.splat(0x1f)),
  );
  return <u64>i8x16.bitmask(ends);
}

function skipSpace(start: i32, end: i32): i32 {
  if (load<u8>(start) > SPACE) return start;
  let pos = start;
  while (pos < end) {
    const byte = <u32>load<u8>(pos);
    if (byte > SPACE || (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break;
    pos++;
  }
  return pos;
}

/** From a backslash; not escapes that begin with D, half of which are surrogates. */
function skipEscape(start: i32, end: i32): i32 {
  if (end - start < 2) return -1;
  switch (<u32>load<u8>(start + 1)) {
    case QUOTE:
    case BACKSLASH:
    case SLASH:
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return start + 2;
    case 0x75: // u
      break;
    default:
      return -1;
  }
  if (end - start < 6) return -1;
  if ((load<u8>(start + 2) | 0x20) === 0x64) return -1;
  for (let at = start + 2; at < start + 6; at++) {
    const digit = <u32>load<u8>(at);
    const letter = digit | 0x20;
    if (!isDigit(digit) && !(letter >= 0x61 && letter <= 0x66)) return -1;
  }
  return start + 6;
}

/** Without an exponent. */
function skipNumber(start: i32, end: i32): i32 {
  let pos = load<u8>(start) === MINUS ? start + 1 : start;
  if (pos >= end) return -1;
  if (load<u8>(pos) === ZERO) pos++;
  else pos = skipDigits(pos, end);
  if (pos < 0) return -1;
  if (pos < end && load<u8>(pos) === POINT) pos = skipDigits(pos + 1, end);
  // An exponent, or a digit behind a leading zero, is what the caller does not expect next.
  return pos - start > MAX_DIGITS ? -1 : pos;
}

function skipDigits(start: i32, end: i32): i32 {
  let pos = start;
  while (pos < end) {
    const above = i8x16.sub(v128.load(pos), i8x16.splat(0x30));
    const others = i8x16.bitmask(i8x16.le_u(above, i8x16.splat(9))) ^ 0xffff;
    if (others !== 0) {
      pos += ctz<i32>(others);
      break;
    }
    pos += 16;
  }
  pos = min(pos, end);
  return pos === start ? -1 : pos;
}

/** true, false, null. */
function skipWord(start: i32, end: i32): i32 {
  if (end - start < 4) return -1;
  const word = load<u32>(start);
  if (word === 0x65757274 || word === 0x6c6c756e) return start + 4;
  return word === 0x736c6166 && end - start >= 5 && load<u8>(start + 4) === 0x65 ? start + 5 : -1;
}

function isDigit(byte: u32): bool {
  return byte - ZERO <= 9;
}
