import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/avro/codecs.ts';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import {
  containerOf,
  formatBlock,
  formatContainer,
  formatSchema,
  join,
  long,
  recordOf,
  text,
} from '../../support/avro-bytes.ts';
import { catchError, ROOMY, readRecords } from '../../support/avro-read.ts';

const SCHEMA = recordOf({ id: 'string', n: 'int' });
const RECORDS = Array.from({ length: 7 }, (_, i) => ({ id: `id-${i}`, n: i }));

function openError(bytes: Buffer, limits = ROOMY) {
  return catchError(() => openContainer(bytes, limits));
}

describe('openContainer', () => {
  it('finds schema, codec and blocks with their first records', async () => {
    const bytes = await writeContainer(formatSchema(SCHEMA), RECORDS, {
      codec: 'deflate',
      recordsPerBlock: 3,
    });
    const container = await openContainer(bytes, ROOMY);
    expect(container).toMatchObject({ codec: 'deflate', recordCount: 7, uncompressedBytes: 42 });
    expect(container.schema.type.fields.map((field) => field.name)).toEqual(['id', 'n']);
    const blocks = container.blocks.map(
      ({ index, firstRecord, recordCount, bytes: { length } }) => [
        index,
        firstRecord,
        recordCount,
        length,
      ],
    );
    expect(blocks).toEqual([
      [0, 0, 3, 18],
      [1, 3, 3, 18],
      [2, 6, 1, 6],
    ]);
  });

  it('takes a header alone for a container without records', async () => {
    const container = await openContainer(formatContainer({ schema: SCHEMA }), ROOMY);
    expect(container).toMatchObject({ recordCount: 0, uncompressedBytes: 0, blocks: [] });
  });

  it('takes blocks without records', async () => {
    const empty = { count: 0, bytes: [] as unknown as Uint8Array };
    const full = { count: 1, bytes: join(text('a'), long(1)) };
    const bytes = formatContainer({ schema: SCHEMA, blocks: [empty, full, empty] });
    expect(await readRecords(bytes)).toEqual([['a', 1]]);
  });

  it('takes no codec for codec null and ignores other metadata', async () => {
    const metadata = join(
      long(2),
      text('avro.schema'),
      text(formatSchema(SCHEMA)),
      text('__proto__'),
      text(Buffer.from([0xff])),
      [0],
    );
    expect(await openContainer(formatContainer({ schema: SCHEMA, metadata }), ROOMY)).toMatchObject(
      {
        codec: 'null',
      },
    );
  });

  it('takes metadata in several blocks, with and without their length', async () => {
    const schema = join(text('avro.schema'), text(formatSchema(SCHEMA)));
    const codec = join(text('avro.codec'), text('null'));
    const metadata = join(long(-1), long(schema.length), schema, long(1), codec, [0]);
    const container = await openContainer(formatContainer({ schema: SCHEMA, metadata }), ROOMY);
    expect(container.schema.type.name).toBe('R');
  });
});

describe('a damaged container', () => {
  // A file that ends early is refused wherever it ends. Exactly between blocks it is a shorter, sound
  // container: only the length that the store announced can tell, and fetching checks that.
  it('is refused when it is cut at any byte but between blocks', async () => {
    for (const codec of ['null', 'deflate', 'snappy', 'zstandard', 'bzip2', 'xz'] as const) {
      const options = { codec, recordsPerBlock: 3 };
      const bytes = await writeContainer(formatSchema(SCHEMA), RECORDS, options);
      const ends = [0, 3, 6].map(async (count) => {
        const shorter = RECORDS.slice(0, count);
        return (await writeContainer(formatSchema(SCHEMA), shorter, options)).length;
      });
      const borders = new Map(
        (await Promise.all(ends)).map((end, i) => [end, [0, 3, 6][i] as number]),
      );
      for (let end = 0; end < bytes.length; end++) {
        const cut = bytes.subarray(0, end);
        const outcome = await readRecords(cut).then(
          (records) => records.length,
          (error: { code?: string }) => error.code,
        );
        expect(outcome).toBe(borders.get(end) ?? 'CONTAINER_INVALID');
      }
    }
  });

  // No bytes at all, however strange, do anything but fail with an error of ours.
  it('is refused when it is anything else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (noise, hasMagic) => {
        const bytes = hasMagic ? join(Buffer.from('Obj\x01', 'latin1'), noise) : Buffer.from(noise);
        expect(['CONTAINER_INVALID', 'SCHEMA_INVALID']).toContain((await openError(bytes)).code);
      }),
      { numRuns: 300 },
    );
  });

  const block = { count: 1, bytes: join(text('a'), long(1)) };
  const sound = formatContainer({ schema: SCHEMA, blocks: [block, block] });
  const header = formatContainer({ schema: SCHEMA });
  const entry = (key: string | Uint8Array, value: string | Uint8Array) =>
    formatContainer({ schema: SCHEMA, metadata: join(long(1), text(key), text(value), [0]) });
  const twelve = Array(12).fill(128);

  it.each([
    ['nothing', Buffer.alloc(0), 'the file is empty'],
    ['another format', Buffer.from('PAR1'), 'the file begins with 50415231 (expected 4f626a01)'],
    ['a cut in the header', header.subarray(0, 30), 'the file ends inside the header, at byte'],
    ['no schema', entry('avro.codec', 'null'), 'the header has no avro.schema'],
    [
      'a schema not in UTF-8',
      entry('avro.schema', Buffer.from([0xff])),
      'avro.schema is not UTF-8',
    ],
    ['a key not in UTF-8', entry(Buffer.from([0xff]), ''), 'a header key is not UTF-8'],
    [
      'metadata of the wrong length',
      formatContainer({
        schema: SCHEMA,
        metadata: join(long(-1), long(5), text('a'), text('b'), [0]),
      }),
      'header entries end at byte 10 (expected byte 11 as announced)',
    ],
    [
      'endless metadata',
      formatContainer({ schema: SCHEMA, metadata: long(2n ** 62n) }),
      'the length of a header key at byte',
    ],
    [
      'a number without an end',
      formatContainer({ schema: SCHEMA, metadata: Buffer.from(twelve) }),
      'takes more than 10 bytes',
    ],
    [
      'a cut in the second block',
      sound.subarray(0, sound.length - 18),
      `the file ends inside block 1, at byte ${sound.length - 19} (expected the data: needs 3 bytes, has 1)`,
    ],
    [
      'a block beyond the end',
      join(header, formatBlock({ ...block, announcedBytes: 2n ** 60n })),
      'the file ends inside block 0',
    ],
    [
      'a block of negative length',
      join(header, formatBlock({ ...block, announcedBytes: -4 })),
      `the byte count at byte ${header.length + 1} of block 0 is -4`,
    ],
    [
      'a negative record count',
      join(header, formatBlock({ ...block, count: -1 })),
      `block 0 at byte ${header.length} announces -1 records`,
    ],
    [
      'more records than bytes',
      join(header, formatBlock({ ...block, count: 2n ** 40n })),
      'block 0 announces 1099511627776 records in 3 bytes (expected at least 2 bytes for each',
    ],
    [
      'another sync marker',
      join(sound, formatBlock({ ...block, syncMarker: Buffer.alloc(16, 7) })),
      `block 2 at byte ${sound.length} ends with sync marker 0707070707070707`,
    ],
    ['bytes behind the last block', join(sound, [0]), 'the file ends inside block 2'],
    [
      'a billion records of no bytes',
      containerOf(recordOf({ nothing: 'null' }), 1e9),
      'block 0 brings the records that may take no bytes to 1000000000 (expected at most 10000000)',
    ],
  ])('is refused for %s', async (_, bytes, message) => {
    const error = await openError(bytes);
    expect(error.code).toBe('CONTAINER_INVALID');
    expect(error.message).toContain(message);
  });

  it('names the block in the context', async () => {
    const bytes = join(sound, formatBlock({ ...block, syncMarker: Buffer.alloc(16) }));
    expect((await openError(bytes)).context).toEqual({ block: 2 });
  });

  it('is refused for a codec that we do not read, naming those we do', async () => {
    const error = await openError(formatContainer({ schema: SCHEMA, codec: 'lz4' }));
    expect(error.code).toBe('CODEC_UNSUPPORTED');
    expect(error.message).toBe(
      'cannot read the container: codec "lz4" (expected one of null, deflate, snappy, zstandard, bzip2, xz)',
    );
  });

  it.each(['constructor', 'Deflate', ''])('does not know codec %j', async (codec) => {
    const error = await openError(formatContainer({ schema: SCHEMA, codec }));
    expect(error.code).toBe('CODEC_UNSUPPORTED');
  });

  it('is refused for a schema that is none', async () => {
    const error = await openError(formatContainer({ schema: '{"type":"nonsense"}' }));
    expect(error.code).toBe('SCHEMA_INVALID');
  });
});

describe('limits', () => {
  const value = 'x'.repeat(10_000);
  const records = Array.from({ length: 10 }, () => ({ id: value, n: 1 }));

  // Blocks of more than 4 MB are decompressed alone.
  const sizes = [10_000, 5_000_000].flatMap((size) =>
    CODEC_NAMES.map((codec) => [codec, size] as const),
  );
  it.each(sizes)(
    'hold for codec %s and values of %i bytes: of a block and of the whole object',
    async (codec, size) => {
      const schema = formatSchema(SCHEMA);
      const count = size > 1_000_000 ? 3 : 10;
      const large = Array.from({ length: count }, () => ({ id: 'x'.repeat(size), n: 1 }));
      const bytes = await writeContainer(schema, large, { codec, recordsPerBlock: 1 });
      const each = (size > 1_000_000 ? 4 : 3) + size + 1;
      const limits = { maxBlockBytes: each, maxUncompressedBytes: count * each };
      const { blocks } = await openContainer(bytes, limits);
      expect(blocks.map(({ bytes: { length } }) => length)).toEqual(Array(count).fill(each));
      const block = await openError(bytes, { ...limits, maxBlockBytes: each - 1 });
      expect(block.code).toBe('OBJECT_TOO_LARGE');
      const whole = await openError(bytes, { ...limits, maxUncompressedBytes: count * each - 1 });
      expect(whole.code).toBe('OBJECT_TOO_LARGE');
    },
  );

  it('name the first block that is damaged, not the first to be found out', async () => {
    const schema = formatSchema(SCHEMA);
    const large = [{ id: 'x'.repeat(3_000_000), n: 1 }];
    const bytes = await writeContainer(schema, [...large, ...records.slice(0, 2)], {
      codec: 'snappy',
      recordsPerBlock: 1,
    });
    const syncMarker = bytes.subarray(-16);
    for (let end = bytes.length - 16; end > 0; end = bytes.lastIndexOf(syncMarker, end - 1)) {
      // The last byte of each block's checksum; before the first block stands the header.
      if (bytes.indexOf(syncMarker) !== end) bytes[end - 1] = (bytes[end - 1] as number) ^ 1;
    }
    expect((await openError(bytes, ROOMY)).context.block).toBe(0);
  });
});
