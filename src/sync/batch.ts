/**
 * Outbox items → the requests that carry them, within the endpoint's limits. Pure.
 *
 * Every item comes out once: in a batch, or among those that are larger than any request may be. Batches
 * are in the order in which they have to start: a person's second item is in a later batch than the first,
 * never in the same one, since Braze promises no order within a request nor between two that are on
 * their way. The objects are texts already; packing counts their bytes as they go over the network.
 */
import type { Identifier, OutboxItem } from './destination.ts';

export interface BatchLimits {
  /** Objects in a request: attributes, events and purchases together, of which we send the first alone. */
  readonly maxObjects: number;
  /** Bytes of the body. */
  readonly maxBytes: number;
}

/** 75 and 4 MB; Braze, "User track" and "API limits", 2026-09. Other contracts have other counts. */
export const DEFAULT_BATCH_LIMITS: BatchLimits = { maxObjects: 75, maxBytes: 4_000_000 };

/** One item as Braze reads it. */
export interface TrackObject {
  readonly item: OutboxItem;
  /** Same for the same identifier, different for different ones. */
  readonly person: string;
  readonly text: string;
  readonly sizeBytes: number;
}

export type Batch = readonly TrackObject[];

export interface EncodeOptions {
  /** Braze must not make a profile for an identifier that it does not know. */
  readonly updateExistingOnly: boolean;
}

const BODY_START = '{"attributes":[';
const BODY_END = ']}';

/** The text of one object of the array `attributes`: identifier first, then what the plan wrote. */
export function encodeObject(item: OutboxItem, { updateExistingOnly }: EncodeOptions): TrackObject {
  const { identifier, attributes } = item;
  // Braze's default differs: false by external id, true by alias ("User attributes object", 2026-09).
  const flag =
    updateExistingOnly || identifier.kind === 'user_alias'
      ? `"_update_existing_only":${updateExistingOnly},`
      : '';
  const text = `{${encodeIdentifier(identifier)},${flag}${attributes.trimStart().slice(1)}`;
  return { item, person: personOf(identifier), text, sizeBytes: Buffer.byteLength(text) };
}

function encodeIdentifier(identifier: Identifier): string {
  if (identifier.kind !== 'user_alias')
    return `"${identifier.kind}":${JSON.stringify(identifier.value)}`;
  const alias = { alias_name: identifier.name, alias_label: identifier.label };
  return `"user_alias":${JSON.stringify(alias)}`;
}

function personOf(identifier: Identifier): string {
  return identifier.kind === 'user_alias'
    ? JSON.stringify([identifier.label, identifier.name])
    : `${identifier.kind} ${identifier.value}`;
}

export interface Packed {
  readonly batches: readonly Batch[];
  /** Alone in a request they would be above the limit still. */
  readonly tooLarge: readonly TrackObject[];
}

/** Fills one batch after the other; items keep their order, but for a person's second and later ones. */
export function packBatches(objects: readonly TrackObject[], limits: BatchLimits): Packed {
  const tooLarge: TrackObject[] = [];
  const rounds: TrackObject[][] = [];
  const seen = new Map<string, number>();
  for (const object of objects) {
    if (bodyBytes(object.sizeBytes, 1) > limits.maxBytes) {
      tooLarge.push(object);
      continue;
    }
    const round = seen.get(object.person) ?? 0;
    seen.set(object.person, round + 1);
    rounds[round] ??= [];
    rounds[round].push(object);
  }
  return { batches: rounds.flatMap((round) => fillBatches(round, limits)), tooLarge };
}

function fillBatches(objects: readonly TrackObject[], limits: BatchLimits): TrackObject[][] {
  const batches: TrackObject[][] = [];
  let batch: TrackObject[] = [];
  let sizeBytes = 0;
  for (const object of objects) {
    const isFull =
      batch.length === limits.maxObjects ||
      bodyBytes(sizeBytes + object.sizeBytes, batch.length + 1) > limits.maxBytes;
    if (batch.length > 0 && isFull) {
      batches.push(batch);
      batch = [];
      sizeBytes = 0;
    }
    batch.push(object);
    sizeBytes += object.sizeBytes;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** What `formatBody` makes of so many objects with so many bytes. */
function bodyBytes(objectBytes: number, count: number): number {
  return BODY_START.length + objectBytes + (count - 1) + BODY_END.length;
}

export function formatBody(batch: Batch): string {
  return `${BODY_START}${batch.map(({ text }) => text).join(',')}${BODY_END}`;
}
