/**
 * The bytes of an object → header and decompressed blocks, or an error that says what is wrong where.
 *
 * An Avro object container file is magic, metadata (schema, codec), a sync marker, then blocks: record
 * count, byte count, bytes, the same sync marker. All of it is walked before anything is decompressed,
 * so a file that was cut short fails at once, and a file without blocks is a sound file with no records.
 * Nothing in a header is believed that the bytes cannot back: counts and lengths are checked against
 * what remains, and limits keep a small file from becoming a large one.
 *
 * avsc's own container decoder is not used: it ends normally on a file that was cut short.
 */
import { isUtf8 } from 'node:buffer';
import { CurrentsError, type ErrorCode } from '../errors.ts';
import { parseAvroSchema, type WriterSchema } from './avro-schema.ts';
import { getMinimumBytes } from './avro-type.ts';
import { CODEC_NAMES, type CodecName, decompressBlock, isCodecName } from './codecs.ts';

export interface ContainerLimits {
  /** Of one block, after decompression. */
  readonly maxBlockBytes: number;
  /** Of the whole object, after decompression. */
  readonly maxUncompressedBytes: number;
}

export interface Block {
  /** Zero-based. */
  readonly index: number;
  /** Zero-based position of its first record within the container. */
  readonly firstRecord: number;
  readonly recordCount: number;
  /** Decompressed. With codec null a view of the object's own bytes. */
  readonly bytes: Buffer;
}

export interface Container {
  readonly schema: WriterSchema;
  readonly codec: CodecName;
  readonly blocks: readonly Block[];
  readonly recordCount: number;
  readonly uncompressedBytes: number;
}

/** A block as it stands in the file, before decompression. */
interface RawBlock {
  readonly index: number;
  readonly recordCount: number;
  readonly bytes: Buffer;
}

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
/** Records may take no bytes at all (all fields null); their number then bounds our work, so it is bounded here. */
const MAX_EMPTY_RECORDS = 10_000_000;
/** Of a few kilobytes each, so many are done while the event loop turns once; of large ones, a few keep all threads busy. */
const DECOMPRESS_AHEAD = 32;
/** Writers end a block at some ten kilobytes, a few at a megabyte or so. */
const SMALL_BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Parses header, checks every sync marker, splits and decompresses all blocks; the file must end exactly
 * after a block. Records themselves are not looked at.
 *
 * @param bytes the whole object; must not change while the container is in use
 * @throws CurrentsError CONTAINER_INVALID, SCHEMA_INVALID, CODEC_UNSUPPORTED, OBJECT_TOO_LARGE
 */
export async function openContainer(bytes: Buffer, limits: ContainerLimits): Promise<Container> {
  const cursor = new Cursor(bytes);
  const { schema, codec, syncMarker } = readHeader(cursor);
  const rawBlocks = readBlocks(cursor, syncMarker);

  const decompressed = await decompressAll(rawBlocks, codec, limits);
  const minimumBytes = getMinimumBytes(schema.type);
  const blocks: Block[] = [];
  let recordCount = 0;
  let uncompressedBytes = 0;
  for (const [i, raw] of rawBlocks.entries()) {
    const blockBytes = decompressed[i] as Buffer;
    uncompressedBytes += blockBytes.length;
    recordCount += raw.recordCount;
    if (raw.recordCount * minimumBytes > blockBytes.length) {
      throw invalid(
        `block ${raw.index} announces ${raw.recordCount} records in ${blockBytes.length} bytes`,
        `at least ${minimumBytes} bytes for each by its schema`,
        { block: raw.index },
      );
    }
    if (minimumBytes === 0 && recordCount > MAX_EMPTY_RECORDS) {
      throw invalid(
        `block ${raw.index} brings the records that may take no bytes to ${recordCount}`,
        `at most ${MAX_EMPTY_RECORDS}`,
        { block: raw.index },
      );
    }
    const firstRecord = recordCount - raw.recordCount;
    blocks.push({ index: raw.index, firstRecord, recordCount: raw.recordCount, bytes: blockBytes });
  }
  return Object.freeze({ schema, codec, blocks, recordCount, uncompressedBytes });
}

/** Takes the memory of a container that has been read; it has no blocks afterwards. */
export function takeMemory({ blocks }: Container): readonly Buffer[] {
  return (blocks as Block[]).splice(0).map(({ bytes }) => bytes);
}

/**
 * The bytes of all blocks, in their order. The next ones are begun while the first is waited for: it is looked
 * for only between two turns of whatever else there is to do. A block that is large is made alone, once more:
 * meanwhile its bytes are there twice, and a bomb is a row of blocks that are as large as they may be.
 */
async function decompressAll(
  rawBlocks: readonly RawBlock[],
  codec: CodecName,
  { maxBlockBytes, maxUncompressedBytes }: ContainerLimits,
): Promise<readonly Buffer[]> {
  const decompressed: Buffer[] = [];
  const begun: Promise<Buffer | undefined>[] = [];
  let left = maxUncompressedBytes;
  const decompressAlone = async ({ bytes, index }: RawBlock) =>
    decompressBlock(codec, bytes, Math.min(maxBlockBytes, left), index);
  try {
    for (const raw of rawBlocks) {
      const next = decompressed.length + begun.length;
      for (const one of rawBlocks.slice(next, next + DECOMPRESS_AHEAD - begun.length)) {
        const trial = decompressSmall(codec, one);
        // Looked at when its turn comes.
        trial.catch(() => undefined);
        begun.push(trial);
      }
      const small = await begun.shift();
      const fits = small !== undefined && small.length <= Math.min(maxBlockBytes, left);
      const bytes = fits ? small : await decompressAlone(raw);
      left -= bytes.length;
      decompressed.push(bytes);
    }
    return decompressed;
  } finally {
    await Promise.allSettled(begun);
  }
}

/** As one of several; undefined when it is a large one. */
async function decompressSmall(
  codec: CodecName,
  { bytes, index }: RawBlock,
): Promise<Buffer | undefined> {
  try {
    return await decompressBlock(codec, bytes, SMALL_BLOCK_BYTES, index);
  } catch (error) {
    if (error instanceof CurrentsError && error.code === 'OBJECT_TOO_LARGE') return undefined;
    throw error;
  }
}

function readHeader(cursor: Cursor): {
  schema: WriterSchema;
  codec: CodecName;
  syncMarker: Buffer;
} {
  if (cursor.bytes.length === 0) throw invalid('the file is empty', 'at least a header');
  const found = cursor.bytes.subarray(0, MAGIC.length);
  if (!found.equals(MAGIC)) {
    throw invalid(`the file begins with ${found.toString('hex')}`, MAGIC.toString('hex'));
  }
  cursor.pos = MAGIC.length;
  const metadata = readMetadata(cursor);
  const syncMarker = cursor.take(SYNC_BYTES, 'the sync marker of the header');

  const codecBytes = metadata.get('avro.codec');
  const codec = codecBytes === undefined ? 'null' : decodeText(codecBytes, 'avro.codec');
  if (!isCodecName(codec)) {
    throw failure(
      'CODEC_UNSUPPORTED',
      `codec ${JSON.stringify(codec.slice(0, 40))}`,
      `one of ${CODEC_NAMES.join(', ')}`,
    );
  }
  const schemaBytes = metadata.get('avro.schema');
  if (schemaBytes === undefined) throw invalid('the header has no avro.schema', 'a schema');
  return { schema: parseAvroSchema(decodeText(schemaBytes, 'avro.schema')), codec, syncMarker };
}

/** A map of bytes, written in blocks of entries; a negative count is followed by the block's length. */
function readMetadata(cursor: Cursor): Map<string, Buffer> {
  const metadata = new Map<string, Buffer>();
  for (;;) {
    let count = cursor.readLong('the number of header entries');
    if (count === 0) return metadata;
    let end: number | undefined;
    if (count < 0) {
      count = -count;
      const size = cursor.readSize('the length of the header entries');
      end = cursor.pos + size;
    }
    // An entry takes two bytes or more, so a large count runs into the end of the file soon.
    for (; count > 0; count--) {
      const key = cursor.take(cursor.readSize('the length of a header key'), 'a header key');
      const value = cursor.take(cursor.readSize('the length of a header value'), 'a header value');
      metadata.set(decodeText(key, 'a header key'), value);
    }
    if (end !== undefined && cursor.pos !== end) {
      throw invalid(`header entries end at byte ${cursor.pos}`, `byte ${end} as announced`);
    }
  }
}

function readBlocks(cursor: Cursor, syncMarker: Buffer): RawBlock[] {
  const blocks: RawBlock[] = [];
  while (cursor.pos < cursor.bytes.length) {
    const index = blocks.length;
    cursor.block = index;
    const start = cursor.pos;
    const recordCount = cursor.readLong('the record count');
    if (recordCount < 0) {
      throw invalid(
        `block ${index} at byte ${start} announces ${recordCount} records`,
        '0 or more',
        {
          block: index,
        },
      );
    }
    const bytes = cursor.take(cursor.readSize('the byte count'), 'the data');
    const sync = cursor.take(SYNC_BYTES, 'the sync marker');
    if (!sync.equals(syncMarker)) {
      throw invalid(
        `block ${index} at byte ${start} ends with sync marker ${sync.toString('hex')}`,
        `${syncMarker.toString('hex')} as in the header`,
        { block: index },
      );
    }
    blocks.push({ index, recordCount, bytes });
  }
  return blocks;
}

/** Reads forward through the file; every length is checked against what remains. */
class Cursor {
  readonly bytes: Buffer;
  pos = 0;
  /** Where we are, for messages; `undefined` in the header. */
  block: number | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  take(size: number, what: string): Buffer {
    const has = this.bytes.length - this.pos;
    if (size > has) throw this.#cutShort(what, size, has);
    this.pos += size;
    return this.bytes.subarray(this.pos - size, this.pos);
  }

  /** A length: not negative, and within the file. */
  readSize(what: string): number {
    const start = this.pos;
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
    const start = this.pos;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.pos];
      if (byte === undefined) throw this.#cutShort(what, 1, 0);
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

  #cutShort(what: string, needs: number, has: number): CurrentsError {
    const place = this.block === undefined ? 'the header' : `block ${this.block}`;
    return invalid(
      `the file ends inside ${place}, at byte ${this.pos}`,
      `${what}: needs ${needs} bytes, has ${has}`,
      this.#context(),
    );
  }
}

function decodeText(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) throw invalid(`${what} is not UTF-8`, 'UTF-8');
  return bytes.toString('utf8');
}

function invalid(found: string, expected: string, context: { block?: number } = {}): CurrentsError {
  return failure('CONTAINER_INVALID', found, expected, context);
}

function failure(
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
