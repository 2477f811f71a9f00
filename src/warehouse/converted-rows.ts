/**
 * Records → one DuckDB chunk, value by value: avsc decodes, column-types.ts converts, and what has no place
 * goes to `_rescued`. For every shape there is; the shapes of Currents go the fast way (cell-chunk.ts), but
 * for records with a value that does not fit.
 */

import { type DuckDBDataChunk, type DuckDBValue, DuckDBVarCharType } from '@duckdb/node-api';
import type { Container } from '../avro/container-reader.ts';
import {
  type ColumnReader,
  createColumnReader,
  type RecordPosition,
} from '../avro/record-decoder.ts';
import type { BatchSource, ScanObject } from './batch-source.ts';
import { type Converter, createConverter, createNullCheck, MISFIT } from './column-types.ts';
import { OBJECT_ID_COLUMN, ROW_COLUMN } from './event-tables.ts';
import { formatAvroJson } from './json-text.ts';
import { setTextColumn } from './text-column.ts';

const NULL: Converter = () => null;

/** One object's records, for the columns that a scan asks for. */
export class ConvertedRows {
  readonly #source: BatchSource;
  readonly #asked: readonly number[];
  readonly #object: ScanObject;
  readonly #rescues: boolean;
  readonly #reader: ColumnReader;
  /** Fields that are read, in the order of the reader's columns. */
  readonly #fieldIndexes: number[] = [];
  /** For each asked column: where its value is among the read fields, or -1. */
  readonly #columns: readonly { readonly at: number; readonly convert: Converter }[];
  /** Read fields that have no column at all. */
  readonly #homeless: { readonly at: number; readonly isNull: (value: unknown) => boolean }[] = [];
  readonly #decoded: unknown[][];

  /**
   * @param asked indexes into the source's columns
   * @param rescues whether values without a place matter, or only the asked columns do
   */
  constructor(source: BatchSource, asked: readonly number[], object: ScanObject, rescues: boolean) {
    this.#source = source;
    this.#asked = asked;
    this.#object = object;
    this.#rescues = rescues;
    const { table } = source;
    const { fields } = object.container.schema.type;
    this.#columns = asked.map((index) => {
      const column = table.columns[index];
      const at =
        column === undefined ? -1 : fields.findIndex((field) => field.name === column.field);
      const field = fields[at];
      if (column === undefined || field === undefined) return { at: -1, convert: NULL };
      this.#fieldIndexes.push(at);
      return {
        at: this.#fieldIndexes.length - 1,
        convert: createConverter(field, column.type),
      };
    });
    if (rescues) this.#findHomeless(object.container);
    this.#decoded = this.#fieldIndexes.map(() => []);
    this.#reader = createColumnReader(object.container, this.#fieldIndexes);
  }

  #findHomeless({ schema }: Container): void {
    const { columns } = this.#source.table;
    for (const [index, field] of schema.type.fields.entries()) {
      if (field.type.kind === 'null' || columns.some((one) => one.field === field.name)) continue;
      this.#homeless.push({ at: this.#fieldIndexes.length, isNull: createNullCheck(field.type) });
      this.#fieldIndexes.push(index);
    }
  }

  get position(): RecordPosition {
    return this.#reader.position;
  }

  set position(position: RecordPosition) {
    this.#reader.position = position;
  }

  /**
   * Fills a chunk with up to `limit` records, less those that are to be left out.
   *
   * @param firstRecord the number of the next record within the container
   * @returns how many records were read; 0 at the end of the container
   */
  fill(output: DuckDBDataChunk, firstRecord: number, limit: number): number {
    const read = this.#reader.read(this.#decoded, 0, limit);
    const kept: number[] = [];
    for (let row = 0; row < read; row += 1) {
      if (!this.#object.skippedRows?.has(firstRecord + row)) kept.push(row);
    }
    const rescued: string[][] = [];
    const columns = this.#columns.map(({ at, convert }) =>
      this.#convert(at, convert, kept, rescued),
    );
    for (const { at, isNull } of this.#homeless) {
      const decoded = this.#decoded[at] as unknown[];
      for (const [row, from] of kept.entries()) {
        if (!isNull(decoded[from])) this.#rescue(rescued, row, at, decoded[from]);
      }
    }
    output.rowCount = kept.length;
    for (const [index, asked] of this.#asked.entries()) {
      const { name, type } = this.#source.columns[asked] as BatchSource['columns'][number];
      let values = columns[index] as DuckDBValue[];
      if (asked >= this.#source.table.columns.length) {
        values = kept.map((from, row) => this.#ownValue(name, firstRecord + from, rescued[row]));
      }
      if (type instanceof DuckDBVarCharType) {
        setTextColumn(output, index, values as (string | null)[]);
      } else {
        output.setColumnValues(index, values);
      }
    }
    return read;
  }

  #convert(at: number, convert: Converter, kept: readonly number[], rescued: string[][]) {
    if (at < 0) return kept.map((): DuckDBValue => null);
    const decoded = this.#decoded[at] as unknown[];
    return kept.map((from, row): DuckDBValue => {
      const value = convert(decoded[from]);
      if (value !== MISFIT) return value;
      this.#rescue(rescued, row, at, decoded[from]);
      return null;
    });
  }

  #rescue(rescued: string[][], row: number, at: number, value: unknown): void {
    if (!this.#rescues) return;
    if (!this.#source.table.hasRescued) {
      this.#source.needsRescued = true;
      return;
    }
    const { fields } = this.#object.container.schema.type;
    const field = fields[this.#fieldIndexes[at] as number] as (typeof fields)[number];
    const entry = `${JSON.stringify(field.name)}:${formatAvroJson(value, field.type)}`;
    rescued[row] = [...(rescued[row] ?? []), entry];
  }

  #ownValue(name: string, record: number, entries: readonly string[] | undefined): DuckDBValue {
    if (name === OBJECT_ID_COLUMN) return BigInt(this.#object.objectId);
    if (name === ROW_COLUMN) return record;
    return entries === undefined ? null : `{${entries.join(',')}}`;
  }
}
