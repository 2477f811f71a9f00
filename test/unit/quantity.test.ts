/** Durations and sizes as people write them. */
import { describe, expect, it } from 'vitest';
import { formatAge, formatSize, parseDuration, parseSize } from '../../src/quantity.ts';

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['15m', 900_000],
    ['48h', 172_800_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  it.each(['', '5', 'h', '-1h', '1 hour', '1h30m', '1e3s', ' 1s'])('is not %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('an age', () => {
  it.each([
    [0, '0 seconds'],
    [1, '1 second'],
    [119, '1 minute'],
    [7300, '2 hours'],
    [86_400 * 53 + 5, '53 days'],
  ])('of %d seconds is told as %s', (seconds, text) => {
    expect(formatAge(seconds)).toBe(text);
  });
});

describe('a size', () => {
  it.each([
    ['0B', 0],
    ['64MB', 64_000_000],
    ['64MiB', 67_108_864],
    ['1.5 gb', 1_500_000_000],
    ['2TIB', 2 * 2 ** 40],
  ])('%s is %d bytes', (text, sizeBytes) => {
    expect(parseSize(text)).toBe(sizeBytes);
  });

  it.each(['', '64', 'MB', '-1MB', '64M', '64 megabytes'])('is not %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 KB'],
    [1_234_567, '1.23 MB'],
    [999_999, '1 MB'],
    [5e15, '5000 TB'],
  ])('of %d bytes is told as %s', (sizeBytes, text) => {
    expect(formatSize(sizeBytes)).toBe(text);
  });
});
