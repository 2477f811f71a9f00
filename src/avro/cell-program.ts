/**
 * A writer schema and what is wanted of it → a program: one step for each field, in the order of the bytes.
 *
 * All of schema resolution happens here, once for a schema: which fields go where, which are passed over,
 * what a wider column makes of a value. kernel/cell-kernel.ts only follows the steps.
 *
 * Programs cover records of primitives, enums, fixed, nullables of those, and arrays of all these: every
 * schema that Currents has had. For anything else there is none, and avsc decodes (record-decoder.ts).
 */
import { type AvroType, getMinimumBytes, getNullableBranch, type RecordType } from './avro-type.ts';
import { type CellLayout, type CellPlace, type CellSize, INLINE_BYTES } from './cell-layout.ts';
import { MAX_PROGRAM_BYTES } from './kernel-memory.ts';

/**
 * What becomes of a field's value in its cell. The kind of the field has to fit:
 *
 * - text: string, or enum (its symbol)
 * - json: string; what is not plainly JSON is a misfit unless `accepts` says otherwise
 * - blob: bytes, fixed
 * - boolean: boolean; int32: int; int64: int, long; float32: float
 * - float64: int, long (a misfit when a double cannot hold it), float, double
 * - scaled: int, long, times a factor; a misfit when it is out of range
 * - stored: string, bytes, fixed; `store` writes the cell itself, or answers that the value is a misfit
 * - list: array
 */
export type Storage =
  | {
      readonly kind: 'text' | 'blob' | 'boolean' | 'int32' | 'int64' | 'float32' | 'float64';
    }
  | { readonly kind: 'json'; readonly accepts: AcceptsText }
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

type AcceptsText = (text: string) => boolean;

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

/** 32-bit numbers of a step, in the order in which they lie in it; the kernel has them once more. */
const STEP_NUMBERS = 8;
/** One of OP, and how a value says that it is null. */
const AT_CODE = 0;
/** Where the column's cells begin. */
const AT_BASE = 1;
/** Where its validity bits begin. */
const AT_VALIDITY = 2;
/** What null leaves in the cell: one of BLANK. */
const AT_BLANK = 3;
/** A place among the tables or the steps, or an index into `stores` or `accepts`. */
const AT_ARGUMENT = 4;
/** Bytes that an item takes at least, of an array. */
const AT_MINIMUM = 5;
/** Bytes of the value, of a fixed. */
const AT_SIZE = 5;
/** Bytes of the cell, where a function writes it. */
const AT_CELL_SIZE = 6;
const STEP_BYTES = 4 * STEP_NUMBERS;

/** Bits of a code beside the op, of a union: with one branch, or with null as the first or the second. */
const NULL_FIRST = 0x20;
const NULL_SECOND = 0x40;
const ONLY_BRANCH = 0x80;

/**
 * A text cell of a null is cleared, so that no address of an earlier chunk is left in it. A list's entry
 * has to say where the next one begins.
 */
const BLANK = { none: 0, text: 1, list: 2 } as const;

const OP = {
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
  jsonText: 11,
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

export interface CellProgram {
  readonly layout: CellLayout;
  /** Tables, then steps: of the fields first, behind them those of arrays' items. */
  readonly image: Uint8Array;
  readonly tableBytes: number;
  readonly fieldBytes: number;
  readonly stores: readonly StoreCell[];
  readonly accepts: readonly AcceptsText[];
  /** All long symbols; they need an address like any text. */
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
  readonly #tables: Buffer[] = [];
  #tableBytes = 0;
  readonly #stores: StoreCell[] = [];
  readonly #accepts: AcceptsText[] = [];
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
    const steps = Int32Array.from(this.#steps.flat());
    const image = Buffer.concat([...this.#tables, new Uint8Array(steps.buffer)]);
    if (image.length > MAX_PROGRAM_BYTES) throw new NotCovered();
    return {
      layout: this.#layout,
      image,
      tableBytes: this.#tableBytes,
      fieldBytes: fields.length * STEP_BYTES,
      stores: this.#stores,
      accepts: this.#accepts,
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
    const step = new Array<number>(STEP_NUMBERS).fill(0);
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
    step[AT_ARGUMENT] = this.#steps.length * STEP_BYTES;
    step[AT_MINIMUM] = minimumBytes;
    this.#steps.push([...itemStep]);
  }

  #store(type: AvroType, storage: Storage, place: CellPlace, step: number[]): void {
    const { start, sizeBytes, validityStart } = place;
    step[AT_VALIDITY] = validityStart;
    step[AT_BASE] = start;
    switch (storage.kind) {
      case 'text':
        step[AT_BLANK] = BLANK.text;
        if (type.kind === 'enum') {
          step[AT_CODE] = OP.symbol;
          step[AT_ARGUMENT] = this.#addSymbols(type.symbols);
        } else if (type.kind === 'string') {
          step[AT_CODE] = OP.text;
          this.#pointsAtBytes = true;
        } else throw new NotCovered();
        return;
      case 'json':
        step[AT_BLANK] = BLANK.text;
        step[AT_CODE] = pick(type, { string: OP.jsonText });
        step[AT_ARGUMENT] = this.#accepts.push(storage.accepts) - 1;
        this.#pointsAtBytes = true;
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
        step[AT_CODE] = pick(type, {
          int: OP.intAsDouble,
          long: OP.longAsDouble,
          float: OP.floatAsDouble,
          double: OP.float64,
        });
        return;
      case 'scaled':
        step[AT_CODE] = pick(type, { int: OP.scaledInt, long: OP.scaledLong });
        step[AT_ARGUMENT] = this.#addTable(formatScale(storage));
        return;
      case 'stored':
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

  /** Their number, then cells as texts have them; that of a long symbol has an offset for an address. */
  #addSymbols(symbols: readonly string[]): number {
    const table = Buffer.alloc(16 + 16 * symbols.length);
    table.writeUInt32LE(symbols.length);
    symbols.forEach((symbol, index) => {
      const at = 16 + 16 * index;
      const text = Buffer.from(symbol);
      table.writeUInt32LE(text.length, at);
      const isInline = text.length <= INLINE_BYTES;
      table.set(text.subarray(0, isInline ? INLINE_BYTES : 4), at + 4);
      if (isInline) return;
      table.writeUInt32LE(this.#symbolSize, at + 8);
      this.#symbolTexts.push(text);
      this.#symbolSize += text.length;
    });
    return this.#addTable(table);
  }

  /** @returns where it lies among the tables */
  #addTable(table: Buffer): number {
    const at = this.#tableBytes;
    this.#tables.push(table);
    this.#tableBytes += table.length;
    return at;
  }
}

function pick(type: AvroType, ops: Readonly<Partial<Record<AvroType['kind'], number>>>): number {
  const op = ops[type.kind];
  if (op === undefined) throw new NotCovered();
  return op;
}

/** Factor, least and greatest value before it is multiplied, the cell's size. */
function formatScale({ factor, min, max, sizeBytes }: Scaled): Buffer {
  const table = Buffer.alloc(32);
  const divisor = BigInt(factor);
  table.writeBigInt64LE(divisor, 0);
  // Division cuts towards zero, which is inwards for both.
  table.writeBigInt64LE(min / divisor, 8);
  table.writeBigInt64LE(max / divisor, 16);
  table.writeInt32LE(sizeBytes, 24);
  return table;
}
