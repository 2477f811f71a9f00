/**
 * Avro's codec `bzip2`: one or several bzip2 streams a block.
 *
 * Decoding is our own: the JavaScript decoders on npm loop for ever on some damaged inputs or read only
 * the first stream, and those around libbzip2 ignore what is left over. Checksums of blocks and streams are
 * verified. The long-obsolete randomised blocks are refused. Compressing is libbzip2 as WebAssembly.
 *
 * A stream is "BZh" and a level from 1 to 9, blocks, and a footer, all in bits. A block is text that was
 * run-length coded, sorted (Burrows and Wheeler's transform), moved to front, run-length coded again and
 * Huffman coded; it is undone in reverse.
 */
import BZip2 from 'bzip2-wasm';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

const BLOCK_MAGIC = [0x314159, 0x265359] as const; // digits of pi
const FOOTER_MAGIC = [0x177245, 0x385090] as const; // digits of its square root
const BYTES_PER_LEVEL = 100_000;
const SYMBOLS_PER_GROUP = 50;
const MAX_CODE_BITS = 20;
/** Runs of the previous symbol, written in bijective base 2 with these two digits. */
const RUN_B = 1;
const RUN_REPEAT_AFTER = 4;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let i = 0; i < 8; i++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

export const bzip2Codec: Codec = {
  compress: compressStream,

  async decompress(bytes, maxBytes) {
    const reader = new BitReader(bytes);
    const output = new Output(maxBytes);
    do decompressStream(reader, output);
    while (!reader.isAtEnd());
    return output.finish();
  },
};

function decompressStream(reader: BitReader, output: Output): void {
  const level = reader.read(8 * 3) === 0x425a68 ? reader.read(8) - 0x30 : 0;
  if (level < 1 || level > 9) throw new CompressedDataInvalid('there is no stream header');
  const work = new Uint32Array(level * BYTES_PER_LEVEL);
  let streamCrc = 0;
  for (;;) {
    const high = reader.read(24);
    const low = reader.read(24);
    const crc = reader.readUint32();
    if (high === FOOTER_MAGIC[0] && low === FOOTER_MAGIC[1]) {
      if (crc !== streamCrc) throw new CompressedDataInvalid('the CRC of a stream is wrong');
      reader.alignToByte();
      return;
    }
    if (high !== BLOCK_MAGIC[0] || low !== BLOCK_MAGIC[1]) {
      throw new CompressedDataInvalid('there is no block where one begins');
    }
    if (decompressBlock(reader, output, work) !== crc) {
      throw new CompressedDataInvalid('the CRC of a block is wrong');
    }
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ crc) >>> 0;
  }
}

/** Returns the CRC of what it wrote. */
function decompressBlock(reader: BitReader, output: Output, work: Uint32Array): number {
  if (reader.read(1) !== 0) throw new CompressedDataInvalid('a block is randomised');
  const origin = reader.read(24);
  const alphabet = readAlphabet(reader);
  const tableCount = reader.read(3);
  if (tableCount < 2 || tableCount > 6) throw new CompressedDataInvalid('too many code tables');
  const selectors = readSelectors(reader, tableCount);
  const tables = Array.from(
    { length: tableCount },
    () => new CodeTable(reader, alphabet.length + 2),
  );
  const length = readSymbols(reader, alphabet, selectors, tables, work);
  if (origin >= length) throw new CompressedDataInvalid('a block begins outside itself');
  sortBack(work, length);
  return writeRuns(work, length, origin, output);
}

/** Which of the 256 bytes occur: two levels of bit maps. */
function readAlphabet(reader: BitReader): Uint8Array {
  const alphabet: number[] = [];
  const ranges = reader.read(16);
  for (let high = 0; high < 16; high++) {
    if ((ranges & (0x8000 >> high)) === 0) continue;
    const range = reader.read(16);
    for (let low = 0; low < 16; low++) {
      if ((range & (0x8000 >> low)) !== 0) alphabet.push(high * 16 + low);
    }
  }
  if (alphabet.length === 0) throw new CompressedDataInvalid('a block has no alphabet');
  return Uint8Array.from(alphabet);
}

/** Which code table each group of 50 symbols uses, moved to front and in unary. */
function readSelectors(reader: BitReader, tableCount: number): Uint8Array {
  const order = Uint8Array.from({ length: tableCount }, (_, i) => i);
  const selectors = new Uint8Array(reader.read(15));
  for (let i = 0; i < selectors.length; i++) {
    let position = 0;
    while (reader.read(1) === 1) {
      if (++position >= tableCount) throw new CompressedDataInvalid('a selector is out of range');
    }
    selectors[i] = moveToFront(order, position);
  }
  return selectors;
}

/** Undoes Huffman codes, runs and move-to-front; returns how many bytes are in `work`. */
function readSymbols(
  reader: BitReader,
  alphabet: Uint8Array,
  selectors: Uint8Array,
  tables: readonly CodeTable[],
  work: Uint32Array,
): number {
  const endSymbol = alphabet.length + 1;
  let length = 0;
  let runLength = 0;
  let runDigit = 1;
  for (let group = 0; ; group++) {
    const table = tables[selectors[group] ?? tables.length];
    if (table === undefined) throw new CompressedDataInvalid('a block has too few selectors');
    for (let i = 0; i < SYMBOLS_PER_GROUP; i++) {
      const symbol = table.read(reader);
      if (symbol <= RUN_B) {
        // Never beyond the block, so it cannot overflow however many digits follow.
        runLength += runDigit << symbol;
        runDigit <<= 1;
        if (length + runLength > work.length) throw new CompressedDataInvalid('a run is too long');
        continue;
      }
      if (runLength > 0) {
        work.fill(alphabet[0] as number, length, length + runLength);
        length += runLength;
        runLength = 0;
        runDigit = 1;
      }
      if (symbol === endSymbol) return length;
      if (length >= work.length) throw new CompressedDataInvalid('a block is too long');
      work[length++] = moveToFront(alphabet, symbol - 1);
    }
  }
}

/** Puts into the upper 24 bits of each cell where the text goes on from there. */
function sortBack(work: Uint32Array, length: number): void {
  const next = new Uint32Array(256);
  for (let i = 0; i < length; i++) (next[(work[i] as number) & 0xff] as number)++;
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = next[byte] as number;
    next[byte] = sum;
    sum += count;
  }
  for (let i = 0; i < length; i++) {
    const byte = (work[i] as number) & 0xff;
    const position = next[byte] as number;
    next[byte] = position + 1;
    work[position] = (work[position] as number) | (i << 8);
  }
}

/** Follows the text through `work` and undoes the outer run-length code: four equal bytes, then how many more. */
function writeRuns(work: Uint32Array, length: number, origin: number, output: Output): number {
  let crc = -1;
  let cell = (work[origin] as number) >>> 8;
  let previous = -1;
  let equal = 0;
  for (let i = 0; i < length; i++) {
    const entry = work[cell] as number;
    const byte = entry & 0xff;
    cell = entry >>> 8;
    if (equal === RUN_REPEAT_AFTER) {
      for (let n = 0; n < byte; n++) {
        crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ previous] as number);
      }
      output.repeat(previous, byte);
      equal = 0;
      previous = -1;
      continue;
    }
    equal = byte === previous ? equal + 1 : 1;
    previous = byte;
    crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] as number);
    output.repeat(byte, 1);
  }
  return ~crc >>> 0;
}

function moveToFront(order: Uint8Array, position: number): number {
  const moved = order[position];
  if (moved === undefined) throw new CompressedDataInvalid('a symbol is out of range');
  // Mostly a few places, for which a native call is slow.
  if (position > 32) order.copyWithin(1, 0, position);
  else for (let i = position; i > 0; i--) order[i] = order[i - 1] as number;
  order[0] = moved;
  return moved;
}

/** Canonical Huffman codes of one table: shorter codes first, equal lengths in symbol order. */
class CodeTable {
  readonly #counts = new Uint16Array(MAX_CODE_BITS + 1);
  readonly #symbols: Uint16Array;

  constructor(reader: BitReader, symbolCount: number) {
    const lengths = new Uint8Array(symbolCount);
    let length = reader.read(5);
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      for (;;) {
        if (length < 1 || length > MAX_CODE_BITS) {
          throw new CompressedDataInvalid('a code has no usable length');
        }
        if (reader.read(1) === 0) break;
        length += reader.read(1) === 0 ? 1 : -1;
      }
      lengths[symbol] = length;
      (this.#counts[length] as number)++;
    }
    this.#symbols = Uint16Array.from(lengths.keys()).sort(
      (a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b,
    );
  }

  read(reader: BitReader): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      code |= reader.readBit();
      const count = this.#counts[bits] as number;
      if (code - first < count) return this.#symbols[index + code - first] as number;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new CompressedDataInvalid('a code is not in its table');
  }
}

class BitReader {
  readonly #bytes: Buffer;
  #pos = 0;
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Up to 24 bits, the highest first. */
  read(count: number): number {
    while (this.#bitCount < count) {
      const byte = this.#bytes[this.#pos];
      if (byte === undefined) throw new CompressedDataInvalid('the stream is cut short');
      this.#pos++;
      this.#bits = ((this.#bits << 8) | byte) >>> 0;
      this.#bitCount += 8;
    }
    this.#bitCount -= count;
    const value = this.#bits >>> this.#bitCount;
    this.#bits &= (1 << this.#bitCount) - 1;
    return value;
  }

  readBit(): number {
    if (this.#bitCount === 0) return this.read(1);
    this.#bitCount--;
    const bit = this.#bits >>> this.#bitCount;
    this.#bits &= (1 << this.#bitCount) - 1;
    return bit;
  }

  readUint32(): number {
    return this.read(16) * 0x10000 + this.read(16);
  }

  alignToByte(): void {
    this.#bits = 0;
    this.#bitCount = 0;
  }

  isAtEnd(): boolean {
    return this.#pos === this.#bytes.length;
  }
}

/** Grows up to the limit and not beyond. */
class Output {
  readonly #maxBytes: number;
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  repeat(byte: number, count: number): void {
    const size = this.#size + count;
    if (size > this.#bytes.length) this.#grow(size);
    if (count === 1) this.#bytes[this.#size] = byte;
    else this.#bytes.fill(byte, this.#size, size);
    this.#size = size;
    if (size > this.#maxBytes) throw new OutputLimitReached();
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafe(Math.max(size, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#size);
    this.#bytes = grown;
  }
}

let compressor: Promise<BZip2> | undefined;

async function compressStream(bytes: Buffer): Promise<Buffer> {
  compressor ??= loadCompressor();
  const loaded = await compressor;
  // Worst case by libbzip2's manual: 1 % and 600 bytes more.
  return Buffer.from(loaded.compress(bytes, 9, Math.ceil(bytes.length * 1.01) + 600));
}

/** The package defines `require` and `__dirname` for everybody while it loads: taken back at once. */
async function loadCompressor(): Promise<BZip2> {
  const globals = globalThis as { require?: unknown; __dirname?: unknown };
  const before = Object.getOwnPropertyDescriptors(globals);
  const loaded = new BZip2();
  await loaded.init();
  for (const name of ['require', '__dirname'] as const) {
    if (before[name] === undefined) delete globals[name];
    else Object.defineProperty(globals, name, before[name]);
  }
  return loaded;
}
