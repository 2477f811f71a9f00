/**
 * Under which schema an event is written: the release that Braze is at in the hour in which the object is
 * written, and the version of the event type in that release.
 *
 * Without a fixed release the period is divided evenly among the newest known ones, oldest first, so
 * schemas change in mid-stream and event types appear. An event type that Braze has given up is then
 * still written, with the last schema it had, as by an app that was never updated. With a fixed release
 * an event type exists only if that release has it.
 */

import type { WriterSchema } from '../avro/avro-schema.ts';
import {
  findKnownSchema,
  type KnownSchema,
  listEventTypes,
  listKnownSchemas,
} from '../avro/schema-registry.ts';

export interface ReleasedSchema {
  readonly schema: WriterSchema;
  /** Global over all event types, rising with the releases: the number in keys of layout schema-id. */
  readonly schemaId: number;
  /** The number in keys of layout version. */
  readonly versionNumber: number;
}

export interface ReleasePlan {
  /** Names of the releases of the period, oldest first. */
  readonly releases: readonly string[];
  /** The schema of an event type in the n-th hour of the period; undefined: it does not exist then. */
  findSchema(eventType: string, hourIndex: number): ReleasedSchema | undefined;
}

/** How many releases the period runs through. */
const RELEASES_IN_PERIOD = 3;

/** Braze's real ids are in this range; ours only have to rise. */
const FIRST_SCHEMA_ID = 201;

/** Every release that some event type has a schema of, oldest first. */
export function listReleases(): readonly string[] {
  const releases = new Set(listEventTypes().flatMap((type) => listReleasesOf(type)));
  return [...releases].sort(
    (left, right) => rankOf(left) - rankOf(right) || (left < right ? -1 : 1),
  );
}

/** @param release all hours are in this one; undefined: the newest few, one after the other */
export function planReleases(hours: number, release: string | undefined): ReleasePlan {
  const all = listReleases();
  const releases = release === undefined ? all.slice(-RELEASES_IN_PERIOD) : [release];
  const ids = numberSchemas(all);
  const found = releases.map(() => new Map<string, ReleasedSchema | undefined>());

  const findInRelease = (eventType: string, name: string): ReleasedSchema | undefined => {
    const known =
      findKnownSchema(eventType, name) ??
      (release === undefined ? findRetired(eventType, name, all) : undefined);
    return known === undefined ? undefined : describeSchema(known, name, ids);
  };

  return {
    releases,
    findSchema(eventType, hourIndex) {
      const at = Math.min(releases.length - 1, Math.floor((hourIndex * releases.length) / hours));
      const ofRelease = found[at] as Map<string, ReleasedSchema | undefined>;
      if (!ofRelease.has(eventType)) {
        ofRelease.set(eventType, findInRelease(eventType, releases[at] as string));
      }
      return ofRelease.get(eventType);
    },
  };
}

function describeSchema(
  known: KnownSchema,
  release: string,
  ids: ReadonlyMap<KnownSchema, number>,
): ReleasedSchema {
  const isCurrent = known.releases.includes(release);
  return {
    schema: known.schema,
    schemaId: ids.get(known) as number,
    versionNumber: Math.max(1, rankOf(isCurrent ? release : (known.releases.at(-1) as string))),
  };
}

/** The last schema of an event type that was gone before this release. */
function findRetired(
  eventType: string,
  release: string,
  all: readonly string[],
): KnownSchema | undefined {
  const last = listKnownSchemas(eventType).at(-1);
  if (last === undefined) return undefined;
  const lastRelease = last.releases.at(-1) as string;
  return all.indexOf(lastRelease) < all.indexOf(release) ? last : undefined;
}

/** Ids in the order in which the schemas came up. */
function numberSchemas(all: readonly string[]): ReadonlyMap<KnownSchema, number> {
  const schemas = listEventTypes().flatMap((type) => listKnownSchemas(type));
  const ordered = schemas.toSorted(
    (left, right) => all.indexOf(left.version) - all.indexOf(right.version),
  );
  return new Map(ordered.map((schema, index) => [schema, FIRST_SCHEMA_ID + index]));
}

function listReleasesOf(eventType: string): readonly string[] {
  return listKnownSchemas(eventType).flatMap((known) => known.releases);
}

/** 0 for dated releases, which come before the numbered ones. */
function rankOf(release: string): number {
  return Number(/^v(\d+)$/.exec(release)?.[1] ?? 0);
}
