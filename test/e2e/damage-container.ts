/**
 * Ways to damage a sound container: every part × every kind of damage, and damage that only someone who
 * knows the format can do, with lengths made to fit again.
 *
 * Which files exist is a list made beforehand, so that each part and kind is met as often as any other;
 * where exactly and with what comes from seeded chance. What is certain to break a file says so (`isFatal`):
 * no reader may take it, whatever any oracle thinks.
 */

import { type CodecName, compressBlock, decompressBlock } from '../../src/avro/codecs.ts';
import {
  dissectContainer,
  formatLong,
  PARTS,
  type Part,
  parseLong,
  type Segment,
} from './container-anatomy.ts';

interface Damaged {
  readonly bytes: Buffer;
  /** No reader may accept it. */
  readonly isFatal: boolean;
}

export interface Damage {
  /** What is done where: `data, flip a bit`. */
  readonly name: string;
  /** Undefined when the file has nothing to damage in this way, such as a second block. */
  apply(original: Original, random: () => number): Promise<Damaged | undefined>;
}

interface Original {
  readonly bytes: Buffer;
  readonly codec: CodecName;
  /** Sound as well, of another schema. */
  readonly other: Buffer;
}

type Random = () => number;
type Edit = (bytes: Buffer, segment: Segment, random: Random) => Buffer;

/** On the bytes of any part. */
const EDITS: Readonly<Record<string, Edit>> = {
  'cut inside': (bytes, { start, end }, random) =>
    bytes.subarray(0, start + Math.floor(random() * (end - start))),
  'flip a bit': (bytes, { start, end }, random) => {
    const changed = Buffer.from(bytes);
    const at = start + Math.floor(random() * (end - start));
    changed[at] = (changed[at] as number) ^ (1 << Math.floor(random() * 8));
    return changed;
  },
  'overwrite a byte': (bytes, { start, end }, random) => {
    const changed = Buffer.from(bytes);
    changed[start + Math.floor(random() * (end - start))] = pickByte(random);
    return changed;
  },
  'insert bytes': (bytes, { start, end }, random) => {
    const at = start + Math.floor(random() * (end - start));
    const inserted = Buffer.from(Array.from({ length: pickSize(random) }, () => pickByte(random)));
    return splice(bytes, at, at, inserted);
  },
  'delete bytes': (bytes, { start, end }, random) => {
    const at = start + Math.floor(random() * (end - start));
    return splice(bytes, at, Math.min(at + pickSize(random), end));
  },
  'fill with zeros': (bytes, { start, end }) => Buffer.from(bytes).fill(0, start, end),
  'fill with chance': (bytes, { start, end }, random) => {
    const changed = Buffer.from(bytes);
    for (let i = start; i < end; i += 1) changed[i] = Math.floor(random() * 256);
    return changed;
  },
  remove: (bytes, { start, end }) => splice(bytes, start, end),
  repeat: (bytes, { start, end }) => splice(bytes, end, end, bytes.subarray(start, end)),
};

const NUMBERS: readonly Part[] = [
  'entry count',
  'key length',
  'value length',
  'end of entries',
  'record count',
  'byte count',
];

/** What a number is replaced with. */
const INFLATIONS: Readonly<Record<string, (value: bigint) => bigint>> = {
  'one more': (value) => value + 1n,
  'one less': (value) => value - 1n,
  twice: (value) => value * 2n + 1n,
  negated: (value) => -value - 1n,
  thousandfold: (value) => value * 1000n + 1000n,
  '2^31': () => 2n ** 31n,
  '2^53 + 1': () => 2n ** 53n + 1n,
  'the largest': () => 2n ** 63n - 1n,
  'the smallest': () => -(2n ** 63n),
};

/** No reader gets past these when they are not what they were. */
const FATAL_PARTS: ReadonlySet<Part> = new Set(['magic', 'header sync', 'sync', 'final sync']);

const RETYPINGS = [
  ['"int"', '"long"'],
  ['"long"', '"int"'],
  ['"string"', '"bytes"'],
  ['"bytes"', '"string"'],
  ['"double"', '"long"'],
  ['"float"', '"int"'],
  ['"boolean"', '"int"'],
  ['"null"', '"boolean"'],
  ['"null",', ''],
  ['"id"', '"other_id"'],
  ['"time"', '"Time"'],
  ['"user_id"', '"id"'],
  ['"properties"', '"custom_attributes"'],
  ['"name"', '"nome"'],
  ['"fields"', '"felder"'],
  ['"record"', '"error"'],
  ['"type"', '"typ"'],
  ['"sku"', '"SKU"'],
  ['"red"', '"crimson"'],
  ['"size":8', '"size":7'],
  ['"fields":[', '"fields":[{"name":"extra","type":"null"},'],
  ['"fields":[', '"fields":[{"name":"extra","type":"string"},'],
] as const;

/**
 * Every way; damage to records several times, because there chance matters most: many records stay sound,
 * with other values.
 */
export function listDamages(): readonly Damage[] {
  const records = listRecordEdits();
  return [
    ...listEdits(),
    ...listInflations(),
    ...listRetypings(),
    ...[1, 2, 3, 4].flatMap(() => records),
    ...CRAFTED,
  ];
}

function listEdits(): Damage[] {
  return PARTS.flatMap((part) =>
    Object.entries(EDITS).map(([name, edit]) => ({
      name: `${part}, ${name}`,
      async apply({ bytes }: Original, random: Random) {
        const segments = dissectContainer(bytes);
        const segment = pick(segments.filter((one) => one.part === part));
        if (segment === undefined) return undefined;
        const damaged = edit(bytes, segment, random);
        // What is left of a file that ends behind a block is a sound file.
        const isWhole = segments.some(
          (one) => one.part.endsWith('sync') && one.end === damaged.length,
        );
        const isFatal = name === 'cut inside' ? !isWhole : FATAL_PARTS.has(part);
        return { bytes: damaged, isFatal };

        function pick<Item>(items: readonly Item[]): Item | undefined {
          return items[Math.floor(random() * items.length)];
        }
      },
    })),
  );
}

function listInflations(): Damage[] {
  return NUMBERS.flatMap((part) =>
    Object.entries(INFLATIONS).map(([name, inflate]) => ({
      name: `${part}, ${name}`,
      async apply({ bytes }: Original, random: Random) {
        const segment = pickSegment(bytes, part, random);
        if (segment === undefined) return undefined;
        const value = BigInt(parseLong(bytes.subarray(segment.start, segment.end)));
        const damaged = splice(bytes, segment.start, segment.end, formatLong(inflate(value)));
        return { bytes: damaged, isFatal: part === 'byte count' };
      },
    })),
  );
}

function listRetypings(): Damage[] {
  return RETYPINGS.map(([from, to]) => ({
    name: `schema, ${from} becomes ${to === '' ? 'nothing' : to}`,
    async apply({ bytes }: Original, random: Random) {
      return edited(
        bytes,
        replaceSchema(bytes, (json) => {
          const places = [...json.matchAll(new RegExp(escapePattern(from), 'g'))];
          const place = places[Math.floor(random() * places.length)];
          if (place === undefined) return json;
          return json.slice(0, place.index) + to + json.slice(place.index + from.length);
        }),
      );
    },
  }));
}

function listRecordEdits(): Damage[] {
  return Object.entries(EDITS).map(([name, edit]) => ({
    name: `records, ${name}, packed again`,
    apply: (original, random) => damageRecords(original, edit, random),
  }));
}

/** Damage to the records below the compression: the block is compressed anew and its length is right. */
async function damageRecords(original: Original, edit: Edit, random: Random) {
  const { bytes, codec } = original;
  const index = pickBlock(bytes, random);
  if (index === undefined) return undefined;
  const [, byteCount, data] = dissectContainer(bytes).slice(index, index + 3);
  if (byteCount === undefined || data === undefined) return undefined;
  const compressed = bytes.subarray(data.start, data.end);
  const records = await decompressBlock(codec, compressed, 2 ** 30, 0);
  const whole: Segment = { part: 'data', start: 0, end: records.length };
  const again = await compressBlock(codec, edit(records, whole, random));
  const body = Buffer.concat([formatLong(BigInt(again.length)), again]);
  return edited(bytes, splice(bytes, byteCount.start, data.end, body));
}

/** Four segments from the record count to the sync marker make a block. */
function pickBlock(bytes: Buffer, random: Random): number | undefined {
  const segments = dissectContainer(bytes);
  const starts = segments.flatMap(({ part }, index) => (part === 'record count' ? [index] : []));
  return starts[Math.floor(random() * starts.length)];
}

/** The bytes of the header and of each block. */
function splitBlocks(bytes: Buffer): Buffer[] {
  const ends = dissectContainer(bytes).filter(({ part }) => part.endsWith('sync'));
  return ends.map(({ end }, index) => bytes.subarray(ends[index - 1]?.end ?? 0, end));
}

const CRAFTED: readonly Damage[] = [
  {
    name: 'blocks, one is missing',
    async apply({ bytes }, random) {
      const [header, ...blocks] = splitBlocks(bytes);
      const gone = Math.floor(random() * blocks.length);
      const rest = blocks.filter((_, index) => index !== gone);
      return edited(bytes, Buffer.concat([header as Buffer, ...rest]));
    },
  },
  {
    name: 'blocks, one is there twice',
    async apply({ bytes }, random) {
      const [header, ...blocks] = splitBlocks(bytes);
      const twice = blocks[Math.floor(random() * blocks.length)] as Buffer;
      return edited(bytes, Buffer.concat([header as Buffer, ...blocks, twice]));
    },
  },
  {
    name: 'blocks, in reverse',
    async apply({ bytes }) {
      const [header, ...blocks] = splitBlocks(bytes);
      return edited(bytes, Buffer.concat([header as Buffer, ...blocks.reverse()]));
    },
  },
  {
    name: 'blocks, an empty one between',
    async apply({ bytes, codec }) {
      const [header, ...blocks] = splitBlocks(bytes) as [Buffer, ...Buffer[]];
      const data = await compressBlock(codec, Buffer.alloc(0));
      const count = formatLong(BigInt(data.length));
      const empty = Buffer.concat([formatLong(0n), count, data, header.subarray(-16)]);
      return edited(bytes, Buffer.concat([header, empty, ...blocks, empty]));
    },
  },
  {
    name: 'blocks, none',
    async apply({ bytes }) {
      return edited(bytes, splitBlocks(bytes)[0] as Buffer);
    },
  },
  {
    name: 'blocks, of another file',
    async apply({ bytes, other }) {
      const [header] = splitBlocks(bytes);
      const [, ...blocks] = splitBlocks(other);
      return { bytes: Buffer.concat([header as Buffer, ...blocks]), isFatal: true };
    },
  },
  {
    name: 'schema, of another file',
    async apply({ bytes, other }) {
      const schema = dissectContainer(other).find(({ part }) => part === 'schema') as Segment;
      const json = other.subarray(schema.start, schema.end).toString();
      return edited(
        bytes,
        replaceSchema(bytes, () => json),
      );
    },
  },
  ...(['null', 'deflate', 'snappy', 'zstandard', 'bzip2', 'xz', 'lzo', ''] as const).map(
    (codec): Damage => ({
      name: `codec, ${codec === '' ? 'empty' : codec} instead`,
      async apply(original) {
        const { bytes } = original;
        if (codec === original.codec) return undefined;
        return edited(bytes, replaceValue(bytes, 'codec', Buffer.from(codec)));
      },
    }),
  ),
  {
    name: 'entries, counted with their length',
    async apply({ bytes }) {
      const segments = dissectContainer(bytes);
      const count = segments.find(({ part }) => part === 'entry count') as Segment;
      const end = segments.find(({ part }) => part === 'end of entries') as Segment;
      const entries = -BigInt(parseLong(bytes.subarray(count.start, count.end)));
      const head = [formatLong(entries), formatLong(BigInt(end.start - count.end))];
      return edited(bytes, splice(bytes, count.start, count.end, Buffer.concat(head)));
    },
  },
  {
    name: 'entries, one of ours more',
    async apply({ bytes }) {
      const end = dissectContainer(bytes).find(({ part }) => part === 'end of entries') as Segment;
      const entry = Buffer.from('\x02\x0cavro.x\x02\xff', 'latin1');
      return edited(bytes, splice(bytes, end.start, end.start, entry));
    },
  },
  {
    name: 'file, garbage behind it',
    async apply({ bytes }, random) {
      const garbage = Array.from({ length: 40 }, () => pickByte(random));
      return { bytes: Buffer.concat([bytes, Buffer.from(garbage)]), isFatal: true };
    },
  },
  {
    name: 'file, zeros behind it',
    async apply({ bytes }) {
      return { bytes: Buffer.concat([bytes, Buffer.alloc(4096)]), isFatal: true };
    },
  },
  {
    name: 'file, followed by another',
    async apply({ bytes, other }) {
      return { bytes: Buffer.concat([bytes, other]), isFatal: true };
    },
  },
  {
    name: 'file, begins with a byte order mark',
    async apply({ bytes }) {
      return { bytes: Buffer.concat([Buffer.from('\ufeff'), bytes]), isFatal: true };
    },
  },
  {
    name: 'file, line ends translated',
    async apply({ bytes }) {
      const text = bytes.toString('latin1').replaceAll('\n', '\r\n');
      return edited(bytes, Buffer.from(text, 'latin1'));
    },
  },
  {
    name: 'file, read and written as UTF-8',
    async apply({ bytes }) {
      return edited(bytes, Buffer.from(bytes.toString('utf8')));
    },
  },
  {
    name: 'file, its second half zeros',
    async apply({ bytes }) {
      return { bytes: Buffer.from(bytes).fill(0, bytes.length >> 1), isFatal: true };
    },
  },
];

/** Undefined when nothing has changed. */
function edited(before: Buffer, bytes: Buffer): Damaged | undefined {
  return bytes.equals(before) ? undefined : { bytes, isFatal: false };
}

function replaceSchema(bytes: Buffer, change: (json: string) => string): Buffer {
  const schema = dissectContainer(bytes).find(({ part }) => part === 'schema') as Segment;
  const json = bytes.subarray(schema.start, schema.end).toString();
  return replaceValue(bytes, 'schema', Buffer.from(change(json)));
}

/** Puts another value into the header, with its length. */
function replaceValue(bytes: Buffer, part: 'schema' | 'codec', value: Buffer): Buffer {
  const segments = dissectContainer(bytes);
  const index = segments.findIndex((segment) => segment.part === part);
  const [length, old] = segments.slice(index - 1, index + 1) as [Segment, Segment];
  const entry = Buffer.concat([formatLong(BigInt(value.length)), value]);
  return splice(bytes, length.start, old.end, entry);
}

function pickSegment(bytes: Buffer, part: Part, random: Random): Segment | undefined {
  const segments = dissectContainer(bytes).filter((segment) => segment.part === part);
  return segments[Math.floor(random() * segments.length)];
}

function pickByte(random: Random): number {
  // Ends of ranges are more telling than the middle.
  const special = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff];
  return special[Math.floor(random() * 12)] ?? Math.floor(random() * 256);
}

function pickSize(random: Random): number {
  return random() < 0.5 ? 1 : 1 + Math.floor(random() * 20);
}

function splice(bytes: Buffer, start: number, end: number, put: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]);
}

function escapePattern(text: string): string {
  return text.replace(/[[\]{}()*+?.\\^$|]/g, '\\$&');
}
