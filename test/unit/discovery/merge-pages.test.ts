/** Listings side by side: everything comes, few are open at a time, and all are closed in the end. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mergePages } from '../../../src/discovery/merge-pages.ts';

describe('mergePages', () => {
  it('yields every page of every source, and keeps the order within each', async () => {
    const pages: string[] = [];
    const sources = ['a', 'b', 'c', 'd'].map((name) => () => countTo(name, 3));
    for await (const page of mergePages(sources, 2)) pages.push(page);
    expect(pages.toSorted()).toEqual(
      ['a', 'b', 'c', 'd'].flatMap((name) => [1, 2, 3].map((n) => `${name}${n}`)),
    );
    expect(pages.filter((page) => page.startsWith('c'))).toEqual(['c1', 'c2', 'c3']);
  });

  it('opens no more sources at a time than allowed', async () => {
    let open = 0;
    let most = 0;
    const sources = Array.from(
      { length: 9 },
      () =>
        async function* () {
          open++;
          most = Math.max(most, open);
          await sleep(1);
          yield 'page';
          open--;
        },
    );
    for await (const _page of mergePages(sources, 3)) {
      // Only how many are open matters.
    }
    expect(most).toBe(3);
  });

  it('does not wait for a slow source before it yields from a fast one', async () => {
    const never = async function* (signal: AbortSignal): AsyncGenerator<string> {
      await sleep(60_000, undefined, { signal });
      yield 'late';
    };
    const merged = mergePages([never, () => countTo('fast', 1)], 2);
    expect(await merged.next()).toEqual({ done: false, value: 'fast1' });
    await merged.return(undefined);
  });

  it('throws what a source throws, after it has closed the others', async () => {
    const closed: string[] = [];
    const failing = async function* (): AsyncGenerator<string> {
      yield 'first';
      throw new Error('broken');
    };
    const endless = async function* (): AsyncGenerator<string> {
      try {
        for (;;) {
          await sleep(1);
          yield 'more';
        }
      } finally {
        closed.push('endless');
      }
    };
    const read = async (): Promise<void> => {
      for await (const _page of mergePages([failing, endless], 2)) {
        // Read on until it throws.
      }
    };
    await expect(read()).rejects.toThrow('broken');
    expect(closed).toEqual(['endless']);
  });
});

async function* countTo(name: string, last: number): AsyncGenerator<string> {
  for (let n = 1; n <= last; n++) {
    await sleep(0);
    yield `${name}${n}`;
  }
}
