/** How results and errors look. */
import { describe, expect, it } from 'vitest';
import { EXIT_CODES, exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { parseCount, parseHour, parseNumber } from '../../../src/cli/option-values.ts';
import {
  formatCount,
  formatFacts,
  formatJson,
  formatTable,
  showControls,
  toCurrentsError,
} from '../../../src/cli/output.ts';
import { CurrentsError, type ErrorCode } from '../../../src/errors.ts';

describe('a table', () => {
  it('is aligned, numbers to the right, without lines, colours and trailing blanks', () => {
    const rows = [
      ['a', 1, null],
      ['long name', 1234, new Date('2026-09-30T12:00:00Z')],
    ] as const;
    expect(formatTable(['name', 'count', 'hour'], rows)).toBe(
      ['name       count  hour', 'a              1', 'long name  1,234  2026-09-30 12:00:00'].join(
        '\n',
      ),
    );
  });

  it('without rows is its head', () => {
    expect(formatTable(['a', 'b'], [])).toBe('a  b');
  });

  it('shows control characters instead of sending them to the terminal', () => {
    expect(formatTable(['key'], [['\u001b[2Jcleared\nline']])).toBe(
      'key\n\\x1b[2Jcleared\\x0aline',
    );
    expect(showControls('\u009b31m')).toBe('\\x9b31m');
  });
});

describe('JSON', () => {
  it('has instants as ISO 8601 and keeps the digits of 64-bit integers', () => {
    const value = { at: new Date(0), small: 5n, large: 9_007_199_254_740_993n };
    expect(JSON.parse(formatJson(value))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      small: 5,
      large: '9007199254740993',
    });
  });
});

describe('words', () => {
  it('count one and many', () => {
    expect([formatCount(1, 'object'), formatCount(1234, 'object')]).toEqual([
      '1 object',
      '1,234 objects',
    ]);
  });

  it('line up names and values', () => {
    expect(
      formatFacts([
        ['a', 1],
        ['name', 'x'],
      ]),
    ).toBe('a     1\nname  x');
  });
});

describe('an exit code', () => {
  const expected: Partial<Record<ErrorCode, number>> = {
    USAGE: 2,
    SETTINGS_INVALID: 2,
    DATABASE_BUSY: 4,
    INTERRUPTED: 130,
    DISK_FULL: 1,
    QUERY_FAILED: 1,
  };

  it.each(Object.entries(expected))('of %s is %d', (code, exitCode) => {
    expect(exitCodeOf(new CurrentsError({ code: code as ErrorCode, message: '' }))).toBe(exitCode);
  });

  it('of anything that is not ours says failed, and it is reported as a defect', () => {
    const defect = new TypeError('x is not a function');
    expect(exitCodeOf(defect)).toBe(EXIT_CODES.failed);
    expect(toCurrentsError(defect)).toMatchObject({ code: 'UNEXPECTED', cause: defect });
  });
});

describe('an hour on the command line', () => {
  it.each([
    ['2026-09-30', '2026-09-30T00:00:00.000Z'],
    ['2026-09-30-12', '2026-09-30T12:00:00.000Z'],
    ['2026-09-30T12', '2026-09-30T12:00:00.000Z'],
    ['2026-09-30 12:30', '2026-09-30T12:30:00.000Z'],
    ['2026-09-30T12:30:15Z', '2026-09-30T12:30:15.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(parseHour(text).toISOString()).toBe(iso);
  });

  it.each(['', 'yesterday', '2026-9-3', '2026-02-30', '2026-09-30T25', '2026-09-30T12+02:00'])(
    'is not %j',
    (text) => {
      expect(() => parseHour(text)).toThrow('Expected a UTC hour');
    },
  );
});

describe('a number on the command line', () => {
  it('is checked', () => {
    expect([parseCount('12'), parseNumber('0.5'), parseNumber('0')]).toEqual([12, 0.5, 0]);
    for (const text of ['0', '-1', '1.5', 'x', ''])
      expect(() => parseCount(text)).toThrow('Expected a whole number');
    for (const text of ['-1', 'x', '', '1e3'])
      expect(() => parseNumber(text)).toThrow('Expected a number');
  });
});
