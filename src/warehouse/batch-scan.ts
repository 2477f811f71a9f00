/**
 * Opened containers as a DuckDB table function: `select … from currents_batch(n)`.
 *
 * DuckDB asks for the columns it needs and pulls chunks of 2,048 rows; a pass over `id` and `time` alone
 * decodes nothing else. Memory is one chunk of JavaScript values, whatever the size of the batch.
 *
 * An error inside the callback fails the statement, and with it the transaction, as a plain text. So the
 * error itself and the object it belongs to are kept in `failure`, where the loader finds them.
 */

import {
  BIGINT,
  type DuckDBDataChunk,
  DuckDBTableFunction,
  type DuckDBType,
  type DuckDBValue,
  DuckDBVarCharType,
  INTEGER,
} from '@duckdb/node-api';
import type { Container } from '../avro/container-reader.ts';
import { type ColumnReader, createColumnReader } from '../avro/record-decoder.ts';
import {
  type Converter,
  createConverter,
  createNullCheck,
  JSON_TYPE,
  MISFIT,
} from './column-types.ts';
import type { Database } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, RESCUED_COLUMN, ROW_COLUMN } from './event-tables.ts';
import { formatAvroJson } from './json-text.ts';
import { setTextColumn } from './text-column.ts';

/** Rows in a DuckDB vector. */
const VECTOR_SIZE = 2048;

export interface ScanObject {
  readonly objectId: number;
  readonly container: Container;
  /** Zero-based rows to leave out: duplicates. */
  readonly skippedRows?: ReadonlySet<number>;
}

/** One event type's part of a batch, as a scan sees it. */
export class BatchSource {
  readonly columns: readonly { readonly name: string; readonly type: DuckDBType }[];
  readonly table: EventTable;
  readonly objects: readonly ScanObject[];
  /** Set when a scan failed on an object. */
  failure: { readonly objectId: number; readonly error: unknown } | undefined;
  /** Set when a value had no column and the table has no `_rescued`; the scan ends there. */
  needsRescued = false;

  constructor(table: EventTable, objects: readonly ScanObject[]) {
    this.table = table;
    this.objects = objects;
    this.columns = [
      ...table.columns,
      ...(table.hasRescued ? [{ name: RESCUED_COLUMN, type: JSON_TYPE }] : []),
      { name: OBJECT_ID_COLUMN, type: BIGINT },
      { name: ROW_COLUMN, type: INTEGER },
    ];
  }
}

/**
 * What is being scanned, whatever the database: DuckDB keeps the first function of a name and ignores
 * a second one, so a second loader on one database has to find its sources by way of the first.
 */
const sources = new Map<number, BatchSource>();
let lastId = 0;

/** Registers `currents_batch` on a connection; `withSource` lends it one source at a time. */
export class BatchScan {
  constructor(database: Database) {
    database.registerTableFunction(
      DuckDBTableFunction.create({
        name: 'currents_batch',
        parameterTypes: [INTEGER],
        supportsProjectionPushdown: true,
        bindFunction: (info) => {
          const source = sources.get(info.getParameter(0) as number);
          if (source === undefined) throw new Error('currents_batch: no such source');
          for (const { name, type } of source.columns) info.addResultColumn(name, type);
          info.setBindData(source);
        },
        initFunction: (info) => {
          info.setInitData(new Cursor(info.bindData as BatchSource, info.getColumnIndexes()));
          // Chunks are decoded on the one JavaScript thread; more scanning threads would only wait.
          info.setMaxThreads(1);
        },
        mainFunction: (info, output) => (info.initData as Cursor).fill(output),
      }),
    );
  }

  /** Runs `work` with SQL that scans the source, such as `currents_batch(7)`. */
  async withSource<Result>(source: BatchSource, work: (scan: string) => Promise<Result>) {
    lastId += 1;
    const id = lastId;
    sources.set(id, source);
    try {
      return await work(`currents_batch(${id})`);
    } finally {
      sources.delete(id);
    }
  }
}

/** How to get one object's rows into the asked columns. */
interface RowPlan {
  readonly reader: ColumnReader;
  /** For each asked column: where its value is among the read fields, or -1. */
  readonly columns: readonly { readonly at: number; readonly convert: Converter }[];
  /** Read fields, in the order of the reader's columns. */
  readonly fieldIndexes: readonly number[];
  /** Read fields that have no column at all. */
  readonly homeless: readonly {
    readonly at: number;
    readonly isNull: (value: unknown) => boolean;
  }[];
}

const NULL: Converter = () => null;

/** One pass over a source. */
class Cursor {
  readonly #source: BatchSource;
  readonly #asked: readonly number[];
  readonly #rescues: boolean;
  readonly #decoded: unknown[][] = [];
  #object = -1;
  #row = 0;
  #plan: RowPlan | undefined;

  constructor(source: BatchSource, asked: readonly number[]) {
    this.#source = source;
    this.#asked = asked;
    // A pass over keys alone looks at a few columns and does not judge the others.
    this.#rescues = !asked.some((index) => source.columns[index]?.name === ROW_COLUMN);
  }

  /** Writes up to one vector of rows; none means the end. */
  fill(output: DuckDBDataChunk): void {
    const columns: DuckDBValue[][] = this.#asked.map(() => []);
    let count = 0;
    try {
      while (count < VECTOR_SIZE && !this.#source.needsRescued) {
        const plan = this.#plan ?? this.#openNext();
        if (plan === undefined) break;
        const read = plan.reader.read(this.#decoded, 0, VECTOR_SIZE - count);
        if (read === 0) this.#plan = undefined;
        else count = this.#convert(plan, read, columns, count);
      }
    } catch (error) {
      this.#source.failure ??= { objectId: this.#current().objectId, error };
      throw error;
    }
    output.rowCount = count;
    if (count === 0) return;
    for (const [index, values] of columns.entries()) {
      const type = this.#source.columns[this.#asked[index] as number]?.type;
      if (type instanceof DuckDBVarCharType) {
        setTextColumn(output, index, values as (string | null)[]);
      } else {
        output.setColumnValues(index, values);
      }
    }
  }

  #current(): ScanObject {
    return this.#source.objects[this.#object] as ScanObject;
  }

  #openNext(): RowPlan | undefined {
    this.#object += 1;
    this.#row = 0;
    const object = this.#source.objects[this.#object];
    if (object === undefined) return undefined;
    const fields = object.container.schema.type.fields;
    const { table } = this.#source;
    const fieldIndexes: number[] = [];
    const columns = this.#asked.map((asked) => {
      const column = table.columns[asked];
      const field =
        column === undefined ? -1 : fields.findIndex((one) => one.name === column.field);
      if (column === undefined || field < 0) return { at: -1, convert: NULL };
      fieldIndexes.push(field);
      return {
        at: fieldIndexes.length - 1,
        convert: createConverter(fields[field] as (typeof fields)[number], column.type),
      };
    });
    const homeless: RowPlan['homeless'][number][] = [];
    if (this.#rescues) {
      fields.forEach((field, index) => {
        if (field.type.kind === 'null' || table.columns.some((one) => one.field === field.name))
          return;
        homeless.push({ at: fieldIndexes.length, isNull: createNullCheck(field.type) });
        fieldIndexes.push(index);
      });
    }
    while (this.#decoded.length < fieldIndexes.length) this.#decoded.push([]);
    this.#plan = {
      reader: createColumnReader(object.container, fieldIndexes),
      columns,
      fieldIndexes,
      homeless,
    };
    return this.#plan;
  }

  /** Appends the decoded rows that are not skipped to the output columns; returns the new row count. */
  #convert(plan: RowPlan, read: number, output: DuckDBValue[][], start: number): number {
    const { objectId, skippedRows } = this.#current();
    const kept: number[] = [];
    for (let row = 0; row < read; row += 1) {
      if (!skippedRows?.has(this.#row + row)) kept.push(row);
    }
    const rescued: string[][] = [];
    plan.columns.forEach(({ at, convert }, index) => {
      const values = output[index] as DuckDBValue[];
      if (at < 0) {
        for (let row = 0; row < kept.length; row += 1) values.push(null);
        return;
      }
      const decoded = this.#decoded[at] as unknown[];
      for (let row = 0; row < kept.length; row += 1) {
        const value = convert(decoded[kept[row] as number]);
        if (value === MISFIT) {
          values.push(null);
          this.#rescue(rescued, row, at, plan, kept);
        } else {
          values.push(value);
        }
      }
    });
    for (const { at, isNull } of plan.homeless) {
      const decoded = this.#decoded[at] as unknown[];
      for (let row = 0; row < kept.length; row += 1) {
        if (!isNull(decoded[kept[row] as number])) this.#rescue(rescued, row, at, plan, kept);
      }
    }
    this.#fillOwnColumns(output, start, kept, objectId, rescued);
    this.#row += read;
    return start + kept.length;
  }

  #rescue(rescued: string[][], row: number, at: number, plan: RowPlan, kept: readonly number[]) {
    if (!this.#rescues) return;
    if (!this.#source.table.hasRescued) {
      this.#source.needsRescued = true;
      return;
    }
    const fields = this.#current().container.schema.type.fields;
    const field = fields[plan.fieldIndexes[at] as number] as (typeof fields)[number];
    const value = (this.#decoded[at] as unknown[])[kept[row] as number];
    const entry = `${JSON.stringify(field.name)}:${formatAvroJson(value, field.type)}`;
    rescued[row] = [...(rescued[row] ?? []), entry];
  }

  #fillOwnColumns(
    output: DuckDBValue[][],
    start: number,
    kept: readonly number[],
    objectId: number,
    rescued: readonly (readonly string[] | undefined)[],
  ): void {
    this.#asked.forEach((asked, index) => {
      const name = this.#source.columns[asked]?.name;
      if (asked < this.#source.table.columns.length) return;
      const values = output[index] as DuckDBValue[];
      for (let row = 0; row < kept.length; row += 1) {
        const entries = rescued[row];
        if (name === OBJECT_ID_COLUMN) values[start + row] = BigInt(objectId);
        else if (name === ROW_COLUMN) values[start + row] = this.#row + (kept[row] as number);
        else values[start + row] = entries === undefined ? null : `{${entries.join(',')}}`;
      }
    });
  }
}
