/**
 * What DuckDB has of `load.memoryLimit` while objects are loaded; what is downloaded and decoded comes on top.
 *
 * What it has no memory for goes to a temporary file, compressed. While large objects follow one another, parts of
 * them are in memory and one table is written to, of which each thread keeps a row group: with less than that,
 * loading a million wide events took a tenth more CPU time. A batch of small objects is in memory as a whole,
 * and what it writes to many tables is little for each.
 *
 * Beyond that, allocators keep what was freed, up to 200 MB in a long statement, each thread for itself. So they
 * are told to return it: before each batch, and every second.
 */
import type { Database } from './warehouse/database.ts';

const RETURN_EVERY_MS = 1_000;

/**
 * Of streams, the first ones have more: what the process holds beside DuckDB, which is some 230 MB after a million
 * events, is 280 MB after four million and stays so.
 */
const SHARES = { batch: 3 / 8, stream: 7 / 8, laterStream: 3 / 4 } as const;
const FIRST_STREAMS = 2;

export class LoadingMemory {
  readonly #database: Database;
  readonly #limitBytes: number;
  /** It is opened with all of it. */
  #given = 1;
  #isAll = false;
  #streams = 0;
  #returning: Promise<void> | undefined;

  constructor(database: Database, limitBytes: number) {
    this.#database = database;
    this.#limitBytes = limitBytes;
  }

  /** While `work` goes on, freed memory is returned. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    const timer = setInterval(() => {
      // What cannot be returned now will be later.
      this.#returning ??= this.#database
        .returnMemory()
        .catch(() => undefined)
        .finally(() => {
          this.#returning = undefined;
        });
    }, RETURN_EVERY_MS);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      await this.#returning;
    }
  }

  /**
   * Makes it that of a batch, or of a batch that others join. Also when it is that already: DuckDB then has the
   * allocators of the whole process return what was freed, some 30 ms' work after a million events.
   */
  async divide(by: 'batch' | 'stream'): Promise<void> {
    if (by === 'stream') this.#streams += 1;
    const isLater = by === 'stream' && this.#streams > FIRST_STREAMS;
    if (!this.#isAll) await this.#give(SHARES[isLater ? 'laterStream' : by]);
  }

  /** DuckDB cannot do with a part: it gets all of it from now on. */
  async giveAll(): Promise<void> {
    this.#isAll = true;
    await this.#give(1);
  }

  /**
   * Loading is over, and DuckDB gets all of it again; but not for a quarter, as it looks through everything that
   * it holds when the limit changes: 50 ms after a million events.
   */
  async end(): Promise<void> {
    if (this.#given < SHARES.laterStream) await this.#give(1);
  }

  async #give(share: number): Promise<void> {
    await this.#returning;
    await this.#database.limitMemory(this.#limitBytes * share);
    this.#given = share;
  }
}
