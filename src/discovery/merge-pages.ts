/**
 * Several listings run side by side and read as one: pages come out as they arrive, in any order.
 * At most `concurrency` listings are open, each at most one page ahead of the reader, so memory stays
 * bounded however long they are. When the reader leaves, or one listing fails, the others are stopped
 * and closed before that shows.
 */

/** Each source is started with a signal that fires when its pages are no longer wanted. */
export async function* mergePages<Page>(
  sources: Iterable<(signal: AbortSignal) => AsyncGenerator<Page>>,
  concurrency: number,
  signal?: AbortSignal,
): AsyncGenerator<Page> {
  const stop = new AbortController();
  const sourceSignal = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const waiting = sources[Symbol.iterator]();
  const running = new Map<AsyncGenerator<Page>, Promise<Arrival<Page>>>();
  const advance = (pages: AsyncGenerator<Page>): void => {
    const arrival = pages.next().then((result) => ({ pages, result }));
    // A failure that nobody is racing for any more must not end the process; the race reports the first.
    arrival.catch(() => undefined);
    running.set(pages, arrival);
  };
  const startNext = (): void => {
    const { done, value: start } = waiting.next();
    if (!done) advance(start(sourceSignal));
  };

  try {
    for (let i = 0; i < concurrency; i++) startNext();
    while (running.size > 0) {
      const { pages, result } = await Promise.race(running.values());
      if (result.done) {
        running.delete(pages);
        startNext();
      } else {
        advance(pages);
        yield result.value;
      }
    }
  } finally {
    stop.abort();
    await Promise.allSettled([...running.keys()].map((pages) => pages.return(undefined)));
  }
}

interface Arrival<Page> {
  readonly pages: AsyncGenerator<Page>;
  readonly result: IteratorResult<Page>;
}
