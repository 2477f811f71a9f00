/**
 * Avro's codec `deflate`: one raw deflate stream a block, without zlib's header and checksum.
 *
 * Inflating runs on zlib's threads, so that decoding goes on meanwhile.
 */
import { deflateRawSync, type InputType, inflateRaw, type ZlibOptions } from 'node:zlib';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

interface InflateResult {
  readonly buffer: Buffer;
  /** Counts the bytes that went in, in spite of its name. */
  readonly engine: { readonly bytesWritten: number };
}

/** Node's typings know only the form without `info`. */
const inflateRawWithInfo = inflateRaw as unknown as (
  bytes: InputType,
  options: ZlibOptions,
  done: (error: NodeJS.ErrnoException | null, result: InflateResult) => void,
) => void;

export const deflateCodec: Codec = {
  compress: async (bytes) => deflateRawSync(bytes),

  decompress: (bytes, maxBytes) =>
    new Promise((resolve, reject) => {
      // Node takes no limit of zero.
      const options = { info: true, maxOutputLength: Math.max(1, maxBytes) };
      inflateRawWithInfo(bytes, options, (error, result) => {
        if (error?.code === 'ERR_BUFFER_TOO_LARGE') reject(new OutputLimitReached());
        else if (error !== null) reject(error);
        else if (result.buffer.length > maxBytes) reject(new OutputLimitReached());
        // Node ignores what follows the end of a raw stream.
        else if (result.engine.bytesWritten !== bytes.length) {
          reject(new CompressedDataInvalid('bytes are left over behind the stream'));
        } else resolve(result.buffer);
      });
    }),
};
