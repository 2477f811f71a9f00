/**
 * The runner's side of a delivery over REST, in memory: items by the portion, and books that remember in which
 * order things were written down.
 */
import { createLogger, type Logger } from '../../src/logger.ts';
import type {
  Bookkeeping,
  DeliveryRun,
  ItemOutcome,
  OutboxItem,
} from '../../src/sync/destination.ts';

/** `count` people with an external id and one attribute each. */
export function somePeople(count: number, more: Partial<OutboxItem> = {}): OutboxItem[] {
  return Array.from({ length: count }, (_, itemId) => ({
    itemId,
    object: Buffer.from(JSON.stringify({ external_id: `person-${itemId}`, number: itemId })),
    repeatable: true,
    ...more,
  }));
}

export async function* inPortions<Item>(
  items: readonly Item[],
  length: number,
): AsyncGenerator<readonly Item[]> {
  for (let start = 0; start < items.length; start += length)
    yield items.slice(start, start + length);
}

export class TestBooks implements Bookkeeping {
  readonly outcomes = new Map<number, ItemOutcome>();
  readonly inFlight = new Set<number>();
  readonly settledTwice: number[] = [];

  async markInFlight(itemIds: readonly number[]): Promise<void> {
    for (const itemId of itemIds) this.inFlight.add(itemId);
  }

  async settle(outcomes: readonly ItemOutcome[]): Promise<void> {
    for (const outcome of outcomes) {
      if (this.outcomes.has(outcome.itemId)) this.settledTwice.push(outcome.itemId);
      this.outcomes.set(outcome.itemId, outcome);
    }
  }

  /** Item ids with this outcome, in order. */
  with(status: ItemOutcome['status']): number[] {
    return [...this.outcomes.values()]
      .filter((outcome) => outcome.status === status)
      .map(({ itemId }) => itemId)
      .sort((a, b) => a - b);
  }
}

/** A run that logs everything there is to log. */
export function aRun(more: Partial<DeliveryRun> = {}): DeliveryRun & { readonly logged: string[] } {
  const logged: string[] = [];
  const logger: Logger = createLogger({
    level: 'trace',
    destination: { write: (line) => logged.push(line) },
  });
  return {
    sync: 'nightly',
    destination: 'braze',
    runId: 1,
    startedAt: new Date('2026-09-02T12:00:00Z'),
    updateExistingOnly: false,
    logger,
    logged,
    ...more,
  };
}
