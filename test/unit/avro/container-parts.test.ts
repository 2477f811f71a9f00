/** Containers read piece by piece: the same blocks as of the whole, whatever the pieces are. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/avro/codecs.ts';
import { type ByteSource, openContainerParts } from '../../../src/avro/container-parts.ts';
import { type ContainerLimits, openContainer } from '../../../src/avro/container-reader.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { formatContainer, join, long, recordOf } from '../../support/avro-bytes.ts';
import { catchError, ROOMY } from '../../support/avro-read.ts';
import { aRecord } from '../../support/event-builders.ts';

const SCHEMA = aRecord({ id: 'string' });
const MIB = 2 ** 20;

/** Hands out these bytes, and remembers how many were asked for at a time. */
class TestSource implements ByteSource {
  readonly asked: number[] = [];
  readonly #bytes: Buffer;
  #filled = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  async fill(into: Buffer): Promise<void> {
    const end = this.#filled + into.length;
    if (end > this.#bytes.length) throw new Error('more was asked for than there is');
    this.#bytes.copy(into, 0, this.#filled, end);
    this.#filled = end;
    this.asked.push(into.length);
  }
}

interface Part {
  readonly blocks: readonly { index: number; firstRecord: number; hex: string }[];
  readonly records: number;
  readonly bytes: number;
  readonly isLast: boolean;
  readonly expectedRecords: number;
}

async function readParts(
  bytes: Buffer,
  pieceBytes: number,
  {
    limits = ROOMY,
    source = new TestSource(bytes),
  }: { limits?: ContainerLimits; source?: TestSource } = {},
): Promise<Part[]> {
  const sizes = { pieceBytes, compressedPartBytes: pieceBytes / 4, leastPlainBytes: 0 };
  const parts: Part[] = [];
  for await (const { container, ...part } of openContainerParts(source, limits, sizes)) {
    const blocks = container.blocks.map(({ index, firstRecord, bytes: block }) => ({
      index,
      firstRecord,
      hex: block.toString('hex'),
    }));
    const { recordCount: records, uncompressedBytes } = container;
    parts.push({ blocks, records, bytes: uncompressedBytes, ...part });
  }
  return parts;
}

const container = fc.record({
  codec: fc.constantFrom(...CODEC_NAMES),
  ids: fc.array(fc.string({ maxLength: 5_000 }), { maxLength: 200 }),
  recordsPerBlock: fc.integer({ min: 1, max: 50 }),
});

describe('the parts of a container', () => {
  it('are together the whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        container,
        fc.integer({ min: 1, max: 200_000 }),
        async (made, pieceBytes) => {
          const { codec, ids, recordsPerBlock } = made;
          const bytes = await writeContainer(
            SCHEMA,
            ids.map((id) => [id]),
            { codec, recordsPerBlock },
          );
          const parts = await readParts(bytes, pieceBytes);
          const whole = await openContainer(bytes, ROOMY);
          expect(parts.flatMap(({ blocks }) => blocks)).toEqual(
            whole.blocks.map(({ index, firstRecord, bytes: block }) => ({
              index,
              firstRecord,
              hex: block.toString('hex'),
            })),
          );
          const count = (of: 'records' | 'bytes') => parts.reduce((sum, part) => sum + part[of], 0);
          expect(count('records')).toBe(whole.recordCount);
          expect(count('bytes')).toBe(whole.uncompressedBytes);
          expect(parts.map(({ isLast }) => isLast)).toEqual(
            parts.map((_, at) => at === parts.length - 1),
          );
          expect(parts.at(-1)?.expectedRecords).toBe(whole.recordCount);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are several of a large object, and tell from the first how many records it has', async () => {
    const ids = Array.from({ length: 20_000 }, (_, at) => [`${at}`.padStart(1_000)]);
    const bytes = await writeContainer(SCHEMA, ids, { recordsPerBlock: 100 });
    const source = new TestSource(bytes);
    const parts = [];
    for await (const { container: part, expectedRecords } of openContainerParts(source, ROOMY)) {
      parts.push(part.recordCount);
      expect(Math.abs(expectedRecords - 20_000)).toBeLessThan(200);
    }
    expect(parts.length).toBe(5);
    expect(Math.max(...source.asked)).toBeLessThanOrEqual(4 * MIB);
  });

  it('are one of an object that is plain and not large', async () => {
    const ids = Array.from({ length: 7 }, () => ['x'.repeat(MIB)]);
    const bytes = await writeContainer(SCHEMA, ids, { recordsPerBlock: 1 });
    const parts = [];
    for await (const part of openContainerParts(new TestSource(bytes), ROOMY)) parts.push(part);
    expect(parts.map(({ container: part }) => part.recordCount)).toEqual([7]);
  });

  it('keep to the limit of the whole object', async () => {
    const bytes = await writeContainer(SCHEMA, Array(100).fill(['x'.repeat(1_000)]), {
      codec: 'deflate',
      recordsPerBlock: 10,
    });
    const limits = { maxBlockBytes: 20_000, maxUncompressedBytes: 50_000 };
    const error = await catchError(() => readParts(bytes, 100, { limits }));
    expect(error).toMatchObject({ code: 'OBJECT_TOO_LARGE', context: { block: 4 } });
  });
});

describe('a damaged container', () => {
  it('fails by parts wherever it is cut, with the same words', async () => {
    const bytes = await writeContainer(SCHEMA, Array(30).fill(['x'.repeat(100)]), {
      recordsPerBlock: 10,
    });
    for (let end = 1; end < bytes.length; end += 7) {
      const cut = bytes.subarray(0, end);
      const whole = await catchError(() => openContainer(cut, ROOMY)).catch(() => undefined);
      if (whole === undefined) continue;
      const error = await catchError(() => readParts(cut, 256));
      expect(error.message).toBe(whole.message);
    }
  });

  it('is not believed that a block is larger than the file', async () => {
    const schema = recordOf({ id: 'string' });
    const start = formatContainer({ schema });
    const bytes = join(start, long(1), long(2 ** 40), Buffer.alloc(100_000));
    const source = new TestSource(bytes);
    const error = await catchError(() => readParts(bytes, 1_000, { source }));
    expect(error.message).toContain(`needs ${2 ** 40} bytes`);
    expect(source.asked.reduce((sum, one) => sum + one)).toBeLessThan(70_000);
  });

  it('tells the place in the file of what is wrong in a later piece', async () => {
    const bytes = await writeContainer(SCHEMA, Array(3_000).fill(['x'.repeat(100)]), {
      recordsPerBlock: 10,
    });
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    const whole = await catchError(() => openContainer(bytes, ROOMY));
    const error = await catchError(() => readParts(bytes, 10_000));
    expect(error.message).toBe(whole.message);
  });
});
