/**
 * The same objects loaded twice into a real DuckDB: by `currents_batch`, as they are in production, and by
 * a table function that knows nothing of compiled decoding: avsc and the converters, record by record.
 *
 * Both tables are compared row by row, as values and as DuckDB's texts of them.
 */

import assert from 'node:assert/strict';
import { DuckDBTableFunction, INTEGER } from '@duckdb/node-api';
import { onTestFinished, vi } from 'vitest';
import { CellReader } from '../../src/avro/cell-reader.ts';
import type { Container } from '../../src/avro/container-reader.ts';
import { BatchScan } from '../../src/warehouse/batch-scan.ts';
import { BatchSource, type ScanObject } from '../../src/warehouse/batch-source.ts';
import { ConvertedRows } from '../../src/warehouse/converted-rows.ts';
import { Database } from '../../src/warehouse/database.ts';
import { type EventTable, planTable } from '../../src/warehouse/event-tables.ts';

/** One pass of the exact way over all objects. */
class ExactCursor {
  readonly source: BatchSource;
  readonly asked: readonly number[];
  index = -1;
  record = 0;
  rows: ConvertedRows | undefined;

  constructor(source: BatchSource, asked: readonly number[]) {
    this.source = source;
    this.asked = asked;
  }

  fill(output: Parameters<ConvertedRows['fill']>[0]): void {
    output.rowCount = 0;
    while (output.rowCount === 0) {
      if (this.rows === undefined) {
        this.index += 1;
        this.record = 0;
        const object = this.source.objects[this.index];
        if (object === undefined) return;
        this.rows = new ConvertedRows(this.source, this.asked, object, true);
      }
      const read = this.rows.fill(output, this.record, 2048);
      this.record += read;
      if (read === 0) this.rows = undefined;
    }
  }
}

export class BothWays {
  readonly database: Database;
  readonly #scan: BatchScan;
  #exact: BatchSource | undefined;

  private constructor(database: Database) {
    this.database = database;
    this.#scan = new BatchScan(database);
    database.registerTableFunction(
      DuckDBTableFunction.create({
        name: 'exact_batch',
        parameterTypes: [INTEGER],
        supportsProjectionPushdown: true,
        bindFunction: (info) => {
          const source = this.#exact as BatchSource;
          for (const { name, type } of source.columns) info.addResultColumn(name, type);
          info.setBindData(source);
        },
        initFunction: (info) =>
          info.setInitData(new ExactCursor(info.bindData as BatchSource, info.getColumnIndexes())),
        mainFunction: (info, output) => (info.initData as ExactCursor).fill(output),
      }),
    );
  }

  /** One thread, so that rows keep their order. The caller closes the database. */
  static async open(): Promise<BothWays> {
    return new BothWays(await Database.open({ path: ':memory:', threads: 1 }));
  }

  /**
   * Loads both ways and asserts that the rows are the same.
   *
   * @returns how many records the compiled decoder and how many the exact way decoded in the first
   */
  async assertEqual(table: EventTable, objects: readonly ScanObject[]) {
    const source = new BatchSource(table, objects);
    const records = countRecords();
    await this.#scan.withSource(source, async (scan) => this.#load('compiled', scan));
    const counts = records.count();
    records.stop();
    this.#exact = new BatchSource(table, objects);
    await this.#load('exact', 'exact_batch(0)');
    assert.equal(source.failure, undefined);
    assert.equal(source.needsRescued, this.#exact.needsRescued);
    for (const columns of ['*', 'columns(*)::varchar']) {
      const [compiled, exact] = [
        await this.#read('compiled', columns),
        await this.#read('exact', columns),
      ];
      assert.deepEqual(compiled, exact);
    }
    return counts;
  }

  async #load(name: string, scan: string): Promise<void> {
    await this.database.run(
      `create or replace table ${name} as select * exclude (_row) from ${scan}`,
    );
  }

  /** As DuckDB's own values: a Date has no microseconds, and no year beyond 275760. */
  async #read(table: string, columns: string): Promise<readonly unknown[]> {
    const { chunks } = await this.database.stream(`select ${columns} from ${table} order by rowid`);
    const rows: unknown[] = [];
    for await (const chunk of chunks) rows.push(...chunk);
    return rows;
  }
}

/** Counts which way records are decoded, until stopped. */
function countRecords() {
  const read = vi.spyOn(CellReader.prototype, 'read');
  const fill = vi.spyOn(ConvertedRows.prototype, 'fill');
  const stop = () => {
    read.mockRestore();
    fill.mockRestore();
  };
  onTestFinished(stop);
  return {
    count: () => ({
      compiled: read.mock.results.reduce(
        (sum, { type, value }, call) =>
          type === 'return' ? sum + value.row - (read.mock.calls[call]?.[1] ?? 0) : sum,
        0,
      ),
      exact: fill.mock.results.reduce(
        (sum, { type, value }) => (type === 'return' ? sum + value : sum),
        0,
      ),
    }),
    stop,
  };
}

/** The table that these containers would get, in the order given. */
export function planFor(containers: readonly Container[], hasRescued = true): EventTable {
  const incoming = containers.map(({ schema }, objectId) => ({ schema, objectId }));
  const { table } = planTable('test.Event', { name: 'test_event' }, incoming, {
    mode: 'evolve',
    needsRescued: hasRescued,
  });
  return table;
}
