import { type DuckDBConnection, DuckDBDataChunk, DuckDBInstance, VARCHAR } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTextColumn } from '../../../src/warehouse/text-column.ts';

type Texts = readonly (string | null)[];

let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

/** Through a chunk and a table, so that DuckDB itself has read every cell. */
async function roundTrip(columns: readonly Texts[]): Promise<readonly Texts[]> {
  const names = columns.map((_, index) => `c${index} varchar`);
  await connection.run(`create or replace table t (${names.join(', ')})`);
  const types = columns.map(() => VARCHAR);
  const chunk = DuckDBDataChunk.create(types, columns[0]?.length ?? 0);
  for (const [index, values] of columns.entries()) setTextColumn(chunk, index, values);
  const appender = await connection.createAppender('t');
  appender.appendDataChunk(chunk);
  appender.closeSync();
  const reader = await connection.runAndReadAll('from t');
  return reader.getColumns() as Texts[];
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    '',
    'exactly 12 b',
    'thirteen byte',
    '\0',
    'a\0b',
    '😀',
    'é'.repeat(6),
    'é'.repeat(7),
  ),
);

describe('setTextColumn', () => {
  it('stores any texts and nulls as they are', async () => {
    const column = fc.array(fc.option(text), { minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(column, async (values) => {
        expect(await roundTrip([values])).toEqual([values]);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps columns apart and fills a vector to the last row', async () => {
    const rows = Array.from({ length: 2048 }, (_, row) => row);
    const columns = [
      rows.map((row) => `a text that is longer than its cell, number ${row}`),
      rows.map((row) => (row % 3 === 0 ? null : `é${row}`)),
      rows.map((row) => 'x'.repeat(row % 40)),
      rows.map(() => null),
      rows.map(() => ''),
    ];
    expect(await roundTrip(columns)).toEqual(columns);
  });

  it('stores texts that are too long to be joined', async () => {
    const values = ['short', null, 'y'.repeat(9_000_000), 'z'.repeat(9_000_000), 'é'];
    expect(await roundTrip([values])).toEqual([values]);
  });
});
