/**
 * Records that may be in the table already, set aside while a batch is inserted → objects that are scanned
 * once more: for the duplicates among them, and for the rest.
 *
 * Single records are copied as they are written; one behind the other they are a block like any other. Where many
 * in a row, a whole object, or all that is left of one are in doubt, its own blocks are used. Copies are tens of
 * megabytes when a batch is large: their memory goes round (recycled-buffers.ts).
 */

import type { Block, Container } from '../avro/container-reader.ts';
import type { RecordPosition } from '../avro/record-decoder.ts';
import { giveBack, takeBuffer } from '../recycled-buffers.ts';
import type { ScanObject } from './batch-source.ts';

/** Records that stand one behind the other. */
interface Run {
  bytes: Buffer;
  records: number;
}

interface Aside {
  /** Or its first part. */
  readonly object: ScanObject;
  readonly runs: Run[];
  /** Of the object, or of several of its parts. */
  readonly rests: { readonly container: Container; readonly from: RecordPosition }[];
}

/** Fewer bytes are copied also where they could stay: a block takes longer to open than a record to decode. */
const LEAST_RUN_BYTES = 16 * 1024;
/** Of what memory there is for copies, in bytes: as much as goes round. */
const MEMORY_BYTES = 4 * 2 ** 20;

const NO_MEMORY = Buffer.alloc(0);
const START: RecordPosition = { block: 0, record: 0, pos: 0 };

/** Copies of records, of all objects in the same memory, which goes round. */
class Copies {
  readonly #taken: Buffer[] = [];
  #memory: Buffer = NO_MEMORY;
  #used = 0;
  /** What was copied last, from here on. */
  #last: Run | undefined;
  #lastStart = 0;

  /** @param runs of one object: the last of them becomes longer, or there is one more */
  addTo(runs: Run[], bytes: Buffer, records: number): void {
    if (this.#used + bytes.length > this.#memory.length) this.#takeMemory(bytes.length);
    const start = this.#used;
    this.#memory.set(bytes, start);
    this.#used += bytes.length;
    const before = runs.at(-1);
    if (before !== undefined && before === this.#last) {
      before.bytes = this.#memory.subarray(this.#lastStart, this.#used);
      before.records += records;
    } else {
      this.#last = { bytes: this.#memory.subarray(start, this.#used), records };
      this.#lastStart = start;
      runs.push(this.#last);
    }
  }

  #takeMemory(leastBytes: number): void {
    this.#memory = takeBuffer(Math.max(MEMORY_BYTES, leastBytes));
    this.#taken.push(this.#memory);
    this.#used = 0;
    this.#last = undefined;
  }

  release(): void {
    giveBack(this.#taken.splice(0));
    this.#memory = NO_MEMORY;
  }
}

export class DoubtfulRecords {
  readonly #asides = new Map<number, Aside>();
  readonly #copies = new Copies();
  /** Of all but the rest of objects. */
  runBytes = 0;

  /**
   * @param bytes so many records as a block has them
   * @param stays whether these bytes are the same until the batch is done
   */
  add(object: ScanObject, bytes: Buffer, records: number, stays: boolean): void {
    const { runs } = this.#of(object);
    this.runBytes += bytes.length;
    if (stays && bytes.length >= LEAST_RUN_BYTES) runs.push({ bytes, records });
    else this.#copies.addTo(runs, bytes, records);
  }

  /** All records from here on. */
  addRest(object: ScanObject, position: RecordPosition): void {
    this.#of(object).rests.push({ container: object.container, from: position });
  }

  addWhole(object: ScanObject): void {
    this.addRest(object, START);
  }

  /** Whether there are records whose keys the sieve has not seen. */
  get hasUnsifted(): boolean {
    return [...this.#asides.values()].some(({ rests }) => rests.length > 0);
  }

  /** In the order of the batch; of an object whose rest is in doubt, `skippedRows` count from its new first record. */
  get objects(): readonly ScanObject[] {
    return [...this.#asides.values()].map(toScanObject);
  }

  /** Frees what was copied: nobody may look at the objects again. */
  release(): void {
    this.#copies.release();
    this.#asides.clear();
  }

  #of(object: ScanObject): Aside {
    const known = this.#asides.get(object.objectId);
    if (known !== undefined) return known;
    const aside: Aside = { object, runs: [], rests: [] };
    this.#asides.set(object.objectId, aside);
    return aside;
  }
}

function toScanObject({ object, runs, rests }: Aside): ScanObject {
  const { objectId, container, skippedRows } = object;
  const [rest] = rests;
  if (runs.length === 0 && rests.length === 1 && rest && isAll(rest)) return object;
  const blocks: Block[] = [];
  let recordCount = 0;
  const append = (bytes: Buffer, records: number) => {
    if (records === 0) return;
    blocks.push({ index: blocks.length, firstRecord: recordCount, recordCount: records, bytes });
    recordCount += records;
  };
  for (const { bytes, records } of runs) append(bytes, records);
  const runRecords = recordCount;
  for (const { container: part, from } of rests) {
    for (const [at, block] of part.blocks.entries()) {
      if (at < from.block) continue;
      const { record, pos } = at === from.block ? from : START;
      append(block.bytes.subarray(pos), block.recordCount - record);
    }
  }
  const uncompressedBytes = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const doubtful: Container = { ...container, blocks, recordCount, uncompressedBytes };
  // An object of which rows are to be left out has no parts.
  const firstOfRest = rest === undefined ? container.recordCount : numberOf(container, rest.from);
  const skipped = [...(skippedRows ?? [])]
    .filter((row) => row >= firstOfRest)
    .map((row) => row - firstOfRest + runRecords);
  return {
    objectId,
    container: doubtful,
    ...(skipped.length > 0 && { skippedRows: new Set(skipped) }),
  };
}

/** Whether the rest is a whole object, or what is like one. */
function isAll({ container, from }: Aside['rests'][number]): boolean {
  return from.block === 0 && from.record === 0 && container.blocks[0]?.firstRecord === 0;
}

function numberOf({ blocks, recordCount }: Container, { block, record }: RecordPosition): number {
  const first = blocks[block]?.firstRecord;
  return first === undefined ? recordCount : first + record;
}
