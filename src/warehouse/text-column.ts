/**
 * A column of texts → a VARCHAR vector, in four native calls instead of one a text.
 *
 * All texts are joined and given to the vector as the text of its first row, so DuckDB copies them into the
 * vector's own memory, once. The address is read back, and every row's 16-byte cell (duckdb_string_t in
 * duckdb.h: length, then 12 bytes of text, or 4 and an address) is written to point into that copy. The
 * memory belongs to the vector like any text it holds: nothing here has to be kept alive or freed.
 *
 * What would corrupt memory is a cell that points past the copy. Lengths are counted in the very bytes that
 * DuckDB got, and the end of the last text must be the end of the bytes.
 */

import type { DuckDBDataChunk } from '@duckdb/node-api';
import bindings, { type Vector } from '@duckdb/node-bindings';
import { INLINE_BYTES, VECTOR_SIZE } from '../avro/cell-layout.ts';
import { storeBytes, writeValidity } from './cell-chunk.ts';

/** Longer texts are in memory twice while they are joined; above this they go one by one. */
const MAX_JOINED_LENGTH = 2 ** 24;

// Reused by every call: they are copied into the vector before it returns.
const cellBytes = new Uint8Array(VECTOR_SIZE * 16);
const cellWords = new Uint32Array(cellBytes.buffer);
const validBits = new Uint8Array(VECTOR_SIZE / 8);

/**
 * Fills a column of type VARCHAR or JSON. Call it once for each column, after the chunk's rowCount is set.
 *
 * @param values as many as the chunk has rows, at most 2,048; each is null or well-formed UTF-16, as
 *   everything is that was decoded from UTF-8
 */
export function setTextColumn(
  chunk: DuckDBDataChunk,
  columnIndex: number,
  values: readonly (string | null)[],
): void {
  if (values.length > VECTOR_SIZE) throw new Error('more values than a vector has rows');
  const vector = bindings.data_chunk_get_vector(chunk.chunk, columnIndex);
  // Counted first: joining may exceed the longest string that V8 can hold.
  let length = 0;
  for (const value of values) length += value?.length ?? 0;
  if (length > MAX_JOINED_LENGTH) setOneByOne(vector, values);
  else setCells(vector, values, values.join(''));
  setValidity(vector, values);
}

function setCells(vector: Vector, values: readonly (string | null)[], joined: string): void {
  const bytes = Buffer.from(joined);
  const isAscii = bytes.length === joined.length;
  const { low, high } =
    bytes.length > INLINE_BYTES ? storeBytes(vector, bytes) : { low: 0, high: 0 };
  cellWords.fill(0, 0, values.length * 4);
  let start = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (value === null || value === undefined) continue;
    const end = isAscii ? start + value.length : findEnd(bytes, start, value.length);
    const size = end - start;
    const word = row * 4;
    cellWords[word] = size;
    const inCell = size <= INLINE_BYTES ? size : 4;
    const at = word * 4 + 4;
    for (let i = 0; i < inCell; i++) cellBytes[at + i] = bytes[start + i] as number;
    if (size > INLINE_BYTES) {
      const address = low + start;
      cellWords[word + 2] = address;
      cellWords[word + 3] = address < 2 ** 32 ? high : high + 1;
    }
    start = end;
  }
  if (start !== bytes.length) throw new Error('texts and their bytes differ in length');
  bindings.copy_data_to_vector(vector, 0, cellBytes.buffer, 0, values.length * 16);
}

/** Where a text of so many UTF-16 units ends in UTF-8. */
function findEnd(bytes: Buffer, start: number, units: number): number {
  let end = start;
  for (let left = units; left > 0; left--) {
    const byte = bytes[end] as number;
    if (byte < 0x80) end += 1;
    else if (byte < 0xe0) end += 2;
    else if (byte < 0xf0) end += 3;
    else {
      end += 4;
      left--;
    }
  }
  return end;
}

function setOneByOne(vector: Vector, values: readonly (string | null)[]): void {
  for (const [row, value] of values.entries()) {
    // With a length: the call for plain strings ends at the first NUL.
    if (value !== null) bindings.vector_assign_string_element_len(vector, row, Buffer.from(value));
  }
}

function setValidity(vector: Vector, values: readonly (string | null)[]): void {
  if (!values.includes(null)) return;
  validBits.fill(0xff);
  for (let row = 0; row < values.length; row++) {
    if (values[row] === null) {
      validBits[row >> 3] = (validBits[row >> 3] as number) & ~(1 << (row & 7));
    }
  }
  writeValidity(vector, validBits.buffer, 0, values.length);
}
