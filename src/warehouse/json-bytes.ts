/**
 * Whether bytes are JSON that DuckDB stores, without making a string of them: half the texts of a Currents
 * bucket's custom events are JSON, and JSON.parse of each costs more than decoding the event.
 *
 * One walk over the bytes answers yes for what is plainly JSON. What it is not sure of (escapes of
 * surrogates, exponents, deep nesting, and everything that is not JSON) is decided by json-text.ts, so a
 * wrong no costs time and a wrong yes would be a defect.
 */

import { isStorableJson } from './json-text.ts';

const MAX_DEPTH = 32;
/** A double holds any number of so many digits. */
const MAX_DIGITS = 200;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const LETTER_U = 0x75;

const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const WORDS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];

/** @param bytes UTF-8 */
export function acceptsJson(bytes: Uint8Array, start: number, end: number): boolean {
  if (isPlainJson(bytes, start, end)) return true;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  return isStorableJson(text);
}

/** Objects as 1, lists as 0, the innermost last: JSON nests no deeper here than an integer has bits. */
export function isPlainJson(bytes: Uint8Array, start: number, end: number): boolean {
  let pos = start;
  let depth = 0;
  let kinds = 0;
  for (;;) {
    // A value is due.
    pos = skipSpace(bytes, pos, end);
    if (pos >= end) return false;
    const byte = bytes[pos] as number;
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth >= MAX_DEPTH) return false;
      kinds = (kinds << 1) | (byte === OPEN_OBJECT ? 1 : 0);
      pos = skipSpace(bytes, pos + 1, end);
      if (byte === OPEN_OBJECT && bytes[pos] !== CLOSE_OBJECT) {
        pos = skipKey(bytes, pos, end);
        if (pos < 0) return false;
        continue;
      }
      if (byte === OPEN_LIST && bytes[pos] !== CLOSE_LIST) continue;
    } else {
      if (byte === QUOTE) pos = skipText(bytes, pos, end);
      else if (byte === MINUS || isDigit(byte)) pos = skipNumber(bytes, pos, end);
      else pos = skipWord(bytes, pos, end);
      if (pos < 0) return false;
    }
    // A value has ended, or an empty list or object is about to.
    for (;;) {
      pos = skipSpace(bytes, pos, end);
      if (depth === 0) return pos === end;
      if (pos >= end) return false;
      const isObject = (kinds & 1) === 1;
      const next = bytes[pos++] as number;
      if (next === (isObject ? CLOSE_OBJECT : CLOSE_LIST)) {
        depth--;
        kinds >>>= 1;
        continue;
      }
      if (next !== COMMA) return false;
      if (isObject) {
        pos = skipKey(bytes, skipSpace(bytes, pos, end), end);
        if (pos < 0) return false;
      }
      break;
    }
  }
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos < end) {
    const byte = bytes[pos] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    pos++;
  }
  return pos;
}

/** Behind the colon. */
function skipKey(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || bytes[start] !== QUOTE) return -1;
  let pos = skipText(bytes, start, end);
  if (pos < 0) return -1;
  pos = skipSpace(bytes, pos, end);
  return pos < end && bytes[pos] === COLON ? pos + 1 : -1;
}

function skipText(bytes: Uint8Array, start: number, end: number): number {
  for (let pos = start + 1; pos < end; pos++) {
    const byte = bytes[pos] as number;
    if (byte === QUOTE) return pos + 1;
    if (byte < 0x20) return -1;
    if (byte !== BACKSLASH) continue;
    if (++pos >= end) return -1;
    const escaped = bytes[pos] as number;
    if (escaped === LETTER_U) {
      pos = skipEscape(bytes, pos, end);
      if (pos < 0) return -1;
    } else if (!SIMPLE_ESCAPES.has(escaped)) return -1;
  }
  return -1;
}

/** On the last of four hexadecimal digits; not those that begin with D, half of which are surrogates. */
function skipEscape(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 5) return -1;
  if (((bytes[at + 1] as number) | 0x20) === 0x64) return -1;
  for (let i = at + 1; i <= at + 4; i++) {
    const digit = bytes[i] as number;
    const letter = digit | 0x20;
    if (!isDigit(digit) && !(letter >= 0x61 && letter <= 0x66)) return -1;
  }
  return at + 4;
}

/** Without an exponent. */
function skipNumber(bytes: Uint8Array, start: number, end: number): number {
  let pos = bytes[start] === MINUS ? start + 1 : start;
  if (pos >= end) return -1;
  if (bytes[pos] === ZERO) pos++;
  else pos = skipDigits(bytes, pos, end);
  if (pos < 0) return -1;
  if (pos < end && bytes[pos] === POINT) pos = skipDigits(bytes, pos + 1, end);
  // An exponent, or a digit behind a leading zero, is what the caller does not expect next.
  return pos - start > MAX_DIGITS ? -1 : pos;
}

function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos < end && isDigit(bytes[pos] as number)) pos++;
  return pos === start ? -1 : pos;
}

function skipWord(bytes: Uint8Array, start: number, end: number): number {
  const word = WORDS.find((one) => one[0] === bytes[start]);
  if (word === undefined || end - start < word.length) return -1;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return -1;
  return start + word.length;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
