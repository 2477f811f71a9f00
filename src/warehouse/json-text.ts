/**
 * JSON as text, in both directions that the loader needs: which texts from outside may go into a JSON
 * column, and how a decoded Avro value is written as JSON (for `_rescued` and for shapes that have no
 * column type).
 *
 * The surprise: JSON.parse accepts what DuckDB's parser refuses (half a surrogate pair, numbers beyond
 * a double), and one such value would make a whole insert fail. So the rare texts that could differ are
 * looked at twice.
 */

import type { AvroType } from '../avro/avro-schema.ts';

/** Where the two parsers can disagree: surrogate escapes and very large numbers. */
const NEEDS_SECOND_LOOK = /\\u[dD][89a-fA-F]|\d[eE]\+?\d{3}|\d{200}/;

/** Deeper texts are left to `_rescued`; no real document is nested like this. */
const MAX_DEPTH = 500;

/** Whether DuckDB will accept this text as JSON. */
export function isStorableJson(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return NEEDS_SECOND_LOOK.test(text) || text.length > 2 * MAX_DEPTH
      ? isStorableValue(value, 0)
      : true;
  } catch {
    // Not JSON, or nested so deeply that the stack ran out: either way no place in the column.
    return false;
  }
}

function isStorableValue(value: unknown, depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'string') return isWellFormed(value);
  if (value === null || typeof value !== 'object') return true;
  if (Array.isArray(value)) return value.every((item) => isStorableValue(item, depth + 1));
  return Object.entries(value).every(
    ([key, item]) => isWellFormed(key) && isStorableValue(item, depth + 1),
  );
}

/** Whether every surrogate has its other half. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/**
 * A decoded Avro value as JSON text. Longs keep every digit, bytes are base64, numbers that JSON lacks
 * are the strings "NaN", "Infinity" and "-Infinity", and a union is the value of its branch.
 */
export function formatAvroJson(value: unknown, type: AvroType): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'float':
    case 'double':
      return Number.isFinite(value) ? JSON.stringify(value) : `"${String(value as number)}"`;
    case 'long':
      return (value as bigint).toString();
    case 'bytes':
    case 'fixed':
      return `"${(value as Buffer).toString('base64')}"`;
    case 'array':
      return `[${(value as readonly unknown[]).map((item) => formatAvroJson(item, type.items)).join(',')}]`;
    case 'map': {
      const entries = new Map(value as readonly [string, unknown][]);
      const parts = [...entries].map(
        ([key, item]) => `${JSON.stringify(key)}:${formatAvroJson(item, type.values)}`,
      );
      return `{${parts.join(',')}}`;
    }
    case 'record': {
      const fields = value as readonly unknown[];
      const parts = type.fields.map(
        (field, index) =>
          `${JSON.stringify(field.name)}:${formatAvroJson(fields[index], field.type)}`,
      );
      return `{${parts.join(',')}}`;
    }
    case 'union': {
      const rest = type.branches.filter((branch) => branch.kind !== 'null');
      if (rest.length === 1) return formatAvroJson(value, rest[0] as AvroType);
      const { branch, value: inner } = value as { branch: number; value: unknown };
      return formatAvroJson(inner, type.branches[branch] as AvroType);
    }
    case 'null':
    case 'boolean':
    case 'int':
    case 'string':
    case 'enum':
      return JSON.stringify(value);
  }
}
