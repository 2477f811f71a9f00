/**
 * The same objects loaded twice into a real DuckDB: by `currents_batch`, as they are in production, and by
 * avsc and the converters alone (exact-scan.ts).
 *
 * Both tables are compared row by row, as values and as DuckDB's texts of them.
 */

import assert from 'node:assert/strict';
import { onTestFinished, vi } from 'vitest';
import { CellReader } from '../../src/avro/cell-reader.ts';
import { BatchScan } from '../../src/warehouse/batch-scan.ts';
import { BatchSource, type ScanObject } from '../../src/warehouse/batch-source.ts';
import { ConvertedRows } from '../../src/warehouse/converted-rows.ts';
import { Database } from '../../src/warehouse/database.ts';
import type { EventTable } from '../../src/warehouse/event-tables.ts';
import { ExactScan } from './exact-scan.ts';

export class BothWays {
  readonly database: Database;
  readonly #scan: BatchScan;
  readonly #exact: ExactScan;

  private constructor(database: Database) {
    this.database = database;
    this.#scan = new BatchScan(database);
    this.#exact = new ExactScan(database);
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
    const exactSource = new BatchSource(table, objects);
    this.#exact.source = exactSource;
    await this.#load('exact', 'exact_batch(0)');
    assert.equal(source.failure, undefined);
    assert.equal(source.needsRescued, exactSource.needsRescued);
    // DuckDB writes the sign of NaN; JavaScript, through which the exact way leads, keeps it or not.
    for (const columns of ['*', "replace(columns(*)::varchar, '-nan', 'nan')"]) {
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
