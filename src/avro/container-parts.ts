/**
 * An object as it arrives → parts of its container, each with the blocks that are there by then.
 *
 * A large object is never in memory as a whole: a part is read while the one before is decoded, in memory
 * that goes round (recycled-buffers.ts). What is left of a block at the end of a part is copied to the next.
 */

import { giveBack, takeBuffer } from '../recycled-buffers.ts';
import { Cursor, MoreNeeded } from './container-cursor.ts';
import {
  type Container,
  type ContainerLimits,
  ContainerReader,
  type RawBlock,
  readHeader,
} from './container-reader.ts';

/** The bytes of one object, from its first to its last. */
export interface ByteSource {
  readonly sizeBytes: number;
  /**
   * Fills `into` with the next bytes. When that was the last one, the object has been verified.
   *
   * @param into at most as many as are left
   */
  fill(into: Buffer): Promise<void>;
}

/** Blocks of an object that follow one another; they and their records are counted from the object's first. */
export interface ContainerPart {
  readonly container: Container;
  readonly isLast: boolean;
  /** How many records the object has if the rest is like what has been read. */
  readonly expectedRecords: number;
}

const MIB = 2 ** 20;

export interface PartSizes {
  /** So much of the file is read at a time. */
  readonly pieceBytes: number;
  /** Compressed, a part has fewer bytes of the file: they become five to ten times as many. */
  readonly compressedPartBytes: number;
  /** Plain objects of fewer bytes are a single part. */
  readonly leastPlainBytes: number;
}

const SIZES: PartSizes = {
  pieceBytes: 4 * MIB,
  compressedPartBytes: MIB,
  leastPlainBytes: 8 * MIB,
};

/** Smaller objects are not worth parts. */
export const LEAST_BYTES_IN_PARTS = 4 * MIB;

const LEAST_READ_BYTES = 64 * 1024;

/**
 * Reads a container part by part, the next one ahead.
 *
 * @param source of one byte or more
 * @throws CurrentsError CONTAINER_INVALID, SCHEMA_INVALID, CODEC_UNSUPPORTED, OBJECT_TOO_LARGE, and what the
 *   source throws
 */
export async function* openContainerParts(
  source: ByteSource,
  limits: ContainerLimits,
  { pieceBytes, compressedPartBytes, leastPlainBytes }: PartSizes = SIZES,
): AsyncGenerator<ContainerPart, undefined> {
  const pieces = new Pieces(source);
  await pieces.readMore(pieceBytes);
  const header = await pieces.readWhole(readHeader);
  const isPlain = header.codec === 'null';
  if (isPlain && source.sizeBytes < leastPlainBytes) await pieces.enlarge(source.sizeBytes);
  const reader = new ContainerReader(header, limits);
  const partBytes = isPlain ? Number.POSITIVE_INFINITY : compressedPartBytes;
  let records = 0;
  for (;;) {
    const rawBlocks = await pieces.readWhole((cursor) => reader.split(cursor));
    for (const { recordCount } of rawBlocks) records += recordCount;
    const { bytes, place, isLast } = pieces.cursor;
    const next = isLast ? undefined : pieces.readMore(pieceBytes);
    // Waited for when this piece has been taken.
    next?.catch(() => undefined);
    const portions = divide(rawBlocks, partBytes);
    for (const [at, portion] of portions.entries()) {
      const isEnd = at === portions.length - 1;
      const container = await reader.open(portion);
      if (isEnd && !isPlain) giveBack([bytes]);
      const expectedRecords = Math.ceil((records * source.sizeBytes) / place);
      yield { container, isLast: isLast && isEnd, expectedRecords };
    }
    if (isLast) return undefined;
    await next;
  }
}

/** Blocks of about so many bytes each; at least one portion, which may be empty. */
function divide(blocks: readonly RawBlock[], bytes: number): readonly (readonly RawBlock[])[] {
  const portions: RawBlock[][] = [[]];
  let size = 0;
  for (const block of blocks) {
    if (size >= bytes) {
      portions.push([]);
      size = 0;
    }
    portions.at(-1)?.push(block);
    size += block.bytes.length;
  }
  return portions;
}

/** What has been read of an object and not been used yet. */
class Pieces {
  readonly #source: ByteSource;
  cursor: Cursor;

  constructor(source: ByteSource) {
    this.#source = source;
    this.cursor = new Cursor(Buffer.alloc(0), 0, source.sizeBytes);
  }

  /** Makes a new piece of what the cursor has left and what follows, so many bytes in all if there are. */
  async readMore(bytes: number): Promise<void> {
    const { place } = this.cursor;
    const carried = this.cursor.bytes.subarray(this.cursor.pos);
    const left = this.#source.sizeBytes - place;
    const most = Math.max(bytes, carried.length + LEAST_READ_BYTES);
    // The last piece is in memory that others have had: of odd sizes, allocators keep much for nothing.
    const piece = takeBuffer(most).subarray(0, left);
    carried.copy(piece);
    await this.#source.fill(piece.subarray(carried.length));
    this.cursor = new Cursor(piece, place, left - piece.length);
  }

  /** The same, where nobody has anything of this piece. */
  async enlarge(bytes: number): Promise<void> {
    const { bytes: old } = this.cursor;
    await this.readMore(bytes);
    giveBack([old]);
  }

  /** Reads something that may go on behind the piece, which is made as large as it takes. */
  async readWhole<Result>(read: (cursor: Cursor) => Result): Promise<Result> {
    for (;;) {
      const { bytes, pos } = this.cursor;
      try {
        return read(this.cursor);
      } catch (error) {
        if (!(error instanceof MoreNeeded)) throw error;
        this.cursor.pos = pos;
        await this.enlarge(Math.max(error.bytes - pos, 2 * bytes.length));
      }
    }
  }
}
