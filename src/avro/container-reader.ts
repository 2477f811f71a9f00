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
import { parseAvroSchema, type WriterSchema } from './avro-schema.ts';
import { getMinimumBytes } from './avro-type.ts';
import { CODEC_NAMES, type CodecName, isCodecName } from './codecs.ts';
import { Cursor, decodeText, failure, invalid, MoreNeeded } from './container-cursor.ts';
import {
  type CompressedBlock,
  type DecompressionLimits,
  decompressBlocks,
} from './decompress-blocks.ts';

/** `maxUncompressedBytes` is that of the whole object. */
export type ContainerLimits = DecompressionLimits;

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

/** A block as it stands in the file. */
export interface RawBlock extends CompressedBlock {
  readonly recordCount: number;
}

interface Header {
  readonly schema: WriterSchema;
  readonly codec: CodecName;
  readonly syncMarker: Buffer;
}

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
/** Records may take no bytes at all (all fields null); their number then bounds our work, so it is bounded here. */
const MAX_EMPTY_RECORDS = 10_000_000;
/**
 * Parses header, checks every sync marker, splits and decompresses all blocks; the file must end exactly
 * after a block. Records themselves are not looked at.
 *
 * @param bytes the whole object; must not change while the container is in use
 * @throws CurrentsError CONTAINER_INVALID, SCHEMA_INVALID, CODEC_UNSUPPORTED, OBJECT_TOO_LARGE
 */
export async function openContainer(bytes: Buffer, limits: ContainerLimits): Promise<Container> {
  const cursor = new Cursor(bytes, 0, 0);
  const reader = new ContainerReader(readHeader(cursor), limits);
  return reader.open(reader.split(cursor));
}

/** Reads a container from its first block to its last, some blocks at a time. */
export class ContainerReader {
  readonly #header: Header;
  readonly #limits: ContainerLimits;
  readonly #minimumBytes: number;
  #splitBlocks = 0;
  #recordCount = 0;
  #uncompressedBytes = 0;

  constructor(header: Header, limits: ContainerLimits) {
    this.#header = header;
    this.#limits = limits;
    this.#minimumBytes = getMinimumBytes(header.schema.type);
  }

  /**
   * The next blocks. The cursor is left behind the last one that is there whole.
   *
   * @throws MoreNeeded when not even one is there, and the file goes on
   */
  split(cursor: Cursor): readonly RawBlock[] {
    const blocks: RawBlock[] = [];
    while (cursor.hasMore) {
      const start = cursor.pos;
      try {
        blocks.push(readBlock(cursor, this.#splitBlocks, this.#header.syncMarker));
        this.#splitBlocks += 1;
      } catch (error) {
        if (!(error instanceof MoreNeeded)) throw error;
        cursor.pos = start;
        if (blocks.length === 0) throw error;
        break;
      }
    }
    return blocks;
  }

  /** Decompresses these blocks, the next ones, and checks what they announce. */
  async open(rawBlocks: readonly RawBlock[]): Promise<Container> {
    const { schema, codec } = this.#header;
    const before = { records: this.#recordCount, bytes: this.#uncompressedBytes };
    const limits = {
      ...this.#limits,
      maxUncompressedBytes: this.#limits.maxUncompressedBytes - before.bytes,
    };
    const decompressed = await decompressBlocks(codec, rawBlocks, limits);
    const blocks: Block[] = [];
    for (const [i, { index, recordCount }] of rawBlocks.entries()) {
      const bytes = decompressed[i] as Buffer;
      this.#check(index, recordCount, bytes);
      blocks.push({ index, firstRecord: this.#recordCount, recordCount, bytes });
      this.#recordCount += recordCount;
      this.#uncompressedBytes += bytes.length;
    }
    const recordCount = this.#recordCount - before.records;
    const uncompressedBytes = this.#uncompressedBytes - before.bytes;
    return Object.freeze({ schema, codec, blocks, recordCount, uncompressedBytes });
  }

  #check(block: number, records: number, bytes: Buffer): void {
    const minimumBytes = this.#minimumBytes;
    if (records * minimumBytes > bytes.length) {
      throw invalid(
        `block ${block} announces ${records} records in ${bytes.length} bytes`,
        `at least ${minimumBytes} bytes for each by its schema`,
        { block },
      );
    }
    const all = this.#recordCount + records;
    if (minimumBytes === 0 && all > MAX_EMPTY_RECORDS) {
      throw invalid(
        `block ${block} brings the records that may take no bytes to ${all}`,
        `at most ${MAX_EMPTY_RECORDS}`,
        { block },
      );
    }
  }
}

/** Takes the memory of a container that has been read; it has no blocks afterwards. */
export function takeMemory({ blocks }: Container): readonly Buffer[] {
  return (blocks as Block[]).splice(0).map(({ bytes }) => bytes);
}

/** @throws MoreNeeded when it goes on behind the bytes that are there */
export function readHeader(cursor: Cursor): Header {
  if (cursor.bytes.length === 0) throw invalid('the file is empty', 'at least a header');
  const found = cursor.bytes.subarray(0, MAGIC.length);
  if (!found.equals(MAGIC)) {
    throw invalid(`the file begins with ${found.toString('hex')}`, MAGIC.toString('hex'));
  }
  cursor.pos = MAGIC.length;
  const metadata = readMetadata(cursor);
  // A copy: what follows may be read when the memory of the header has been given back.
  const syncMarker = Buffer.from(cursor.take(SYNC_BYTES, 'the sync marker of the header'));

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

function readBlock(cursor: Cursor, index: number, syncMarker: Buffer): RawBlock {
  cursor.block = index;
  const start = cursor.place;
  const recordCount = cursor.readLong('the record count');
  if (recordCount < 0) {
    throw invalid(`block ${index} at byte ${start} announces ${recordCount} records`, '0 or more', {
      block: index,
    });
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
  return { index, recordCount, bytes };
}
