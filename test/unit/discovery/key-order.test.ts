/** Keys are ordered by their UTF-8 bytes, as S3 does. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../../../src/discovery/key-order.ts';

describe('compareKeys', () => {
  it('orders like the UTF-8 bytes', () => {
    const key = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const bytewise = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareKeys(a, b))).toBe(bytewise);
      }),
    );
  });

  it('puts an emoji after the last letters of the basic plane, where JavaScript puts it before', () => {
    const keys = ['\u{1f389}', '\u{ff21}'];
    expect(keys.toSorted(compareKeys)).toEqual(['\u{ff21}', '\u{1f389}']);
    expect(keys.toSorted()).toEqual(['\u{1f389}', '\u{ff21}']);
  });
});
