/**
 * The rows of one event type, as SQL that holds whatever its table looks like.
 *
 * Tables differ: an older release lacks a column, a field changed its type, a sender of other records has
 * `user_id` as a number. So a column is asked for by its Avro field and wanted type, and is undefined where
 * it is not there or cannot be read as that. Empty text and `[REDACTED]`, which Braze writes in place of a
 * value that was transformed away, count as missing everywhere.
 */

import { formatColumnType } from '../warehouse/column-types.ts';
import { type Database, quoteIdentifier } from '../warehouse/database.ts';
import { type EventTable, OBJECT_ID_COLUMN, readEventTable } from '../warehouse/event-tables.ts';

/** Columns that hold one value each, which can be shown as text. */
const SCALAR_TYPES = /^(VARCHAR|BOOLEAN|INTEGER|BIGINT|FLOAT|DOUBLE|DECIMAL.*|UUID|DATE)$/;
const WHOLE_TYPES = /^(INTEGER|BIGINT)$/;
const NUMBER_TYPES = /^(INTEGER|BIGINT|DECIMAL.*)$/;

/** Milliseconds of the years 1970 to 9999; others are not instants at which a person did something. */
const MAX_MS = 253_402_300_799_999;

export interface EventSource {
  readonly eventType: string;
  /** Quoted, with its schema. */
  readonly table: string;
  /** SQL of the event's user id; null where there is none. */
  readonly userId: string;
  /** SQL of the instant, a timestamp; null where there is none. */
  readonly time: string;
  /** SQL of the same in milliseconds since 1970, from `time_ms` where the event has it. */
  readonly timeMs: string;
  /** SQL of the first of these fields that has a value, as text; undefined when the table has none of them. */
  text(...fields: readonly string[]): string | undefined;
  /** SQL of a field as a JSON document; undefined when it is not JSON. */
  json(field: string): string | undefined;
  /** SQL of a number as an exact decimal text, floats as the shortest that reads the same. */
  decimalText(field: string): string | undefined;
}

/**
 * The event types whose events can belong to somebody: with a table, a user id and a time. Others are
 * left out; they tell nothing about a person.
 */
export async function readEventSources(
  database: Database,
  eventTypes: readonly string[],
): Promise<readonly EventSource[]> {
  const sources: EventSource[] = [];
  for (const eventType of eventTypes) {
    const table = await readEventTable(database, eventType);
    const source = table && describeSource(table);
    if (source !== undefined) sources.push(source);
  }
  return sources;
}

/** SQL that is true for the rows of these objects; the range is a constant, so row groups are skipped. */
export function formatObjectFilter(objectIds: readonly number[]): string {
  const ids = [...objectIds].sort((left, right) => left - right);
  const first = ids[0] ?? 0;
  const last = ids.at(-1) ?? -1;
  const range = `${OBJECT_ID_COLUMN} between ${first} and ${last}`;
  return last - first + 1 === ids.length
    ? range
    : `${range} and ${OBJECT_ID_COLUMN} in (${ids.join(', ')})`;
}

/** A text without value: empty, or redacted by a field transformation in Braze's dashboard. */
function nullIfMissing(text: string): string {
  return `nullif(nullif(${text}, ''), '[REDACTED]')`;
}

function describeSource(table: EventTable): EventSource | undefined {
  const columns = new Map(
    table.columns.map(({ field, name, type }) => [
      field,
      { sql: quoteIdentifier(name), type: formatColumnType(type) },
    ]),
  );

  function textOf(field: string): string | undefined {
    const column = columns.get(field);
    if (column === undefined) return undefined;
    if (column.type === 'JSON') return nullIfMissing(`(${column.sql}->>'$')`);
    if (!SCALAR_TYPES.test(column.type)) return undefined;
    return nullIfMissing(column.type === 'VARCHAR' ? column.sql : `${column.sql}::varchar`);
  }

  function text(...fields: readonly string[]): string | undefined {
    const found = fields.flatMap((field) => textOf(field) ?? []);
    return found.length > 1 ? `coalesce(${found.join(', ')})` : found[0];
  }

  function json(field: string): string | undefined {
    const column = columns.get(field);
    return column?.type === 'JSON' ? column.sql : undefined;
  }

  function decimalText(field: string): string | undefined {
    const column = columns.get(field);
    if (column === undefined) return undefined;
    const { sql, type } = column;
    if (type === 'FLOAT' || NUMBER_TYPES.test(type)) return `${sql}::varchar`;
    // A column that was widened from FLOAT still holds floats.
    if (type === 'DOUBLE')
      return `case when try_cast(${sql} as float)::double = ${sql} then ${sql}::float::varchar else ${sql}::varchar end`;
    return undefined;
  }

  const userId = textOf('user_id');
  const time = columns.get('time');
  const timeMs = columns.get('time_ms');
  const ms =
    timeMs && WHOLE_TYPES.test(timeMs.type)
      ? `case when ${timeMs.sql} between 0 and ${MAX_MS} then ${timeMs.sql} end::bigint`
      : undefined;
  const seconds =
    time?.type === 'TIMESTAMP'
      ? `case when ${time.sql} between '1970-01-01'::timestamp and '9999-12-31'::timestamp then ${time.sql} end`
      : undefined;
  if (userId === undefined || (ms === undefined && seconds === undefined)) return undefined;
  const fromMs = ms && `make_timestamp_ms(${ms})`;
  const fromSeconds = seconds && `epoch_ms(${seconds})`;
  return {
    eventType: table.eventType,
    table: `events.${quoteIdentifier(table.name)}`,
    userId,
    time: coalesce(seconds, fromMs),
    timeMs: coalesce(ms, fromSeconds),
    text,
    json,
    decimalText,
  };
}

function coalesce(...found: readonly (string | undefined)[]): string {
  const present = found.filter((sql) => sql !== undefined);
  return present.length > 1 ? `coalesce(${present.join(', ')})` : (present[0] ?? 'null');
}
