/** A whole bucket, listed in stretches that meet at any folders. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listEverything } from '../../../src/discovery/list-everything.ts';
import { ListedStore } from './listed-store.ts';

/** Keys of few letters, so that folders, keys in them and keys equal to a folder come up often. */
const part = fc.constantFrom('a', 'b', 'a.b', 'é', '\u{1f600}', '\ue000');
const key = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const folder = key.map((text) => `${text}/`);

it('every key is listed once, whatever the folders are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.oneof(key, folder)),
      fc.uniqueArray(folder, { maxLength: 12 }),
      fc.integer({ min: 1, max: 8 }),
      async (keys, folders, concurrency) => {
        const found = await listKeys(new ListedStore(keys), folders, concurrency);
        expect(found.sort()).toEqual([...keys].sort());
      },
    ),
  );
});

it('stretches beyond one page each are listed to their ends', async () => {
  const keys = ['a', 'b', 'c', 'd'].flatMap((name) =>
    Array.from({ length: 2500 }, (_, index) => `x/${name}/${String(index).padStart(4, '0')}`),
  );
  const store = new ListedStore([...keys, 'elsewhere'], 'x/');
  const folders = ['x/d/', 'x/b/', 'x/c/', 'x/a/', 'y/z/'];
  expect((await listKeys(store, folders, 4)).sort()).toEqual(keys);
  // Ten pages, and one each beyond the ends of three stretches.
  expect(store.requestCounts.list).toBeLessThanOrEqual(14);
});

async function listKeys(store: ListedStore, folders: readonly string[], concurrency: number) {
  const found: string[] = [];
  for await (const page of listEverything(store, folders, concurrency)) {
    found.push(...page.map((object) => object.key));
  }
  return found;
}
