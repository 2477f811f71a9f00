/**
 * Small files that ask for much: memory, time or depth. Each says what must become of it.
 *
 * Chance would not find these. They are written byte by byte, since no writer would make them.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type CodecName, compressBlock } from '../../src/avro/codecs.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { formatLong } from './container-anatomy.ts';

export interface Bomb {
  readonly name: string;
  readonly bytes: Buffer;
  /** Why it must be quarantined; undefined: it is sound and must be loaded with so many rows. */
  readonly code?: ErrorCode;
  readonly rows?: number;
  /** The reason must say which block or record. */
  readonly block?: number;
  readonly record?: number;
}

interface BlockBytes {
  readonly records: bigint | number;
  readonly data: Buffer;
}

const MEGABYTE = 2 ** 20;
const SYNC = Buffer.alloc(16, 0x5a);
const ID_ONLY = record([{ name: 'id', type: 'string' }]);
/** Our own writer does not compress with xz, and has no memory for so much with bzip2. */
const PYTHON_MODULES: Readonly<Record<string, string>> = { bzip2: 'bz2', xz: 'lzma' };
const run = promisify(execFile);

export async function makeBombs(): Promise<readonly Bomb[]> {
  return [
    ...(await makeCompressionBombs()),
    ...makeCountBombs(),
    ...makeSchemaBombs(),
    ...makeHeaderBombs(),
    ...makeStrangers(),
  ];
}

async function makeCompressionBombs(): Promise<Bomb[]> {
  const large = Buffer.alloc(100 * MEGABYTE);
  const bombs: Bomb[] = [];
  for (const codec of ['deflate', 'snappy', 'zstandard', 'bzip2', 'xz'] as const) {
    const module = PYTHON_MODULES[codec];
    const data = module
      ? await compressZeros(module, large.length)
      : await compressBlock(codec, large);
    bombs.push({
      name: `100 MB of zeros in a block of ${codec}`,
      bytes: container(ID_ONLY, codec, [{ records: large.length, data }]),
      code: 'OBJECT_TOO_LARGE',
      block: 0,
    });
  }
  for (const codec of ['deflate', 'zstandard'] as const) {
    const data = await compressBlock(codec, Buffer.alloc(60 * MEGABYTE));
    const blocks = Array.from({ length: 40 }, () => ({ records: 60 * MEGABYTE, data }));
    bombs.push({
      name: `40 blocks of ${codec}, 60 MB each`,
      bytes: container(ID_ONLY, codec, blocks),
      code: 'OBJECT_TOO_LARGE',
    });
  }
  bombs.push(
    {
      name: 'a snappy block that announces 4 GB',
      bytes: container(ID_ONLY, 'snappy', [
        { records: 1, data: Buffer.from('ffffffff0f0000000000', 'hex') },
      ]),
      code: 'OBJECT_TOO_LARGE',
      block: 0,
    },
    {
      name: 'a zstandard frame that announces 2^60 bytes',
      bytes: container(ID_ONLY, 'zstandard', [
        { records: 1, data: Buffer.from('28b52ffde0000000000000001001000000', 'hex') },
      ]),
      code: 'OBJECT_TOO_LARGE',
      block: 0,
    },
  );
  return bombs;
}

/** Few bytes that announce many values, or values that take none. */
function makeCountBombs(): Bomb[] {
  const nothing = record([{ name: 'nothing', type: 'null' }]);
  const nulls = withId({ type: 'array', items: 'null' });
  const empties = withId({ type: 'array', items: { type: 'record', name: 'E', fields: [] } });
  const zeros = withId({ type: 'array', items: { type: 'fixed', name: 'Z', size: 0 } });
  const list = record([
    { name: 'id', type: 'string' },
    { name: 'next', type: ['null', 'Root'] },
  ]);
  const ids = (index: number) => string(`bomb-${index}`);
  const many = (count: bigint, records = 1) =>
    Buffer.concat(
      Array.from({ length: records }, (_, i) =>
        Buffer.concat([ids(i), formatLong(count), formatLong(0n)]),
      ),
    );
  const invalid = { code: 'RECORD_INVALID', block: 0, record: 0 } as const;
  return [
    {
      name: '2^62 records without bytes',
      bytes: container(nothing, 'null', [{ records: 2n ** 62n, data: Buffer.alloc(0) }]),
      code: 'CONTAINER_INVALID',
      block: 0,
    },
    {
      name: '2^62 records in no bytes',
      bytes: container(ID_ONLY, 'null', [{ records: 2n ** 62n, data: Buffer.alloc(0) }]),
      code: 'CONTAINER_INVALID',
      block: 0,
    },
    { name: '2^40 nulls', bytes: one(nulls, many(2n ** 40n)), ...invalid },
    { name: '2^62 empty records', bytes: one(empties, many(2n ** 62n)), ...invalid },
    { name: '2^62 empty fixed values', bytes: one(zeros, many(2n ** 62n)), ...invalid },
    {
      name: 'a record with 9 million nulls in each of 40 blocks',
      bytes: container(
        nulls,
        'null',
        Array.from({ length: 40 }, () => ({ records: 1, data: many(9_000_000n) })),
      ),
      code: 'RECORD_INVALID',
    },
    {
      name: 'a list that is 100,000 deep',
      bytes: one(list, Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from('\0\x02')))),
      ...invalid,
    },
    { name: 'a text of 2^62 bytes', bytes: one(ID_ONLY, formatLong(2n ** 62n)), ...invalid },
    { name: 'a text of -2^63 bytes', bytes: one(ID_ONLY, formatLong(-(2n ** 63n))), ...invalid },
    {
      name: 'a text of 20 MB',
      bytes: one(ID_ONLY, string('x'.repeat(20 * MEGABYTE))),
      rows: 1,
    },
    {
      name: 'JSON text that is 200,000 deep',
      bytes: one(
        record([
          { name: 'id', type: 'string' },
          { name: 'properties', type: 'string' },
        ]),
        Buffer.concat([ids(1), string('['.repeat(200_000) + ']'.repeat(200_000))]),
      ),
      rows: 1,
    },
  ];
}

function makeSchemaBombs(): Bomb[] {
  const fields = (count: number, type: (index: number) => unknown) =>
    Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: type(index) }));
  const nested = (depth: number) =>
    `${'{"type":"array","items":'.repeat(depth)}"int"${'}'.repeat(depth)}`;
  const doubling = Array.from({ length: 40 }, (_, index) => index).reduce<unknown>(
    (inner, index) => ({
      type: 'record',
      name: `R${index}`,
      fields: [
        { name: 'a', type: inner },
        { name: 'b', type: index === 0 ? 'int' : `R${index - 1}` },
      ],
    }),
    'int',
  );
  const schemas: Record<string, string> = {
    'arrays, 500 deep': record([{ name: 'a', type: 0 }]).replace('0', nested(500)),
    'arrays, 200,000 deep': record([{ name: 'a', type: 0 }]).replace('0', nested(200_000)),
    'JSON that is only brackets': '['.repeat(3_000_000),
    '20,000 fields': record(fields(20_000, () => 'string')),
    'records that hold each other twice, 40 levels': JSON.stringify(doubling),
    'a union of a thousand unions': record([{ name: 'u', type: Array(1000).fill(['int']) }]),
    'a fixed of 2^53 bytes': withId({ type: 'fixed', name: 'F', size: 2 ** 53 }),
    'a root that is a text': '"string"',
    'a root that is a list of records': JSON.stringify({
      type: 'array',
      items: JSON.parse(ID_ONLY),
    }),
    'a field of its own kind without an end': record([{ name: 'x', type: 'Unknown' }]),
    'two fields of one name': record([...fields(1, () => 'int'), ...fields(1, () => 'int')]),
    'a number': '7',
    nothing: '',
  };
  return Object.entries(schemas).map(([name, schema]) => ({
    name: `schema: ${name}`,
    bytes: container(schema, 'null', [{ records: 1, data: Buffer.from('\x02x') }]),
    code: 'SCHEMA_INVALID' as const,
  }));
}

function makeHeaderBombs(): Bomb[] {
  const magic = Buffer.from('Obj\x01', 'latin1');
  const invalid = { code: 'CONTAINER_INVALID' } as const;
  const entries = [2n ** 62n, -(2n ** 63n)].map((count) => ({
    name: `a header with ${count} entries`,
    bytes: Buffer.concat([magic, formatLong(count), formatLong(3n), Buffer.alloc(1000)]),
    ...invalid,
  }));
  return [
    ...entries,
    {
      name: 'a header key of 2^62 bytes',
      bytes: Buffer.concat([magic, formatLong(1n), formatLong(2n ** 62n), Buffer.alloc(100)]),
      ...invalid,
    },
    {
      name: 'a header of two million empty entries',
      bytes: Buffer.concat([magic, formatLong(2_000_000n), Buffer.alloc(4_000_001), SYNC]),
      ...invalid,
    },
    {
      name: 'magic and five megabytes of nothing',
      bytes: Buffer.concat([magic, Buffer.alloc(5 * MEGABYTE)]),
      ...invalid,
    },
    {
      name: 'magic and five megabytes of ones',
      bytes: Buffer.concat([magic, Buffer.alloc(5 * MEGABYTE, 0xff)]),
      ...invalid,
    },
  ];
}

/** Files that are something else. */
function makeStrangers(): Bomb[] {
  const sound = one(ID_ONLY, string('bomb-stranger'));
  const strangers: Record<string, Buffer> = {
    'an empty file': Buffer.alloc(0),
    'one byte': Buffer.from('O'),
    'magic alone': Buffer.from('Obj\x01', 'latin1'),
    'the magic of a later version': Buffer.from('Obj\x02', 'latin1'),
    'lines of JSON': Buffer.from('{"id":"1"}\n{"id":"2"}\n'),
    'a page of HTML': Buffer.from('<!doctype html><title>403 Forbidden</title>'),
    'a Parquet file': Buffer.from('PAR1\0\0\0\0PAR1'),
    'a sound file in gzip': gzipSync(sound),
    'a sound file in brotli': brotliCompressSync(sound),
    'a megabyte of zeros': Buffer.alloc(MEGABYTE),
  };
  return Object.entries(strangers).map(([name, bytes]) => ({
    name,
    bytes,
    code: 'CONTAINER_INVALID' as const,
  }));
}

function one(schema: string, data: Buffer): Buffer {
  return container(schema, 'null', [{ records: 1, data }]);
}

function container(schema: string, codec: CodecName, blocks: readonly BlockBytes[]): Buffer {
  const header = [string('avro.schema'), string(schema), string('avro.codec'), string(codec)];
  const parts = [Buffer.from('Obj\x01', 'latin1'), formatLong(2n), ...header, formatLong(0n), SYNC];
  for (const { records, data } of blocks) {
    parts.push(formatLong(BigInt(records)), formatLong(BigInt(data.length)), data, SYNC);
  }
  return Buffer.concat(parts);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([formatLong(BigInt(bytes.length)), bytes]);
}

function withId(type: unknown): string {
  return record([
    { name: 'id', type: 'string' },
    { name: 'value', type },
  ]);
}

function record(fields: readonly unknown[]): string {
  return JSON.stringify({ type: 'record', name: 'Root', fields });
}

async function compressZeros(module: string, sizeBytes: number): Promise<Buffer> {
  const script = `import ${module}, sys; sys.stdout.buffer.write(${module}.compress(bytes(${sizeBytes})))`;
  const { stdout } = await run('python3', ['-c', script], { encoding: 'buffer' });
  return stdout;
}
