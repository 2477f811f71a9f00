/**
 * One pass over a batch, chunk by chunk: the fast way as long as it goes, the exact way where it must.
 *
 * The compiled decoder fills a chunk from as many objects as it takes. A record with a value that its
 * column cannot hold ends the chunk; that record goes through avsc and the converters, which know how to
 * rescue it, and if the next one is no better, twice as many. Objects of shapes that are not compiled go
 * that way from end to end.
 *
 * With a sieve, events that the table may have are set aside instead of handed out, and so is whatever cannot
 * be sifted: misfits, and objects of shapes that are not compiled.
 *
 * Several threads of DuckDB may take turns: all of this runs on the one JavaScript thread. What belongs to
 * the thread that asks is only the arena, in which lie the texts of the chunk that it gets.
 */

import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { RecordType } from '../avro/avro-schema.ts';
import { CellDecoder, OUTCOME, type Sieve } from '../avro/cell-decoder.ts';
import { CellLayout, type CellPlace, VECTOR_SIZE } from '../avro/cell-layout.ts';
import { compileProgram, type FieldUse } from '../avro/cell-program.ts';
import { type CellPrograms, CellReader } from '../avro/cell-reader.ts';
import type { BatchSource, ScanObject } from './batch-source.ts';
import { type CellArena, writeCells } from './cell-chunk.ts';
import { cellColumnOf, storageOf } from './column-storage.ts';
import { withoutNull } from './column-types.ts';
import { ConvertedRows } from './converted-rows.ts';
import { OBJECT_ID_COLUMN, RESCUED_COLUMN, ROW_COLUMN } from './event-tables.ts';

/** How the records of one schema come into the asked columns. */
interface SchemaPlan {
  /** Undefined: by way of avsc. */
  readonly programs: CellPrograms | undefined;
  /** Asked columns, by their place among them, that the schema has no field for. */
  readonly absent: readonly number[];
  /** Whether nothing of this schema can be sifted. */
  readonly isDoubtful: boolean;
}

/** The object in hand. */
interface OpenObject {
  readonly object: ScanObject;
  readonly plan: SchemaPlan;
  readonly cells: CellReader | undefined;
  converted: ConvertedRows | undefined;
  /** Next record, where there are no cells to tell. */
  nextRecord: number;
  /** Records set aside so far. */
  doubtful: number;
  /** Of the container. */
  readonly firstRecord: number;
}

/** So many records of an object tell what the others are like. */
const FEW_RECORDS = 4 * VECTOR_SIZE;

export class BatchCursor {
  readonly #source: BatchSource;
  readonly #asked: readonly number[];
  readonly #rescues: boolean;
  readonly #plans = new Map<string, SchemaPlan>();
  readonly #decoder = new CellDecoder();
  #layout: CellLayout | undefined;
  #index = -1;
  #following: BatchSource['following'];
  #open: OpenObject | undefined;
  /** Records that go the exact way at the next misfit. */
  #misfitRun = 1;

  /** @param asked indexes into the source's columns, in the order of the chunk's */
  constructor(source: BatchSource, asked: readonly number[]) {
    this.#source = source;
    this.#following = source.following;
    this.#asked = asked;
    // A pass over keys alone looks at a few columns and does not judge the others.
    this.#rescues = !asked.some((index) => source.columns[index]?.name === ROW_COLUMN);
    const columns = asked.map((index) => cellColumnOf(this.#column(index).type));
    if (!columns.includes(undefined)) {
      this.#layout = new CellLayout(columns.filter((column) => column !== undefined));
    }
  }

  /** Writes the next rows, up to a vector of them; none means the end. */
  fill(output: DuckDBDataChunk, arena: CellArena): void {
    // Its thread has used up the chunk that it got before.
    arena.clear();
    output.rowCount = 0;
    this.#open?.cells?.beginChunk();
    try {
      while (output.rowCount === 0 && !this.#source.needsRescued) {
        this.#open ??= this.#openNext();
        if (this.#open === undefined) return;
        if (this.#open.cells === undefined) this.#fillConverted(output, this.#open, VECTOR_SIZE);
        else this.#fillCells(output, arena);
      }
    } catch (error) {
      const object = this.#source.objects[this.#index];
      this.#source.failure ??= { objectId: object?.objectId ?? 0, error };
      throw error;
    }
  }

  #column(index: number) {
    return this.#source.columns[index] as BatchSource['columns'][number];
  }

  #openNext(): OpenObject | undefined {
    for (;;) {
      this.#index += 1;
      const object = this.#source.objects[this.#index] ?? this.#following?.next();
      if (object === undefined) {
        // The end for one thread is the end for the others: a single one would be slow.
        this.#following = undefined;
        return undefined;
      }
      this.#source.objects[this.#index] = object;
      const { schema } = object.container;
      const plan = this.#planSchema(schema.fingerprint, schema.type);
      if (!plan.isDoubtful) return this.#openObject(object, plan);
      this.#source.sifting?.doubtful.addWhole(object);
    }
  }

  #openObject(object: ScanObject, plan: SchemaPlan): OpenObject {
    const { container, skippedRows } = object;
    if (container.blocks.length === 0 && container.recordCount > 0) {
      throw new Error(`the memory of object ${object.objectId} has been given back`);
    }
    // A pass over keys counts rows on, which leaving some out would upset.
    const isCounted = !this.#rescues && skippedRows !== undefined;
    const cells =
      plan.programs && !isCounted
        ? new CellReader(
            container,
            plan.programs,
            this.#decoder,
            [...(skippedRows ?? [])].sort((a, b) => a - b),
            (bytes, records, isOfBlock) => {
              open.doubtful += records;
              // What others follow is released when it has been read.
              const stays = isOfBlock && this.#source.following === undefined;
              this.#source.sifting?.doubtful.add(object, bytes, records, stays);
            },
          )
        : undefined;
    const firstRecord = container.blocks[0]?.firstRecord ?? 0;
    const open = {
      object,
      plan,
      cells,
      converted: undefined,
      nextRecord: 0,
      doubtful: 0,
      firstRecord,
    };
    return open;
  }

  #planSchema(fingerprint: string, type: RecordType): SchemaPlan {
    const known = this.#plans.get(fingerprint);
    if (known !== undefined) return known;
    const { table } = this.#source;
    const absent = this.#asked.flatMap((index, at) => {
      const column = table.columns[index];
      const isOwn = column === undefined && this.#column(index).name !== RESCUED_COLUMN;
      const field = type.fields.find((one) => one.name === column?.field);
      return isOwn || (field !== undefined && field.type.kind !== 'null') ? [] : [at];
    });
    const compiled = this.#compile(type);
    const sieve = compiled && this.#aimSieve(type);
    const programs = compiled && { ...compiled, sieve };
    const hasKeys = type.fields.some(({ name }) => name === 'id');
    const isDoubtful = this.#source.sifting !== undefined && hasKeys && sieve === undefined;
    const plan = { programs, absent, isDoubtful };
    this.#plans.set(fingerprint, plan);
    return plan;
  }

  /** Where the program for this schema puts id and time, if it is as the sieve needs it. */
  #aimSieve(type: RecordType): Sieve | undefined {
    const { sifting, table } = this.#source;
    if (sifting === undefined) return undefined;
    const [ids, times] = ['id', 'time'].map((name) => {
      const field = type.fields.find((one) => one.name === name);
      const index = table.columns.findIndex((column) => column.field === name);
      const isThere = field !== undefined && field.type.kind !== 'null';
      // Symbols of an enum are texts too, but lie elsewhere.
      const isEnum = isThere && withoutNull(field.type)?.kind === 'enum';
      return isThere && !isEnum ? this.#layout?.places[this.#asked.indexOf(index)] : undefined;
    });
    if (ids === undefined || times === undefined) return undefined;
    const { knownUntil, number } = sifting.sieve;
    return { ids, times, knownUntil, table: number };
  }

  #compile(type: RecordType): Omit<CellPrograms, 'sieve'> | undefined {
    const layout = this.#layout;
    if (layout === undefined) return undefined;
    const { columns } = this.#source.table;
    const uses: FieldUse[] = [];
    for (const field of type.fields) {
      const index = columns.findIndex((column) => column.field === field.name);
      const at = index < 0 ? -1 : this.#asked.indexOf(index);
      const column = columns[index];
      if (column !== undefined && at >= 0 && field.type.kind !== 'null') {
        const storage = storageOf(field, column.type);
        if (storage === undefined) return undefined;
        uses.push({ column: at, storage });
      } else {
        uses.push(column === undefined && this.#rescues ? 'expect null' : 'pass over');
      }
    }
    const program = compileProgram(type, uses, layout);
    const checks = type.fields.map((): FieldUse => 'check');
    const skipProgram = compileProgram(type, checks, layout);
    return program && skipProgram && { program, skipProgram };
  }

  /** As many rows as can be had without avsc, from this object and the next ones. */
  #fillCells(output: DuckDBDataChunk, arena: CellArena): void {
    const layout = this.#layout as CellLayout;
    layout.resetValidity();
    let rows = 0;
    let outcome: number = OUTCOME.done;
    while (rows < VECTOR_SIZE && outcome === OUTCOME.done) {
      this.#open ??= this.#openNext();
      const { cells } = this.#open ?? {};
      if (this.#open === undefined || cells === undefined) break;
      const firstRecord = cells.nextRecord ?? 0;
      const read = cells.read(arena, rows, VECTOR_SIZE);
      outcome = read.outcome;
      this.#fillOwnColumns(layout, this.#open, firstRecord, rows, read.row);
      rows = read.row;
      if (cells.nextRecord === undefined) {
        this.#source.following?.release(this.#open.object);
        this.#open = undefined;
      } else if (this.#isRestDoubtful(this.#open, cells, outcome)) {
        this.#source.sifting?.doubtful.addRest(this.#open.object, cells.position);
        this.#open = undefined;
        outcome = OUTCOME.done;
        // A record that was begun has left its nulls in the next row.
        break;
      }
    }
    if (rows > 0) {
      writeCells(output, layout, rows);
      this.#misfitRun = outcome === OUTCOME.misfit && rows < VECTOR_SIZE / 32 ? this.#misfitRun : 1;
    } else if (outcome === OUTCOME.misfit && this.#open !== undefined) {
      this.#fillConverted(output, this.#open, this.#misfitRun);
      this.#misfitRun = Math.min(2 * this.#misfitRun, VECTOR_SIZE);
    } else if (outcome === OUTCOME.itemsFull) {
      this.#makeRoomForItems();
    }
  }

  /** Whether to set aside what is left of an object: the next record is a misfit, or most others were doubtful. */
  #isRestDoubtful(
    { doubtful, firstRecord }: OpenObject,
    { nextRecord = 0 }: CellReader,
    outcome: number,
  ): boolean {
    if (this.#source.sifting === undefined) return false;
    if (outcome === OUTCOME.misfit) return true;
    return doubtful > FEW_RECORDS && 2 * doubtful > nextRecord - firstRecord;
  }

  /** One record alone has more items than there is room for. */
  #makeRoomForItems(): void {
    this.#layout = this.#layout?.withMoreItems();
    this.#plans.clear();
    const { object, cells } = this.#open as OpenObject;
    const { schema } = object.container;
    const { programs } = this.#planSchema(schema.fingerprint, schema.type);
    if (cells && programs) cells.programs = programs;
  }

  #fillConverted(output: DuckDBDataChunk, open: OpenObject, limit: number): void {
    open.converted ??= new ConvertedRows(this.#source, this.#asked, open.object, this.#rescues);
    const { converted, cells } = open;
    if (cells !== undefined) {
      converted.position = cells.position;
      open.nextRecord = cells.nextRecord ?? 0;
    }
    const read = converted.fill(output, open.nextRecord, limit);
    open.nextRecord += read;
    if (cells !== undefined) cells.position = converted.position;
    const isLast = cells === undefined ? read === 0 : cells.nextRecord === undefined;
    if (isLast) this.#open = undefined;
  }

  /** What no field has: nulls for the columns that the schema lacks, the object and the record's number. */
  #fillOwnColumns(
    layout: CellLayout,
    { object, plan }: OpenObject,
    firstRecord: number,
    from: number,
    to: number,
  ): void {
    for (const at of plan.absent) layout.setNulls(layout.places[at] as CellPlace, from, to);
    for (const [at, index] of this.#asked.entries()) {
      if (index < this.#source.table.columns.length) continue;
      const { name } = this.#column(index);
      const { start } = layout.places[at] as CellPlace;
      if (name === OBJECT_ID_COLUMN) {
        layout.longs.fill(BigInt(object.objectId), start / 8 + from, start / 8 + to);
      } else if (name === ROW_COLUMN) {
        for (let row = from; row < to; row++) {
          layout.words[start / 4 + row] = firstRecord + row - from;
        }
      }
    }
  }
}
