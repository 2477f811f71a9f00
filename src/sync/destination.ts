/**
 * What the runner of a sync and the ways to Braze agree on: what an item is, how it may end, and who writes
 * what down when. Types only.
 *
 *     planned ──► in_flight ──► accepted      what Braze took is moved to the shadow
 *                     │  ├────► rejected      to sync.rejected; the shadow stays
 *                     │  ├────► planned       not sent after all; left for the next run
 *                     └──┴────► unknown       the answer was lost
 *
 * An item is one person's changes of one run: a run has at most one for a person, so items may be sent in
 * any order and at the same time. `in_flight` is committed before anything of the item goes out, so an item
 * that a crash left `planned` was never sent.
 */
import type { Logger } from '../logger.ts';
import type { Database } from '../warehouse/database.ts';

export type IdentifierKind = 'external_id' | 'braze_id' | 'user_alias' | 'email' | 'phone';

export interface OutboxItem {
  readonly itemId: number;
  /** JSON, in UTF-8, of an object in Braze's terms: identifier, flags, attributes by name. */
  readonly object: Buffer;
  /** Sending it twice is harmless: it has no `inc` and no `$add`. */
  readonly repeatable: boolean;
}

export type ItemOutcome = { readonly itemId: number } & (
  | { readonly status: 'accepted' }
  /** Braze answered, and refused this one. */
  | { readonly status: 'rejected'; readonly code: string; readonly reason: string }
  /** Sent, and the answer was lost: Braze may or may not have it. */
  | { readonly status: 'unknown'; readonly reason: string }
  /** Not sent, or refused as a whole by an answer that says so (401, 429 at the end of patience). */
  | { readonly status: 'waiting'; readonly reason: string }
);

/** One delivery of one sync. */
export interface DeliveryRun {
  readonly sync: string;
  readonly destination: string;
  readonly runId: number;
  readonly startedAt: Date;
  /** Braze must not make a profile for an identifier that it does not know. */
  readonly updateExistingOnly: boolean;
  readonly logger: Logger;
  /** After it fires, requests that are out are waited for, and nothing new is sent. */
  readonly signal?: AbortSignal;
}

export interface DeliveryReceipt {
  /** Requests sent, repeated ones too; or files staged. */
  readonly requests: number;
  /** Bytes of their bodies, or of the files. */
  readonly bytes: number;
}

/** Where the runner keeps its books. Calls may overlap; each returns once it is committed. */
export interface Bookkeeping {
  /** Before the first request with these items goes out. A commit: better for hundreds than for each. */
  markInFlight(itemIds: readonly number[]): Promise<void>;
  /** Once for each item that was handed in, in any order and portions. */
  settle(outcomes: readonly ItemOutcome[]): Promise<void>;
}

/** How fast a REST destination may go; what `sync plan` foretells comes from it. */
export interface RestLimits {
  readonly objectsPerRequest: number;
  readonly bytesPerRequest: number;
  readonly requestsPerSecond: number;
}

export interface RestDestination {
  readonly kind: 'rest';
  readonly limits: RestLimits;
  /**
   * Sends all portions and settles every item. What stops everything (a bad key, no network) ends the
   * sending: the remaining items are settled as `waiting` or not at all, and the error is thrown after
   * what was sent is settled.
   */
  send(
    portions: AsyncIterable<readonly OutboxItem[]>,
    books: Bookkeeping,
    run: DeliveryRun,
  ): Promise<DeliveryReceipt>;
}

export interface FilesDestination {
  readonly kind: 'files';
  /** How long Braze may take to read a file: no attribute of a person is staged twice within it. */
  readonly settleMs: number;
  /**
   * Stages all items of the run that are `in_flight` in sync.outbox, the manifest last. Resolves when
   * everything is visible; after an error the runner asks `isStaged`.
   */
  stage(database: Database, run: DeliveryRun): Promise<DeliveryReceipt>;
  /** Whether the manifest of that run is there, which comes after its last file. */
  isStaged(
    run: Pick<DeliveryRun, 'sync' | 'destination' | 'runId' | 'startedAt'>,
  ): Promise<boolean>;
}

export type Destination = RestDestination | FilesDestination;
