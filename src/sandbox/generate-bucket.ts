/**
 * A realistic Currents bucket, made up from a seed: options in, objects into a store.
 *
 * The same options give the same keys and bytes. Everything streams: events are told in time order,
 * collected into objects, written and forgotten, so ten million of them need no more memory than one.
 * Nothing is deleted; what other options left in the store stays there.
 */

import pMap, { pMapSkip } from 'p-map';
import type { WriterSchema } from '../avro/avro-schema.ts';
import { writeContainer } from '../avro/container-writer.ts';
import { compileEventTypeGlobs } from '../discovery/event-type-globs.ts';
import { interruptionOf, throwIfInterrupted } from '../discovery/interruption.ts';
import type { ObjectStore } from '../discovery/object-store.ts';
import { CurrentsError } from '../errors.ts';
import { createDelivery, type Delivery, type PlannedObject } from './delivery.ts';
import { createFillRecord, type FillRecord } from './fields/fill-record.ts';
import {
  type CheckedOptions,
  checkGenerateOptions,
  type GenerateOptions,
} from './generate-options.ts';
import { planReleases, type ReleasePlan } from './releases.ts';
import { tellEvents } from './tell-events.ts';
import { createDraw } from './world/draw.ts';

export interface GeneratedSummary {
  objects: number;
  /** Distinct events. */
  events: number;
  /** Events that were delivered a second time. */
  duplicates: number;
  /** Events that arrived in a later hour than they happened in. */
  late: number;
  bytes: number;
  /** Distinct events of each type, in alphabetical order. */
  byEventType: Record<string, number>;
  /** Releases of the period, oldest first. */
  releases: readonly string[];
  /** First instant of the period, and the first after it. */
  from: Date;
  until: Date;
}

export interface GenerateProgress {
  readonly objects: number;
  /** Distinct events so far; those of the last few objects are still on their way. */
  readonly events: number;
  readonly totalEvents: number;
  readonly bytes: number;
}

/** Puts on their way at a time: enough to hide a network, few enough to keep in memory. */
const CONCURRENT_PUTS = 4;
/** A stream of chance for deliveries, so that what is delivered twice does not change what happens. */
const DELIVERY_STREAM = 2;

/**
 * @param onProgress called after each object
 * @throws CurrentsError USAGE for a wrong option, or when no event type of the filter exists in the
 *   release; INTERRUPTED when the signal says so; whatever the store throws
 */
export async function generateBucket(
  store: Pick<ObjectStore, 'put'>,
  options: Partial<GenerateOptions>,
  onProgress?: (progress: GenerateProgress) => void,
  signal?: AbortSignal,
): Promise<GeneratedSummary> {
  const checked = checkGenerateOptions(options);
  const until = Math.floor(checked.until.getTime() / 3_600_000) * 3_600;
  const from = until - checked.hours * 3_600;
  const releases = planReleases(checked.hours, checked.release);
  const delivery = createDelivery(
    { ...checked, from },
    releases,
    createDraw(checked.seed, DELIVERY_STREAM),
  );
  const told: Told = { events: 0, byEventType: new Map() };
  const progress = { objects: 0, totalEvents: checked.events, bytes: 0 };
  const fillers = new Map<WriterSchema, FillRecord>();

  const write = async ({ key, schema, events }: PlannedObject): Promise<typeof pMapSkip> => {
    throwIfInterrupted(signal, 'generate a bucket');
    let fill = fillers.get(schema.schema);
    if (fill === undefined) {
      fill = createFillRecord(schema.schema.type, checked.seed);
      fillers.set(schema.schema, fill);
    }
    const bytes = await writeContainer(schema.schema.json, events.map(fill), {
      codec: checked.codec,
    });
    await store.put(key, bytes);
    progress.objects++;
    progress.bytes += bytes.length;
    onProgress?.({ ...progress, events: told.events });
    return pMapSkip;
  };

  try {
    const objects = planObjects(checked, from, releases, delivery, told);
    await pMap(objects, write, { concurrency: CONCURRENT_PUTS, ...(signal && { signal }) });
  } catch (error) {
    // p-map rejects with the signal's reason, whatever that is.
    if (signal?.aborted && !(error instanceof CurrentsError))
      throw interruptionOf(signal, 'generate a bucket');
    throw error;
  }

  const byEventType = Object.fromEntries(
    [...told.byEventType].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return {
    objects: progress.objects,
    events: told.events,
    duplicates: delivery.counts.duplicates,
    late: delivery.counts.late,
    bytes: progress.bytes,
    byEventType,
    releases: releases.releases,
    from: new Date(from * 1_000),
    until: new Date(until * 1_000),
  };
}

interface Told {
  events: number;
  readonly byEventType: Map<string, number>;
}

/** The objects in the order in which they are complete. Counts the events of each type as it goes. */
function* planObjects(
  options: CheckedOptions,
  from: number,
  releases: ReleasePlan,
  delivery: Delivery,
  told: Told,
): Generator<PlannedObject> {
  const isWanted = compileEventTypeGlobs(options.eventTypes);
  const wanted = new Map<string, boolean>();
  const canHappen = (eventType: string, hourIndex: number): boolean => {
    let isKnown = wanted.get(eventType);
    if (isKnown === undefined) {
      isKnown = isWanted(eventType);
      wanted.set(eventType, isKnown);
    }
    return isKnown && releases.findSchema(eventType, hourIndex) !== undefined;
  };
  let hourToClose = 0;
  for (const { hourIndex, events } of tellEvents({
    ...options,
    from,
    isFiltered: options.eventTypes.length > 0,
    canHappen,
  })) {
    for (; hourToClose < hourIndex; hourToClose++) yield* delivery.closeHour(hourToClose);
    for (const event of events) {
      delivery.place(event);
      told.events++;
      told.byEventType.set(event.type, (told.byEventType.get(event.type) ?? 0) + 1);
    }
    yield* delivery.takeFull();
  }
  for (; hourToClose < options.hours; hourToClose++) yield* delivery.closeHour(hourToClose);
}
