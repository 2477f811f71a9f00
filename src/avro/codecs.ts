/**
 * The compression of a block's bytes by codec name, both ways; which codecs we know.
 *
 * Decompression never makes more than it is allowed to: a block of a few kilobytes can announce, or
 * turn into, many gigabytes. What is left over behind the compressed data is a defect, as is data that
 * ends early.
 */
import { CurrentsError } from '../errors.ts';
import { type Codec, OutputLimitReached } from './codec.ts';
import { deflateCodec } from './deflate-codec.ts';

/** The value of `avro.codec`. */
export type CodecName = 'null' | 'deflate' | 'snappy' | 'zstandard' | 'bzip2' | 'xz';

const nullCodec: Codec = {
  compress: async (bytes) => bytes,
  async decompress(bytes, maxBytes) {
    if (bytes.length > maxBytes) throw new OutputLimitReached();
    return bytes;
  },
};

/** Those that bring a library are loaded by the first block that needs them: together they take 20 MB. */
const LOADERS: Readonly<Record<CodecName, () => Promise<Codec>>> = {
  null: async () => nullCodec,
  deflate: async () => deflateCodec,
  snappy: async () => (await import('./snappy-codec.ts')).snappyCodec,
  zstandard: async () => (await import('./zstandard-codec.ts')).zstandardCodec,
  bzip2: async () => (await import('./bzip2-codec.ts')).bzip2Codec,
  xz: async () => (await import('./xz-codec.ts')).xzCodec,
};

export const CODEC_NAMES = Object.keys(LOADERS) as readonly CodecName[];

const loaded = new Map<CodecName, Codec>();

async function loadCodec(name: CodecName): Promise<Codec> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const codec = await LOADERS[name]();
  loaded.set(name, codec);
  return codec;
}

export function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(LOADERS, name);
}

/** The bytes of one block as they go into a container. */
export async function compressBlock(codec: CodecName, bytes: Buffer): Promise<Buffer> {
  return (await loadCodec(codec)).compress(bytes);
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
  const loadedCodec = await loadCodec(codec);
  try {
    return await loadedCodec.decompress(bytes, maxBytes);
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
