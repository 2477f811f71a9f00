/**
 * The generated buckets that are loaded: what is in them, and how they are made.
 *
 * The generator is seeded: the same number of events gives the same objects on every machine. Its
 * defaults hold but for what is said here, so one event in a hundred is delivered twice.
 */

import type { CodecName } from '../src/avro/container-writer.ts';
import { listEventTypes } from '../src/avro/schema-registry.ts';
import { openStore } from '../src/discovery/open-store.ts';
import { type GeneratedSummary, generateBucket } from '../src/sandbox/generate-bucket.ts';
import type { GenerateOptions } from '../src/sandbox/generate-options.ts';

/**
 * wide: 30 columns, nearly all text. medium: 16 columns, one of them JSON. small: 93 event types in objects
 * of 300 events, the usual case. mixed: 99 of them, as `currents generate` makes them.
 */
export const INPUT_NAMES = ['wide', 'medium', 'small', 'mixed'] as const;

export type InputName = (typeof INPUT_NAMES)[number];

/** The codecs that Currents writes. */
export const CODECS = ['null', 'deflate'] as const satisfies readonly CodecName[];

export type Codec = (typeof CODECS)[number];

const EVENTS_PER_OBJECT = 100_000;
const EVENTS_PER_SMALL_OBJECT = 300;
const EVENTS_PER_USER = 10;

/**
 * Without requests to delete people. Ours would erase the events of those whom they name and write the whole
 * file anew, which is no part of a load, and its rows would be others than the generator told.
 */
const EVENT_TYPES = listEventTypes().filter((type) => type !== 'users.UserDeleteRequest');

/** @param folder to be filled; @param events distinct ones, second deliveries come on top */
export async function generateInput(
  name: InputName,
  codec: Codec,
  events: number,
  folder: string,
): Promise<GeneratedSummary> {
  const store = openStore(folder);
  try {
    const users = Math.ceil(events / EVENTS_PER_USER);
    return await generateBucket(store, { events, users, codec, ...optionsOf(name, events) });
  } finally {
    store.close();
  }
}

function optionsOf(name: InputName, events: number): Partial<GenerateOptions> {
  switch (name) {
    case 'wide':
      return { eventTypes: ['users.messages.email.Open'], ...inLargeObjects(events) };
    case 'medium':
      return { eventTypes: ['users.behaviors.CustomEvent'], ...inLargeObjects(events) };
    case 'small':
      // 3,000 full objects of the default million, and one that is not full for each type.
      return {
        eventTypes: EVENT_TYPES,
        events: Math.ceil(events * 0.9),
        eventsPerObject: EVENTS_PER_SMALL_OBJECT,
        hours: 1,
        release: 'v10',
      };
    case 'mixed':
      return { eventTypes: EVENT_TYPES };
  }
}

/** One object an hour, of about as many events each. */
function inLargeObjects(events: number): Partial<GenerateOptions> {
  return {
    hours: Math.max(1, Math.round(events / EVENTS_PER_OBJECT)),
    eventsPerObject: 2 * EVENTS_PER_OBJECT,
  };
}
