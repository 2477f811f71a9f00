/**
 * Events of people for tests of profiles: an object of one event type with just the fields that its records
 * have, as objects of an older release would.
 */

import { FIRST_SECOND } from './event-builders.ts';
import type { TestObject } from './test-warehouse.ts';

export type EventFields = Readonly<Record<string, string | number | boolean | null>>;

/** Fields that are not `["null", "string"]`. */
const FIELD_TYPES: Readonly<Record<string, unknown>> = {
  id: 'string',
  time: 'int',
  time_ms: ['null', 'long'],
  price: 'float',
  random_bucket_number: 'int',
  is_suspected_bot_click: ['null', 'boolean'],
  in_control_group: ['null', 'boolean'],
  is_drop: ['null', 'boolean'],
  archived: ['null', 'boolean'],
};

let lastId = 0;

/** An object of one event type. An event without `id` gets one, one without `time` happens at the first second. */
export function anObjectOf(
  eventType: string,
  events: readonly EventFields[],
  rest: Partial<TestObject> = {},
): TestObject {
  const records = events.map((event) => {
    lastId += 1;
    return { id: `id-${lastId}`, time: FIRST_SECOND, ...event };
  });
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const schema = JSON.stringify({
    type: 'record',
    name: `dataexport.S3.inner.${eventType}`,
    fields: names.map((name) => ({ name, type: FIELD_TYPES[name] ?? ['null', 'string'] })),
  });
  return {
    schema,
    eventType,
    records: records.map((record) =>
      Object.fromEntries(names.map((name) => [name, (record as EventFields)[name] ?? null])),
    ),
    ...rest,
  };
}
