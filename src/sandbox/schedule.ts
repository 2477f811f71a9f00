/**
 * What is told when: how many events by the end of each hour, and which journeys in an hour.
 *
 * Day and night differ. Journeys that give few events are told in a few hours only, because an hour and
 * an event type make an object, and a small bucket would otherwise consist of objects with one event.
 * Under a filter only journeys count that hold a wanted type; where the wanted type is not what the
 * journey begins with, its steps are made to lead there.
 */

import type { Draw } from './world/draw.ts';
import { mix, saltOf } from './world/draw.ts';
import { findPath, type Journey, listJourneyEvents, type Step } from './world/journey.ts';
import { JOURNEYS } from './world/journeys.ts';

/** A journey to tell, with the steps that must happen. */
interface PlannedStory {
  readonly journey: Journey;
  readonly path: readonly Step[];
}

/** A story that holds one event type for certain. */
export interface Showcase extends PlannedStory {
  readonly eventType: string;
}

export interface Schedule {
  /** Distinct events told by the end of the n-th hour; all of them at the end of the last. */
  countUntil(hourIndex: number): number;
  /** Undefined when nothing that is wanted can happen in that hour. */
  pickStory(draw: Draw, hourIndex: number): PlannedStory | undefined;
  /** One for each wanted event type, the most important first. */
  readonly showcases: readonly Showcase[];
  /** Whether a step, or anything that may follow, is a wanted event or changes a person. */
  readonly isInteresting: (step: Step) => boolean;
  /** Whether this journey is told in the n-th hour. */
  isTold(journey: Journey, hourIndex: number): boolean;
}

export interface ScheduleRequest {
  readonly events: number;
  readonly hours: number;
  /** UTC hour of the day, 0 to 23, of the first hour. */
  readonly firstHourOfDay: number;
  readonly isFiltered: boolean;
  /** Wanted, and existing in the n-th hour. */
  readonly canHappen: (eventType: string, hourIndex: number) => boolean;
}

/** Share of a day's events in each UTC hour: the people live around the world, most in the Americas. */
const HOUR_WEIGHTS = [
  5, 4.5, 4, 3.2, 2.6, 2.2, 2.2, 2.8, 3.2, 3.4, 3.6, 4, 4.8, 5.2, 5.4, 5.4, 5.2, 5, 5, 5.2, 5.4,
  5.6, 5.6, 5.4,
] as const;

/** A small bucket's objects should hold about so many events. */
const EVENTS_PER_SMALL_OBJECT = 120;

const TOTAL_WEIGHT = JOURNEYS.reduce((sum, { weight }) => sum + weight, 0);

interface Choice extends PlannedStory {
  readonly weight: number;
}

export function createSchedule(request: ScheduleRequest): Schedule {
  const { events, canHappen, isFiltered } = request;
  const timetable = new Map(JOURNEYS.map((journey) => [journey, planHours(journey, request)]));
  const isTold = (journey: Journey, hourIndex: number): boolean =>
    timetable.get(journey)?.told.has(hourIndex) ?? false;

  const listChoices = (hourIndex: number): readonly Choice[] => {
    const possible = JOURNEYS.flatMap((journey) => {
      const wanted = [...listJourneyEvents(journey)].filter((type) => canHappen(type, hourIndex));
      if (wanted.length === 0) return [];
      // A journey of few hours makes up for it in these.
      const { told, possibleHours } = timetable.get(journey) as Timetable;
      return planStories(journey, wanted, isFiltered, (journey.weight * possibleHours) / told.size);
    });
    const told = possible.filter(({ journey }) => isTold(journey, hourIndex));
    return told.length > 0 ? told : possible;
  };

  const cumulated = cumulateHours(request, listChoices);
  const showcases = listShowcases(request);
  let choices: readonly Choice[] = [];
  let choicesHour = -1;

  return {
    countUntil: (hourIndex) => cumulated[hourIndex] ?? events,
    pickStory(draw, hourIndex) {
      if (hourIndex !== choicesHour) choices = listChoices(hourIndex);
      choicesHour = hourIndex;
      return pickChoice(draw, choices);
    },
    showcases,
    isInteresting: createInterest(new Set(showcases.map(({ eventType }) => eventType))),
    isTold,
  };
}

interface Timetable {
  /** How many hours have something that is wanted in this journey. */
  readonly possibleHours: number;
  /** The hours in which it is told: all of these, or some at even distances. */
  readonly told: ReadonlySet<number>;
}

function planHours(journey: Journey, { events, hours, canHappen }: ScheduleRequest): Timetable {
  const types = [...listJourneyEvents(journey)];
  const possible = Array.from({ length: hours }, (_, hour) => hour).filter((hour) =>
    types.some((type) => canHappen(type, hour)),
  );
  const share = journey.weight / TOTAL_WEIGHT;
  const wanted = Math.ceil((events * share) / types.length / EVENTS_PER_SMALL_OBJECT);
  const count = journey.isRoundTheClock ? possible.length : Math.min(possible.length, wanted);
  const shift = mix(saltOf(journey.name), 1) % Math.max(1, possible.length);
  const told = possible.filter((_, at) => {
    const rank = (at + shift) * count;
    return Math.floor((rank + count) / possible.length) > Math.floor(rank / possible.length);
  });
  return { possibleHours: possible.length, told: new Set(told) };
}

/** The ways to tell this journey: freely if it then begins with a wanted event, else to each of them. */
function planStories(
  journey: Journey,
  wanted: readonly string[],
  isFiltered: boolean,
  weight: number,
): readonly Choice[] {
  if (!isFiltered) return [{ journey, path: [], weight }];
  if (wanted.some((type) => beginsWith(journey, type))) {
    return [{ journey, path: [journey.start], weight }];
  }
  // Ten other journeys may lead there too, but by long ways.
  const nearest = wanted.filter((type) => findShortest(type)?.journey === journey);
  return nearest.map((type) => ({
    journey,
    path: findPath(journey, type) ?? [],
    weight: weight / nearest.length,
  }));
}

/** The journey with the fewest steps to this event type. */
function findShortest(eventType: string): PlannedStory | undefined {
  let shortest: PlannedStory | undefined;
  for (const journey of JOURNEYS) {
    const path = findPath(journey, eventType);
    if (path !== undefined && path.length < (shortest?.path.length ?? Number.POSITIVE_INFINITY)) {
      shortest = { journey, path };
    }
  }
  return shortest;
}

/** Whether most stories of the journey begin with this event. */
function beginsWith(journey: Journey, eventType: string): boolean {
  const path = findPath(journey, eventType) ?? [];
  const isFirst = path.filter((step) => step.event !== undefined).length === 1;
  return isFirst && path.every((step) => (step.chance ?? 1) > 0.5);
}

function listShowcases({ hours, canHappen }: ScheduleRequest): readonly Showcase[] {
  const everyHour = Array.from({ length: hours }, (_, hour) => hour);
  const types = new Set(JOURNEYS.flatMap((journey) => [...listJourneyEvents(journey)]));
  return [...types].flatMap((eventType) => {
    const shortest = findShortest(eventType);
    const exists = everyHour.some((hour) => canHappen(eventType, hour));
    return shortest !== undefined && exists ? [{ eventType, ...shortest }] : [];
  });
}

/** Answers once for each step; steps are shared between journeys. */
function createInterest(wanted: ReadonlySet<string>): (step: Step) => boolean {
  const known = new Map<Step, boolean>();
  const isInteresting = (step: Step): boolean => {
    let answer = known.get(step);
    if (answer === undefined) {
      answer =
        step.effect !== undefined ||
        (step.event !== undefined && wanted.has(step.event)) ||
        [...(step.leadsTo ?? []), ...(step.leadsToOneOf ?? [])].some(isInteresting);
      known.set(step, answer);
    }
    return answer;
  };
  return isInteresting;
}

/**
 * Events told by the end of each hour. An hour has as many as the journeys that are told in it weigh, so
 * that a journey of few hours does not fill the hours in which nothing else happens.
 */
function cumulateHours(
  { events, hours, firstHourOfDay }: ScheduleRequest,
  listChoices: (hourIndex: number) => readonly Choice[],
): readonly number[] {
  const weights = Array.from({ length: hours }, (_, hour) => {
    const told = listChoices(hour).reduce((sum, choice) => sum + choice.weight, 0);
    return told * (HOUR_WEIGHTS[(firstHourOfDay + hour) % 24] ?? 1);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => {
    sum += weight;
    return Math.round((events * sum) / total);
  });
}

function pickChoice(draw: Draw, choices: readonly Choice[]): PlannedStory | undefined {
  const total = choices.reduce((sum, choice) => sum + choice.weight, 0);
  let rest = draw.share() * total;
  for (const choice of choices) {
    rest -= choice.weight;
    if (rest < 0) return choice;
  }
  return choices[0];
}
