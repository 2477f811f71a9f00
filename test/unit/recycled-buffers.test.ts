import { afterEach, describe, expect, it } from 'vitest';
import { dropKeptBuffers, giveBack, takeBuffer } from '../../src/recycled-buffers.ts';

const SIZE_BYTES = 50_000_000;

afterEach(dropKeptBuffers);

describe('buffers that are given back', () => {
  it('lend their memory to the next that is as large or smaller', () => {
    giveBack([takeBuffer(SIZE_BYTES)]);
    const before = process.memoryUsage().arrayBuffers;
    const next = takeBuffer(SIZE_BYTES - 1000).fill(8);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before);
    expect(next).toHaveLength(SIZE_BYTES - 1000);
    const another = takeBuffer(SIZE_BYTES).fill(9);
    expect(next.every((byte) => byte === 8)).toBe(true);
    expect(another.buffer).not.toBe(next.buffer);
  });

  it('make room for a larger one', () => {
    const small = takeBuffer(SIZE_BYTES);
    giveBack([small]);
    expect(takeBuffer(3 * SIZE_BYTES)).toHaveLength(3 * SIZE_BYTES);
    expect(small).toHaveLength(0);
  });

  it('take no memory when they are small or too many, before any garbage is collected', () => {
    const small = Array.from({ length: 100 }, () => takeBuffer(1_000_000));
    const large = Array.from({ length: 5 }, () => takeBuffer(SIZE_BYTES));
    const before = process.memoryUsage().arrayBuffers;
    giveBack(small);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before - 100 * 1_000_000);
    giveBack(large);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(
      before - 100_000_000 - SIZE_BYTES,
    );
    dropKeptBuffers();
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(
      before - 100_000_000 - 5 * SIZE_BYTES,
    );
  });

  it('are counted once when several views are of one', () => {
    const buffer = takeBuffer(SIZE_BYTES);
    giveBack([buffer.subarray(100, 200), buffer]);
    expect(takeBuffer(SIZE_BYTES).buffer).toBe(buffer.buffer);
    expect(takeBuffer(SIZE_BYTES).buffer).not.toBe(buffer.buffer);
  });

  it('stay when they share their memory with others of Node', () => {
    const pooled = Buffer.from('small');
    giveBack([pooled]);
    expect(pooled.toString()).toBe('small');
  });
});
