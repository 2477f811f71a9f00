/**
 * The bytes of one block → nothing, or an error that names record, field, byte, what was found and what
 * was expected.
 *
 * avsc is fast because it does not look: it reads past the end, follows negative lengths backwards,
 * allocates arrays as large as a damaged count says, takes any byte for a boolean and replaces bad
 * UTF-8. So every block is walked here once before avsc sees it, without making a single value. What
 * passes is exactly what the schema allows, and avsc can be trusted with it.
 *
 * Work is bounded too: nesting by MAX_DEPTH, values that take no bytes by a budget.
 */
import { isUtf8 } from 'node:buffer';
import { CurrentsError } from '../errors.ts';
import {
  type AvroType,
  formatTypeName,
  getMinimumBytes,
  getNullableBranch,
  type RecordType,
} from './avro-type.ts';
import type { Block } from './container-reader.ts';

/** Checks a whole block: all its records, and that they fill it exactly. */
export type BlockCheck = (block: Block) => void;

/** Records, arrays, maps and unions inside each other in one value. avsc recurses; 984 KB of stack hold about ten times this. */
const MAX_DEPTH = 1_000;
/** Values without bytes (nulls, empty records) that a block may hold on top of eight for each of its bytes: they cost time. */
const MAX_EMPTY_VALUES = 10_000_000;
/** The same inside arrays, maps and inner records, where they cost memory: a row with all its values is held as a whole, and so are the rows of many blocks. */
const MAX_EMPTY_INNER_VALUES = 1_000;
/** Above this many bytes a native call costs less than looking at each byte. */
const LONG_TEXT_BYTES = 96;

/** Checks one value and leaves the cursor behind it. */
type Check = (cursor: Cursor) => void;

/** What is wrong; place and wording are added where it is caught. */
class Defect extends Error {
  readonly found: string;
  readonly expected: string;

  constructor(found: string, expected: string) {
    super(found);
    this.found = found;
    this.expected = expected;
  }
}

/** Builds the check of blocks that hold records of this type. Costs about what parsing the schema does. */
export function createBlockCheck(root: RecordType): BlockCheck {
  const compiler = new CheckCompiler();
  const fieldChecks = root.fields.map((field) => compiler.compile(field.type));
  return (block) => {
    const cursor = new Cursor(block.bytes);
    let record = 0;
    let field = 0;
    try {
      for (; record < block.recordCount; record++) {
        cursor.spend(fieldChecks.length);
        for (field = 0; field < fieldChecks.length; field++) (fieldChecks[field] as Check)(cursor);
      }
    } catch (error) {
      if (!(error instanceof Defect)) throw error;
      throw recordInvalid(block, record, root.fields[field]?.name, error, cursor.pos);
    }
    if (cursor.pos !== block.bytes.length) {
      const left = block.bytes.length - cursor.pos;
      const defect = new Defect(`${left} bytes are left over in the block`, 'none');
      throw recordInvalid(block, Math.max(0, block.recordCount - 1), undefined, defect, cursor.pos);
    }
  };
}

function recordInvalid(
  block: Block,
  recordInBlock: number,
  field: string | undefined,
  defect: Defect,
  pos: number,
): CurrentsError {
  const record = block.firstRecord + recordInBlock;
  const place = field === undefined ? '' : `, field ${JSON.stringify(field)}`;
  return new CurrentsError({
    code: 'RECORD_INVALID',
    message: `cannot decode record ${record} in block ${block.index}${place}: at byte ${pos} of the block ${defect.found} (expected ${defect.expected})`,
    hint: 'the file is damaged or was written by another schema than its header says: have it sent again',
    context: { block: block.index, record, ...(field === undefined ? {} : { field }) },
  });
}

class CheckCompiler {
  readonly #compiled = new Map<AvroType, Check>();

  compile(type: AvroType): Check {
    const known = this.#compiled.get(type);
    if (known !== undefined) return known;
    // Recursive types meet themselves while they are being compiled: they call through this.
    let check: Check | undefined;
    this.#compiled.set(type, (cursor) => (check as Check)(cursor));
    check = this.#build(type);
    this.#compiled.set(type, check);
    return check;
  }

  #build(type: AvroType): Check {
    switch (type.kind) {
      case 'null':
        return () => {};
      case 'boolean':
        return checkBoolean;
      case 'int':
        return checkInt;
      case 'long':
        return checkLong;
      case 'float':
        return (cursor) => cursor.skip(4);
      case 'double':
        return (cursor) => cursor.skip(8);
      case 'bytes':
        return checkBytes;
      case 'string':
        return checkString;
      case 'fixed':
        return (cursor) => cursor.skip(type.size);
      case 'enum':
        return buildIndexCheck(type.symbols.length, formatTypeName(type));
      case 'array':
        return buildItemsCheck(getMinimumBytes(type.items), this.compile(type.items));
      case 'map': {
        const checkValue = this.compile(type.values);
        const minimumBytes = 1 + getMinimumBytes(type.values);
        return buildItemsCheck(minimumBytes, (cursor) => {
          checkString(cursor);
          checkValue(cursor);
        });
      }
      case 'union': {
        const branches = type.branches.map((branch) => this.compile(branch));
        const nullable = getNullableBranch(type);
        const isNested = nullable === undefined;
        return (cursor) => {
          const index = cursor.readIndex();
          const check = branches[index];
          if (check === undefined) {
            throw new Defect(`union branch ${index}`, `0 to ${branches.length - 1}`);
          }
          // A nullable adds no frame of its own worth counting.
          if (isNested) cursor.enter();
          check(cursor);
          if (isNested) cursor.leave();
        };
      }
      case 'record': {
        const checks = type.fields.map((field) => this.compile(field.type));
        return (cursor) => {
          cursor.enter();
          cursor.spendInner(checks.length);
          for (const check of checks) check(cursor);
          cursor.leave();
        };
      }
    }
  }
}

function checkBoolean(cursor: Cursor): void {
  const byte = cursor.bytes[cursor.pos];
  cursor.skip(1);
  if (byte !== 0 && byte !== 1) throw new Defect(`a boolean is ${byte}`, '0 or 1');
}

/** At most five bytes; the fifth has room for four of the 32 bits. */
function checkInt(cursor: Cursor): void {
  const { bytes } = cursor;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[cursor.pos];
    if (byte === undefined) throw cutShort('an int');
    cursor.pos++;
    if (byte < 0x80) {
      if (i === 4 && byte > 0x0f) break;
      return;
    }
  }
  throw new Defect('an int has more than 32 bits', '32 bits');
}

/** At most ten bytes; the tenth has room for one of the 64 bits. */
function checkLong(cursor: Cursor): void {
  const { bytes } = cursor;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[cursor.pos];
    if (byte === undefined) throw cutShort('a long');
    cursor.pos++;
    if (byte < 0x80) {
      if (i === 9 && byte > 1) break;
      return;
    }
  }
  throw new Defect('a long has more than 64 bits', '64 bits');
}

function checkBytes(cursor: Cursor): void {
  cursor.skip(cursor.readLength());
}

function checkString(cursor: Cursor): void {
  const length = cursor.readLength();
  const start = cursor.pos;
  cursor.skip(length);
  const { bytes, pos } = cursor;
  if (length < LONG_TEXT_BYTES) {
    let bits = 0;
    for (let i = start; i < pos; i++) bits |= bytes[i] as number;
    if (bits < 0x80) return;
  }
  if (!isUtf8(bytes.subarray(start, pos))) {
    cursor.pos = start;
    throw new Defect(`a string of ${length} bytes is not UTF-8`, 'UTF-8');
  }
}

function buildIndexCheck(count: number, name: string): Check {
  return (cursor) => {
    const index = cursor.readIndex();
    if (index < 0 || index >= count) {
      throw new Defect(`symbol ${index} of ${name}`, `0 to ${count - 1}`);
    }
  };
}

/** Arrays and maps: blocks of items; a negative count is followed by the block's length in bytes. */
function buildItemsCheck(minimumBytes: number, checkItem: Check): Check {
  return (cursor) => {
    cursor.enter();
    for (;;) {
      let count = cursor.readLong();
      if (count === 0) break;
      let end = -1;
      if (count < 0) {
        count = -count;
        const size = cursor.readLength();
        end = cursor.pos + size;
      }
      const left = cursor.bytes.length - cursor.pos;
      if (count * minimumBytes > left) {
        throw new Defect(`${count} items announced in the last ${left} bytes`, 'fewer items');
      }
      cursor.spendInner(count);
      for (; count > 0; count--) checkItem(cursor);
      if (end !== -1 && cursor.pos !== end) {
        throw new Defect(`items end at byte ${cursor.pos}`, `byte ${end} as announced`);
      }
    }
    cursor.leave();
  };
}

function cutShort(what: string): Defect {
  return new Defect(`the block ends inside ${what}`, 'more bytes');
}

class Cursor {
  readonly bytes: Buffer;
  pos = 0;
  #depth = 0;
  #budget: number;
  #innerBudget: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#budget = MAX_EMPTY_VALUES + 8 * bytes.length;
    this.#innerBudget = MAX_EMPTY_INNER_VALUES + 8 * bytes.length;
  }

  skip(size: number): void {
    if (size > this.bytes.length - this.pos) throw cutShort(`a value of ${size} bytes`);
    this.pos += size;
  }

  enter(): void {
    if (++this.#depth > MAX_DEPTH) {
      throw new Defect('values are nested too deeply', `at most ${MAX_DEPTH} levels`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  /** Pays for values that may have no bytes, so that a few bytes cannot announce hours of work. */
  spend(count: number): void {
    this.#budget -= count;
    if (this.#budget < 0) throw new Defect('too many values without bytes', 'fewer');
  }

  /** The same for values inside others. */
  spendInner(count: number): void {
    this.#innerBudget -= count;
    if (this.#innerBudget < 0) throw new Defect('too many values without bytes', 'fewer');
  }

  /** The length of a string or of bytes. */
  readLength(): number {
    const length = this.readLong();
    if (length < 0) throw new Defect(`a length is ${length}`, '0 or more');
    return length;
  }

  /** An enum's symbol or a union's branch, which are ints; out-of-range values are the caller's to refuse. */
  readIndex(): number {
    const byte = this.bytes[this.pos];
    if (byte !== undefined && byte < 0x80) {
      this.pos++;
      return (byte >> 1) ^ -(byte & 1);
    }
    return this.readLong();
  }

  /** A zigzag varint. Beyond 2^53 the number is not exact, but still too large for every use here. */
  readLong(): number {
    const { bytes } = this;
    let byte = bytes[this.pos];
    if (byte !== undefined && byte < 0x80) {
      this.pos++;
      return (byte >> 1) ^ -(byte & 1);
    }
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      byte = bytes[this.pos];
      if (byte === undefined) throw cutShort('a number');
      this.pos++;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    throw new Defect('a number takes more than 10 bytes', 'at most 10');
  }
}
