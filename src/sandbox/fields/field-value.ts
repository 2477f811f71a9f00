/**
 * What a field of an event holds by itself, when the story did not say: a function of the event and of a
 * random number that belongs to this event and this field alone.
 *
 * `null` and `undefined` are both null; where the schema forbids null, fill-record.ts finds a stand-in.
 */

import type { StoryEvent } from '../world/story-event.ts';

/** @param random 32 bits; the same for every delivery of the event */
export type FieldValue = (event: StoryEvent, random: number) => unknown;

export type FieldTable = Readonly<Record<string, FieldValue>>;
