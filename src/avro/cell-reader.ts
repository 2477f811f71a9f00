/**
 * A container → cells, chunk by chunk, by way of programs and the decoder of the hot path.
 *
 * Texts stay where they are: their cells point at bytes of the block, of which the arena keeps a copy that
 * DuckDB can read for as long as it has the chunk. As nobody knows beforehand how many bytes the rows of a
 * chunk take, the copy is a window of about so many, and another one follows when it does not suffice. So
 * a block of any size is copied once, piece by piece.
 */
import type { Address, CellDecoder, DecodeWindow, Outcome, Sieve } from './cell-decoder.ts';
import { OUTCOME } from './cell-decoder.ts';
import type { CellProgram } from './cell-program.ts';
import type { Block, Container } from './container-reader.ts';
import { MAX_WINDOW_BYTES } from './kernel-memory.ts';
import { failBlock, type RecordPosition } from './record-decoder.ts';

/** Keeps bytes where DuckDB reads them, until the chunk that points at them has been used up. */
export interface Arena {
  /** @returns where the copy begins; it does not lie across a multiple of 2^32 */
  hold(bytes: Uint8Array): Address;
}

/** Bytes beyond what the rows of a chunk take on average. */
const WINDOW_RESERVE = 1.02;
const LEAST_WINDOW_BYTES = 4_096;
const NOWHERE: Address = { low: 0, high: 0 };

/** How one container's records are decoded. */
export interface CellPrograms {
  /** For records that are wanted. */
  readonly program: CellProgram;
  /** For those that are left out: checks them, writes nothing. */
  readonly skipProgram: CellProgram;
  /** Behind `program`. */
  readonly sieve?: Sieve | undefined;
}

/**
 * Takes records that the sieve has set aside, as they are written in a block: the bytes of the block itself where
 * nothing else lies between them, otherwise such as will be others when it has returned.
 */
type TakeDoubtful = (bytes: Buffer, records: number, isOfBlock: boolean) => void;

export class CellReader {
  readonly #blocks: readonly Block[];
  readonly #container: Container;
  readonly #decoder: CellDecoder;
  readonly #skippedRows: readonly number[];
  readonly #takeDoubtful: TakeDoubtful | undefined;
  #programs: CellPrograms;
  #nextSkipped = 0;
  #block = 0;
  #record = 0;
  #pos = 0;
  #window: DecodeWindow | undefined;
  #symbols: Address | undefined;

  /**
   * @param skippedRows zero-based records of the container to leave out, in rising order
   * @param takeDoubtful for programs with a sieve
   */
  constructor(
    container: Container,
    programs: CellPrograms,
    decoder: CellDecoder,
    skippedRows: readonly number[],
    takeDoubtful?: TakeDoubtful,
  ) {
    this.#container = container;
    this.#blocks = container.blocks;
    this.#programs = programs;
    this.#decoder = decoder;
    this.#skippedRows = skippedRows;
    this.#takeDoubtful = takeDoubtful;
  }

  /** Where the next record begins. May be set, to go on behind records that somebody else has decoded. */
  get position(): RecordPosition {
    return { block: this.#block, record: this.#record, pos: this.#pos };
  }

  set position({ block, record, pos }: RecordPosition) {
    this.#block = block;
    this.#record = record;
    this.#pos = pos;
    this.#window = undefined;
  }

  /** The record that comes next, counted from the container's first; undefined at the end. */
  get nextRecord(): number | undefined {
    const block = this.#blocks[this.#block];
    return block && block.firstRecord + this.#record;
  }

  /** The same programs, for a layout with more room. */
  set programs(programs: CellPrograms) {
    this.#programs = programs;
  }

  /** A new chunk: what the arena of the last one held is of no more use. */
  beginChunk(): void {
    this.#window = undefined;
    this.#symbols = undefined;
  }

  /**
   * Decodes records into rows from `row` to before `limit`, or to the end of the container.
   *
   * @returns why it ended, and the row behind the last one written
   * @throws CurrentsError RECORD_INVALID with block and record
   */
  read(
    arena: Arena,
    row: number,
    limit: number,
  ): { readonly outcome: Outcome; readonly row: number } {
    let next = row;
    for (;;) {
      const block = this.#currentBlock();
      if (block === undefined || next === limit) return { outcome: OUTCOME.done, row: next };
      const record = block.firstRecord + this.#record;
      const skipped = this.#findSkipped(record);
      const isSkipped = skipped === record;
      const left = block.recordCount - this.#record;
      const count = isSkipped
        ? Math.min(left, limit, this.#countSkipped())
        : Math.min(left, limit - next, skipped - record);
      const outcome = this.#decode(arena, block, next, count, isSkipped);
      if (!isSkipped) next = this.#decoder.row;
      if (outcome !== OUTCOME.done) return { outcome, row: next };
    }
  }

  /** Moves on to a block with records left, and sees that the last one ended where it should. */
  #currentBlock(): Block | undefined {
    for (;;) {
      const block = this.#blocks[this.#block];
      if (block === undefined || this.#record < block.recordCount) return block;
      if (this.#pos !== block.bytes.length) failBlock(this.#container, block);
      this.#block++;
      this.#record = 0;
      this.#pos = 0;
      this.#window = undefined;
    }
  }

  /** The first record to be left out, from this one on; Infinity when there is none. */
  #findSkipped(record: number): number {
    while ((this.#skippedRows[this.#nextSkipped] ?? Number.POSITIVE_INFINITY) < record) {
      this.#nextSkipped++;
    }
    return this.#skippedRows[this.#nextSkipped] ?? Number.POSITIVE_INFINITY;
  }

  /** How many records are to be left out one behind the other, from the next of these on. */
  #countSkipped(): number {
    const rows = this.#skippedRows;
    let at = this.#nextSkipped;
    while (rows[at + 1] === (rows[at] as number) + 1) at++;
    return at + 1 - this.#nextSkipped;
  }

  #decode(arena: Arena, block: Block, row: number, count: number, isSkipped: boolean): Outcome {
    const decoder = this.#decoder;
    const { program: wanted, skipProgram, sieve } = this.#programs;
    const program = isSkipped ? skipProgram : wanted;
    const symbols = this.#holdSymbols(arena, program);
    decoder.row = row;
    decoder.pos = this.#pos;
    let left = count;
    let windowBytes = LEAST_WINDOW_BYTES;
    for (;;) {
      const window = this.#holdWindow(arena, block, left, windowBytes);
      const before = decoder.row;
      const outcome = decoder.decode(program, window, left, symbols, isSkipped ? undefined : sieve);
      const { doubtful } = decoder;
      if (doubtful > 0) {
        const areAll = decoder.row === before;
        const bytes = areAll ? block.bytes.subarray(this.#pos, decoder.pos) : decoder.doubtfulBytes;
        this.#takeDoubtful?.(bytes, doubtful, areAll);
      }
      const done = decoder.row - before + doubtful;
      left -= done;
      this.#record += done;
      this.#pos = decoder.pos;
      if (outcome === OUTCOME.defect) failBlock(this.#container, block);
      if (outcome !== OUTCOME.outOfBytes) return outcome;
      if (window.end === block.bytes.length) failBlock(this.#container, block);
      // One record is longer than the window was.
      if (done === 0) windowBytes = 2 * (window.end - this.#pos);
      if (windowBytes > MAX_WINDOW_BYTES) return OUTCOME.misfit;
      this.#window = undefined;
    }
  }

  /** Sees that the decoder has the bytes of about so many records, and that they have an address. */
  #holdWindow(arena: Arena, block: Block, records: number, leastBytes: number): DecodeWindow {
    if (this.#window !== undefined && this.#window.end > this.#pos) return this.#window;
    const { length } = block.bytes;
    const average = length / block.recordCount;
    const size = Math.max(leastBytes, Math.ceil(records * average * WINDOW_RESERVE));
    const start = this.#pos;
    const end = Math.min(length, start + Math.min(size, MAX_WINDOW_BYTES));
    const bytes = block.bytes.subarray(start, end);
    // Records that are left out and those that are not share it.
    const { pointsAtBytes } = this.#programs.program;
    const address = pointsAtBytes ? arena.hold(bytes) : NOWHERE;
    this.#window = { start, end, bytes, address };
    return this.#window;
  }

  #holdSymbols(arena: Arena, { symbolBytes }: CellProgram): Address | undefined {
    if (symbolBytes.length === 0) return undefined;
    this.#symbols ??= arena.hold(symbolBytes);
    return this.#symbols;
  }
}
