/**
 * Avro schemas and events for tests, with defaults for whatever a test does not care about.
 *
 * `aSchema({ url: 'string' })` is an event with `id`, `time` and `url`; `aRecord({ … })` has the given
 * fields and nothing else. Events are plain objects for container-writer.ts.
 */

/** A field's type as it stands in an Avro schema. */
export type AvroJson = unknown;

export interface RecordOptions {
  readonly name?: string;
  readonly doc?: string;
  /** Descriptions by field name. */
  readonly docs?: Readonly<Record<string, string>>;
}

/** The JSON of a record schema with exactly these fields, in this order. */
export function aRecord(
  fields: Readonly<Record<string, AvroJson>> | readonly (readonly [string, AvroJson])[],
  { name = 'test.Event', doc, docs = {} }: RecordOptions = {},
): string {
  const entries = Array.isArray(fields) ? fields : Object.entries(fields);
  return JSON.stringify({
    type: 'record',
    name,
    ...(doc === undefined ? {} : { doc }),
    fields: entries.map(([field, type]) => ({
      name: field,
      type,
      ...(Object.hasOwn(docs, field) ? { doc: docs[field] } : {}),
    })),
  });
}

/** The JSON of an event's schema: `id`, `time` and these fields. */
export function aSchema(
  fields: Readonly<Record<string, AvroJson>> = {},
  options: RecordOptions = {},
): string {
  return aRecord({ id: 'string', time: 'int', ...fields }, options);
}

/** 2026-09-01 00:00:00 UTC in seconds; events happen a second apart from here on. */
export const FIRST_SECOND = 1_788_220_800;

/** An event that is known by its number: the same number gives the same id and time. */
export function anEvent(
  number: number,
  fields: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { id: `event-${number}`, time: FIRST_SECOND + number, ...fields };
}

/** Events from `first` to before `end`. */
export function events(first: number, end: number): Record<string, unknown>[] {
  return Array.from({ length: end - first }, (_, at) => anEvent(first + at));
}
