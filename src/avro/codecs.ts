/**
 * The compression of a block's bytes, both ways.
 *
 * Decompression never makes more than it is allowed to: a block of a few kilobytes can announce, or
 * turn into, many gigabytes. What is left over behind the compressed data is a defect, as is data that
 * ends early. Compression exists for fixtures, tests and the event generator.
 */
import { deflateRawSync, type InputType, inflateRaw, type ZlibOptions } from 'node:zlib';
import { CurrentsError } from '../errors.ts';

export const CODEC_NAMES = ['null', 'deflate'] as const;

export type CodecName = (typeof CODEC_NAMES)[number];

interface Codec {
  compress(bytes: Buffer): Promise<Buffer>;
  /** Throws OutputLimitReached instead of making more than `maxBytes`; any other error means damage. */
  decompress(bytes: Buffer, maxBytes: number): Promise<Buffer>;
}

class OutputLimitReached extends Error {}

const CODECS: Readonly<Record<CodecName, Codec>> = {
  null: {
    compress: async (bytes) => bytes,
    decompress: async (bytes, maxBytes) => {
      if (bytes.length > maxBytes) throw new OutputLimitReached();
      return bytes;
    },
  },
  deflate: {
    compress: async (bytes) => deflateRawSync(bytes),
    decompress: inflateBlock,
  },
};

export function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(CODECS, name);
}

/** The bytes of one block as they go into a container. */
export function compressBlock(codec: CodecName, bytes: Buffer): Promise<Buffer> {
  return CODECS[codec].compress(bytes);
}

/**
 * The bytes of one block, at most `maxBytes`. With codec null these are the same bytes, not a copy.
 *
 * @param block zero-based index, for messages
 * @throws CurrentsError CONTAINER_INVALID when they are damaged, OBJECT_TOO_LARGE at the limit
 */
export async function decompressBlock(
  codec: CodecName,
  bytes: Buffer,
  maxBytes: number,
  block: number,
): Promise<Buffer> {
  try {
    return await CODECS[codec].decompress(bytes, maxBytes);
  } catch (cause) {
    if (cause instanceof OutputLimitReached) {
      throw new CurrentsError({
        code: 'OBJECT_TOO_LARGE',
        message: `cannot decompress block ${block}: ${bytes.length} bytes (${codec}) turn into too many (the limit leaves ${maxBytes})`,
        hint: 'raise the limit in the settings if the file is to be trusted',
        context: { block },
      });
    }
    throw new CurrentsError({
      code: 'CONTAINER_INVALID',
      message: `cannot decompress block ${block}: its ${bytes.length} bytes are not sound ${codec} data`,
      hint: 'the file is damaged: have it sent again',
      context: { block },
      cause,
    });
  }
}

interface InflateResult {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** Node's typings know only the form without `info`. */
const inflateRawWithInfo = inflateRaw as unknown as (
  bytes: InputType,
  options: ZlibOptions,
  done: (error: NodeJS.ErrnoException | null, result: InflateResult) => void,
) => void;

function inflateBlock(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflateRawWithInfo(
      bytes,
      { info: true, maxOutputLength: Math.max(1, maxBytes) },
      (error, result) => {
        if (error?.code === 'ERR_BUFFER_TOO_LARGE') reject(new OutputLimitReached());
        else if (error !== null) reject(error);
        // Node ignores what follows the end of a raw deflate stream.
        else if (result.engine.bytesWritten !== bytes.length) reject(new Error('bytes left over'));
        else if (result.buffer.length > maxBytes) reject(new OutputLimitReached());
        else resolve(result.buffer);
      },
    );
  });
}
