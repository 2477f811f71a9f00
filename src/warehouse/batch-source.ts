/**
 * One event type's part of a batch, as a scan sees it: opened containers and the columns of their table.
 */

import { BIGINT, type DuckDBType, INTEGER } from '@duckdb/node-api';
import type { Container } from '../avro/container-reader.ts';
import { JSON_TYPE } from './column-types.ts';
import { type EventTable, OBJECT_ID_COLUMN, RESCUED_COLUMN, ROW_COLUMN } from './event-tables.ts';

export interface ScanObject {
  readonly objectId: number;
  readonly container: Container;
  /** Zero-based rows to leave out: duplicates. */
  readonly skippedRows?: ReadonlySet<number>;
}

export class BatchSource {
  /** The table's columns, then our own. */
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
