/**
 * The bytes of a sound Avro container → its parts with their places, so that each can be damaged.
 *
 * Written from the specification alone and for sound input only: nothing here is shared with the reader
 * under test, and nothing is checked.
 */

/** What a run of bytes is. `final sync` is the last one of the file; the others end a block before. */
export const PARTS = [
  'magic',
  'entry count',
  'key length',
  'key',
  'value length',
  'schema',
  'codec',
  'end of entries',
  'header sync',
  'record count',
  'byte count',
  'data',
  'sync',
  'final sync',
] as const;

export type Part = (typeof PARTS)[number];

/** Bytes from `start` up to but not including `end`. */
export interface Segment {
  readonly part: Part;
  readonly start: number;
  readonly end: number;
}

const SYNC_BYTES = 16;

/** The parts in the order of the file, without gaps. */
export function dissectContainer(bytes: Buffer): readonly Segment[] {
  const segments: Segment[] = [];
  let pos = 0;
  const take = (part: Part, size: number): Buffer => {
    segments.push({ part, start: pos, end: pos + size });
    pos += size;
    return bytes.subarray(pos - size, pos);
  };
  const takeNumber = (part: Part): number => {
    let size = 1;
    while ((bytes[pos + size - 1] as number) > 0x7f) size += 1;
    return parseLong(take(part, size));
  };

  take('magic', 4);
  for (let entries = takeNumber('entry count'); entries > 0; entries -= 1) {
    const key = take('key', takeNumber('key length')).toString();
    take(key === 'avro.schema' ? 'schema' : 'codec', takeNumber('value length'));
  }
  takeNumber('end of entries');
  take('header sync', SYNC_BYTES);
  while (pos < bytes.length) {
    takeNumber('record count');
    take('data', takeNumber('byte count'));
    take(pos + SYNC_BYTES === bytes.length ? 'final sync' : 'sync', SYNC_BYTES);
  }
  return segments;
}

/** A zigzag varint of at most 53 bits. */
export function parseLong(varint: Buffer): number {
  const zigzag = [...varint].reduceRight((value, byte) => value * 128 + (byte & 0x7f), 0);
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}

/** Any number of up to 64 bits as a zigzag varint. */
export function formatLong(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
