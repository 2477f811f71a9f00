/**
 * Which objects to look at: a plan (event types, hours, what the ledger has seen) goes in, pages of
 * objects come out, as data. Whether an object is new is the ledger's business, not decided here.
 *
 * Never "everything after the greatest key seen": partitions of one hour interleave, hours close late,
 * and event types stand in alphabetical order. Instead each event type is listed from `lookback` before
 * its newest hour on, and now and then everything. So a poll with nothing new costs about one request
 * for each event type, and an object later than the lookback waits for the next full listing.
 * Objects may come in any order, and one that is written meanwhile may come or not.
 */

import { compileEventTypeGlobs } from './event-type-globs.ts';
import { findEventTypeFolders } from './find-event-type-folders.ts';
import { listEverything } from './list-everything.ts';
import { mergePages } from './merge-pages.ts';
import { createKeyDescriber, describeKey, formatKeyHour } from './object-key.ts';
import type { ListedObject, ObjectStore } from './object-store.ts';

const HOUR_MS = 3_600_000;

/** Bounds of the search for new integrations on each incremental poll; a full listing has none. */
const MAX_SEARCH_DEPTH = 3;
const MAX_SEARCHED_FOLDERS = 50;

/** S3 answers 5,500 listings a second and prefix; eight keep a poll over 94 event types near a second. */
const CONCURRENT_LISTINGS = 8;

/** Of a full listing, every page is a full one: eight at a time take 60 MB more and save little. */
const CONCURRENT_STRETCHES = 4;

export interface ListingPlanInput {
  /** Globs such as `users.messages.email.*`; empty means all, and keys without an event type too. */
  readonly eventTypes: readonly string[];
  /**
   * From the hour that contains this on, whatever the lookback says; before `until`, not with it.
   * With either, keys that name no hour are left out.
   */
  readonly since?: Date;
  readonly until?: Date;
  /** Everything that is there, instead of what the lookback suggests. */
  readonly full: boolean;
  readonly lookbackMs: number;
  readonly now: Date;
  /** The newest hour in the ledger for each event type's folder, as `eventTypeFolderOf` names it. */
  readonly newestHours: ReadonlyMap<string, Date>;
}

export interface DiscoveredObject extends ListedObject {
  /** From the key; undefined where only the header inside can tell. */
  readonly eventType: string | undefined;
  readonly hour: Date | undefined;
  /** Schema id, or the `7` of `version=7`. */
  readonly schemaVersion: string | undefined;
}

/** Pages of `.avro` objects, never an empty page. Stops at the signal with INTERRUPTED. */
export async function* listNewObjects(
  store: ObjectStore,
  input: ListingPlanInput,
  signal?: AbortSignal,
): AsyncGenerator<readonly DiscoveredObject[]> {
  const select = buildSelection(input);
  for await (const page of listPages(store, input, signal)) {
    const selected = select(page);
    if (selected.length > 0) yield selected;
  }
}

async function* listPages(
  store: ObjectStore,
  input: ListingPlanInput,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly ListedObject[]> {
  if (input.full && input.eventTypes.length === 0) {
    yield* listEverything(store, input.newestHours.keys(), CONCURRENT_STRETCHES, signal);
    return;
  }
  const { eventTypeFolders, objects } = await findEventTypeFolders(store, {
    known: input.newestHours.keys(),
    maxDepth: input.full ? Number.POSITIVE_INFINITY : MAX_SEARCH_DEPTH,
    maxFolders: input.full ? Number.POSITIVE_INFINITY : MAX_SEARCHED_FOLDERS,
    concurrency: CONCURRENT_LISTINGS,
    signal,
  });
  yield objects;

  const isWanted = compileEventTypeGlobs(input.eventTypes);
  const listings = eventTypeFolders
    .filter((folder) => isWanted(describeKey(folder).eventType ?? ''))
    .map((folder) => (stop: AbortSignal) => listEventTypeFolder(store, folder, input, stop));
  yield* mergePages(listings, CONCURRENT_LISTINGS, signal);
}

/** One event type's objects from the first hour of interest on; past `until` it skips to what has no hour. */
async function* listEventTypeFolder(
  store: ObjectStore,
  folder: string,
  input: ListingPlanInput,
  signal: AbortSignal,
): AsyncGenerator<readonly ListedObject[]> {
  const prefix = store.prefix.startsWith(folder) ? store.prefix : folder;
  const firstHour = findFirstHour(folder, input);
  const startAfter =
    firstHour === undefined ? undefined : `${folder}date=${formatKeyHour(firstHour)}`;
  const end = input.until && `${folder}date=${formatKeyHour(hourFrom(input.until))}`;

  for await (const page of store.list({ prefix, signal, ...(startAfter && { startAfter }) })) {
    yield page;
    const last = page.at(-1)?.key;
    if (end !== undefined && last?.startsWith(`${folder}date=`) && last > end) {
      // ">" follows "=": what is not in a date folder may still hold hours, deeper down.
      yield* store.list({ prefix, signal, startAfter: `${folder}date>` });
      return;
    }
  }
}

/** The hour to list a folder from; undefined for all of it. */
function findFirstHour(folder: string, input: ListingPlanInput): Date | undefined {
  if (input.since !== undefined) return input.since;
  const newest = input.newestHours.get(folder);
  if (input.full || newest === undefined) return undefined;
  // An hour in the future comes from a wrong clock or a crafted key; it must not hide the present.
  const reached = Math.min(newest.getTime(), input.now.getTime());
  return new Date(reached - input.lookbackMs);
}

/** Objects that the plan asks for, with what their keys tell. */
function buildSelection(
  input: ListingPlanInput,
): (page: readonly ListedObject[]) => readonly DiscoveredObject[] {
  const isWanted = compileEventTypeGlobs(input.eventTypes);
  const takesUnnamed = input.eventTypes.length === 0;
  const fromMs = input.since && Math.floor(input.since.getTime() / HOUR_MS) * HOUR_MS;
  const isInTime = (hour: Date | undefined): boolean => {
    if (hour === undefined) return input.since === undefined && input.until === undefined;
    return (
      (fromMs === undefined || hour.getTime() >= fromMs) &&
      (input.until === undefined || hour < input.until)
    );
  };
  const describe = createKeyDescriber();
  return (page) =>
    page
      .filter((object) => /\.avro$/i.test(object.key))
      .map((object) => {
        const { eventType, hour, schemaVersion } = describe(object.key);
        const { key, etag, sizeBytes, lastModified } = object;
        return { key, etag, sizeBytes, lastModified, eventType, hour, schemaVersion };
      })
      .filter(
        ({ eventType, hour }) =>
          (eventType === undefined ? takesUnnamed : isWanted(eventType)) && isInTime(hour),
      );
}

/** The first whole hour that begins at this instant or later. */
function hourFrom(instant: Date): Date {
  return new Date(Math.ceil(instant.getTime() / HOUR_MS) * HOUR_MS);
}
