/**
 * The blocks of a container → values of chosen fields, column by column.
 *
 * avsc decodes (by way of avsc-type.ts), after block-checker.ts has walked each block once: so what a
 * reader hands out is exactly what the schema allows, and damage anywhere in a block, in skipped fields
 * too, is an error before the first of its records. Earlier blocks may have been handed out by then:
 * rows must not become visible before the whole object is read.
 *
 * What a value becomes: null → null; boolean; int, float, double → number; long → bigint; string →
 * string; bytes, fixed → Buffer; enum → its symbol; array → array; map → array of [key, value] in
 * written order, duplicates kept; record → array of values in field order; a nullable union → the value
 * or null; any other union → { branch, value }. Logical types stay their base type.
 */
import { CurrentsError } from '../errors.ts';
import { isRecursive, type WriterSchema } from './avro-schema.ts';
import {
  type AvscRecord,
  type AvscSource,
  buildAvscRecord,
  type Convert,
  createProjection,
  nameField,
} from './avsc-type.ts';
import { type BlockCheck, createBlockCheck } from './block-checker.ts';
import type { Block, Container } from './container-reader.ts';

/** Decodes chosen fields of a container's records. */
export interface ColumnReader {
  /**
   * Decodes up to `limit` next records and writes the value of `fieldIndexes[i]` to
   * `columns[i][offset + n]`. Returns how many; fewer than `limit` only at the end, 0 after it.
   *
   * @throws CurrentsError RECORD_INVALID with block and record; the reader is of no use afterwards
   */
  read(columns: unknown[][], offset: number, limit: number): number;
  /** Where the next record begins. May be set, to go on behind records that somebody else has decoded. */
  position: RecordPosition;
}

/** A place between two records of a container. */
export interface RecordPosition {
  /** Index of the block, and how many of its records lie before. */
  readonly block: number;
  readonly record: number;
  /** Bytes of the block that lie before. */
  readonly pos: number;
}

/** What is built once for a schema and used for every object that has it. */
interface Decoder {
  readonly checkBlock: BlockCheck;
  readonly avsc: AvscRecord;
  readonly isRecursive: boolean;
  /** By the chosen fields' indexes, joined by commas. */
  readonly projections: Map<string, AvscSource>;
}

/** By fingerprint, which leaves out only what decoding does not see. A bucket has a few hundred schemas. */
const decoders = new Map<string, Decoder>();
const MAX_DECODERS = 1_000;

/** Blocks are walked by the first reader that comes to them. */
const checkedBlocks = new WeakSet<Block>();

/**
 * @param fieldIndexes positions in `container.schema.type.fields`; without any, records are checked and counted
 */
export function createColumnReader(
  container: Container,
  fieldIndexes: readonly number[],
): ColumnReader {
  return new AvscColumnReader(container, fieldIndexes);
}

/**
 * Walks every byte of every block: how a damaged object is found out before anything is loaded.
 *
 * @throws CurrentsError RECORD_INVALID at the first defect, with block, record and field
 */
export function verifyContainer(container: Container): void {
  const decoder = getDecoder(container.schema);
  for (const block of container.blocks) checkOnce(decoder, block);
}

/**
 * Says what is wrong with a block that the compiled decoder refused.
 *
 * @throws CurrentsError RECORD_INVALID with block, record and field
 */
export function failBlock(container: Container, block: Block): never {
  getDecoder(container.schema).checkBlock(block);
  throw new Error(`the compiled decoder refused block ${block.index}, which is sound`);
}

class AvscColumnReader implements ColumnReader {
  readonly #blocks: readonly Block[];
  readonly #decoder: Decoder;
  readonly #source: AvscSource;
  readonly #names: readonly string[];
  readonly #converts: readonly (Convert | undefined)[];
  #blockIndex = 0;
  #recordInBlock = 0;
  #pos = 0;

  constructor(container: Container, fieldIndexes: readonly number[]) {
    this.#blocks = container.blocks;
    this.#decoder = getDecoder(container.schema);
    this.#source = getSource(this.#decoder, container.schema, fieldIndexes);
    this.#names = fieldIndexes.map(nameField);
    this.#converts = fieldIndexes.map((i) => this.#decoder.avsc.converts[i]);
  }

  get position(): RecordPosition {
    return { block: this.#blockIndex, record: this.#recordInBlock, pos: this.#pos };
  }

  set position({ block, record, pos }: RecordPosition) {
    this.#blockIndex = block;
    this.#recordInBlock = record;
    this.#pos = pos;
  }

  read(columns: unknown[][], offset: number, limit: number): number {
    let count = 0;
    while (count < limit) {
      const block = this.#blocks[this.#blockIndex];
      if (block === undefined) break;
      checkOnce(this.#decoder, block);
      const take = Math.min(limit - count, block.recordCount - this.#recordInBlock);
      if (this.#names.length > 0) this.#decode(block, columns, offset + count, take);
      count += take;
      this.#recordInBlock += take;
      if (this.#recordInBlock === block.recordCount) {
        this.#blockIndex++;
        this.#recordInBlock = 0;
        this.#pos = 0;
      }
    }
    return count;
  }

  #decode(block: Block, columns: unknown[][], offset: number, count: number): void {
    const { type, resolver } = this.#source;
    const names = this.#names;
    const converts = this.#converts;
    let n = 0;
    try {
      for (; n < count; n++) {
        const { value, offset: end } = type.decode(block.bytes, this.#pos, resolver);
        this.#pos = end;
        for (let i = 0; i < names.length; i++) {
          const decoded = value[names[i] as string];
          const convert = converts[i];
          (columns[i] as unknown[])[offset + n] =
            convert === undefined ? decoded : convert(decoded);
        }
      }
    } catch (cause) {
      // The block has been checked: what is left is what the engine cannot hold, a string of 600 MB say.
      const record = block.firstRecord + this.#recordInBlock + n;
      throw new CurrentsError({
        code: 'RECORD_INVALID',
        message: `cannot decode record ${record} in block ${block.index}: it is sound, but Node.js cannot hold it (expected values that fit into memory)`,
        hint: 'have the file sent again with smaller records',
        context: { block: block.index, record },
        cause,
      });
    }
  }
}

function checkOnce(decoder: Decoder, block: Block): void {
  if (checkedBlocks.has(block)) return;
  decoder.checkBlock(block);
  checkedBlocks.add(block);
}

function getDecoder(schema: WriterSchema): Decoder {
  const known = decoders.get(schema.fingerprint);
  if (known !== undefined) return known;
  const decoder: Decoder = {
    checkBlock: createBlockCheck(schema.type),
    avsc: buildAvscRecord(schema.type),
    isRecursive: isRecursive(schema.type),
    projections: new Map(),
  };
  // A sender that changes its schema with every file must not fill the memory; starting over is cheap.
  if (decoders.size >= MAX_DECODERS) decoders.clear();
  decoders.set(schema.fingerprint, decoder);
  return decoder;
}

function getSource(
  decoder: Decoder,
  schema: WriterSchema,
  fieldIndexes: readonly number[],
): AvscSource {
  const chosen = [...new Set(fieldIndexes)].sort((a, b) => a - b);
  // Without skipping, avsc needs no resolver and is faster. Recursive schemas cannot have one.
  if (decoder.isRecursive || chosen.length === schema.type.fields.length) return decoder.avsc;
  const key = chosen.join(',');
  const known = decoder.projections.get(key);
  if (known !== undefined) return known;
  const projection = createProjection(decoder.avsc.type, chosen);
  decoder.projections.set(key, projection);
  return projection;
}
