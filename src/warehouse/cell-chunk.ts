/**
 * Cells → DuckDB's vectors, in two native calls a column: the other half of the hot path, and the only
 * place where addresses are made.
 *
 * The bytes of a block are given to DuckDB once, as one BLOB in a chunk of our own (`CellArena`); where it
 * keeps them is read back from that BLOB's cell (duckdb_string_t in duckdb.h: from 13 bytes on it ends with
 * an address). Texts of the block are then cells that point into it (cell-kernel.ts). A VARCHAR would not
 * do: DuckDB stores nothing of one that is not UTF-8, which a block is not.
 *
 * Why it is safe:
 * - An arena belongs to one scanning thread of DuckDB (its local init data) and is emptied when that thread
 *   comes for its next chunk. It comes after it has pushed the last one through its whole pipeline, whose
 *   end (insert, hash table, sort) has copied the texts that it keeps. An arena that is not emptied lives
 *   for as long as the scan.
 * - Cells are written in typed arrays and copied by length: never past what a vector of 2,048 rows holds;
 *   a list's items only after DuckDB has made room for them.
 * - Address arithmetic is 32 bits at a time. So what is held must not lie across a multiple of 4 GiB; if it
 *   does, it is given once more, to another place.
 *
 * A guard runs over this that ends the process at the first byte too far or too late: forbidden pages around
 * every allocation of DuckDB's and around all that is held (test/e2e/memory-safety.ts).
 */

import { BLOB, DuckDBDataChunk } from '@duckdb/node-api';
import bindings, { type Vector } from '@duckdb/node-bindings';
import type { Address } from '../avro/cell-decoder.ts';
import { type CellLayout, type CellPlace, INLINE_BYTES } from '../avro/cell-layout.ts';
import type { Arena } from '../avro/cell-reader.ts';

const TWO_32 = 2 ** 32;

/** Bytes that the chunk in hand of one scanning thread points at. */
export class CellArena implements Arena {
  readonly #chunk = DuckDBDataChunk.create([BLOB], 1);
  #holds = false;

  /** Frees what is held. To be called when the chunk that points at it has been used up. */
  clear(): void {
    if (this.#holds) bindings.data_chunk_reset(this.#chunk.chunk);
    this.#holds = false;
  }

  hold(bytes: Uint8Array): Address {
    // They have no address, and no text that needs one is in them.
    if (bytes.length <= INLINE_BYTES) return { low: 0, high: 0 };
    for (;;) {
      // What the vector had there before stays in its memory until the reset.
      this.#holds = true;
      const address = storeBytes(bindings.data_chunk_get_vector(this.#chunk.chunk, 0), bytes);
      if (address.low + bytes.length <= TWO_32) return address;
    }
  }
}

/**
 * Gives bytes to a vector of type BLOB or VARCHAR, as the text of its first row.
 *
 * @param bytes more than 12; of a VARCHAR, UTF-8
 * @returns where DuckDB's copy begins; it lives as long as what the vector holds
 */
export function storeBytes(vector: Vector, bytes: Uint8Array): Address {
  bindings.vector_assign_string_element_len(vector, 0, bytes);
  const cell = bindings.vector_get_data(vector, 16);
  const view = new DataView(cell.buffer, cell.byteOffset, 16);
  if (view.getUint32(0, true) !== bytes.length) throw new Error('DuckDB did not take the bytes');
  return { low: view.getUint32(8, true), high: view.getInt32(12, true) };
}

/**
 * Hands the first `rows` cells of every column over to a chunk.
 *
 * @param output a chunk with the layout's columns; its rowCount is set here
 */
export function writeCells(output: DuckDBDataChunk, layout: CellLayout, rows: number): void {
  output.rowCount = rows;
  for (const [index, place] of layout.places.entries()) {
    const vector = bindings.data_chunk_get_vector(output.chunk, index);
    writeColumn(vector, layout, place, rows);
    if (place.items === undefined) continue;
    const items = layout.countItems(place.start, rows);
    bindings.list_vector_reserve(vector, items);
    bindings.list_vector_set_size(vector, items);
    writeColumn(bindings.list_vector_get_child(vector), layout, place.items, items);
  }
}

function writeColumn(vector: Vector, layout: CellLayout, place: CellPlace, count: number): void {
  const { buffer } = layout;
  bindings.copy_data_to_vector(vector, 0, buffer, place.start, count * place.sizeBytes);
  if (!layout.hasNulls(place, count)) return;
  writeValidity(vector, buffer, place.validityStart, count);
}

/** Copies the validity bits of the first `count` rows, which begin at `start`, into a vector. */
export function writeValidity(
  vector: Vector,
  bits: ArrayBuffer,
  start: number,
  count: number,
): void {
  bindings.vector_ensure_validity_writable(vector);
  bindings.copy_data_to_vector_validity(vector, 0, bits, start, Math.ceil(count / 64) * 8);
}
