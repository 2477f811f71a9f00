/**
 * Who has the use of the kernel's sieve (avro/kernel/key-sieve.ts), and what it may be sure of: every event of
 * a table is either no later than a time that the table was asked for, or its key is in the sieve.
 *
 * Keys stay from batch to batch until there is no room for the next one's; then the sieve is emptied and the
 * tables are asked again. That question is answered by their statistics, in a millisecond.
 */

import { kernel, MAX_KEYS } from '../avro/kernel-memory.ts';
import { formatColumnType } from './column-types.ts';
import { type Database, quoteIdentifier } from './database.ts';
import type { EventTable } from './event-tables.ts';

/** What the sieve knows of one table. */
export interface TableSieve {
  /** In microseconds; the table has no event with an id and a later time whose key the sieve has not. */
  readonly knownUntil: bigint;
  readonly number: number;
}

const BEFORE_ALL_TIMES = -(2n ** 63n);

/** Whose keys are in the kernel, and who must not lose them now. */
let owner: symbol | undefined;
let isLent = false;

/** One for each loader. */
export class KeySieve {
  readonly #name = Symbol('sieve');
  readonly #tables = new Map<string, TableSieve>();
  #lastNumber = 0;

  /**
   * Runs `work` with the sieve, or without it when another loader of this process has it or the batch is too
   * large.
   *
   * @param records that may be added
   */
  async lend<Result>(
    records: number,
    work: (sieve: KeySieve | undefined) => Promise<Result>,
  ): Promise<Result> {
    if (isLent) return work(undefined);
    if (records > MAX_KEYS) {
      // Its keys will be missing.
      if (owner === this.#name) owner = undefined;
      return work(undefined);
    }
    isLent = true;
    try {
      if (owner !== this.#name || !this.hasRoom(records)) this.#empty();
      owner = this.#name;
      return await work(this);
    } catch (error) {
      // Keys of what was rolled back would put all of it in doubt.
      owner = undefined;
      throw error;
    } finally {
      isLent = false;
    }
  }

  /**
   * To be asked for before the first row of a batch goes into the table.
   *
   * @returns undefined when nothing is certain of this table
   */
  async of(database: Database, table: EventTable): Promise<TableSieve | undefined> {
    const [id, time] = ['id', 'time'].map((field) =>
      table.columns.find((column) => column.field === field),
    );
    if (id === undefined || formatColumnType(id.type) !== 'VARCHAR') return undefined;
    if (time === undefined || formatColumnType(time.type) !== 'TIMESTAMP') return undefined;
    const known = this.#tables.get(table.name);
    if (known !== undefined) return known;
    const { latest } = await database.row<{ latest: string | null }>(
      `select epoch_us(max(${quoteIdentifier(time.name)}))::varchar as latest
       from events.${quoteIdentifier(table.name)}`,
    );
    this.#lastNumber += 1;
    const knownUntil = latest === null ? BEFORE_ALL_TIMES : BigInt(latest);
    const sieve: TableSieve = { knownUntil, number: this.#lastNumber };
    this.#tables.set(table.name, sieve);
    return sieve;
  }

  /** Whether so many more records fit in. */
  hasRoom(records: number): boolean {
    return kernel.exports.keys.value + records <= MAX_KEYS;
  }

  /** Rows have come into the table that were not sieved. */
  forget(table: EventTable): void {
    this.#tables.delete(table.name);
  }

  #empty(): void {
    kernel.startSieve();
    this.#tables.clear();
  }
}
