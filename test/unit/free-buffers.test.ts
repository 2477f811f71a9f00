import { describe, expect, it } from 'vitest';
import { freeBuffers } from '../../src/free-buffers.ts';

const SIZE_BYTES = 50_000_000;

describe('buffers that are freed', () => {
  it('take no memory any more, before any garbage is collected', () => {
    const buffers = [1, 2, 3].map((value) => Buffer.allocUnsafeSlow(SIZE_BYTES).fill(value));
    const before = process.memoryUsage().arrayBuffers;
    freeBuffers(buffers);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before - 3 * SIZE_BYTES);
  });

  it('are empty, and so is every view of their memory', () => {
    const buffer = Buffer.allocUnsafeSlow(SIZE_BYTES);
    const view = buffer.subarray(100, 200);
    freeBuffers([view, buffer.subarray(300)]);
    expect(buffer).toHaveLength(0);
    expect(view).toHaveLength(0);
    expect(() => buffer.readUInt8(0)).toThrow(RangeError);
    expect(() => new DataView(buffer.buffer)).toThrow(TypeError);
  });

  it('may be freed again', () => {
    const buffer = Buffer.allocUnsafeSlow(SIZE_BYTES);
    freeBuffers([buffer]);
    expect(() => freeBuffers([buffer])).not.toThrow();
  });

  it('stay when they share their memory with others of Node', () => {
    const pooled = Buffer.from('small');
    freeBuffers([pooled]);
    expect(pooled.toString()).toBe('small');
  });
});
