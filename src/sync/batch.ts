/**
 * Outbox items → the requests that carry them, within the endpoint's limits.
 *
 * Pure. Every item comes out once, in its order: in a batch, or among those that are larger than any request may
 * be. Braze promises no order within a request nor between two that are on their way; none is needed, since
 * a run has one item for a person.
 */
import type { OutboxItem } from './destination.ts';

export interface BatchLimits {
  /** Objects in a request: attributes, events and purchases together, of which we send the first alone. */
  readonly maxObjects: number;
  /** Bytes of the body. */
  readonly maxBytes: number;
}

/** 75 and 4 MB; Braze, "User track" and "API limits", 2026-09. Other contracts have other counts. */
export const DEFAULT_BATCH_LIMITS: BatchLimits = { maxObjects: 75, maxBytes: 4_000_000 };

export type Batch = readonly OutboxItem[];

const BODY_START = Buffer.from('{"attributes":[');
const COMMA = Buffer.from(',');
const BODY_END = Buffer.from(']}');

export interface Packed {
  readonly batches: readonly Batch[];
  /** Alone in a request they would be above the limit still. */
  readonly tooLarge: readonly OutboxItem[];
}

export function packBatches(items: readonly OutboxItem[], limits: BatchLimits): Packed {
  const tooLarge: OutboxItem[] = [];
  const batches: OutboxItem[][] = [];
  let batch: OutboxItem[] = [];
  let objectBytes = 0;
  for (const item of items) {
    const sizeBytes = item.object.length;
    if (bodyBytes(sizeBytes, 1) > limits.maxBytes) {
      tooLarge.push(item);
      continue;
    }
    const isFull =
      batch.length === limits.maxObjects ||
      bodyBytes(objectBytes + sizeBytes, batch.length + 1) > limits.maxBytes;
    if (batch.length > 0 && isFull) {
      batches.push(batch);
      batch = [];
      objectBytes = 0;
    }
    batch.push(item);
    objectBytes += sizeBytes;
  }
  if (batch.length > 0) batches.push(batch);
  return { batches, tooLarge };
}

/** What `formatBody` makes of so many objects with so many bytes. */
function bodyBytes(objectBytes: number, count: number): number {
  return BODY_START.length + objectBytes + (count - 1) * COMMA.length + BODY_END.length;
}

/** The body of a request: JSON in UTF-8. */
export function formatBody(batch: Batch): Buffer {
  const parts = batch.flatMap(({ object }, index) => (index === 0 ? [object] : [COMMA, object]));
  return Buffer.concat([BODY_START, ...parts, BODY_END]);
}
