/**
 * One event type's part of a batch, as a scan sees it: opened containers and the columns of their table.
 */

import { BIGINT, type DuckDBType, INTEGER } from '@duckdb/node-api';
import type { Container } from '../avro/container-reader.ts';
import { JSON_TYPE } from './column-types.ts';
import type { DoubtfulRecords } from './doubtful-records.ts';
import { type EventTable, OBJECT_ID_COLUMN, RESCUED_COLUMN, ROW_COLUMN } from './event-tables.ts';
import type { TableSieve } from './key-sieve.ts';

export interface ScanObject {
  readonly objectId: number;
  readonly container: Container;
  /** Zero-based rows to leave out: duplicates, events of erased people. */
  readonly skippedRows?: ReadonlySet<number>;
}

/** A scan hands out only what is certainly new to the table. */
interface Sifting {
  readonly sieve: TableSieve;
  /** Where everything else goes. */
  readonly doubtful: DoubtfulRecords;
}

/** Objects that come while a scan is under way. */
export interface Following {
  /** One more, if it is here. */
  next(): ScanObject | undefined;
  /** The scan has read all of it and keeps nothing of it. */
  release(object: ScanObject): void;
}

export class BatchSource {
  /** The table's columns, then our own. */
  readonly columns: readonly { readonly name: string; readonly type: DuckDBType }[];
  readonly table: EventTable;
  /** Grows with what follows. */
  readonly objects: ScanObject[];
  readonly sifting: Sifting | undefined;
  readonly following: Following | undefined;
  /** Set when a scan failed on an object. */
  failure: { readonly objectId: number; readonly error: unknown } | undefined;
  /** Set when a value had no column and the table has no `_rescued`; the scan ends there. */
  needsRescued = false;

  constructor(
    table: EventTable,
    objects: readonly ScanObject[],
    sifting?: Sifting,
    following?: Following,
  ) {
    this.table = table;
    this.objects = [...objects];
    this.sifting = sifting;
    this.following = following;
    this.columns = [
      ...table.columns,
      ...(table.hasRescued ? [{ name: RESCUED_COLUMN, type: JSON_TYPE }] : []),
      { name: OBJECT_ID_COLUMN, type: BIGINT },
      { name: ROW_COLUMN, type: INTEGER },
    ];
  }
}
