/**
 * Which events are certainly new, told while they are decoded: a Bloom filter of the ids and times that came
 * before, and the time up to which a table may hold anything. Whatever is not certain is set aside, its record
 * byte for byte, and DuckDB decides (duplicates.ts). So the sieve may doubt too much, never too little: a key
 * that looks like another one costs a look into the table, no event.
 *
 * A key is four bits of one word, so that it costs one access to memory. Ids come from outside; the hash has
 * a seed that nobody knows.
 */

const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const FINISHER: u64 = 0xbf58476d1ce4e5b9;
const INLINE_BYTES: i32 = 12;

/** Records that the last call of decode() set aside, one behind the other, and the bytes that they take. */
export let doubtful: i32 = 0;
export let doubtfulBytes: i32 = 0;
/** Keys that were added. */
export let keys: i32 = 0;

let words: i32 = 0;
let wordMask: i32 = 0;
let seed: u64 = 0;

let isOn: bool = false;
let ids: i32 = 0;
let idValidity: i32 = 0;
let times: i32 = 0;
let timeValidity: i32 = 0;
let knownUntil: i64 = 0;
let salt: u64 = 0;
let asideAt: i32 = 0;

/**
 * Empties the filter.
 *
 * @param at where it lies: `wordCount` words of 64 bits, a power of two
 */
export function startSieve(at: i32, wordCount: i32, newSeed: i64): void {
  words = at;
  wordMask = wordCount - 1;
  keys = 0;
  seed = <u64>newSeed;
  memory.fill(at, 0, wordCount << 3);
}

/**
 * Puts the sieve behind decode(): the columns of id (texts) and time (64 bits), in the cells of its program.
 *
 * @param until the table has nothing later
 * @param table tells the keys of one table from those of another
 * @param aside where records go that are set aside; there is room for a window
 */
export function aimSieve(
  idCells: i32,
  idBits: i32,
  timeCells: i32,
  timeBits: i32,
  until: i64,
  table: i64,
  aside: i32,
): void {
  isOn = true;
  ids = idCells;
  idValidity = idBits;
  times = timeCells;
  timeValidity = timeBits;
  knownUntil = until;
  salt = <u64>table;
  asideAt = aside;
}

/** All records of the next calls are taken. */
export function liftSieve(): void {
  isOn = false;
}

export function beginCall(): void {
  doubtful = 0;
  doubtfulBytes = 0;
}

/**
 * Whether the record in this row is to be taken. If not, its bytes are set aside.
 *
 * @param address what decode() added to a text's place in this memory
 */
export function takes(row: i32, start: i32, end: i32, address: i64): bool {
  if (!isOn || isNew(row, address)) return true;
  memory.copy(asideAt + doubtfulBytes, start, end - start);
  doubtfulBytes += end - start;
  doubtful++;
  return false;
}

function isNew(row: i32, address: i64): bool {
  // Without an id nothing is a duplicate.
  if (!isValid(idValidity, row)) return true;
  if (!isValid(timeValidity, row)) return false;
  const time = load<i64>(times + (row << 3));
  const cell = ids + (row << 4);
  const length = load<i32>(cell);
  const text = length > INLINE_BYTES ? <i32>(load<i64>(cell, 8) - address) : cell + 4;
  const hash = hashKey(text, length, time);
  const word = words + ((<i32>(hash >> 32) & wordMask) << 3);
  const held = load<u64>(word);
  const bits =
    ((<u64>1) << (hash & 63)) |
    ((<u64>1) << ((hash >> 6) & 63)) |
    ((<u64>1) << ((hash >> 12) & 63)) |
    ((<u64>1) << ((hash >> 18) & 63));
  if ((held & bits) === bits) return false;
  // Added even if the table may have it: the next of its kind is doubtful anyway.
  store<u64>(word, held | bits);
  keys++;
  return time > knownUntil;
}

function hashKey(text: i32, length: i32, time: i64): u64 {
  let hash = mix(seed ^ salt, <u64>time);
  hash = mix(hash, <u64>length);
  const last = length & ~7;
  for (let at = 0; at < last; at += 8) hash = mix(hash, load<u64>(text + at));
  const rest = (length & 7) << 3;
  if (rest !== 0) hash = mix(hash, load<u64>(text + last) & (((<u64>1) << rest) - 1));
  hash *= FINISHER;
  return hash ^ (hash >> 29);
}

function mix(hash: u64, word: u64): u64 {
  const mixed = (hash ^ word) * MULTIPLIER;
  return mixed ^ (mixed >> 32);
}

function isValid(validity: i32, row: i32): bool {
  return ((load<u8>(validity + (row >> 3)) >> (row & 7)) & 1) === 1;
}
