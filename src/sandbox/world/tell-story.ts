/**
 * One story: a person goes through a journey. Comes in: the journey, when it starts, and perhaps the
 * steps that must happen. Goes out: its events, causes before effects.
 *
 * Effects on the person are applied as the steps happen, also when nobody wants their events. Branches
 * of the journey that hold neither are not walked: most of the time goes into walking.
 */

import { type Draw, uuidOf } from './draw.ts';
import type { Journey, Moment, Step } from './journey.ts';
import { enterChannel, hasStep, type Messages } from './messages.ts';
import type { Persona } from './personas.ts';
import type { Population } from './population.ts';
import { pickProduct } from './shop.ts';
import type { Message, StoryEvent, Visit } from './story-event.ts';

/** What a story draws from, and who listens to it. */
export interface World {
  readonly draw: Draw;
  readonly population: Population;
  readonly messages: Messages;
  readonly listener: Listener;
}

interface Listener {
  /** Whether anything from this step on may be wanted; the same for every story. */
  isInteresting(step: Step): boolean;
  /** The number of an event that is wanted; undefined for any other. */
  number(eventType: string, time: number): number | undefined;
}

const VISIT = 801;

/**
 * Nothing is told when the world has no more people for it, unless it must be.
 *
 * @param time start of the story, in seconds
 * @param path steps that happen for certain; see findPath
 * @param lastTime what would happen later is moved to this second; only for stories that must be complete
 */
export function tellStory(
  world: World,
  journey: Journey,
  time: number,
  path: readonly Step[] = [],
  lastTime = Number.POSITIVE_INFINITY,
): readonly StoryEvent[] {
  const { draw, population } = world;
  const { effect } = journey.start;
  if (effect !== undefined && path.length === 0 && !population.hasRoomFor(effect)) return [];
  const person = population.pick(draw, journey.audience, time);
  const start: Moment = {
    draw,
    person,
    other: effect === 'merge' ? pickOther(world, person, time) : person,
    device: journey.isOnDevice ? person.devices[0] : undefined,
    message: createMessage(world, journey, time, path),
    visit: undefined,
    time: Math.min(time, lastTime),
  };
  const events: StoryEvent[] = [];
  walk({ world, path, lastTime, events }, journey.start, start);
  return events;
}

/** Somebody else, if a few tries find one. */
function pickOther({ draw, population }: World, person: Persona, time: number): Persona {
  let other = person;
  for (let attempt = 0; attempt < 5 && other.index === person.index; attempt++) {
    other = population.pick(draw, 'any', time);
  }
  return other;
}

interface Walk {
  readonly world: World;
  readonly path: readonly Step[];
  readonly lastTime: number;
  readonly events: StoryEvent[];
}

function createMessage(
  { draw, messages }: World,
  journey: Journey,
  time: number,
  path: readonly Step[],
): Message | undefined {
  if (journey.origin === 'canvas') {
    const channel = path.find((step) => step.entersChannel !== undefined)?.entersChannel;
    return messages.createCanvasMessage(draw, channel);
  }
  if (journey.channel === undefined) return undefined;
  return messages.createCampaignMessage(draw, journey.channel, time);
}

function walk(story: Walk, step: Step, before: Moment): void {
  const { world, path } = story;
  const { population, listener } = world;
  const moment = proceed(step, before, story.lastTime);
  if (step.event !== undefined) tell(story, step, step.event, moment);
  if (step.effect !== undefined) population.apply(step.effect, moment.person, moment.other);
  if (step.leadsTo !== undefined) {
    for (const next of step.leadsTo) {
      if (!listener.isInteresting(next)) continue;
      if (path.includes(next) || isDue(next, moment)) walk(story, next, moment);
    }
  }
  if (step.leadsToOneOf !== undefined) {
    const onPath = step.leadsToOneOf.find((choice) => path.includes(choice));
    const next = onPath ?? chooseStep(step.leadsToOneOf, moment);
    if (listener.isInteresting(next)) walk(story, next, moment);
  }
}

function tell({ world, events }: Walk, step: Step, type: string, moment: Moment): void {
  const { person, device, message, visit, time } = moment;
  const sequence = world.listener.number(type, time);
  if (sequence === undefined) return;
  const isIdentified = world.population.isIdentified(person);
  const values = step.values?.(moment);
  events.push({ type, sequence, time, person, isIdentified, device, message, visit, values });
}

/** Where the story stands once the step has been taken. */
function proceed(step: Step, before: Moment, lastTime: number): Moment {
  const { after, startsVisit, entersChannel } = step;
  if (after === undefined && !startsVisit && entersChannel === undefined) return before;
  const { draw, person, other } = before;
  const waitSeconds = after === undefined ? 0 : Math.round(draw.skewed(after[0], after[1]));
  const time = Math.min(before.time + waitSeconds, lastTime);
  let { device, message, visit } = before;
  if (entersChannel !== undefined && message !== undefined) {
    message = enterChannel(message, entersChannel);
    if (entersChannel === 'push') device = person.devices[0];
  }
  if (startsVisit) {
    device ??= draw.pick<(typeof person.devices)[number]>(person.devices);
    visit = startVisit(draw, person, time);
  }
  return { draw, person, other, device, message, visit, time };
}

function startVisit(draw: Draw, person: Persona, time: number): Visit {
  const id = uuidOf(draw.whole(0, 0xffff_ffff), VISIT + person.index);
  return { id, startedAt: time, product: pickProduct(draw) };
}

function isDue(step: Step, moment: Moment): boolean {
  if (step.needs === 'campaign' && moment.message?.campaign === undefined) return false;
  if (step.needs === 'canvas' && moment.message?.canvas === undefined) return false;
  if (step.when !== undefined && !step.when(moment)) return false;
  const eagerness = step.isEager ? 0.2 + 1.6 * moment.person.engagement : 1;
  return moment.draw.happens((step.chance ?? 1) * eagerness);
}

/** One of them by their weights; a Canvas goes only to channels that it has a step for. */
function chooseStep(choices: readonly Step[], { draw, message }: Moment): Step {
  const weigh = ({ chance, entersChannel }: Step): number => {
    const { canvas } = message ?? {};
    if (entersChannel !== undefined && canvas && !hasStep(canvas, entersChannel)) return 0;
    return chance ?? 1;
  };
  let total = 0;
  for (const choice of choices) total += weigh(choice);
  let rest = draw.share() * total;
  for (const choice of choices) {
    rest -= weigh(choice);
    if (rest < 0) return choice;
  }
  return choices[0] as Step;
}
