/** One workspace of the sandbox: its settings, its profiles, what was counted. Everything else works on it. */

import { ApplyQueue } from './apply-queue.ts';
import { Faults } from './faults.ts';
import { Fields } from './fields.ts';
import type { Ingestion } from './ingest-file.ts';
import { ProfileStore } from './profile-store.ts';
import { RateLimit } from './rate-limit.ts';
import { ReceivedLog } from './received-log.ts';
import { type BrazeSandboxOptions, fillOptions, type SandboxSettings } from './sandbox-options.ts';
import { Tally } from './tally.ts';
import type { Accepted } from './track.ts';

export interface Workspace {
  readonly settings: SandboxSettings;
  readonly profiles: ProfileStore;
  readonly fields: Fields;
  readonly tally: Tally;
  readonly faults: Faults;
  readonly queue: ApplyQueue;
  readonly received: ReceivedLog;
  /** By path of the endpoint. */
  readonly limits: Map<string, RateLimit>;
  /** The log of cloud data ingestion, oldest first. */
  readonly ingestions: Ingestion[];
  /** Staged files that were read, or were there before the sandbox; by stage, key and ETag. */
  readonly ingestedFiles: Set<string>;
  /** Told of everything that changes profiles, before it is acknowledged. */
  journal: ((change: Change) => void) | undefined;
}

/** What changes profiles. */
export type Change =
  | { readonly accepted: readonly Accepted[] }
  | { readonly deleted: readonly string[] }
  /** A staged file, by its stage, key and ETag. */
  | { readonly ingested: string };

/** An empty workspace. */
export function createWorkspace(options: BrazeSandboxOptions): Workspace {
  const settings = fillOptions(options);
  const { clock, seed, applyWithinMs, keepReceived } = settings;
  const workspace: Workspace = {
    settings,
    profiles: new ProfileStore(seed),
    fields: new Fields(options.attributes ?? {}),
    tally: new Tally(),
    faults: new Faults(seed),
    queue: new ApplyQueue(seed, applyWithinMs),
    received: new ReceivedLog(keepReceived),
    limits: new Map([
      ['/users/track', new RateLimit(clock, options.rateLimit ?? {})],
      ['/users/export/ids', perMinute(clock, options.exportsPerMinute ?? 250)],
      // facts 7: shared with the other identity endpoints, which the sandbox does not have.
      ['/users/delete', perMinute(clock, 20_000)],
    ]),
    ingestions: [],
    ingestedFiles: new Set(),
    journal: undefined,
  };
  if (options.faults !== undefined) workspace.faults.add(options.faults);
  return workspace;
}

function perMinute(clock: () => number, requests: number): RateLimit {
  return new RateLimit(clock, { burst: { requests, perMs: 60_000 } });
}

/** As new, but with the same settings. What is journalled stays with whoever keeps the journal. */
export function clearWorkspace(workspace: Workspace): void {
  workspace.queue.settle();
  for (const part of ['profiles', 'fields', 'tally', 'faults', 'received'] as const)
    workspace[part].clear();
  workspace.ingestions.length = 0;
}
