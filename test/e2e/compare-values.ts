/**
 * A row and the event that it came from → whether every value is where it belongs, and nothing else is
 * there: in its column if the column can hold it, otherwise in `_rescued`.
 */

import assert from 'node:assert/strict';
import { type ColumnType, columnOf, fits } from './expected-columns.ts';
import type { FieldJson } from './newer-schemas.ts';
import { parseRescued, spell } from './random-values.ts';
import type { WrittenEvent } from './written-events.ts';

export interface ValueCounts {
  values: number;
  rescued: number;
}

/** @throws AssertionError naming event type, edition, event and field */
export function compareRow(
  { schema, values }: WrittenEvent,
  row: Readonly<Record<string, unknown>>,
  columns: ReadonlyMap<string, ColumnType>,
  counts: ValueCounts,
): void {
  const place = (what: string) =>
    `${schema.eventType} ${schema.edition} ${String(row.id)}: ${what}`;
  const rescued = parseRescued((row._rescued as string | null) ?? '{}');
  const unexplained = new Set(Object.keys(rescued));
  for (const field of schema.fields) {
    const { name, type } = field;
    const value = values[name];
    const column = columns.get(name);
    const written = spell(value, type, 'written');
    counts.values += 1;
    if (written === 'null') {
      assert.equal(row[name] ?? null, null, place(name));
    } else if (column === undefined || !hasPlace(field, value, column)) {
      assert.equal(row[name] ?? null, null, place(`${name} is in its column and does not fit`));
      assert.equal(spell(rescued[name], type, 'rescued'), written, place(`${name} in _rescued`));
      unexplained.delete(name);
      counts.rescued += 1;
    } else if (column === 'TIMESTAMP') {
      assert.equal((row[name] as Date | null)?.getTime(), Number(value) * 1000, place(name));
    } else {
      assert.equal(spell(row[name], type, 'column'), written, place(name));
    }
  }
  assert.deepEqual([...unexplained], [], place('_rescued has more than was written'));
  for (const name of columns.keys()) {
    if (schema.fields.some((field) => field.name === name)) continue;
    assert.equal(row[name], null, place(`${name} was never written`));
  }
}

function hasPlace({ name, type }: FieldJson, value: unknown, column: ColumnType): boolean {
  const written = columnOf(name, type);
  if (written === 'JSON' && column === 'JSON' && typeof value === 'string') return isJson(value);
  return fits(value, written, column);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
