/**
 * Avro's codec `snappy`: one raw snappy block (not the framed format), then the CRC-32 of the
 * uncompressed bytes, four bytes, big-endian. Snappy announces its output's length first and stays
 * within it, so the limit is checked against that.
 */
import { crc32 } from 'node:zlib';
import { compress, uncompress } from 'snappy';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

const CRC_BYTES = 4;

export const snappyCodec: Codec = {
  async compress(bytes) {
    const crc = Buffer.alloc(CRC_BYTES);
    crc.writeUInt32BE(crc32(bytes));
    return Buffer.concat([await compress(bytes), crc]);
  },

  async decompress(bytes, maxBytes) {
    if (bytes.length < CRC_BYTES + 1) throw new CompressedDataInvalid('too short for a CRC');
    const compressed = bytes.subarray(0, bytes.length - CRC_BYTES);
    if (readLength(compressed) > maxBytes) throw new OutputLimitReached();
    const uncompressed = await uncompress(compressed, { asBuffer: true });
    if (!Buffer.isBuffer(uncompressed)) throw new CompressedDataInvalid('not bytes');
    if (crc32(uncompressed) !== bytes.readUInt32BE(compressed.length)) {
      throw new CompressedDataInvalid('the CRC is wrong');
    }
    return uncompressed;
  },
};

/** A varint of up to 32 bits. */
function readLength(compressed: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = compressed[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw new CompressedDataInvalid('the length is no number');
}
