/**
 * Avro's codec `xz`: one or several .xz streams a block.
 *
 * xz-embedded (as WebAssembly) decodes in small steps, so the limit holds at every step; it refuses
 * dictionaries above 64 MiB, which is what `xz -9` uses. It stops at the end of the first stream, so
 * streams are told apart here, from the back: each ends with a footer and an index that say how long it
 * is (The .xz File Format 1.2.1, sections 2 and 4). Checksums of kind SHA-256 are not supported.
 *
 * What we write ourselves is stored, not compressed (LZMA2 has a chunk for that): every reader takes it,
 * and the one package that compresses on Node 20 without a compiler does nothing else either.
 */
import { ReadableStream } from 'node:stream/web';
import { crc32 } from 'node:zlib';
import xz from 'xz-decompress';
import { type Codec, CompressedDataInvalid, OutputLimitReached } from './codec.ts';

/** Stream header and stream footer have the same length. */
const EDGE_BYTES = 12;
const FOOTER_MAGIC = 0x5a59; // "YZ"
/** The checksum of what is inside is a CRC-32. */
const STREAM_FLAGS = Buffer.from([0x00, 0x01]);
/** 12 bytes, one filter, LZMA2, a dictionary of 64 KiB. */
const BLOCK_HEADER = Buffer.from([0x02, 0x00, 0x21, 0x01, 0x08, 0x00, 0x00, 0x00]);
const MAX_CHUNK_BYTES = 64 * 1024;
const HEADER_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

export const xzCodec: Codec = {
  compress: async (bytes) => formatStoredStream(bytes),

  async decompress(bytes, maxBytes) {
    const streams = splitStreams(bytes);
    if (streams.length === 0) throw new CompressedDataInvalid('there is no stream');
    const parts: Uint8Array[] = [];
    let left = maxBytes;
    for (const stream of streams) {
      for await (const part of decompressStream(stream)) {
        left -= part.length;
        if (left < 0) throw new OutputLimitReached();
        parts.push(part);
      }
    }
    return Buffer.concat(parts);
  },
};

/** Leaving the loop over it early frees the decoder. */
function decompressStream(stream: Buffer): AsyncIterable<Uint8Array> {
  const compressed = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(stream);
      controller.close();
    },
  });
  return new xz.XzReadableStream(compressed);
}

/** The streams that fill the bytes exactly, in order. */
function splitStreams(bytes: Buffer): Buffer[] {
  const streams: Buffer[] = [];
  let end = bytes.length;
  while (end > 0) {
    const start = findStreamStart(bytes, end);
    streams.unshift(bytes.subarray(start, end));
    end = start;
  }
  return streams;
}

function findStreamStart(bytes: Buffer, end: number): number {
  const footer = end - EDGE_BYTES;
  if (
    footer < EDGE_BYTES ||
    bytes.readUInt16LE(footer + 10) !== FOOTER_MAGIC ||
    bytes.readUInt32LE(footer) !== crc32(bytes.subarray(footer + 4, footer + 10))
  ) {
    throw new CompressedDataInvalid('a stream does not end with a footer');
  }
  const indexBytes = (bytes.readUInt32LE(footer + 4) + 1) * 4;
  const index = footer - indexBytes;
  if (index < EDGE_BYTES || bytes[index] !== 0) {
    throw new CompressedDataInvalid('a stream has no index');
  }
  const start = index - sumBlockBytes(bytes.subarray(index + 1, footer)) - EDGE_BYTES;
  if (start < 0 || !bytes.subarray(start, start + HEADER_MAGIC.length).equals(HEADER_MAGIC)) {
    throw new CompressedDataInvalid('a stream does not begin where its index says');
  }
  return start;
}

/** Blocks are padded to four bytes; their lengths in the index are not. */
function sumBlockBytes(index: Buffer): number {
  let pos = 0;
  const readNumber = (): number => {
    let value = 0;
    for (let i = 0; i < 9; i++) {
      const byte = index[pos++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new CompressedDataInvalid('an index is damaged');
  };
  let sum = 0;
  for (let count = readNumber(); count > 0; count--) {
    sum += Math.ceil(readNumber() / 4) * 4;
    readNumber();
  }
  return sum;
}

/** A stream of one block of uncompressed chunks. */
function formatStoredStream(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let pos = 0; pos < bytes.length; pos += MAX_CHUNK_BYTES) {
    const chunk = bytes.subarray(pos, pos + MAX_CHUNK_BYTES);
    // 1 resets the dictionary, 2 keeps it; the length minus one is big-endian.
    const header = Buffer.from([pos === 0 ? 1 : 2, 0, 0]);
    header.writeUInt16BE(chunk.length - 1, 1);
    chunks.push(header, chunk);
  }
  const data = Buffer.concat([...chunks, Buffer.from([0])]);
  const header = withCrc(BLOCK_HEADER);
  const check = formatUint32(crc32(bytes));
  const unpaddedBytes = header.length + data.length + check.length;
  const record = [...formatNumber(unpaddedBytes), ...formatNumber(bytes.length)];
  const index = withCrc(pad(Buffer.from([0, 1, ...record])));
  const footer = Buffer.concat([formatUint32(index.length / 4 - 1), STREAM_FLAGS]);
  return Buffer.concat([
    HEADER_MAGIC,
    withCrc(STREAM_FLAGS),
    header,
    pad(data),
    check,
    index,
    formatUint32(crc32(footer)),
    footer,
    Buffer.from('YZ'),
  ]);
}

function withCrc(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, formatUint32(crc32(bytes))]);
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function formatUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Seven bits a byte, the lowest first. */
function formatNumber(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
