/**
 * What one cycle did, as `runCycle` returns it and `currents ingest --json` prints it. Fields are only
 * ever added.
 */

import type { CycleProblem, EventTypeCounts, LoadTotals } from './load-totals.ts';
import type { AudienceRefresh } from './profiles/refresh-audiences.ts';
import type { SchemaChange } from './warehouse/event-tables.ts';
import type { RulesChange } from './warehouse/privacy-record.ts';

export interface IngestResult {
  /** 0 for a dry run, which leaves no trace. */
  readonly runId: number;
  readonly source: string;
  readonly fullListing: boolean;
  /** Asked to stop before everything was loaded. */
  readonly interrupted: boolean;
  readonly objects: {
    /** New in the ledger. */
    readonly discovered: number;
    readonly loaded: number;
    readonly quarantined: number;
    /** Listed, and known from before. */
    readonly unchanged: number;
    /** Deleted between listing and download. */
    readonly missing: number;
    /** In cold storage. */
    readonly archived: number;
    /** Could not be downloaded; the next cycle tries again. */
    readonly failed: number;
    /** Waiting to be loaded when the cycle ended, the failed ones included. */
    readonly pending: number;
  };
  readonly events: {
    readonly read: number;
    readonly loaded: number;
    readonly duplicates: number;
  };
  /** Downloaded, as they lie in the bucket. */
  readonly bytes: number;
  readonly seconds: number;
  readonly eventTypes: Readonly<Record<string, EventTypeCounts>>;
  readonly schemaChanges: readonly SchemaChange[];
  /** Null when the rules of the setting `privacy` are those of the last load. */
  readonly privacyChange: RulesChange | null;
  /** Each audience of the settings, with who entered and left or why it could not be refreshed. */
  readonly audiences: readonly AudienceRefresh[];
  /** The first failures of each kind, for people; all of them are in the ledger. */
  readonly problems: readonly CycleProblem[];
}

export interface CycleFacts {
  readonly runId: number;
  readonly source: string;
  readonly fullListing: boolean;
  readonly interrupted: boolean;
  readonly discovered: number;
  readonly unchanged: number;
  readonly pending: number;
  readonly seconds: number;
  readonly totals: LoadTotals;
  readonly privacyChange?: RulesChange | undefined;
  readonly audiences?: readonly AudienceRefresh[];
}

export function buildResult(facts: CycleFacts): IngestResult {
  const { totals } = facts;
  return {
    runId: facts.runId,
    source: facts.source,
    fullListing: facts.fullListing,
    interrupted: facts.interrupted,
    objects: {
      discovered: facts.discovered,
      loaded: totals.loaded,
      quarantined: totals.quarantined,
      unchanged: facts.unchanged,
      missing: totals.missing,
      archived: totals.archived,
      failed: totals.failed,
      pending: facts.pending,
    },
    events: {
      read: totals.read,
      loaded: totals.read - totals.duplicates,
      duplicates: totals.duplicates,
    },
    bytes: totals.bytes,
    seconds: facts.seconds,
    eventTypes: Object.fromEntries([...totals.byType].sort(([a], [b]) => (a < b ? -1 : 1))),
    schemaChanges: totals.schemaChanges,
    privacyChange: facts.privacyChange ?? null,
    audiences: facts.audiences ?? [],
    problems: totals.problems,
  };
}
