/**
 * Records of a block → cells of a layout, by the kernel (kernel/cell-kernel.ts), which has the loop and the
 * reasons for its safety. Here its memory gets what it works on, and its answers a name.
 */
import type { CellPlace } from './cell-layout.ts';
import type { CellProgram } from './cell-program.ts';
import { ASIDE_AT, kernel, PROGRAM_AT, WINDOW_AT } from './kernel-memory.ts';

/** Why a call ended. All but `done` leave the position at the start of a record that is not in the cells. */
export const OUTCOME = {
  /** All records that were asked for. */
  done: 0,
  /** The next record goes on beyond the window. */
  outOfBytes: -1,
  /** The next record breaks Avro's rules. */
  defect: -2,
  /** The next record has a value that its column cannot hold. */
  misfit: -3,
  /** The next record has more items than a list of this layout has room for. */
  itemsFull: -4,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];

/** Addresses are 64 bits; neither a window nor the symbols lie across a multiple of 2^32. */
export interface Address {
  readonly low: number;
  readonly high: number;
}

/** Bytes of a block in which whole records are looked for. */
export interface DecodeWindow {
  /** Of the block; at most MAX_WINDOW_BYTES. */
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  /** Where the same bytes are for DuckDB; of no meaning when the program's cells point at none. */
  readonly address: Address;
}

/** What may be in a table already is told by these two columns of the cells (kernel/key-sieve.ts). */
export interface Sieve {
  /** Texts. */
  readonly ids: CellPlace;
  /** Numbers of 64 bits. */
  readonly times: CellPlace;
  /** The table has nothing later. */
  readonly knownUntil: bigint;
  /** Tells the table's keys from those of other tables. */
  readonly table: number;
}

const NOWHERE: Address = { low: 0, high: 0 };

/** What the kernel's memory holds, whoever put it there. */
let heldProgram: CellProgram | undefined;
let heldWindow: DecodeWindow | undefined;
let heldSieve: Sieve | undefined;

export class CellDecoder {
  /** Where the next record begins, in the block. */
  pos = 0;
  /** The row that the next record goes to. */
  row = 0;
  /** How many records the last call set aside. */
  doubtful = 0;

  /**
   * Decodes the next `records` records of a block, from `pos` on, into rows from `row` on.
   *
   * @param symbols where the program's `symbolBytes` are for DuckDB
   * @param sieve sets records aside that the table may have, which then take no row; undefined: takes all
   */
  decode(
    program: CellProgram,
    window: DecodeWindow,
    records: number,
    symbols: Address = NOWHERE,
    sieve?: Sieve,
  ): Outcome {
    holdProgram(program);
    holdWindow(window);
    holdSieve(sieve);
    const { exports } = kernel;
    const shift = WINDOW_AT - window.start;
    const outcome = exports.decode(
      PROGRAM_AT,
      program.tableBytes,
      program.fieldBytes,
      this.pos + shift,
      window.end + shift,
      this.row,
      records,
      program.layout.itemCapacity,
      // As if byte 0 of the memory had an address, so that a place in it is all that is added.
      window.address.low - WINDOW_AT,
      window.address.high,
      symbols.low,
      symbols.high,
    );
    this.pos = exports.position.value - shift;
    this.row = exports.row.value;
    this.doubtful = exports.doubtful.value;
    return outcome as Outcome;
  }

  /** The bytes of the records that the last call set aside, one behind the other; until the next call. */
  get doubtfulBytes(): Buffer {
    const { buffer } = kernel.views.bytes;
    return Buffer.from(buffer, ASIDE_AT, kernel.exports.doubtfulBytes.value);
  }
}

function holdProgram(program: CellProgram): void {
  if (heldProgram === program) return;
  kernel.views.bytes.set(program.image, PROGRAM_AT);
  kernel.answers = {
    storeCell: (argument, start, end, cell) => {
      const { bytes, view } = kernel.views;
      return program.stores[argument]?.(bytes, start, end, view, cell) === true;
    },
    acceptsText: (argument, start, end) => {
      const text = Buffer.from(kernel.views.bytes.buffer, start, end - start).toString('utf8');
      return program.accepts[argument]?.(text) === true;
    },
  };
  heldProgram = program;
}

function holdWindow(window: DecodeWindow): void {
  if (heldWindow === window) return;
  kernel.views.bytes.set(window.bytes, WINDOW_AT);
  heldWindow = window;
}

function holdSieve(sieve: Sieve | undefined): void {
  if (heldSieve === sieve) return;
  if (sieve === undefined) kernel.exports.liftSieve();
  else {
    const { ids, times, knownUntil, table } = sieve;
    kernel.exports.aimSieve(
      ids.start,
      ids.validityStart,
      times.start,
      times.validityStart,
      knownUntil,
      BigInt(table),
      ASIDE_AT,
    );
  }
  heldSieve = sieve;
}
