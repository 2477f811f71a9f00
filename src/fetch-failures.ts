/**
 * What to make of objects that could not be downloaded: gone, in cold storage, too large, refused, or not
 * answered for.
 *
 * One object that we may not read (another owner, another key) goes to quarantine and the rest goes on.
 * But when nothing at all can be read, it is the credentials or the store, and going through thousands of
 * objects would only take hours to find out. So refusals wait for the first download that works, and a row
 * of failures without one ends the run, after what was downloaded before has been loaded.
 */

import { FailureRow } from './download-objects.ts';
import type { CurrentsError } from './errors.ts';
import type { LoadTotals } from './load-totals.ts';
import type { Logger } from './logger.ts';
import type { Database } from './warehouse/database.ts';
import {
  noteFetchFailure,
  type PendingObject,
  quarantineObject,
  type SetAside,
} from './warehouse/object-ledger.ts';

export interface FailureNotes {
  readonly database: Database;
  readonly runId: number;
  readonly totals: LoadTotals;
  readonly logger: Logger;
  readonly now: () => Date;
}

export class FetchFailures {
  /** Objects that still wait and are not to be tried again in this run. */
  readonly failed = new Set<number>();
  readonly row = new FailureRow();
  readonly #notes: FailureNotes;
  #refused: SetAside[] = [];
  #hasWorked = false;

  constructor(notes: FailureNotes) {
    this.#notes = notes;
  }

  /** A download worked: the store can be read, and what was refused is refused for its own sake. */
  async noteSuccess(): Promise<void> {
    this.#hasWorked = true;
    const refused = this.#refused;
    this.#refused = [];
    for (const aside of refused) await this.#quarantine(aside);
  }

  async noteFailure({ objectId, key }: PendingObject, error: CurrentsError): Promise<void> {
    const { database, runId, totals, logger } = this.#notes;
    const aside = { objectId, key, error };
    switch (error.code) {
      case 'OBJECT_TOO_LARGE':
        await this.#quarantine(aside);
        return;
      case 'OBJECT_MISSING':
      case 'OBJECT_ARCHIVED': {
        const status = error.code === 'OBJECT_MISSING' ? 'missing' : 'archived';
        await noteFetchFailure(database, aside, status, runId);
        totals.countProblem(key, status, error);
        break;
      }
      case 'SOURCE_ACCESS_DENIED':
        this.failed.add(objectId);
        if (this.#hasWorked) await this.#quarantine(aside);
        else this.#refused.push(aside);
        return;
      default:
        this.failed.add(objectId);
        await noteFetchFailure(database, aside, 'discovered', runId);
        totals.countProblem(key, 'failed', error);
    }
    logger.warn({ key, code: error.code, reason: error.message }, 'object not loaded');
  }

  /** @throws the last failure, when a row of them says that there is no use in going on */
  throwVerdict(): void {
    if (this.row.verdict) throw this.row.verdict;
  }

  /** @throws the refusal, when everything that was tried was refused */
  finish(): void {
    const [first] = this.#refused;
    if (first !== undefined) throw first.error;
  }

  async #quarantine(aside: SetAside): Promise<void> {
    const { database, runId, totals, logger, now } = this.#notes;
    const { key, error } = aside;
    await database.withTransaction(async () => {
      await quarantineObject(database, aside, runId, now());
    });
    totals.countProblem(key, 'quarantined', error);
    logger.warn({ key, code: error.code, reason: error.message }, 'object quarantined');
  }
}
