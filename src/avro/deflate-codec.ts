/**
 * Avro's codec `deflate`: one raw deflate stream a block, without zlib's header and checksum.
 *
 * Python's writers (avro 1.12 and fastavro 1.13) cut a byte too few off zlib's form, so three of the four
 * bytes of its Adler-32 stay behind the stream. They are taken, and checked, as a checksum.
 *
 * Inflating runs on zlib's threads, unless it is asked for now.
 */
import {
  deflateRawSync,
  type InputType,
  inflateRaw,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

interface InflateResult {
  readonly buffer: Buffer;
  /** Counts the bytes that went in, in spite of its name. */
  readonly engine: { readonly bytesWritten: number };
}

const LEAST_CHUNK_BYTES = 16 * 1024;
const MOST_CHUNK_BYTES = 1024 * 1024;

/** Node's typings know only the forms without `info`. */
const inflateRawWithInfo = inflateRaw as unknown as (
  bytes: InputType,
  options: ZlibOptions,
  done: (error: NodeJS.ErrnoException | null, result: InflateResult) => void,
) => void;

const inflateNowWithInfo = inflateRawSync as unknown as (
  bytes: InputType,
  options: ZlibOptions,
) => InflateResult;

export const deflateCodec: Codec = {
  compress: async (bytes) => deflateRawSync(bytes),

  decompress: (bytes, maxBytes) =>
    new Promise((resolve, reject) => {
      inflateRawWithInfo(bytes, chooseOptions(bytes.length, maxBytes), (error, result) => {
        if (error?.code === 'ERR_BUFFER_TOO_LARGE') reject(new OutputLimitReached());
        else if (error !== null) reject(error);
        else if (result.buffer.length > maxBytes) reject(new OutputLimitReached());
        else if (!isWhole(bytes, result)) {
          reject(new CompressedDataInvalid('bytes are left over behind the stream'));
        } else resolve(fitted(result.buffer));
      });
    }),
};

/** A block's bytes, without waiting; undefined when they are more than `maxBytes` or it is damaged. */
export function inflateNow(bytes: Buffer, maxBytes: number): Buffer | undefined {
  try {
    const result = inflateNowWithInfo(bytes, chooseOptions(bytes.length, maxBytes));
    if (result.buffer.length > maxBytes || !isWhole(bytes, result)) return undefined;
    return fitted(result.buffer);
  } catch {
    return undefined;
  }
}

function chooseOptions(compressedBytes: number, maxBytes: number): ZlibOptions {
  return {
    info: true,
    chunkSize: guessChunkBytes(compressedBytes),
    maxOutputLength: Math.max(1, maxBytes), // Node takes no limit of zero
  };
}

/** Node ignores what follows the end of a raw stream. */
function isWhole(bytes: Buffer, { buffer, engine }: InflateResult): boolean {
  return isChecksum(bytes.subarray(engine.bytesWritten), buffer);
}

/**
 * Inflating fills chunk after chunk, each in a turn of its own on zlib's threads, and joins them. Events
 * shrink to a fifth or an eighth, so a block is mostly one chunk, where Node's 16 KiB would be many.
 */
function guessChunkBytes(compressedBytes: number): number {
  return Math.min(Math.max(compressedBytes * 8, LEAST_CHUNK_BYTES), MOST_CHUNK_BYTES);
}

/** The same bytes without the rest of a chunk that was far too large. */
function fitted(bytes: Buffer): Buffer {
  return bytes.length < bytes.buffer.byteLength * 0.75 ? Buffer.from(bytes) : bytes;
}

/** Whether the bytes behind a stream are none, or as much of its Adler-32 as some writers leave. */
function isChecksum(rest: Buffer, output: Buffer): boolean {
  if (rest.length === 0) return true;
  if (rest.length < 3) return false;
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(computeAdler32(output));
  return rest.equals(checksum.subarray(0, rest.length));
}

function computeAdler32(bytes: Buffer): number {
  // So many that the sums stay small integers.
  const step = 2048;
  const base = 65_521;
  let low = 1;
  let high = 0;
  for (let start = 0; start < bytes.length; start += step) {
    const end = Math.min(start + step, bytes.length);
    for (let i = start; i < end; i++) {
      low += bytes[i] as number;
      high += low;
    }
    low %= base;
    high %= base;
  }
  return high * 0x10000 + low;
}
