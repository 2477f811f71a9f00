/**
 * Records that may be in the table already, set aside while a batch is inserted → objects that are scanned
 * once more: for the duplicates among them, and for the rest.
 *
 * Single records are copied as they are written; one behind the other they are a block like any other. Where
 * a whole object, or all that is left of one, is in doubt, its own blocks are used.
 */

import type { Block, Container } from '../avro/container-reader.ts';
import type { RecordPosition } from '../avro/record-decoder.ts';
import type { ScanObject } from './batch-source.ts';

interface Aside {
  readonly object: ScanObject;
  readonly copies: Buffer[];
  copied: number;
  rest: RecordPosition | undefined;
}

const START: RecordPosition = { block: 0, record: 0, pos: 0 };

export class DoubtfulRecords {
  readonly #asides = new Map<number, Aside>();
  /** Of single records. */
  copiedBytes = 0;

  /** @param bytes so many records as a block has them */
  add(object: ScanObject, bytes: Buffer, records: number): void {
    const aside = this.#of(object);
    aside.copies.push(bytes);
    aside.copied += records;
    this.copiedBytes += bytes.length;
  }

  /** All records from here on. */
  addRest(object: ScanObject, position: RecordPosition): void {
    this.#of(object).rest = position;
  }

  addWhole(object: ScanObject): void {
    this.addRest(object, START);
  }

  /** Whether there are records whose keys the sieve has not seen. */
  get hasUnsifted(): boolean {
    return [...this.#asides.values()].some(({ rest }) => rest !== undefined);
  }

  /** In the order of the batch; of an object whose rest is in doubt, `skippedRows` count from its new first record. */
  get objects(): readonly ScanObject[] {
    return [...this.#asides.values()].map(toScanObject);
  }

  #of(object: ScanObject): Aside {
    const known = this.#asides.get(object.objectId);
    if (known !== undefined) return known;
    const aside: Aside = { object, copies: [], copied: 0, rest: undefined };
    this.#asides.set(object.objectId, aside);
    return aside;
  }
}

function toScanObject({ object, copies, copied, rest }: Aside): ScanObject {
  const { objectId, container, skippedRows } = object;
  if (rest?.block === 0 && rest.record === 0) return object;
  const blocks: Block[] = [];
  let recordCount = 0;
  const append = (bytes: Buffer, records: number) => {
    if (records === 0) return;
    blocks.push({ index: blocks.length, firstRecord: recordCount, recordCount: records, bytes });
    recordCount += records;
  };
  append(Buffer.concat(copies), copied);
  for (const block of rest === undefined ? [] : container.blocks.slice(rest.block)) {
    const { record, pos } = block === container.blocks[rest?.block ?? 0] && rest ? rest : START;
    append(block.bytes.subarray(pos), block.recordCount - record);
  }
  const uncompressedBytes = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const doubtful: Container = { ...container, blocks, recordCount, uncompressedBytes };
  const firstOfRest = rest === undefined ? container.recordCount : numberOf(container, rest);
  const skipped = [...(skippedRows ?? [])]
    .filter((row) => row >= firstOfRest)
    .map((row) => row - firstOfRest + copied);
  return {
    objectId,
    container: doubtful,
    ...(skipped.length > 0 && { skippedRows: new Set(skipped) }),
  };
}

function numberOf({ blocks, recordCount }: Container, { block, record }: RecordPosition): number {
  const first = blocks[block]?.firstRecord;
  return first === undefined ? recordCount : first + record;
}
