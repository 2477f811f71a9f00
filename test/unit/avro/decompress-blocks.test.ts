import { deflateRawSync, deflateSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompressedBlock, decompressBlocks } from '../../../src/avro/decompress-blocks.ts';
import { catchError } from '../../support/avro-read.ts';

const MIB = 2 ** 20;
const ROOMY = { maxBlockBytes: 64 * MIB, maxUncompressedBytes: 256 * MIB };

function rawBlocks(compressed: readonly Buffer[]): CompressedBlock[] {
  return compressed.map((bytes, index) => ({ index, bytes }));
}

/** So many bytes: those of events, which shrink to a tenth, or of noise, or all the same. */
function someBytes(sizeBytes: number, kind: 'events' | 'noise' | 'same', seed: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, seed);
  if (kind === 'same') return bytes;
  let state = seed | 1;
  for (let at = 0; at < sizeBytes; at += kind === 'noise' ? 1 : 40) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const aBlock = fc
  .record({
    sizeBytes: fc.oneof(fc.nat(300), fc.nat(300_000), fc.constant(0)),
    kind: fc.constantFrom('events', 'noise', 'same'),
    seed: fc.nat(255),
    level: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ sizeBytes, kind, seed, level }) =>
    deflateRawSync(someBytes(sizeBytes, kind, seed), { level }),
  );

/** An object of so many events in blocks of half a megabyte. */
function largeObject(
  sizeBytes: number,
  seed: number,
): { whole: Buffer; blocks: CompressedBlock[] } {
  const whole = someBytes(sizeBytes, 'events', seed);
  const parts = Array.from({ length: Math.ceil(sizeBytes / 500_000) }, (_, i) =>
    deflateRawSync(whole.subarray(i * 500_000, (i + 1) * 500_000), { level: 1 }),
  );
  return { whole, blocks: rawBlocks(parts) };
}

describe('deflate', () => {
  // Whatever the blocks, what comes out is what zlib makes of each.
  it('makes the same bytes as zlib', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aBlock, { maxLength: 12 }), async (compressed) => {
        const blocks = await decompressBlocks('deflate', rawBlocks(compressed), ROOMY);
        expect(blocks).toHaveLength(compressed.length);
        for (const [i, bytes] of compressed.entries()) {
          expect(blocks[i]?.equals(inflateRawSync(bytes))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('refuses a block that ends anywhere before its end, or goes on behind it, and names it', async () => {
    const sound = deflateRawSync(someBytes(2_000, 'events', 7));
    const damaged = [
      ...Array.from({ length: sound.length }, (_, end) => sound.subarray(0, end)),
      ...[[0], [1, 2, 3], [3, 0]].map((rest) => Buffer.concat([sound, Buffer.from(rest)])),
    ];
    for (const bytes of damaged) {
      const blocks = rawBlocks([sound, bytes, sound, bytes]);
      const error = await catchError(() => decompressBlocks('deflate', blocks, ROOMY));
      expect(error.code).toBe('CONTAINER_INVALID');
      expect(error.context).toEqual({ block: 1 });
    }
    const [whole] = await decompressBlocks('deflate', rawBlocks([sound]), ROOMY);
    expect(whole?.equals(inflateRawSync(sound))).toBe(true);
  });

  // One changed byte: what zlib makes of it, or its error.
  it('makes of damaged blocks what zlib makes of them', async () => {
    const sound = deflateRawSync(someBytes(20_000, 'events', 3));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sound.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = Buffer.from(sound);
          bytes[at] = (bytes[at] as number) ^ flip;
          const made = await decompressBlocks('deflate', rawBlocks([sound, bytes]), ROOMY).then(
            (blocks) => blocks[1]?.toString('latin1'),
            (error: { code: string }) => error.code,
          );
          expect(made).toBe(inflateWhole(bytes)?.toString('latin1') ?? 'CONTAINER_INVALID');
        },
      ),
      { numRuns: 300 },
    );
  });

  it("takes the rest of zlib's checksum that Python leaves behind each block", async () => {
    const parts = [someBytes(90_000, 'events', 1), someBytes(50_000, 'noise', 2), Buffer.alloc(0)];
    const compressed = parts.map((bytes) => deflateSync(bytes).subarray(2, -1));
    const blocks = await decompressBlocks('deflate', rawBlocks(compressed), ROOMY);
    expect(blocks.every((block, i) => block.equals(parts[i] as Buffer))).toBe(true);
  });

  it('holds the limits to the byte, around the size of a large block as well', async () => {
    for (const sizeBytes of [1, 1000, 1024, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9_000_000]) {
      const blocks = rawBlocks([1, 2].map((seed) => deflateRawSync(Buffer.alloc(sizeBytes, seed))));
      const exact = { maxBlockBytes: sizeBytes, maxUncompressedBytes: 2 * sizeBytes };
      const whole = await decompressBlocks('deflate', blocks, exact);
      expect(whole.map(({ length }) => length)).toEqual([sizeBytes, sizeBytes]);
      for (const [limit, block, left] of [
        ['maxBlockBytes', 0, sizeBytes - 1],
        ['maxUncompressedBytes', 1, sizeBytes - 1],
      ] as const) {
        const limits = { ...exact, [limit]: exact[limit] - 1 };
        const error = await catchError(() => decompressBlocks('deflate', blocks, limits));
        expect(error.code).toBe('OBJECT_TOO_LARGE');
        expect(error.context).toEqual({ block });
        expect(error.message).toContain(`(the limit leaves ${left})`);
      }
    }
  });
});

function inflateWhole(bytes: Buffer): Buffer | undefined {
  try {
    const { buffer, engine } = inflateRawSync(bytes, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === bytes.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

it('stops a row of bombs before they take more memory than the limits allow', async () => {
  const bomb = deflateRawSync(Buffer.alloc(400 * MIB));
  const small = deflateRawSync(Buffer.alloc(4 * MIB));
  const limits = { maxBlockBytes: 5 * MIB, maxUncompressedBytes: 10 * MIB };
  for (const blocks of [rawBlocks([bomb, bomb]), rawBlocks(Array(100).fill(small))]) {
    const before = process.memoryUsage().rss;
    const error = await catchError(() => decompressBlocks('deflate', blocks, limits));
    expect(error.code).toBe('OBJECT_TOO_LARGE');
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
  }
});

it('lets others work while a large object is inflated', async () => {
  const { blocks } = largeObject(40 * MIB, 4);
  let turns = 0;
  const turn = () => {
    turns += 1;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  await decompressBlocks('deflate', blocks, ROOMY);
  clearImmediate(next);
  expect(turns).toBeGreaterThanOrEqual(4);
});
