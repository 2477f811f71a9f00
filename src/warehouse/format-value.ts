/**
 * DuckDB's values → JSON text and table cells, as `currents query` prints them.
 *
 * Pure. Nothing loses digits: 64-bit integers and decimals are JSON numbers with all of them. Timestamps
 * are ISO 8601 in UTC, to the microsecond where there is one; JSON columns are JSON, not text in quotes;
 * bytes are base64; numbers that JSON lacks (NaN, infinities) are null. Maps with any other key than text
 * become objects all the same, their keys as they would be in a cell.
 */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/** `type` tells a JSON column from text; nested JSON is text, since DuckDB does not say which it is. */
export function formatJsonValue(value: DuckDBValue, type?: DuckDBType): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return type?.alias === 'JSON' ? value : JSON.stringify(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return JSON.stringify(value);
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return `[${value.items.map((item) => formatJsonValue(item)).join(',')}]`;
  if (value instanceof DuckDBStructValue) return formatJsonObject(Object.entries(value.entries));
  if (value instanceof DuckDBMapValue)
    return formatJsonObject(value.entries.map(({ key, value: held }) => [formatCell(key), held]));
  if (value instanceof DuckDBUnionValue) return formatJsonValue(value.value);
  return JSON.stringify(formatScalar(value));
}

/** The value as a cell of a table or a CSV file. Null is an empty text; the caller may know better. */
export function formatCell(value: DuckDBValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value instanceof DuckDBDecimalValue) return String(value);
  const isNested =
    value instanceof DuckDBListValue ||
    value instanceof DuckDBArrayValue ||
    value instanceof DuckDBStructValue ||
    value instanceof DuckDBMapValue;
  if (isNested) return formatJsonValue(value);
  return value instanceof DuckDBUnionValue ? formatCell(value.value) : formatScalar(value);
}

function formatJsonObject(entries: readonly (readonly [string, DuckDBValue])[]): string {
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${formatJsonValue(value)}`).join(',')}}`;
}

function formatScalar(value: Exclude<DuckDBValue, null>): string {
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  const isTimestamp =
    value instanceof DuckDBTimestampValue ||
    value instanceof DuckDBTimestampTZValue ||
    value instanceof DuckDBTimestampSecondsValue ||
    value instanceof DuckDBTimestampMillisecondsValue ||
    value instanceof DuckDBTimestampNanosecondsValue;
  const text = String(value);
  // Infinity and years before 1 keep DuckDB's spelling: ISO 8601 has none for them.
  const match = isTimestamp
    ? /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(\.\d+)?)(\+00)?$/.exec(text)
    : null;
  return match === null ? text : `${match[1]}T${match[2]}Z`;
}
