/**
 * The WebAssembly kernel of the hot path and its memory, of which a process has one:
 *
 *     0 ────── 1 MiB ─────── 2 MiB ─────────────── 19 MiB ─────────── 35 MiB ───────── 39 MiB ───────►
 *     constants  a program     a window of a block     records set aside   the sieve's keys    cells
 *
 * Kernel and callers use it only while a chunk is put together, and nobody else runs then, so scans that take
 * turns share it. What stays from chunk to chunk are the keys of the sieve, of which one loader at a time has
 * the use (warehouse/key-sieve.ts). Places never move. Cells come last because a table may have any number of
 * columns; memory grows with the widest. What nothing was written to takes no memory.
 */

import { randomBytes } from 'node:crypto';
import { KERNEL_CODE } from './kernel/kernel-code.ts';

const MIB = 2 ** 20;
const PAGE_BYTES = 65_536;

export const PROGRAM_AT = MIB;
export const MAX_PROGRAM_BYTES = MIB;
export const WINDOW_AT = 2 * MIB;
/** Longer records are left to avsc. */
export const MAX_WINDOW_BYTES = 16 * MIB;
export const ASIDE_AT = 19 * MIB;
const KEYS_AT = 35 * MIB;
const KEY_WORDS = 2 ** 19;
/** With 24 bits for each, one new event in a few hundred looks like another. */
export const MAX_KEYS = Math.floor((KEY_WORDS * 64) / 24);
export const CELLS_AT = 39 * MIB;

/** What the kernel asks while it decodes, because it takes more than the kernel knows. Places are in its memory. */
interface Answers {
  /** Writes a cell, or says that its column cannot hold the value. */
  readonly storeCell: (argument: number, start: number, end: number, cell: number) => boolean;
  /** Whether a text may be stored. */
  readonly acceptsText: (argument: number, start: number, end: number) => boolean;
}

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly position: { readonly value: number };
  readonly row: { readonly value: number };
  readonly decode: (
    program: number,
    tableBytes: number,
    fieldBytes: number,
    start: number,
    end: number,
    firstRow: number,
    records: number,
    itemCapacity: number,
    addressLow: number,
    addressHigh: number,
    symbolsLow: number,
    symbolsHigh: number,
  ) => number;
  readonly startSieve: (at: number, words: number, seed: bigint) => void;
  readonly aimSieve: (
    ids: number,
    idValidity: number,
    times: number,
    timeValidity: number,
    knownUntil: bigint,
    table: bigint,
    aside: number,
  ) => void;
  readonly liftSieve: () => void;
  readonly doubtful: { readonly value: number };
  readonly doubtfulBytes: { readonly value: number };
  readonly keys: { readonly value: number };
  readonly isPlainJson: (start: number, end: number) => number;
}

/** All of the memory, in the forms in which it is read and written. New ones when it has grown. */
class Views {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly view: DataView;

  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.longs = new BigInt64Array(buffer);
    this.view = new DataView(buffer);
  }
}

/** Of the types that TypeScript has for browsers only. */
const { Module, Instance } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

class Kernel {
  readonly exports: KernelExports;
  /** Of the program in hand. */
  answers: Answers = { storeCell: () => false, acceptsText: () => false };
  #views: Views;

  constructor() {
    const module = new Module(Buffer.from(KERNEL_CODE, 'base64'));
    const instance = new Instance(module, {
      'cell-kernel': {
        storeCell: (argument: number, start: number, end: number, cell: number) =>
          this.answers.storeCell(argument, start, end, cell),
        acceptsText: (argument: number, start: number, end: number) =>
          this.answers.acceptsText(argument, start, end),
      },
    });
    this.exports = instance.exports as KernelExports;
    this.#views = new Views(this.exports.memory.buffer);
    this.reserve(CELLS_AT);
  }

  /** Empties the sieve. */
  startSieve(): void {
    const seed = randomBytes(8).readBigInt64LE();
    this.exports.startSieve(KEYS_AT, KEY_WORDS, seed);
  }

  get views(): Views {
    return this.#views;
  }

  /** Sees that there is memory up to `end`. */
  reserve(end: number): void {
    const { memory } = this.exports;
    const missing = end - memory.buffer.byteLength;
    if (missing <= 0) return;
    memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#views = new Views(memory.buffer);
  }
}

export const kernel = new Kernel();
