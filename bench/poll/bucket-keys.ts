/**
 * The keys of a made-up Currents bucket of any size: number → key, in the order in which S3 lists them,
 * without holding them. So a million keys cost a server nothing, and the ledger that knows them is made
 * by `select` from the same rule.
 *
 * One integration, 94 event types, the same number of objects an hour of each; the newest hour is the same
 * for all, older ones as far back as the number of keys reaches. Every other event type is in Braze's
 * older key layout (schema id and zone), the others in the newer one (`version=` and environment).
 */
import { listEventTypes } from '../../src/avro/schema-registry.ts';
import { formatObjectKey, type KeyLayout } from '../../src/discovery/object-key.ts';

const EVENT_TYPES = 94;

/** Ten objects an hour and event type: what lies within two days then fills half a page of each type. */
export const OBJECTS_PER_HOUR = 10;

const HOUR_MS = 3_600_000;

/** The newest hour. A poll looks back from there, not from today. */
export const NEWEST_HOUR = new Date('2026-06-30T23:00:00Z');

export const PREFIX = 'currents/';
export const CLUSTER = 'prod-01';
export const INTEGRATION_ID = '64f1c5a2b7d9e80012ab34cd';

export interface TypeKeys {
  readonly eventType: string;
  readonly layout: KeyLayout;
  /** Number of its first key among all keys. */
  readonly first: number;
  readonly count: number;
}

/** How `keys` keys are spread over the event types, in key order. */
export function planTypes(keys: number): readonly TypeKeys[] {
  // The slash belongs to the order: "a.b/" stands before "a.bc/", but after "a.b.c/".
  const names = listEventTypes()
    .slice(0, EVENT_TYPES)
    .map((eventType) => `${eventType}/`)
    .sort()
    .map((folder) => folder.slice(0, -1));
  const start = (index: number): number => Math.floor((keys * index) / EVENT_TYPES);
  return names.map((eventType, index) => ({
    eventType,
    layout: index % 2 === 0 ? 'schema-id' : 'version',
    first: start(index),
    count: start(index + 1) - start(index),
  }));
}

/** The key with this number; `position` is the number within its event type. */
export function formatKey({ eventType, layout, count }: TypeKeys, position: number): string {
  const fromEnd = count - 1 - position;
  return formatObjectKey({
    layout,
    prefix: PREFIX,
    cluster: CLUSTER,
    integrationId: INTEGRATION_ID,
    eventType,
    hour: new Date(NEWEST_HOUR.getTime() - Math.floor(fromEnd / OBJECTS_PER_HOUR) * HOUR_MS),
    schemaVersion: '7',
    zone: 'prod',
    partition: String(OBJECTS_PER_HOUR - 1 - (fromEnd % OBJECTS_PER_HOUR)),
    offset: String(position).padStart(10, '0'),
  });
}
