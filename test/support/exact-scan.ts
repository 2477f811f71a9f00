/**
 * `exact_batch`: a table function over opened containers that knows nothing of compiled decoding. avsc
 * decodes every record and column-types.ts converts every value, as it was before and still is for shapes
 * that are not compiled. What `currents_batch` gives has to be the same.
 */

import { DuckDBTableFunction, INTEGER } from '@duckdb/node-api';
import type { Container } from '../../src/avro/container-reader.ts';
import type { BatchSource } from '../../src/warehouse/batch-source.ts';
import { ConvertedRows } from '../../src/warehouse/converted-rows.ts';
import type { Database } from '../../src/warehouse/database.ts';
import { type EventTable, planTable } from '../../src/warehouse/event-tables.ts';

export class ExactScan {
  /** What the next scan reads. */
  source: BatchSource | undefined;

  constructor(database: Database) {
    database.registerTableFunction(
      DuckDBTableFunction.create({
        name: 'exact_batch',
        supportsProjectionPushdown: true,
        parameterTypes: [INTEGER],
        bindFunction: (info) => {
          const source = this.source as BatchSource;
          for (const { name, type } of source.columns) info.addResultColumn(name, type);
          info.setBindData(source);
        },
        initFunction: (info) =>
          info.setInitData(new ExactCursor(info.bindData as BatchSource, info.getColumnIndexes())),
        mainFunction: (info, output) => (info.initData as ExactCursor).fill(output),
      }),
    );
  }
}

/** One pass over all objects. */
class ExactCursor {
  readonly #source: BatchSource;
  readonly #asked: readonly number[];
  #index = -1;
  #record = 0;
  #rows: ConvertedRows | undefined;

  constructor(source: BatchSource, asked: readonly number[]) {
    this.#source = source;
    this.#asked = asked;
  }

  fill(output: Parameters<ConvertedRows['fill']>[0]): void {
    output.rowCount = 0;
    while (output.rowCount === 0) {
      if (this.#rows === undefined) {
        this.#index += 1;
        this.#record = 0;
        const object = this.#source.objects[this.#index];
        if (object === undefined) return;
        this.#rows = new ConvertedRows(this.#source, this.#asked, object, true);
      }
      const read = this.#rows.fill(output, this.#record, 2048);
      this.#record += read;
      if (read === 0) this.#rows = undefined;
    }
  }
}

/** The table that these containers would get, in the order given. */
export function planFor(containers: readonly Container[]): EventTable {
  const incoming = containers.map(({ schema }, objectId) => ({ schema, objectId }));
  return planTable('test.Event', { name: 'test_event' }, incoming, {
    mode: 'evolve',
    needsRescued: true,
  }).table;
}
