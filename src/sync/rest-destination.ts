/**
 * The way to Braze over REST: portions of outbox items → requests, at the allowed pace, many at a time, and
 * every item's outcome written down.
 *
 * Items are marked before the first request with them goes out. Those that may be sent twice are marked and
 * settled by the thousand, since each commit costs as much as several requests; those that may not are
 * marked and settled request by request, so that a crash leaves as few as possible in doubt. The next
 * portion is read and packed while the last one is sent; memory is that of two portions and of the
 * requests that are out.
 */
import pMap, { pMapSkip } from 'p-map';
import { interruptionOf } from '../discovery/interruption.ts';
import { type Batch, type BatchLimits, DEFAULT_BATCH_LIMITS, packBatches } from './batch.ts';
import { type BrazeAccess, createBrazeClient } from './braze-client.ts';
import { deliverBatch } from './deliver-batch.ts';
import { Delivery, type Patience } from './delivery.ts';
import type {
  Bookkeeping,
  DeliveryReceipt,
  DeliveryRun,
  ItemOutcome,
  OutboxItem,
  RestDestination,
} from './destination.ts';
import { DEFAULT_RATE_LIMIT, Pacer } from './rate-limit.ts';

export interface RestSettings extends BrazeAccess, Partial<Patience> {
  /** Default 75: attributes, events and purchases together. */
  readonly objectsPerRequest?: number;
  /** Default 4 MB. */
  readonly bytesPerRequest?: number;
  /** Default 1000, which is the documented 3,000 in 3 seconds. */
  readonly requestsPerSecond?: number;
  /** Requests that are out at a time. Default 32. */
  readonly concurrency?: number;
}

const DEFAULT_CONCURRENCY = 32;

/** Half a minute of trouble, and a quarter of an hour of waiting for the limit. */
const DEFAULT_PATIENCE: Patience = {
  maxAttempts: 6,
  retryWaitMs: 500,
  longestPauseMs: 15 * 60_000,
};

/** Opens nothing; the first request does. */
export function openRestDestination(settings: RestSettings): RestDestination {
  const {
    objectsPerRequest = DEFAULT_BATCH_LIMITS.maxObjects,
    bytesPerRequest = DEFAULT_BATCH_LIMITS.maxBytes,
    requestsPerSecond = (DEFAULT_RATE_LIMIT.requests * 1000) / DEFAULT_RATE_LIMIT.perMs,
    concurrency = DEFAULT_CONCURRENCY,
    maxAttempts = DEFAULT_PATIENCE.maxAttempts,
    retryWaitMs = DEFAULT_PATIENCE.retryWaitMs,
    longestPauseMs = DEFAULT_PATIENCE.longestPauseMs,
  } = settings;
  const client = createBrazeClient(settings);
  const perMs = DEFAULT_RATE_LIMIT.perMs;
  // One for all runs: the limit is the workspace's.
  const pacer = new Pacer({ requests: (requestsPerSecond * perMs) / 1000, perMs });
  const limits: BatchLimits = { maxObjects: objectsPerRequest, maxBytes: bytesPerRequest };
  const patience: Patience = { maxAttempts, retryWaitMs, longestPauseMs };
  return {
    kind: 'rest',
    limits: { objectsPerRequest, bytesPerRequest, requestsPerSecond },
    send: (portions, books, run) =>
      sendPortions(portions, books, run, {
        delivery: new Delivery({ client, pacer, limits, patience }),
        concurrency,
      }),
  };
}

async function sendPortions(
  portions: AsyncIterable<readonly OutboxItem[]>,
  books: Bookkeeping,
  run: DeliveryRun,
  { delivery, concurrency }: { readonly delivery: Delivery; readonly concurrency: number },
): Promise<DeliveryReceipt> {
  const { signal } = run;
  const onAbort = (): void => delivery.stop(signal && interruptionOf(signal, `send ${run.sync}`));
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  const ledger = new OutcomeLedger(books, (error) => delivery.stop(error));
  try {
    await pMap(
      listBatches(portions, { books, ledger, run, delivery }),
      async (ready) => {
        await sendBatch(ready, { books, ledger, run, delivery }).catch((error: unknown) =>
          delivery.stop(error),
        );
        return pMapSkip;
      },
      { concurrency },
    );
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await ledger.flush();
  }
  delivery.finish();
  if (delivery.stopError !== undefined) throw delivery.stopError;
  return { requests: delivery.requests, bytes: delivery.bytes };
}

interface Sending {
  readonly books: Bookkeeping;
  readonly ledger: OutcomeLedger;
  readonly run: DeliveryRun;
  readonly delivery: Delivery;
}

interface ReadyBatch {
  readonly batch: Batch;
  /** Marked already, with its portion. */
  readonly isRepeatable: boolean;
}

async function sendBatch({ batch, isRepeatable }: ReadyBatch, sending: Sending): Promise<void> {
  const { books, ledger, run, delivery } = sending;
  if (!isRepeatable) {
    if (delivery.stopSignal.aborted) return;
    await books.markInFlight(batch.map(({ itemId }) => itemId));
  }
  const startedAtMs = performance.now();
  const outcomes = await deliverBatch(batch, delivery);
  ledger.add(outcomes);
  run.logger.debug(
    {
      sync: run.sync,
      runId: run.runId,
      ...countOutcomes(outcomes),
      waitMs: Math.round(performance.now() - startedAtMs),
    },
    'batch sent',
  );
  if (!isRepeatable || ledger.isFull) await ledger.flush();
}

/** Batches of one portion after the other, ready to be sent; the next portion is prepared meanwhile. */
async function* listBatches(
  portions: AsyncIterable<readonly OutboxItem[]>,
  sending: Sending,
): AsyncGenerator<ReadyBatch> {
  const { delivery } = sending;
  const iterator = portions[Symbol.asyncIterator]();
  const prepareNext = async (): Promise<readonly ReadyBatch[] | undefined> => {
    if (delivery.stopSignal.aborted) return undefined;
    try {
      const next = await iterator.next();
      return next.done ? undefined : await preparePortion(next.value, sending);
    } catch (error) {
      delivery.stop(error);
      return undefined;
    }
  };
  let next = prepareNext();
  for (let ready = await next; ready !== undefined; ready = await next) {
    next = prepareNext();
    yield* ready;
  }
  await iterator.return?.();
}

async function preparePortion(
  items: readonly OutboxItem[],
  { books, ledger, delivery }: Sending,
): Promise<readonly ReadyBatch[]> {
  const repeatable = packBatches(
    items.filter((item) => item.repeatable),
    delivery.limits,
  );
  const others = packBatches(
    items.filter((item) => !item.repeatable),
    delivery.limits,
  );
  const reason = `larger than a request may be (${delivery.limits.maxBytes} bytes)`;
  ledger.add(
    [...repeatable.tooLarge, ...others.tooLarge].map(({ itemId }) => {
      return { itemId, status: 'rejected', code: 'TOO_LARGE', reason };
    }),
  );
  const marked = repeatable.batches.flat().map(({ itemId }) => itemId);
  if (marked.length > 0) await books.markInFlight(marked);
  return [
    ...repeatable.batches.map((batch) => ({ batch, isRepeatable: true })),
    ...others.batches.map((batch) => ({ batch, isRepeatable: false })),
  ];
}

/** A commit of so many outcomes costs about as much as one of a few. */
const MOST_UNSETTLED = 15_000;
/** And no outcome waits longer for its commit. */
const SETTLE_WITHIN_MS = 1000;

/** Outcomes until they are written down. */
class OutcomeLedger {
  readonly #books: Bookkeeping;
  readonly #onError: (error: unknown) => void;
  #outcomes: ItemOutcome[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(books: Bookkeeping, onError: (error: unknown) => void) {
    this.#books = books;
    this.#onError = onError;
  }

  get isFull(): boolean {
    return this.#outcomes.length >= MOST_UNSETTLED;
  }

  add(outcomes: readonly ItemOutcome[]): void {
    if (outcomes.length === 0) return;
    this.#outcomes.push(...outcomes);
    this.#timer ??= setTimeout(() => void this.flush(), SETTLE_WITHIN_MS);
  }

  /** Resolves when all that was added is written down, or `onError` has been told why not. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const outcomes = this.#outcomes;
    this.#outcomes = [];
    this.#flushing = this.#flushing.then(async () => {
      if (outcomes.length > 0) await this.#books.settle(outcomes);
    });
    this.#flushing = this.#flushing.catch(this.#onError);
    return this.#flushing;
  }
}

function countOutcomes(outcomes: readonly ItemOutcome[]): Record<ItemOutcome['status'], number> {
  const counts = { accepted: 0, rejected: 0, unknown: 0, waiting: 0 };
  for (const { status } of outcomes) counts[status] += 1;
  return counts;
}
