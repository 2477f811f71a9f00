/**
 * Records that may be in the table already, set aside while a batch is inserted → objects that are scanned
 * once more: for the duplicates among them, and for the rest.
 *
 * Single records are copied as they are written; one behind the other they are a block like any other. Where many
 * in a row, a whole object, or all that is left of one are in doubt, its own blocks are used.
 */

import type { Block, Container } from '../avro/container-reader.ts';
import type { RecordPosition } from '../avro/record-decoder.ts';
import type { ScanObject } from './batch-source.ts';

/** Records that stand one behind the other. */
interface Run {
  readonly bytes: Buffer;
  readonly records: number;
}

interface Aside {
  /** Or its first part. */
  readonly object: ScanObject;
  readonly runs: Run[];
  /** Of the object, or of several of its parts. */
  readonly rests: { readonly container: Container; readonly from: RecordPosition }[];
}

/** Runs of so many bytes together become a block. */
const BLOCK_BYTES = 2 ** 20;

const START: RecordPosition = { block: 0, record: 0, pos: 0 };

export class DoubtfulRecords {
  readonly #asides = new Map<number, Aside>();
  /** Of all but the rest of objects. */
  runBytes = 0;

  /** @param bytes so many records as a block has them, to stay as they are until the batch is done */
  add(object: ScanObject, bytes: Buffer, records: number): void {
    const aside = this.#of(object);
    aside.runs.push({ bytes, records });
    this.runBytes += bytes.length;
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

  /**
   * Hands them out and keeps nothing of them. In the order of the batch; of an object whose rest is in doubt,
   * `skippedRows` count from its new first record.
   */
  take(): readonly ScanObject[] {
    const objects = [...this.#asides.values()].map(toScanObject);
    this.#asides.clear();
    return objects;
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
  for (const { bytes, records } of joinRuns(runs.splice(0))) append(bytes, records);
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

/** Single records would each be a block, which takes longer to open than to decode. */
function joinRuns(runs: readonly Run[]): readonly Run[] {
  const groups: Run[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const run of runs) {
    size += run.bytes.length;
    if (size > BLOCK_BYTES) {
      groups.push([]);
      size = run.bytes.length;
    }
    groups.at(-1)?.push(run);
  }
  return groups.map((group) => {
    const [only, ...others] = group;
    if (only !== undefined && others.length === 0) return only;
    const bytes = Buffer.concat(group.map((run) => run.bytes));
    return { bytes, records: group.reduce((sum, run) => sum + run.records, 0) };
  });
}

/** Whether the rest is a whole object, or what is like one. */
function isAll({ container, from }: Aside['rests'][number]): boolean {
  return from.block === 0 && from.record === 0 && container.blocks[0]?.firstRecord === 0;
}

function numberOf({ blocks, recordCount }: Container, { block, record }: RecordPosition): number {
  const first = blocks[block]?.firstRecord;
  return first === undefined ? recordCount : first + record;
}
