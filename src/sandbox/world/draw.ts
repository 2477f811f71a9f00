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

const HEX = Array.from({ length: 0x1_0000 }, (_, number) => number.toString(16).padStart(4, '0'));

/** Eight hexadecimal digits. */
function hex(word: number): string {
  return `${HEX[word >>> 16]}${HEX[word & 0xffff]}`;
}

/** A version 4 UUID, unique for each `value` of a `salt`. */
export function uuidOf(value: number, salt: number): string {
  const a = mix(value, salt);
  const b = mix(a, salt ^ 1);
  const c = mix(b, salt ^ 2);
  const d = mix(c, salt ^ 3);
  const version = (b & 0x0fff) | 0x4000;
  const variant = ((c >>> 16) & 0x3fff) | 0x8000;
  return `${hex(a)}-${HEX[b >>> 16]}-${HEX[version]}-${HEX[variant]}-${HEX[c & 0xffff]}${hex(d)}`;
}

/** Up to 64 hexadecimal digits, unique for each `value` of a `salt`: `length` is a multiple of 8. */
export function hexOf(value: number, salt: number, length: number): string {
  let word = mix(value, salt);
  let text = hex(word);
  while (text.length < length) {
    word = mix(word, salt + text.length);
    text += hex(word);
  }
  return text;
}
