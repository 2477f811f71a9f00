/**
 * What can be asked of the generator, what it does unless asked, and what it refuses.
 */

import { CODEC_NAMES, type CodecName } from '../avro/codecs.ts';
import { findKnownSchema, listEventTypes } from '../avro/schema-registry.ts';
import { compileEventTypeGlobs } from '../discovery/event-type-globs.ts';
import type { KeyLayout } from '../discovery/object-key.ts';
import { CurrentsError } from '../errors.ts';
import { listReleases } from './releases.ts';

export interface GenerateOptions {
  /** Distinct events in all; second deliveries come on top. */
  readonly events: number;
  readonly users: number;
  /** Length of the period. */
  readonly hours: number;
  /** The same seed and options give the same objects, byte for byte. */
  readonly seed: number;
  readonly codec: CodecName;
  /** Share of events that are delivered twice, 0 to 1. */
  readonly duplicates: number;
  /** Share of events that arrive in a later hour than the one they happened in, 0 to 1. */
  readonly late: number;
  /** `both`: schema ids in the keys of the older half of the period, versions in the newer. */
  readonly layout: KeyLayout | 'both';
  /** All events are written as in this release, such as `v10`. Default: the newest three, in turn. */
  readonly release?: string;
  /** End of the period, cut to the hour. A fixed instant by default, so that runs can be compared. */
  readonly until?: Date;
  /** Globs. Default: every event type there is. */
  readonly eventTypes?: readonly string[];
  /** No object holds more. */
  readonly eventsPerObject?: number;
  /** What all keys start with: empty, or ending with a slash. */
  readonly prefix?: string;
  readonly integrationId?: string;
  readonly cluster?: string;
}

export const GENERATE_DEFAULTS = {
  events: 20_000,
  users: 1_000,
  hours: 24,
  seed: 1,
  codec: 'null',
  duplicates: 0.01,
  late: 0.02,
  layout: 'both',
  until: new Date('2026-07-06T00:00:00Z'),
  eventTypes: [],
  // Braze closes a file after five minutes or 15,000 events; Currents documentation, 2026-09.
  eventsPerObject: 15_000,
  prefix: 'currents/',
  integrationId: '64b7f0c2a1d3e4f5a6b7c8d9',
  cluster: 'prod-01',
} as const satisfies Required<Omit<GenerateOptions, 'release'>>;

/** Options with nothing left open, checked. */
export type CheckedOptions = Required<Omit<GenerateOptions, 'release'>> & {
  readonly release: string | undefined;
};

const LAYOUTS = ['schema-id', 'version', 'both'] as const;
/** Event times are 32-bit seconds; a century is enough, and the hours are kept in a list. */
const MAX_HOURS = 100 * 365 * 24;
/** Ids are unique up to here; see world/draw.ts. */
const MAX_EVENTS = 2 ** 32;

/**
 * Fills in the defaults.
 *
 * @throws CurrentsError USAGE for the first option that is out of its range or unknown
 */
export function checkGenerateOptions(given: Partial<GenerateOptions>): CheckedOptions {
  const options = { ...GENERATE_DEFAULTS, release: undefined, ...dropUndefined(given) };
  checkWhole('events', options.events, 1, MAX_EVENTS);
  checkWhole('users', options.users, 1, MAX_EVENTS);
  checkWhole('hours', options.hours, 1, MAX_HOURS);
  checkWhole('seed', options.seed, 0, 2 ** 32 - 1);
  checkWhole('eventsPerObject', options.eventsPerObject, 1, 10_000_000);
  checkShare('duplicates', options.duplicates);
  checkShare('late', options.late);
  checkOneOf('codec', options.codec, CODEC_NAMES);
  checkOneOf('layout', options.layout, LAYOUTS);
  if (options.release !== undefined) checkOneOf('release', options.release, listReleases());
  if (Number.isNaN(options.until.getTime())) refuse('until', 'not a point in time', 'a valid date');
  if (options.prefix !== '' && !options.prefix.endsWith('/')) {
    refuse('prefix', 'does not end with a slash', 'empty, or ending with "/"');
  }
  checkEventTypes(options.eventTypes, options.release);
  return options;
}

function checkEventTypes(globs: readonly string[], release: string | undefined): void {
  const wanted = listEventTypes().filter(compileEventTypeGlobs(globs));
  if (wanted.length === 0) {
    refuse('eventTypes', 'no event type matches', 'globs such as users.messages.email.*');
  }
  if (release === undefined || wanted.some((type) => findKnownSchema(type, release))) return;
  refuse(
    'eventTypes',
    `none of them exists in release ${release}`,
    'currents schemas list shows which do',
  );
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  refuse(name, String(value), `a whole number from ${least} to ${most}`);
}

function checkShare(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) refuse(name, String(value), 'a share from 0 to 1');
}

function checkOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) refuse(name, JSON.stringify(value), `one of ${allowed.join(', ')}`);
}

function refuse(name: string, found: string, expected: string): never {
  throw new CurrentsError({
    code: 'USAGE',
    message: `cannot generate a bucket: ${name} is wrong: ${found} (expected ${expected})`,
    hint: 'currents generate --help',
    context: { option: name },
  });
}

/** An option that is present but undefined means the default, as for a command line. */
function dropUndefined(given: Partial<GenerateOptions>): Partial<GenerateOptions> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
