/**
 * Chance, repeatable: everything random in the generated world comes from here, so a seed decides all of
 * it.
 *
 * Two kinds. A `Draw` is a sequence: each call moves it on, so the order of calls matters; the stories
 * use one. `mix` is a function of two numbers, without order: fields use it, so that an event has the
 * same values in whatever order, schema or object it is written, and again when it is delivered twice.
 */

import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Draw {
  /** Uniform in [0, 1). */
  share(): number;
  /** A whole number, both ends included. */
  whole(least: number, most: number): number;
  /** True this often; `chance` in 0..1. */
  happens(chance: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Between the two, mostly near `least`: waiting times, prices, lengths. */
  skewed(least: number, most: number): number;
}

/** A sequence for this seed; another `stream` of the same seed is unrelated to it. */
export function createDraw(seed: number, stream = 0): Draw {
  const generator = xoroshiro128plus(mix(seed, stream));
  // Seeds that differ in few bits start alike; a few steps pull them apart.
  for (let step = 0; step < 16; step++) generator.next();
  const share = () => (generator.next() >>> 0) / 0x1_0000_0000;
  return {
    share,
    whole: (least, most) => least + Math.floor(share() * (most - least + 1)),
    happens: (chance) => share() < chance,
    pick: (list) => pickAt(list, generator.next() >>> 0),
    skewed: (least, most) => least + (most - least) * share() ** 4,
  };
}

/**
 * Two 32-bit numbers to one that looks random, unsigned. For a fixed `salt` no two values of `value`
 * give the same result, so numbered events get ids that cannot collide. (The finishing steps of
 * MurmurHash3, which is in the public domain.)
 */
export function mix(value: number, salt: number): number {
  let h = (value ^ Math.imul(salt, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A salt for a name, such as a field's. */
export function saltOf(name: string): number {
  let salt = 0;
  for (let at = 0; at < name.length; at++) salt = mix(salt, name.charCodeAt(at) + 1);
  return salt;
}

/** The element that a number from `mix` stands for. The list must not be empty. */
export function pickAt<T>(list: readonly T[], random: number): T {
  return list[random % list.length] as T;
}

/** Identifiers are put together here: a tenth of all generation was joining short strings. */
const scratch = Buffer.alloc(64);
const DIGITS = Buffer.from('0123456789abcdef');
const DASH = 0x2d;

/** A version 4 UUID, unique for each `value` of a `salt`. */
export function uuidOf(value: number, salt: number): string {
  const a = mix(value, salt);
  const b = mix(a, salt ^ 1);
  const c = mix(b, salt ^ 2);
  const d = mix(c, salt ^ 3);
  writeDigits(0, 8, a);
  scratch[8] = DASH;
  writeDigits(9, 4, b >>> 16);
  scratch[13] = DASH;
  writeDigits(14, 4, (b & 0x0fff) | 0x4000);
  scratch[18] = DASH;
  writeDigits(19, 4, ((c >>> 16) & 0x3fff) | 0x8000);
  scratch[23] = DASH;
  writeDigits(24, 4, c & 0xffff);
  writeDigits(28, 8, d);
  return scratch.toString('latin1', 0, 36);
}

/** Up to 64 hexadecimal digits, unique for each `value` of a `salt`: `length` is a multiple of 8. */
export function hexOf(value: number, salt: number, length: number): string {
  let word = mix(value, salt);
  for (let at = 0; at < length; at += 8) {
    writeDigits(at, 8, word);
    word = mix(word, salt + at + 8);
  }
  return scratch.toString('latin1', 0, length);
}

function writeDigits(start: number, count: number, word: number): void {
  let rest = word;
  for (let at = start + count - 1; at >= start; at--) {
    scratch[at] = DIGITS[rest & 0xf] as number;
    rest >>>= 4;
  }
}
