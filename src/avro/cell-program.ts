/**
 * A writer schema and what is wanted of it → a program: one step for each field, in the order of the bytes.
 *
 * All of schema resolution happens here, once for a schema: which fields go where, which are passed over,
 * what a wider column makes of a value. cell-decoder.ts only follows the steps.
 *
 * Programs cover records of primitives, enums, fixed, nullables of those, and arrays of all these: every
 * schema that Currents has had. For anything else there is none, and avsc decodes (record-decoder.ts).
 */
import { type AvroType, getMinimumBytes, getNullableBranch, type RecordType } from './avro-type.ts';
import { type CellLayout, type CellPlace, type CellSize, INLINE_BYTES } from './cell-layout.ts';

/**
 * What becomes of a field's value in its cell. The kind of the field has to fit:
 *
 * - text: string, or enum (its symbol). `accepts` may refuse a text, which makes the value a misfit.
 * - blob: bytes, fixed
 * - boolean: boolean; int32: int; int64: int, long; float32: float
 * - float64: int, long (a misfit when a double cannot hold it), float, double
 * - scaled: int, long, times a factor; a misfit when it is out of range
 * - stored: string, bytes, fixed; `store` writes the cell itself, or answers that the value is a misfit
 * - list: array
 */
export type Storage =
  | { readonly kind: 'text'; readonly accepts?: AcceptsText }
  | { readonly kind: 'blob' | 'boolean' | 'int32' | 'int64' | 'float32' | 'float64' }
  | Scaled
  | { readonly kind: 'stored'; readonly sizeBytes: CellSize; readonly store: StoreCell }
  | { readonly kind: 'list'; readonly items: Storage };

interface Scaled {
  readonly kind: 'scaled';
  readonly sizeBytes: 4 | 8;
  readonly factor: number;
  readonly min: bigint;
  readonly max: bigint;
}

type AcceptsText = (bytes: Uint8Array, start: number, end: number) => boolean;

export type StoreCell = (
  bytes: Uint8Array,
  start: number,
  end: number,
  cells: DataView,
  at: number,
) => boolean;

/** What is wanted of one field. */
export type FieldUse =
  /** A column of the layout. */
  | { readonly column: number; readonly storage: Storage }
  /** Nothing: its bytes are passed over. */
  | 'pass over'
  /** Nothing, but its bytes are checked like those of a column. */
  | 'check'
  /** Nothing, but every value other than null is a misfit. */
  | 'expect null';

/** Numbers of a step; a step is so many places in `steps`. */
export const STEP_SIZE = 8;
/** One of OP, and how a value says that it is null. */
export const AT_CODE = 0;
/** Where the column's cells begin, in the unit of its op. */
export const AT_BASE = 1;
/** Where its validity bits begin, in bytes. */
export const AT_VALIDITY = 2;
/** What null leaves in the cell: one of BLANK. */
export const AT_BLANK = 3;
/** A size, or an index into one of the program's tables. */
export const AT_ARGUMENT = 4;
/** Bytes that an item takes at least, of an array. */
export const AT_MINIMUM = 5;
/** Bytes of the value, of a fixed. */
const AT_SIZE = 5;
/** Bytes of the cell, where a function writes it. */
export const AT_CELL_SIZE = 6;

/** Bits of a code beside the op, of a union: with one branch, or with null as the first or the second. */
export const LAST_OP = 0x1f;
const NULL_FIRST = 0x20;
const NULL_SECOND = 0x40;
const ONLY_BRANCH = 0x80;

/**
 * A text cell of a null is cleared, so that no address of an earlier chunk is left in it. A list's entry
 * has to say where the next one begins.
 */
export const BLANK = { none: 0, text: 1, list: 2 } as const;

export const OP = {
  text: 0,
  int32: 1,
  int64: 2,
  scaledInt: 3,
  scaledLong: 4,
  boolean: 5,
  float32: 6,
  float64: 7,
  floatAsDouble: 8,
  intAsDouble: 9,
  longAsDouble: 10,
  acceptedText: 11,
  symbol: 12,
  bytes: 13,
  fixed: 14,
  storedText: 15,
  storedBytes: 16,
  storedFixed: 17,
  list: 18,
  intAsInt64: 19,
  passText: 20,
  passInt: 21,
  passLong: 22,
  passBytes: 23,
  passFixed: 24,
  passBoolean: 25,
  passSymbol: 26,
  passList: 27,
  expectNull: 28,
} as const;

/** Symbols of an enum, as texts that stand in one row of bytes. */
interface SymbolTable {
  readonly count: number;
  /** Cells, four words each; those of long symbols hold an offset into `symbolBytes` until placed. */
  readonly cells: Int32Array;
}

/** The bounds once more, as numbers: exact where an exact number is compared with them. */
interface ProgramScale extends Scaled {
  readonly lowest: number;
  readonly highest: number;
}

export interface CellProgram {
  readonly layout: CellLayout;
  readonly steps: Int32Array;
  /** Of the fields; the steps behind them are those of arrays' items. */
  readonly fieldSteps: number;
  readonly scales: readonly ProgramScale[];
  readonly accepts: readonly AcceptsText[];
  readonly stores: readonly StoreCell[];
  readonly symbols: readonly SymbolTable[];
  /** All symbols; they need an address like any text when one of them is longer than 12 bytes. */
  readonly symbolBytes: Buffer;
  /** Whether a cell may point at the bytes of the block, so that these need an address. */
  readonly pointsAtBytes: boolean;
}

/** The shape has no program. */
class NotCovered extends Error {}

/**
 * @param uses one for each field of `root`
 * @returns undefined when avsc has to decode
 */
export function compileProgram(
  root: RecordType,
  uses: readonly FieldUse[],
  layout: CellLayout,
): CellProgram | undefined {
  // Values without bytes are counted by block-checker.ts; a program trusts in bytes to bound its work.
  const withBytes = root.fields.filter((field) => getMinimumBytes(field.type) > 0).length;
  if (root.fields.length > 8 * withBytes) return undefined;
  try {
    return new Compiler(layout).compile(root, uses);
  } catch (error) {
    if (error instanceof NotCovered) return undefined;
    throw error;
  }
}

class Compiler {
  readonly #layout: CellLayout;
  readonly #steps: number[][] = [];
  readonly #scales: ProgramScale[] = [];
  readonly #accepts: AcceptsText[] = [];
  readonly #stores: StoreCell[] = [];
  readonly #symbols: SymbolTable[] = [];
  readonly #symbolTexts: Buffer[] = [];
  #symbolSize = 0;
  #pointsAtBytes = false;

  constructor(layout: CellLayout) {
    this.#layout = layout;
  }

  compile(root: RecordType, uses: readonly FieldUse[]): CellProgram {
    const fields = root.fields.flatMap(({ type }, index) =>
      type.kind === 'null' ? [] : [{ type, use: uses[index] as FieldUse }],
    );
    // Places for the fields first; the steps of items come behind them.
    for (const _ of fields) this.#steps.push([]);
    fields.forEach(({ type, use }, index) => {
      const place = typeof use === 'string' ? undefined : this.#layout.places[use.column];
      const storage = typeof use === 'string' ? use : use.storage;
      this.#steps[index] = this.#compileNullable(type, storage, place);
    });
    return {
      layout: this.#layout,
      steps: Int32Array.from(this.#steps.flat()),
      fieldSteps: fields.length * STEP_SIZE,
      scales: this.#scales,
      accepts: this.#accepts,
      stores: this.#stores,
      symbols: this.#symbols,
      symbolBytes: Buffer.concat(this.#symbolTexts),
      pointsAtBytes: this.#pointsAtBytes,
    };
  }

  #compileNullable(
    type: AvroType,
    storage: Storage | Exclude<FieldUse, object>,
    place: CellPlace | undefined,
  ): number[] {
    let inner = type;
    let nullability = 0;
    if (type.kind === 'union') {
      const branch = getNullableBranch(type);
      if (branch === undefined || branch.kind === 'null') throw new NotCovered();
      inner = branch;
      if (type.branches.length === 1) nullability = ONLY_BRANCH;
      else nullability = type.branches[0] === branch ? NULL_SECOND : NULL_FIRST;
    }
    const step = new Array<number>(STEP_SIZE).fill(0);
    if (storage === 'expect null') step[AT_CODE] = OP.expectNull;
    else if (typeof storage === 'string') this.#passOver(inner, step, storage);
    else this.#store(inner, storage, place as CellPlace, step);
    step[AT_CODE] = (step[AT_CODE] as number) | nullability;
    return step;
  }

  #passOver(type: AvroType, step: number[], use: 'pass over' | 'check'): void {
    switch (type.kind) {
      case 'string':
        step[AT_CODE] = use === 'check' ? OP.passText : OP.passBytes;
        return;
      case 'bytes':
        step[AT_CODE] = OP.passBytes;
        return;
      case 'boolean':
        step[AT_CODE] = OP.passBoolean;
        return;
      case 'int':
        step[AT_CODE] = OP.passInt;
        return;
      case 'long':
        step[AT_CODE] = OP.passLong;
        return;
      case 'float':
      case 'double':
      case 'fixed':
        step[AT_CODE] = OP.passFixed;
        step[AT_SIZE] = getMinimumBytes(type);
        return;
      case 'enum':
        step[AT_CODE] = OP.passSymbol;
        step[AT_ARGUMENT] = type.symbols.length;
        return;
      case 'array':
        step[AT_CODE] = OP.passList;
        this.#setItems(type.items, this.#compileNullable(type.items, use, undefined), step);
        return;
      default:
        throw new NotCovered();
    }
  }

  #setItems(items: AvroType, itemStep: readonly number[], step: number[]): void {
    // Nested arrays are left to avsc, and so are items of no bytes, whose number nothing bounds.
    const minimumBytes = getMinimumBytes(items);
    if (items.kind === 'array' || minimumBytes === 0) throw new NotCovered();
    if (items.kind === 'union' && getNullableBranch(items)?.kind === 'array')
      throw new NotCovered();
    step[AT_ARGUMENT] = this.#steps.length * STEP_SIZE;
    step[AT_MINIMUM] = minimumBytes;
    this.#steps.push([...itemStep]);
  }

  #store(type: AvroType, storage: Storage, place: CellPlace, step: number[]): void {
    const { start, sizeBytes, validityStart } = place;
    step[AT_VALIDITY] = validityStart;
    step[AT_BASE] = start / Math.min(sizeBytes, 4);
    switch (storage.kind) {
      case 'text':
        step[AT_BLANK] = BLANK.text;
        if (type.kind === 'enum') {
          step[AT_CODE] = OP.symbol;
          step[AT_ARGUMENT] = this.#addSymbols(type.symbols);
        } else if (type.kind === 'string') {
          step[AT_CODE] = storage.accepts ? OP.acceptedText : OP.text;
          if (storage.accepts) step[AT_ARGUMENT] = this.#accepts.push(storage.accepts) - 1;
          this.#pointsAtBytes = true;
        } else throw new NotCovered();
        return;
      case 'blob':
        step[AT_BLANK] = BLANK.text;
        this.#pointsAtBytes = true;
        if (type.kind === 'bytes') step[AT_CODE] = OP.bytes;
        else if (type.kind === 'fixed') {
          step[AT_CODE] = OP.fixed;
          step[AT_SIZE] = type.size;
        } else throw new NotCovered();
        return;
      case 'boolean':
        step[AT_CODE] = pick(type, { boolean: OP.boolean });
        return;
      case 'int32':
        step[AT_CODE] = pick(type, { int: OP.int32 });
        return;
      case 'int64':
        step[AT_CODE] = pick(type, { int: OP.intAsInt64, long: OP.int64 });
        return;
      case 'float32':
        step[AT_CODE] = pick(type, { float: OP.float32 });
        return;
      case 'float64':
        step[AT_BASE] = start / 8;
        step[AT_CODE] = pick(type, {
          int: OP.intAsDouble,
          long: OP.longAsDouble,
          float: OP.floatAsDouble,
          double: OP.float64,
        });
        return;
      case 'scaled':
        step[AT_CODE] = pick(type, { int: OP.scaledInt, long: OP.scaledLong });
        step[AT_ARGUMENT] = this.#scales.push(toProgramScale(storage)) - 1;
        return;
      case 'stored':
        step[AT_BASE] = start;
        step[AT_CODE] = pick(type, {
          string: OP.storedText,
          bytes: OP.storedBytes,
          fixed: OP.storedFixed,
        });
        step[AT_ARGUMENT] = this.#stores.push(storage.store) - 1;
        step[AT_SIZE] = type.kind === 'fixed' ? type.size : 0;
        step[AT_CELL_SIZE] = sizeBytes;
        return;
      case 'list':
        if (type.kind !== 'array' || place.items === undefined) throw new NotCovered();
        step[AT_CODE] = OP.list;
        step[AT_BLANK] = BLANK.list;
        this.#setItems(
          type.items,
          this.#compileNullable(type.items, storage.items, place.items),
          step,
        );
        return;
    }
  }

  /** @returns the index of the table */
  #addSymbols(symbols: readonly string[]): number {
    const cells = new Int32Array(symbols.length * 4);
    const bytes = new Uint8Array(cells.buffer);
    symbols.forEach((symbol, index) => {
      const text = Buffer.from(symbol);
      cells[index * 4] = text.length;
      const isInline = text.length <= INLINE_BYTES;
      bytes.set(text.subarray(0, isInline ? INLINE_BYTES : 4), index * 16 + 4);
      if (isInline) return;
      cells[index * 4 + 2] = this.#symbolSize;
      this.#symbolTexts.push(text);
      this.#symbolSize += text.length;
    });
    return this.#symbols.push({ count: symbols.length, cells }) - 1;
  }
}

function pick(type: AvroType, ops: Readonly<Partial<Record<AvroType['kind'], number>>>): number {
  const op = ops[type.kind];
  if (op === undefined) throw new NotCovered();
  return op;
}

function toProgramScale(scale: Scaled): ProgramScale {
  return { ...scale, lowest: Number(scale.min), highest: Number(scale.max) };
}
