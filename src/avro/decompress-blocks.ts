/**
 * Blocks of a container as they stand in the file → their bytes, within limits, in their order.
 *
 * Small blocks of codec deflate, which nearly all are, are inflated here and now, some megabytes between two
 * turns of the event loop: sending each to another thread and back cost as much again as inflating it, and
 * whoever waits for a block keeps all processors busy meanwhile. Other codecs work on as they can, some blocks
 * ahead of the one that is waited for. A large block is made alone: a bomb is a row of blocks that are as large
 * as they may be.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { CurrentsError } from '../errors.ts';
import { type CodecName, decompressBlock } from './codecs.ts';
import { inflateNow } from './deflate-codec.ts';

export interface DecompressionLimits {
  /** Of one block, after decompression. */
  readonly maxBlockBytes: number;
  /** Of all of them, after decompression. */
  readonly maxUncompressedBytes: number;
}

export interface CompressedBlock {
  /** For messages. */
  readonly index: number;
  readonly bytes: Buffer;
}

/** Of a few kilobytes each, so many are done while the event loop turns once; of large ones, a few keep all threads busy. */
const DECOMPRESS_AHEAD = 32;
/** Writers end a block at some ten kilobytes, a few at a megabyte or so. */
const SMALL_BLOCK_BYTES = 4 * 1024 * 1024;
/** Made while the event loop waits: ten milliseconds' work. */
const TURN_BYTES = 8 * 1024 * 1024;

/**
 * The bytes of all blocks. With codec null these are the same bytes, not copies.
 *
 * @throws CurrentsError CONTAINER_INVALID, OBJECT_TOO_LARGE, for the first block that is damaged or too large
 */
export async function decompressBlocks(
  codec: CodecName,
  blocks: readonly CompressedBlock[],
  limits: DecompressionLimits,
): Promise<readonly Buffer[]> {
  return codec === 'deflate'
    ? inflateBlocks(blocks, limits)
    : decompressAhead(codec, blocks, limits);
}

async function inflateBlocks(
  blocks: readonly CompressedBlock[],
  { maxBlockBytes, maxUncompressedBytes }: DecompressionLimits,
): Promise<readonly Buffer[]> {
  const inflated: Buffer[] = [];
  let left = maxUncompressedBytes;
  let sinceTurn = 0;
  for (const { bytes, index } of blocks) {
    const maxBytes = Math.min(maxBlockBytes, left);
    const small = inflateNow(bytes, Math.min(maxBytes, SMALL_BLOCK_BYTES));
    // Large or damaged; the second time tells.
    const block = small ?? (await decompressBlock('deflate', bytes, maxBytes, index));
    left -= block.length;
    inflated.push(block);
    sinceTurn += bytes.length + block.length;
    if (sinceTurn < TURN_BYTES) continue;
    sinceTurn = 0;
    await turn();
  }
  return inflated;
}

/** The next ones are begun while the first is waited for. */
async function decompressAhead(
  codec: CodecName,
  blocks: readonly CompressedBlock[],
  { maxBlockBytes, maxUncompressedBytes }: DecompressionLimits,
): Promise<readonly Buffer[]> {
  const decompressed: Buffer[] = [];
  const begun: Promise<Buffer | undefined>[] = [];
  let left = maxUncompressedBytes;
  try {
    for (const { bytes, index } of blocks) {
      const next = decompressed.length + begun.length;
      for (const one of blocks.slice(next, next + DECOMPRESS_AHEAD - begun.length)) {
        const trial = decompressSmall(codec, one);
        // Looked at when its turn comes.
        trial.catch(() => undefined);
        begun.push(trial);
      }
      const maxBytes = Math.min(maxBlockBytes, left);
      const small = await begun.shift();
      const fits = small !== undefined && small.length <= maxBytes;
      const block = fits ? small : await decompressBlock(codec, bytes, maxBytes, index);
      left -= block.length;
      decompressed.push(block);
    }
    return decompressed;
  } finally {
    await Promise.allSettled(begun);
  }
}

/** As one of several; undefined when it is a large one. */
async function decompressSmall(
  codec: CodecName,
  { bytes, index }: CompressedBlock,
): Promise<Buffer | undefined> {
  try {
    return await decompressBlock(codec, bytes, SMALL_BLOCK_BYTES, index);
  } catch (error) {
    if (error instanceof CurrentsError && error.code === 'OBJECT_TOO_LARGE') return undefined;
    throw error;
  }
}
