/**
 * The events of the whole period, hour by hour, exactly as many as asked for.
 *
 * Stories start in time order and everything they tell happens at or after their start, so once an hour
 * has been told nothing more can happen in it. What would happen after the period has not happened yet
 * and is left out, with all that follows from it; so is what nobody asked for. Rare event types get a
 * story of their own when chance has not brought one.
 */

import { createSchedule, type Schedule, type Showcase } from './schedule.ts';
import { createDraw } from './world/draw.ts';
import { createMessages } from './world/messages.ts';
import { createPopulation } from './world/population.ts';
import type { StoryEvent } from './world/story-event.ts';
import { tellStory, type World } from './world/tell-story.ts';

export interface TellRequest {
  readonly seed: number;
  readonly events: number;
  readonly users: number;
  readonly hours: number;
  /** Start of the period, seconds since 1970, on the hour. */
  readonly from: number;
  readonly isFiltered: boolean;
  /** Wanted, and existing in the n-th hour. */
  readonly canHappen: (eventType: string, hourIndex: number) => boolean;
}

/** Below this there is no room to wait for chance: rare types are told from the start, most important first. */
const EVENTS_WITHOUT_HURRY = 3_000;
/** Share of the period after which missing event types are made to happen. */
const SHARE_BEFORE_SHOWCASES = 0.4;
/** Most showcases are shorter. */
const EVENTS_PER_SHOWCASE = 6;
const MAX_RESERVED_SHARE = 0.2;
/** Stories in a row that gave nothing, before the next one must fit into the period. */
const MAX_FRUITLESS = 20;

/** Yields after each story: its events, and the hour that is being told. The list may be empty. */
export function* tellEvents(
  request: TellRequest,
): Generator<{ readonly hourIndex: number; readonly events: readonly StoryEvent[] }, void> {
  const { seed, from, hours, canHappen } = request;
  const until = from + hours * 3_600;
  const schedule = createSchedule({
    ...request,
    firstHourOfDay: Math.floor(from / 3_600) % 24,
  });
  const missing = new Set(schedule.showcases);
  let sequence = 0;
  const world: World = {
    draw: createDraw(seed),
    population: createPopulation(seed, request.users),
    messages: createMessages(seed, from, until),
    listener: {
      isInteresting: schedule.isInteresting,
      number(eventType, time) {
        if (time >= until || sequence >= request.events) return undefined;
        const hourIndex = Math.floor((time - from) / 3_600);
        return canHappen(eventType, hourIndex) ? sequence++ : undefined;
      },
    },
  };

  for (let hourIndex = 0; hourIndex < hours; hourIndex++) {
    const start = from + hourIndex * 3_600;
    const first = sequence;
    const isLast = hourIndex === hours - 1;
    const limit = () => {
      const reserve = isLast ? 0 : reserveFor(missing.size, request.events);
      return Math.min(schedule.countUntil(hourIndex), request.events - reserve);
    };
    const quota = Math.max(1, limit() - first);
    // Stories are spread over the hour in the order of their start.
    const now = () => start + Math.min(3_599, Math.floor(((sequence - first) / quota) * 3_600));

    for (const showcase of listDue(missing, schedule, request, hourIndex)) {
      if (sequence >= limit()) break;
      if (!missing.has(showcase)) continue;
      const { journey, path } = showcase;
      const events = tellStory(world, journey, now(), path, until - 1);
      forgetShown(missing, events);
      yield { hourIndex, events };
    }
    let fruitless = 0;
    while (sequence < limit()) {
      const story = schedule.pickStory(world.draw, hourIndex);
      if (story === undefined) break;
      const lastTime = fruitless < MAX_FRUITLESS ? undefined : until - 1;
      const events = tellStory(world, story.journey, now(), story.path, lastTime);
      if (missing.size > 0) forgetShown(missing, events);
      fruitless = events.length > 0 ? 0 : fruitless + 1;
      yield { hourIndex, events };
    }
    yield { hourIndex, events: [] };
  }
}

/** Events to keep for the last hour, so that what is still missing then can happen. */
function reserveFor(missing: number, events: number): number {
  return Math.min(missing * EVENTS_PER_SHOWCASE, Math.floor(events * MAX_RESERVED_SHARE));
}

/** The showcases to tell in this hour: those not seen by chance so far, in hours that have their journey. */
function listDue(
  missing: ReadonlySet<Showcase>,
  schedule: Schedule,
  request: TellRequest,
  hourIndex: number,
): readonly Showcase[] {
  const { events, hours, canHappen } = request;
  const isHurried = events < EVENTS_WITHOUT_HURRY;
  if (!isHurried && hourIndex < Math.floor(hours * SHARE_BEFORE_SHOWCASES)) return [];
  const isLast = hourIndex === hours - 1;
  return [...missing].filter(
    ({ eventType, journey }) =>
      canHappen(eventType, hourIndex) &&
      (isHurried || isLast || schedule.isTold(journey, hourIndex)),
  );
}

function forgetShown(missing: Set<Showcase>, events: readonly StoryEvent[]): void {
  for (const { type } of events) {
    for (const showcase of missing) if (showcase.eventType === type) missing.delete(showcase);
  }
}
