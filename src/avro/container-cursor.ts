/**
 * Reads forward through the bytes of a container file, or of a piece of one: every length is checked against
 * what remains, and what is wrong is told by its place in the file.
 */

import { isUtf8 } from 'node:buffer';
import { CurrentsError, type ErrorCode } from '../errors.ts';

/** A piece ends before what is being read does: so many bytes of it, from its start on, would do. */
export class MoreNeeded extends Error {
  readonly bytes: number;
  constructor(bytes: number) {
    super(`${bytes} bytes are needed`);
    this.bytes = bytes;
  }
}

export class Cursor {
  readonly bytes: Buffer;
  pos = 0;
  readonly #offset: number;
  readonly #left: number;
  /** Where we are, for messages; `undefined` in the header. */
  block: number | undefined;

  /**
   * @param offset bytes of the file before these
   * @param left and behind them
   */
  constructor(bytes: Buffer, offset: number, left: number) {
    this.bytes = bytes;
    this.#offset = offset;
    this.#left = left;
  }

  get hasMore(): boolean {
    return this.pos < this.bytes.length || this.#left > 0;
  }

  /** Whether the file ends with these bytes. */
  get isLast(): boolean {
    return this.#left === 0;
  }

  /** Zero-based, in the file. */
  get place(): number {
    return this.#offset + this.pos;
  }

  /** @throws MoreNeeded when only these bytes end too early, and not the file */

  take(size: number, what: string): Buffer {
    if (size > this.bytes.length - this.pos) throw this.#cutShort(what, size);
    this.pos += size;
    return this.bytes.subarray(this.pos - size, this.pos);
  }

  /** A length: not negative, and within the file. */
  readSize(what: string): number {
    const start = this.place;
    const size = this.readLong(what);
    if (size < 0) {
      throw invalid(
        `${what} at byte ${start}${this.#where()} is ${size}`,
        '0 or more',
        this.#context(),
      );
    }
    return size;
  }

  /** A zigzag varint. Beyond 2^53 the number is not exact, but still too large for every use here. */
  readLong(what: string): number {
    const start = this.place;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.pos];
      if (byte === undefined) throw this.#cutShort(what, 1);
      this.pos++;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    throw invalid(
      `${what} at byte ${start}${this.#where()} takes more than 10 bytes`,
      'a number of 64 bits',
      this.#context(),
    );
  }

  #where(): string {
    return this.block === undefined ? '' : ` of block ${this.block}`;
  }

  #context(): { block?: number } {
    return this.block === undefined ? {} : { block: this.block };
  }

  #cutShort(what: string, needs: number): Error {
    const has = this.bytes.length - this.pos + this.#left;
    if (needs <= has) return new MoreNeeded(this.pos + needs);
    const place = this.block === undefined ? 'the header' : `block ${this.block}`;
    return invalid(
      `the file ends inside ${place}, at byte ${this.place}`,
      `${what}: needs ${needs} bytes, has ${has}`,
      this.#context(),
    );
  }
}

export function decodeText(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) throw invalid(`${what} is not UTF-8`, 'UTF-8');
  return bytes.toString('utf8');
}

export function invalid(
  found: string,
  expected: string,
  context: { block?: number } = {},
): CurrentsError {
  return failure('CONTAINER_INVALID', found, expected, context);
}

export function failure(
  code: ErrorCode,
  found: string,
  expected: string,
  context: { block?: number } = {},
): CurrentsError {
  return new CurrentsError({
    code,
    message: `cannot read the container: ${found} (expected ${expected})`,
    hint: 'the file is damaged or not what its name says: have it sent again',
    context,
  });
}
