/**
 * An arena that has no memory, only addresses: it remembers what it was given and where it said that was.
 * So every cell of the compiled decoder can be followed to the bytes that it points at, or found out.
 */

import assert from 'node:assert/strict';
import type { WriterSchema } from '../../src/avro/avro-schema.ts';
import { createBlockCheck } from '../../src/avro/block-checker.ts';
import { type Address, CellDecoder, OUTCOME } from '../../src/avro/cell-decoder.ts';
import { CellLayout, type CellPlace, VECTOR_SIZE } from '../../src/avro/cell-layout.ts';
import { compileProgram, type FieldUse } from '../../src/avro/cell-program.ts';
import { type Arena, type CellPrograms, CellReader } from '../../src/avro/cell-reader.ts';
import type { Block, Container } from '../../src/avro/container-reader.ts';
import { CurrentsError } from '../../src/errors.ts';
import { cellColumnOf, storageOf } from '../../src/warehouse/column-storage.ts';
import { columnTypeOfField } from '../../src/warehouse/column-types.ts';

const TWO_32 = 2n ** 32n;
const INLINE_BYTES = 12;

export class LentMemory implements Arena {
  readonly #held: { readonly start: bigint; readonly bytes: Buffer }[] = [];
  #next: bigint;

  /** @param address where the first bytes are said to lie, or a little further on */
  constructor(address: bigint) {
    this.#next = address;
  }

  hold(bytes: Uint8Array): Address {
    if (bytes.length <= INLINE_BYTES) return { low: 0, high: 0 };
    const end = this.#next + BigInt(bytes.length);
    // As the real one promises: not across a multiple of 2^32, but up to it.
    if (this.#next / TWO_32 !== (end - 1n) / TWO_32) this.#next = (end / TWO_32) * TWO_32;
    const start = this.#next;
    this.#held.push({ start, bytes: Buffer.from(bytes) });
    // One byte between what is held, which belongs to nobody.
    this.#next += BigInt(bytes.length) + 1n;
    return { low: Number(start % TWO_32), high: Number(start / TWO_32) | 0 };
  }

  clear(): void {
    this.#held.length = 0;
  }

  /** @throws AssertionError unless all of it is held */
  follow(address: bigint, length: number): Buffer {
    const found = this.#held.find(
      ({ start, bytes }) =>
        address >= start && address + BigInt(length) <= start + BigInt(bytes.length),
    );
    assert.ok(found, `a cell points at ${length} bytes that were not lent`);
    const from = Number(address - found.start);
    return found.bytes.subarray(from, from + length);
  }
}

export interface CellPlan {
  readonly layout: CellLayout;
  readonly programs: CellPrograms;
  /** Fields whose cells are texts or bytes, or lists of these; and whether they are bytes. */
  readonly textFields: readonly number[];
  readonly places: readonly { readonly place: CellPlace; readonly isBytes: boolean }[];
}

/** Each field into a column of its own type, as in a table that was made for this schema. */
export function planCells({ type }: WriterSchema): CellPlan {
  const columns: { size: NonNullable<ReturnType<typeof cellColumnOf>>; field: number }[] = [];
  const uses = type.fields.map((field, index): FieldUse => {
    const columnType = columnTypeOfField(field);
    if (columnType === undefined) return 'check';
    const size = cellColumnOf(columnType);
    const storage = storageOf(field, columnType);
    assert.ok(size && storage, `field ${field.name} has no cells`);
    columns.push({ size, field: index });
    return { column: columns.length - 1, storage };
  });
  const layout = new CellLayout(columns.map(({ size }) => size));
  const program = compileProgram(type, uses, layout);
  const checks = type.fields.map((): FieldUse => 'check');
  const skipProgram = compileProgram(type, checks, layout);
  assert.ok(program && skipProgram, 'the schema is not covered');
  const texts = uses.flatMap((use, field) => {
    if (typeof use === 'string') return [];
    const { storage } = use;
    const kind = storage.kind === 'list' ? storage.items.kind : storage.kind;
    if (kind !== 'text' && kind !== 'json' && kind !== 'blob') return [];
    const place = layout.places[use.column] as CellPlace;
    return [{ field, place, isBytes: kind === 'blob' }];
  });
  return {
    layout,
    programs: { program, skipProgram },
    textFields: texts.map(({ field }) => field),
    places: texts,
  };
}

/**
 * The values of all texts and bytes in the first `rows` rows, followed to what they point at.
 *
 * @throws AssertionError for a cell that points elsewhere or is not as DuckDB wants it
 */
export function readTexts(plan: CellPlan, memory: LentMemory, rows: number): unknown[][] {
  const { layout } = plan;
  return plan.places.map(({ place, isBytes }) => {
    const values: unknown[] = [];
    for (let row = 0; row < rows; row++) {
      const { items } = place;
      if (items === undefined) {
        values.push(readCell(layout, place, row, isBytes, memory));
        continue;
      }
      const entry = place.start + row * 16;
      const first = Number(layout.view.getBigUint64(entry, true));
      const count = Number(layout.view.getBigUint64(entry + 8, true));
      assert.equal(first, layout.countItems(place.start, row), 'a list begins elsewhere');
      assert.ok(first + count <= items.capacity, 'a list has more items than there is room for');
      const list = Array.from({ length: count }, (_, item) =>
        readCell(layout, items, first + item, isBytes, memory),
      );
      values.push(isValid(layout, place, row) ? list : null);
    }
    return values;
  });
}

function isValid(layout: CellLayout, { validityStart }: CellPlace, row: number): boolean {
  return (((layout.bytes[validityStart + (row >> 3)] as number) >> (row & 7)) & 1) === 1;
}

function readCell(
  layout: CellLayout,
  place: CellPlace,
  row: number,
  isBytes: boolean,
  memory: LentMemory,
): unknown {
  const at = place.start + row * 16;
  const cell = Buffer.from(layout.bytes.subarray(at, at + 16));
  if (!isValid(layout, place, row)) {
    assert.ok(cell.equals(Buffer.alloc(16)), 'the cell of a null is not empty');
    return null;
  }
  const length = cell.readUInt32LE(0);
  let bytes: Buffer = cell.subarray(4, 4 + length);
  if (length > INLINE_BYTES) {
    bytes = memory.follow(cell.readBigUInt64LE(8), length);
    assert.ok(cell.subarray(4, 8).equals(bytes.subarray(0, 4)), 'the first four bytes are others');
  } else {
    assert.ok(
      cell.subarray(4 + length).every((byte) => byte === 0),
      'a short text is not padded',
    );
  }
  return isBytes ? Buffer.from(bytes) : bytes.toString('utf8');
}

/** A container that never was a file. */
export function containerOfBlocks(
  schema: WriterSchema,
  parts: readonly { readonly count: number; readonly bytes: Buffer }[],
): Container {
  let recordCount = 0;
  const blocks = parts.map(({ count, bytes }, index): Block => {
    recordCount += count;
    return { index, firstRecord: recordCount - count, recordCount: count, bytes };
  });
  const uncompressedBytes = parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return { schema, codec: 'null', blocks, recordCount, uncompressedBytes };
}

/** What block-checker.ts says. */
export function isSound({ schema, blocks }: Container): boolean {
  return !throwsDefect(() => {
    for (const block of blocks) createBlockCheck(schema.type)(block);
  });
}

/**
 * What the compiled decoder says, with all cells written and again with none. A value that does not fit
 * its column ends the first: there avsc goes on, which asks block-checker.ts.
 */
export function isRefused({ layout, programs }: CellPlan, container: Container): boolean {
  const { skipProgram } = programs;
  const checking = { program: skipProgram, skipProgram };
  const refusals = [programs, checking].map((chosen) => {
    const memory = new LentMemory(TWO_32 - 20n);
    const reader = new CellReader(container, chosen, new CellDecoder(), []);
    layout.resetValidity();
    let isMisfit = false;
    const isDefect = throwsDefect(() => {
      isMisfit = reader.read(memory, 0, VECTOR_SIZE).outcome === OUTCOME.misfit;
    });
    return isMisfit ? undefined : isDefect;
  });
  const [writing, onlyChecking] = refusals;
  assert.notEqual(onlyChecking, undefined);
  assert.ok(writing === undefined || writing === onlyChecking, 'two programs do not agree');
  return onlyChecking as boolean;
}

function throwsDefect(action: () => void): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof CurrentsError && error.code === 'RECORD_INVALID') return true;
    throw error;
  }
}
