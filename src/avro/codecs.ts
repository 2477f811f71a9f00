/**
 * The compression of a block's bytes by codec name, both ways; which codecs we know.
 *
 * Decompression never makes more than it is allowed to: a block of a few kilobytes can announce, or
 * turn into, many gigabytes. What is left over behind the compressed data is a defect, as is data that
 * ends early.
 */
import { CurrentsError } from '../errors.ts';
import { bzip2Codec } from './bzip2-codec.ts';
import { type Codec, OutputLimitReached } from './codec.ts';
import { deflateCodec } from './deflate-codec.ts';
import { snappyCodec } from './snappy-codec.ts';
import { xzCodec } from './xz-codec.ts';
import { zstandardCodec } from './zstandard-codec.ts';

/** The value of `avro.codec`. */
export type CodecName = 'null' | 'deflate' | 'snappy' | 'zstandard' | 'bzip2' | 'xz';

const nullCodec: Codec = {
  compress: async (bytes) => bytes,
  async decompress(bytes, maxBytes) {
    if (bytes.length > maxBytes) throw new OutputLimitReached();
    return bytes;
  },
};

const CODECS: Readonly<Record<CodecName, Codec>> = {
  null: nullCodec,
  deflate: deflateCodec,
  snappy: snappyCodec,
  zstandard: zstandardCodec,
  bzip2: bzip2Codec,
  xz: xzCodec,
};

export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[];

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
        message: `cannot decompress block ${block}: ${bytes.length} bytes of codec ${codec} hold too many (the limit leaves ${maxBytes})`,
        hint: 'if the file is to be trusted, raise maxBlockBytes or maxUncompressedBytes in the settings',
        context: { block },
      });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CurrentsError({
      code: 'CONTAINER_INVALID',
      message: `cannot decompress block ${block}: its ${bytes.length} bytes are damaged, ${reason} (expected sound ${codec} data)`,
      hint: 'the file is damaged: have it sent again',
      context: { block },
      cause,
    });
  }
}
