/**
 * What can happen to a person, as data: a journey is a tree of steps, and walking it with chance gives
 * the events of one story.
 *
 * A step follows its parent by `after` seconds, so what causes something always comes before it and no
 * count can exceed the one it depends on: no delivery without a send, no open without a delivery.
 * `findPath` gives the steps that lead to an event type; walked as "must happen", the story holds that
 * event for certain.
 */

import type { Channel } from './campaigns.ts';
import type { Device } from './devices.ts';
import type { Draw } from './draw.ts';
import type { Persona } from './personas.ts';
import type { FieldValues, Message, Visit } from './story-event.ts';

/** What a story changes about a person for good. */
export type Effect =
  | 'leaveEmail'
  | 'joinEmail'
  | 'leavePhone'
  | 'joinPhone'
  | 'uninstall'
  | 'identify'
  | 'merge'
  | 'delete';

/** Where the story stands when a step happens. */
export interface Moment {
  readonly draw: Draw;
  readonly person: Persona;
  /** Another person who takes part: the one that survives a merge. */
  readonly other: Persona;
  readonly device: Device | undefined;
  readonly message: Message | undefined;
  readonly visit: Visit | undefined;
  readonly time: number;
}

export interface Step {
  /** The event type that this step is; none for a mere fork. */
  readonly event?: string;
  /** How often it happens once its parent has; its weight among `leadsToOneOf`. Default 1. */
  readonly chance?: number;
  /** Engaged people do it more, others less. */
  readonly isEager?: true;
  /** Seconds after the parent, mostly near the first. Default: at once. */
  readonly after?: readonly [number, number];
  /** A session begins, on one of the person's devices. */
  readonly startsVisit?: true;
  /** From here on it is the Canvas step of this channel. */
  readonly entersChannel?: Channel;
  /** Only possible in messages of this origin. */
  readonly needs?: 'campaign' | 'canvas';
  readonly when?: (moment: Moment) => boolean;
  readonly values?: (moment: Moment) => FieldValues;
  readonly effect?: Effect;
  /** Each of these may follow, independently. */
  readonly leadsTo?: readonly Step[];
  /** Exactly one of these follows. */
  readonly leadsToOneOf?: readonly Step[];
}

/** Whom a journey takes: people who can be reached that way. */
export type Audience = 'email' | 'phone' | 'push' | 'app' | 'any' | 'newcomer' | 'anonymous';

export interface Journey {
  readonly name: string;
  /** How many of a hundred stories are this one, roughly. */
  readonly weight: number;
  readonly audience: Audience;
  /** Where its messages come from; none when it is not about a message. */
  readonly origin?: 'campaign' | 'canvas';
  readonly channel?: Channel;
  /** Told in every hour, also in a small bucket. */
  readonly isRoundTheClock?: true;
  /** Starts on one of the person's devices. */
  readonly isOnDevice?: true;
  readonly start: Step;
}

/** The steps from the journey's start to this event type; undefined when the journey has none. */
export function findPath(journey: Journey, eventType: string): readonly Step[] | undefined {
  const search = (step: Step): readonly Step[] | undefined => {
    if (step.needs !== undefined && step.needs !== journey.origin) return undefined;
    if (step.event === eventType) return [step];
    for (const next of [...(step.leadsTo ?? []), ...(step.leadsToOneOf ?? [])]) {
      const rest = search(next);
      if (rest !== undefined) return [step, ...rest];
    }
    return undefined;
  };
  return search(journey.start);
}

/** Every event type that the journey can hold, causes before effects. */
export function listJourneyEvents(journey: Journey): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (step: Step): void => {
    if (step.needs !== undefined && step.needs !== journey.origin) return;
    if (step.event !== undefined) found.add(step.event);
    for (const next of [...(step.leadsTo ?? []), ...(step.leadsToOneOf ?? [])]) visit(next);
  };
  visit(journey.start);
  return found;
}
