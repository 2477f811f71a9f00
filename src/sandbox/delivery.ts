/**
 * Events → objects, as Currents delivers them: by event type and by the hour in which they arrive.
 *
 * Some arrive hours or days after they happened, some arrive twice, in the same object or in a later one.
 * What comes late or again joins the next object of its type from then on, otherwise a small bucket would
 * be full of objects with a single event.
 *
 * An object is complete when it has its number of events or when its hour is over; events that wait are
 * limited, and when there are too many the fullest object is closed early. So memory does not depend on
 * how many events there are in all.
 */

import { formatObjectKey, type KeyLayout } from '../discovery/object-key.ts';
import type { ReleasedSchema, ReleasePlan } from './releases.ts';
import type { Draw } from './world/draw.ts';
import type { StoryEvent } from './world/story-event.ts';

export interface DeliveryOptions {
  readonly seed: number;
  readonly hours: number;
  /** Start of the period, seconds since 1970. */
  readonly from: number;
  readonly layout: KeyLayout | 'both';
  readonly duplicates: number;
  readonly late: number;
  readonly eventsPerObject: number;
  readonly prefix: string;
  readonly integrationId: string;
  readonly cluster: string;
}

/** One object that is ready to be written. */
export interface PlannedObject {
  readonly key: string;
  readonly schema: ReleasedSchema;
  readonly events: readonly StoryEvent[];
}

export interface Delivery {
  /** Puts an event into the object in which it arrives, perhaps into two. */
  place(event: StoryEvent): void;
  /** Objects that have become full, each once. */
  takeFull(): readonly PlannedObject[];
  /** All objects of an hour into which nothing more can come. */
  closeHour(hourIndex: number): readonly PlannedObject[];
  /** Events so far that were delivered a second time, and that arrived after their hour. */
  readonly counts: { readonly duplicates: number; readonly late: number };
}

/** Events that wait for their object, all in all, unless a single object may hold more. */
const MAX_WAITING = 400_000;
const MAX_LATE_HOURS = 96;
const MAX_REPEAT_HOURS = 12;
/** Partitions of the topic behind an event type; only keys show them. */
const PARTITIONS = 4;
const ZONE = 'us-east-1';
const ENVIRONMENT = 'production';

/** An event that arrives in this hour or later, with the next object. */
interface Straggler {
  readonly event: StoryEvent;
  readonly earliest: number;
}

/** The events of one event type that arrive in one hour. */
interface OpenObject {
  readonly eventType: string;
  readonly hourIndex: number;
  events: StoryEvent[];
}

export function createDelivery(
  options: DeliveryOptions,
  releases: ReleasePlan,
  draw: Draw,
): Delivery {
  const { hours, from, eventsPerObject } = options;
  const lastHour = hours - 1;
  const maxWaiting = Math.max(MAX_WAITING, 2 * eventsPerObject);
  // In the last hour nothing can be late any more; the others make up for it.
  const lateChance = hours > 1 ? Math.min(1, (options.late * hours) / (hours - 1)) : 0;
  const open = Array.from({ length: hours }, () => new Map<string, OpenObject>());
  const writtenObjects = new Map<string, number>();
  const offsets = new Map<string, number>();
  const stragglers = new Map<string, Straggler[]>();
  const counts = { duplicates: 0, late: 0 };
  let waiting = 0;
  let full: PlannedObject[] = [];

  const close = (object: OpenObject): PlannedObject => {
    const { eventType, hourIndex, events } = object;
    object.events = [];
    waiting -= events.length;
    const schema = releases.findSchema(eventType, hourIndex);
    if (schema === undefined) throw new Error(`no schema for ${eventType} in hour ${hourIndex}`);
    const number = writtenObjects.get(eventType) ?? 0;
    writtenObjects.set(eventType, number + 1);
    const partition = number % PARTITIONS;
    const offsetName = `${partition} ${eventType}`;
    const offset = offsets.get(offsetName) ?? 0;
    offsets.set(offsetName, offset + events.length);
    const layout = layoutOf(options.layout, hourIndex, hours);
    const key = formatObjectKey({
      layout,
      prefix: options.prefix,
      cluster: options.cluster,
      integrationId: options.integrationId,
      eventType,
      hour: new Date((from + hourIndex * 3_600) * 1_000),
      schemaVersion: String(layout === 'version' ? schema.versionNumber : schema.schemaId),
      zone: layout === 'version' ? ENVIRONMENT : ZONE,
      partition: String(partition),
      offset: String(offset).padStart(10, '0'),
    });
    return { key, schema, events };
  };

  const append = (event: StoryEvent, hourIndex: number): void => {
    const ofHour = open[hourIndex] as Map<string, OpenObject>;
    let object = ofHour.get(event.type);
    if (object === undefined) {
      object = { eventType: event.type, hourIndex, events: [] };
      ofHour.set(event.type, object);
    }
    object.events.push(event);
    if (object.events.length >= eventsPerObject) full.push(close(object));
    else if (waiting > maxWaiting) full.push(close(findFullest(open)));
  };

  const wait = (event: StoryEvent, earliest: number): void => {
    const ofType = stragglers.get(event.type);
    if (ofType === undefined) stragglers.set(event.type, [{ event, earliest }]);
    else ofType.push({ event, earliest });
    waiting++;
  };

  /** Those of this type that may arrive by this hour do. */
  const catchUp = (eventType: string, hourIndex: number): void => {
    const ofType = stragglers.get(eventType) ?? [];
    const rest = ofType.filter(({ earliest }) => earliest > hourIndex);
    if (rest.length === ofType.length) return;
    stragglers.set(eventType, rest);
    for (const { event, earliest } of ofType) if (earliest <= hourIndex) append(event, hourIndex);
  };

  const takeFull = (): readonly PlannedObject[] => {
    const taken = full;
    full = [];
    return taken;
  };

  return {
    counts,
    place(event) {
      const happened = Math.floor((event.time - from) / 3_600);
      const isLate = happened < lastHour && draw.happens(lateChance);
      let arrived = happened;
      if (isLate) {
        arrived = Math.min(lastHour, happened + Math.ceil(draw.skewed(0.01, MAX_LATE_HOURS)));
        counts.late++;
        wait(event, arrived);
      } else {
        waiting++;
        append(event, happened);
      }
      if (!draw.happens(options.duplicates)) return;
      counts.duplicates++;
      if (!isLate && draw.happens(0.5)) {
        waiting++;
        append(event, happened);
      } else {
        wait(event, Math.min(lastHour, arrived + draw.whole(1, MAX_REPEAT_HOURS)));
      }
    },
    takeFull,
    closeHour(hourIndex) {
      const types = hourIndex === lastHour ? stragglers.keys() : open[hourIndex]?.keys();
      for (const eventType of types ?? []) catchUp(eventType, hourIndex);
      const objects = [...(open[hourIndex]?.values() ?? [])].filter(
        ({ events }) => events.length > 0,
      );
      open[hourIndex]?.clear();
      // Catching up may have filled some objects to the brim.
      return [...takeFull(), ...objects.map(close)];
    },
  };
}

/** With both layouts, the older half of the period has schema ids in its keys, the newer one versions. */
function layoutOf(layout: KeyLayout | 'both', hourIndex: number, hours: number): KeyLayout {
  if (layout !== 'both') return layout;
  return hourIndex * 2 < hours ? 'schema-id' : 'version';
}

function findFullest(open: readonly ReadonlyMap<string, OpenObject>[]): OpenObject {
  let fullest: OpenObject | undefined;
  for (const ofHour of open) {
    for (const object of ofHour.values()) {
      if (object.events.length > (fullest?.events.length ?? 0)) fullest = object;
    }
  }
  return fullest as OpenObject;
}
