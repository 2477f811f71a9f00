/**
 * Opened containers as a DuckDB table function: `select … from currents_batch(n)`.
 *
 * DuckDB asks for the columns it needs and pulls chunks of 2,048 rows; a pass over `id` and `time` alone
 * stores nothing else. Memory is a chunk for each thread that scans, whatever the size of the batch.
 *
 * An error inside the callback fails the statement, and with it the transaction, as a plain text. So the
 * error itself and the object it belongs to are kept in `failure`, where the loader finds them.
 */

import { DuckDBTableFunction, INTEGER } from '@duckdb/node-api';
import { BatchCursor } from './batch-cursor.ts';
import type { BatchSource } from './batch-source.ts';
import { CellArena } from './cell-chunk.ts';
import type { Database } from './database.ts';

/** Threads that scan: while one waits for the JavaScript thread, the others compress what they got. */
const SCAN_THREADS = 2;

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
          info.setInitData(new BatchCursor(info.bindData as BatchSource, info.getColumnIndexes()));
          info.setMaxThreads(SCAN_THREADS);
        },
        localInitFunction: (info) => info.setInitData(new CellArena()),
        mainFunction: (info, output) =>
          (info.initData as BatchCursor).fill(output, info.localInitData as CellArena),
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
