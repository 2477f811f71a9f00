/**
 * What one cycle did, as `runCycle` returns it and `currents ingest --json` prints it. Fields are only
 * ever added.
 */

import type { CycleProblem, EventTypeCounts, LoadTotals } from './load-totals.ts';
import type { Erasure } from './profiles/erase-people.ts';
import type { AudienceRefresh } from './profiles/refresh-audiences.ts';
import type { RefreshResult } from './profiles/refresh-profiles.ts';
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
    /** Left out because they are of a person who was erased. */
    readonly erased: number;
  };
  /** Downloaded, as they lie in the bucket. */
  readonly bytes: number;
  readonly seconds: number;
  readonly eventTypes: Readonly<Record<string, EventTypeCounts>>;
  readonly schemaChanges: readonly SchemaChange[];
  /** What delete requests in the events, and loads of an erased person's files, led to. */
  readonly erasures: {
    /** Certificates written; each is a row of c360.erasures. */
    readonly people: number;
    readonly events: number;
    /** The database file was written anew, so that nothing of them is left in it. */
    readonly rewritten: boolean;
    /** Files in the stages of syncs that were written anew. */
    readonly stagedFiles: number;
    /** The copy at `publish.path` was renewed. */
    readonly published: boolean;
  };
  /** Null when the rules of the setting `privacy` are those of the last load. */
  readonly privacyChange: RulesChange | null;
  /** Each audience of the settings, with who entered and left or why it could not be refreshed. */
  readonly audiences: readonly AudienceRefresh[];
  /** Null when profiles were left alone: in a dry run, after an interruption, or by the setting. */
  readonly profiles: RefreshResult | null;
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
  readonly profiles?: RefreshResult | undefined;
  readonly erasures?: readonly Erasure[];
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
      loaded: totals.read - totals.duplicates - totals.erased,
      duplicates: totals.duplicates,
      erased: totals.erased,
    },
    bytes: totals.bytes,
    seconds: facts.seconds,
    eventTypes: Object.fromEntries([...totals.byType].sort(([a], [b]) => (a < b ? -1 : 1))),
    schemaChanges: totals.schemaChanges,
    erasures: {
      people: facts.erasures?.length ?? 0,
      events: facts.erasures?.reduce((sum, { events }) => sum + events, 0) ?? 0,
      rewritten: false,
      stagedFiles: 0,
      published: false,
    },
    privacyChange: facts.privacyChange ?? null,
    audiences: facts.audiences ?? [],
    profiles: facts.profiles ?? null,
    problems: totals.problems,
  };
}
