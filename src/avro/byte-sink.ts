/**
 * A buffer that grows: what Avro's primitives look like as bytes is written here and nowhere else.
 *
 * Ranges are the caller's to check; a number that does not fit is written wrongly.
 */

const INITIAL_BYTES = 64 * 1024;
const MAX_VARINT_BYTES = 10;
/** The longest whose length fits one byte of a zigzag varint. */
const SHORT_TEXT = 63;
const MAX_EXACT_WHEN_DOUBLED = 2 ** 52;

export class ByteSink {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #size = 0;

  get sizeBytes(): number {
    return this.#size;
  }

  /** A copy of what was written; the sink is empty afterwards. */
  drain(): Buffer {
    const drained = Buffer.from(this.#bytes.subarray(0, this.#size));
    this.#size = 0;
    return drained;
  }

  writeByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = byte;
  }

  writeRaw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  writeFloat(value: number): void {
    this.#reserve(4);
    this.#size = this.#bytes.writeFloatLE(value, this.#size);
  }

  writeDouble(value: number): void {
    this.#reserve(8);
    this.#size = this.#bytes.writeDoubleLE(value, this.#size);
  }

  /** Zigzag varint. Numbers must be whole and safe, bigints within 64 bits. */
  writeLong(value: number | bigint): void {
    if (typeof value === 'bigint') {
      this.#writeBigLong(value);
      return;
    }
    if (Math.abs(value) > MAX_EXACT_WHEN_DOUBLED) {
      this.#writeBigLong(BigInt(value));
      return;
    }
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) {
      this.#bytes[this.#size++] = (rest % 0x80) | 0x80;
    }
    this.#bytes[this.#size++] = rest;
  }

  /** Length in bytes, then UTF-8. */
  writeText(text: string): void {
    if (text.length <= SHORT_TEXT && this.#writeShortAscii(text)) return;
    const length = Buffer.byteLength(text);
    this.writeLong(length);
    this.#reserve(length);
    this.#bytes.write(text, this.#size, length, 'utf8');
    this.#size += length;
  }

  /** Most strings are a few plain characters, for which two native calls are slow. */
  #writeShortAscii(text: string): boolean {
    const { length } = text;
    this.#reserve(1 + length);
    const bytes = this.#bytes;
    let pos = this.#size;
    bytes[pos++] = length * 2;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[pos++] = code;
    }
    this.#size = pos;
    return true;
  }

  #writeBigLong(value: bigint): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#size++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#size++] = Number(rest);
  }

  #reserve(count: number): void {
    const needed = this.#size + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#size);
    this.#bytes = grown;
  }
}
