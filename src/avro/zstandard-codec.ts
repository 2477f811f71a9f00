/**
 * Avro's codec `zstandard`: one or several Zstandard frames a block.
 *
 * libzstd itself does the work, as WebAssembly (Node 20 has no Zstandard). It decodes a frame into a
 * buffer of a size that we choose and never beyond it, and checks the frame's checksum if it has one. The
 * size is what the frame announces or else the sum of what its blocks can hold at most; both are found
 * by walking the frame here (RFC 8878), which also tells frames apart and finds bytes left over.
 * Dictionaries are not supported: a container has no place for them.
 */
import { compress, decompress, init } from '@bokuweb/zstd-wasm';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_BLOCK_BYTES = 128 * 1024;
/** WebAssembly addresses 4 GiB, input and output together. */
const MAX_OUTPUT_BYTES = 2 ** 30;
/** libzstd's dstSize_tooSmall, as the package reports it. */
const OUTPUT_TOO_SMALL = 'code -70';

let ready: Promise<void> | undefined;

export const zstandardCodec: Codec = {
  async compress(bytes) {
    await load();
    return toBuffer(compress(bytes));
  },

  async decompress(bytes, maxBytes) {
    await load();
    const parts: Buffer[] = [];
    let left = Math.min(maxBytes, MAX_OUTPUT_BYTES);
    for (let pos = 0; pos < bytes.length; ) {
      const frame = walkFrame(bytes, pos);
      if (!frame.isSkippable) {
        const part = decompressFrame(bytes.subarray(pos, frame.end), frame, left);
        left -= part.length;
        parts.push(part);
      }
      pos = frame.end;
    }
    if (parts.length === 0) throw new CompressedDataInvalid('there is no frame');
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  },
};

async function load(): Promise<void> {
  ready ??= init();
  await ready;
}

interface Frame {
  /** Where the next one begins. */
  readonly end: number;
  readonly isSkippable: boolean;
  /** What the frame says it holds, if it says. */
  readonly announcedBytes: number | undefined;
  /** What its blocks hold at most. */
  readonly boundBytes: number;
}

function decompressFrame(bytes: Buffer, frame: Frame, maxBytes: number): Buffer {
  const { announcedBytes, boundBytes } = frame;
  if ((announcedBytes ?? 0) > maxBytes) throw new OutputLimitReached();
  // More than the blocks can hold would only make libzstd allocate for nothing.
  if ((announcedBytes ?? 0) > boundBytes) throw new CompressedDataInvalid('announces too much');
  const isBounded = boundBytes <= maxBytes;
  const defaultHeapSize = Math.max(1, Math.min(boundBytes, maxBytes));
  try {
    return toBuffer(decompress(bytes, { defaultHeapSize }));
  } catch (error) {
    const isTooSmall = error instanceof Error && error.message.endsWith(OUTPUT_TOO_SMALL);
    if (isTooSmall && !isBounded && announcedBytes === undefined) throw new OutputLimitReached();
    throw error;
  }
}

function walkFrame(bytes: Buffer, start: number): Frame {
  const magic = readUint(bytes, start, 4);
  if (magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 0xf) {
    const end = start + 8 + readUint(bytes, start + 4, 4);
    if (end > bytes.length) throw new CompressedDataInvalid('a skippable frame is cut short');
    return { end, isSkippable: true, announcedBytes: undefined, boundBytes: 0 };
  }
  if (magic !== FRAME_MAGIC) throw new CompressedDataInvalid('there is no frame where one begins');

  const descriptor = readUint(bytes, start + 4, 1);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  if ((descriptor & 0x03) !== 0) throw new CompressedDataInvalid('the frame needs a dictionary');
  let pos = start + 5 + (isSingleSegment ? 0 : 1);
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 2 ** sizeFlag;
  // Two bytes count from 256, because one byte holds the rest.
  const announcedBytes =
    sizeBytes === 0 ? undefined : readUint(bytes, pos, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  pos += sizeBytes;

  let boundBytes = 0;
  for (let isLast = false; !isLast; ) {
    const header = readUint(bytes, pos, 3);
    const size = header >> 3;
    isLast = (header & 1) === 1;
    const kind = (header >> 1) & 3;
    if (kind === 3) throw new CompressedDataInvalid('a block is of no known kind');
    // Raw and repeated-byte blocks say what comes out, compressed ones what goes in.
    boundBytes += kind === 2 ? MAX_BLOCK_BYTES : size;
    pos += 3 + (kind === 1 ? 1 : size);
  }
  const end = pos + (hasChecksum ? 4 : 0);
  if (end > bytes.length) throw new CompressedDataInvalid('a frame is cut short');
  return { end, isSkippable: false, announcedBytes, boundBytes };
}

/** Little-endian, one to eight bytes. Beyond 2^53 not exact, but still above every limit. */
function readUint(bytes: Buffer, pos: number, size: number): number {
  if (pos + size > bytes.length) throw new CompressedDataInvalid('a frame is cut short');
  if (size <= 6) return bytes.readUIntLE(pos, size);
  return bytes.readUInt32LE(pos) + bytes.readUInt32LE(pos + 4) * 2 ** 32;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
