import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CODEC_NAMES,
  type CodecName,
  compressBlock,
  decompressBlock,
  isCodecName,
} from '../../../src/avro/codecs.ts';
import { catchError } from '../../support/avro-read.ts';

const COMPRESSING = CODEC_NAMES.filter((codec) => codec !== 'null');
const ROOM = 2 ** 24;

const text = Buffer.from(
  Array.from({ length: 3_000 }, (_, i) => `{"id":"${(i * 7919) % 10_007}","event":"open"}\n`).join(
    '',
  ),
);
/** All byte values in an order that does not compress. */
const noise = Buffer.from(
  Uint8Array.from({ length: 70_000 }, (_, i) => (i * i * 31 + (i >> 7)) & 0xff),
);
const runs = Buffer.concat([
  Buffer.alloc(100_000, 7),
  Buffer.from('abcd'),
  ...[3, 4, 5, 258, 259, 260].map((length, i) => Buffer.alloc(length, i)),
]);

function decompressError(codec: CodecName, bytes: Buffer, maxBytes = ROOM) {
  return catchError(() => decompressBlock(codec, bytes, maxBytes, 3));
}

describe.each(CODEC_NAMES)('codec %s', (codec) => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text', text],
    ['noise', noise],
    ['runs', runs],
  ])('gives %s back', async (_, bytes) => {
    const compressed = await compressBlock(codec, bytes);
    expect((await decompressBlock(codec, compressed, bytes.length, 0)).equals(bytes)).toBe(true);
  });

  // Decompression undoes compression, whatever the bytes.
  it('gives any bytes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (array) => {
        const bytes = Buffer.from(array);
        const compressed = await compressBlock(codec, bytes);
        expect(await decompressBlock(codec, compressed, ROOM, 0)).toEqual(bytes);
      }),
      { numRuns: 30 },
    );
  });

  it('stops at the limit, also when it is zero', async () => {
    for (const maxBytes of [text.length - 1, 100, 0]) {
      const error = await decompressError(codec, await compressBlock(codec, text), maxBytes);
      expect(error.code).toBe('OBJECT_TOO_LARGE');
      expect(error.context).toEqual({ block: 3 });
      expect(error.message).toContain(`(the limit leaves ${maxBytes})`);
    }
  });
});

describe.each(COMPRESSING)('damaged %s data', (codec) => {
  it('are refused with the block and the codec', async () => {
    const error = await decompressError(codec, Buffer.from('not compressed at all'));
    expect(error.code).toBe('CONTAINER_INVALID');
    expect(error.context).toEqual({ block: 3 });
    expect(error.message).toMatch(
      new RegExp(`^cannot decompress block 3: its 21 bytes are damaged, .*sound ${codec} data`),
    );
  });

  it('are refused when there are none', async () => {
    expect((await decompressError(codec, Buffer.alloc(0))).code).toBe('CONTAINER_INVALID');
  });

  it('are refused when they end early or late', async () => {
    const compressed = await compressBlock(codec, text);
    for (const cut of [1, 2, 3, 5, 8, 13, 100, compressed.length - 1]) {
      const shorter = compressed.subarray(0, compressed.length - cut);
      expect((await decompressError(codec, shorter)).code).toBe('CONTAINER_INVALID');
    }
    for (const rest of [[0], [1, 2, 3], [0x42], Array(50).fill(0x5a)]) {
      const longer = Buffer.concat([compressed, Buffer.from(rest)]);
      expect((await decompressError(codec, longer)).code).toBe('CONTAINER_INVALID');
    }
  });

  // One changed byte: the truth, other bytes within the limit, or an error of ours; never a hang.
  it('are survived', async () => {
    const compressed = await compressBlock(codec, Buffer.concat([text.subarray(0, 3_000), runs]));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(compressed.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = Buffer.from(compressed);
          damaged[at] = (damaged[at] as number) ^ flip;
          const outcome = await decompressBlock(codec, damaged, 200_000, 3).then(
            (bytes) => (bytes.length <= 200_000 ? 'bytes' : 'too many bytes'),
            (error: { code?: string }) => error.code,
          );
          expect(['bytes', 'CONTAINER_INVALID', 'OBJECT_TOO_LARGE']).toContain(outcome);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe.each(['zstandard', 'bzip2', 'xz'] as const)('several %s streams in one block', (codec) => {
  it('are read one after the other, within one limit', async () => {
    const parts = [Buffer.from('first '), text, Buffer.alloc(0), Buffer.from(' last')];
    const whole = Buffer.concat(parts);
    const compressed = Buffer.concat(
      await Promise.all(parts.map((part) => compressBlock(codec, part))),
    );
    expect((await decompressBlock(codec, compressed, whole.length, 0)).equals(whole)).toBe(true);
    const error = await decompressError(codec, compressed, whole.length - 1);
    expect(error.code).toBe('OBJECT_TOO_LARGE');
  });
});

describe.each(['snappy', 'bzip2', 'xz'] as const)('the checksum of %s', (codec) => {
  it('finds every changed byte of the content', async () => {
    const bytes = Buffer.from('a short text without any repetition: 0123456789');
    const compressed = await compressBlock(codec, bytes);
    for (let at = 0; at < compressed.length; at++) {
      const damaged = Buffer.from(compressed);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      const outcome = await decompressBlock(codec, damaged, ROOM, 3).then(
        (read) => (read.equals(bytes) ? 'truth' : 'other bytes'),
        (error: { code?: string }) => error.code,
      );
      expect(['truth', 'CONTAINER_INVALID', 'OBJECT_TOO_LARGE']).toContain(outcome);
    }
  });
});

describe('bombs', () => {
  it('snappy: is stopped by what it announces', async () => {
    const announced = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0, 0]);
    const error = await decompressError('snappy', announced, 1_000_000);
    expect(error.code).toBe('OBJECT_TOO_LARGE');
  });

  it('snappy: a length of more than 32 bits is damage', async () => {
    const announced = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
    expect((await decompressError('snappy', announced)).code).toBe('CONTAINER_INVALID');
  });

  it.each(['deflate', 'zstandard', 'bzip2'] as const)(
    '%s: is stopped on the way',
    async (codec) => {
      const zeros = Buffer.alloc(50_000_000);
      const bomb = codec === 'bzip2' ? zeros.subarray(0, 4_000_000) : zeros;
      const compressed = await compressBlock(codec, bomb);
      expect(compressed.length).toBeLessThan(bomb.length / 500);
      const before = process.memoryUsage().rss;
      const error = await decompressError(codec, compressed, 1_000_000);
      expect(error.code).toBe('OBJECT_TOO_LARGE');
      expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    },
  );

  describe('zstandard frames by hand', () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd];
    /** A block that repeats one byte; 21 bits of size, the lowest bit marks the last. */
    const repeated = (size: number, isLast: boolean) => {
      const header = size * 8 + 2 + Number(isLast);
      return [header & 0xff, (header >> 8) & 0xff, header >> 16, 0x61];
    };
    const window = 0x38; // 128 KiB
    const frame = (count: number) => [
      ...magic,
      0,
      window,
      ...Array.from({ length: count }, (_, i) => repeated(131_072, i === count - 1)).flat(),
    ];

    it('are read without an announced size', async () => {
      const bytes = await decompressBlock('zstandard', Buffer.from(frame(3)), 3 * 131_072, 0);
      expect(bytes.equals(Buffer.alloc(3 * 131_072, 'a'))).toBe(true);
    });

    it('stop at the limit without an announced size', async () => {
      const error = await decompressError('zstandard', Buffer.from(frame(5_000)), 1_000_000);
      expect(error.code).toBe('OBJECT_TOO_LARGE');
    });

    it('skip frames that are to be skipped', async () => {
      const skipped = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
      const bytes = Buffer.from([...skipped, ...frame(1), ...skipped]);
      expect(await decompressBlock('zstandard', bytes, ROOM, 0)).toHaveLength(131_072);
      const error = await decompressError('zstandard', Buffer.from(skipped));
      expect(error.code).toBe('CONTAINER_INVALID');
    });

    it.each([
      ['a size of 2^63', [...magic, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0], 'OBJECT_TOO_LARGE'],
      [
        'a size that blocks cannot hold',
        [...magic, 0xa0, 0, 0, 1, 0, 1, 0, 0],
        'CONTAINER_INVALID',
      ],
      ['a dictionary', [...magic, 0x01, window, 7, 1, 0, 0], 'CONTAINER_INVALID'],
      ['a block of no known kind', [...magic, 0, window, 7, 0, 0], 'CONTAINER_INVALID'],
      [
        'a wrong checksum',
        [...magic, 4, window, ...repeated(5, true), 1, 2, 3, 4],
        'CONTAINER_INVALID',
      ],
    ])('refuse %s', async (_, bytes, code) => {
      expect((await decompressError('zstandard', Buffer.from(bytes))).code).toBe(code);
    });
  });
});

describe('codec names', () => {
  it('are closed', () => {
    expect(CODEC_NAMES.every(isCodecName)).toBe(true);
    expect(['constructor', '', 'Deflate', 'gzip'].some(isCodecName)).toBe(false);
  });
});

describe('deflate with a rest of zlib', () => {
  it.each([
    ['three bytes of its checksum, as Python writes it', -1],
    ['the whole checksum', undefined],
  ])('takes %s', async (_, end) => {
    for (const bytes of [text, noise, runs, Buffer.alloc(0)]) {
      const compressed = deflateSync(bytes).subarray(2, end);
      expect((await decompressBlock('deflate', compressed, ROOM, 0)).equals(bytes)).toBe(true);
    }
  });

  it('refuses a checksum that is not its own, or a part too short to be one', async () => {
    const compressed = deflateSync(text).subarray(2, -1);
    expect((await decompressError('deflate', compressed.subarray(0, -1))).code).toBe(
      'CONTAINER_INVALID',
    );
    compressed[compressed.length - 1] = (compressed.at(-1) as number) ^ 1;
    expect((await decompressError('deflate', compressed)).message).toContain('left over');
  });
});
