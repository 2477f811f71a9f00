/**
 * Every object under the store's prefix: a few stretches of the key order listed side by side, because one
 * after the other a thousand pages of a million keys take minutes of waiting for answers.
 *
 * The stretches meet at folders known from earlier runs, but nothing rests on those: whatever the folders
 * are, each key belongs to exactly one stretch. Where they lie unevenly, or none is known yet, only
 * the speed suffers. Of each stretch but the last, up to a page beyond its end is asked for in vain.
 */

import { compareKeys } from './key-order.ts';
import { mergePages } from './merge-pages.ts';
import type { ListedObject, ObjectStore } from './object-store.ts';

/** Pages of objects; those of one stretch in key order, the stretches in any. */
export async function* listEverything(
  store: ObjectStore,
  folders: Iterable<string>,
  concurrency: number,
  signal?: AbortSignal,
): AsyncGenerator<readonly ListedObject[]> {
  const known = [...folders].filter((folder) => folder.startsWith(store.prefix)).sort(compareKeys);
  const step = Math.max(1, Math.ceil(known.length / concurrency));
  const cuts = known.filter((_, index) => index > 0 && index % step === 0);
  const stretches = [undefined, ...cuts].map(
    (after, index) => (stop: AbortSignal) => listStretch(store, after, cuts[index], stop),
  );
  yield* mergePages(stretches, concurrency, signal);
}

/** The keys that come after one text and not after another, in UTF-8 order. */
async function* listStretch(
  store: ObjectStore,
  after: string | undefined,
  end: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly ListedObject[]> {
  const start = after === undefined ? {} : { startAfter: after };
  for await (const page of store.list({ prefix: store.prefix, signal, ...start })) {
    const last = page.at(-1);
    if (end === undefined || last === undefined || compareKeys(last.key, end) <= 0) yield page;
    else {
      yield page.filter((object) => compareKeys(object.key, end) <= 0);
      return;
    }
  }
}
