/**
 * A Braze on loopback, for tests, demos and customers' CI: `startBrazeSandbox({ seed })` gives a URL to send to and a
 * handle to look into it. Whoever starts one closes it.
 */

import type { AddressInfo } from 'node:net';
import type { ServerType } from '@hono/node-server';
import { CurrentsError } from '../../errors.ts';
import { addAdmin } from './admin.ts';
import type { ForcedType } from './custom-value.ts';
import type { FaultPlan } from './faults.ts';
import type { FieldCounts } from './fields.ts';
import { formatProfile, listTypes, type SandboxProfile } from './format-profile.ts';
import { findProfile, type Identity } from './identity.ts';
import type { Ingestion } from './ingest-file.ts';
import type { Received } from './received-log.ts';
import type { BrazeSandboxOptions } from './sandbox-options.ts';
import { createBrazeServer } from './serve.ts';
import { StageWatch } from './stage-watch.ts';
import { openStateFile } from './state-file.ts';
import type { Counts } from './tally.ts';
import { clearWorkspace, createWorkspace } from './workspace.ts';

export interface BrazeSandbox {
  /** `http://127.0.0.1:<port>`, in place of Braze's REST endpoint. */
  readonly url: string;
  /** Every profile, in the order in which they came to be. */
  profiles(): Iterable<SandboxProfile>;
  find(identity: Identity): SandboxProfile | undefined;
  /** The type that Braze took each custom attribute of a person for: what tells a time from a text. */
  typesOf(identity: Identity): Readonly<Record<string, ForcedType>>;
  counts(): Counts;
  /** What happened to the values of each attribute. */
  fieldCounts(): Readonly<Record<string, FieldCounts>>;
  /** The latest accepted objects, if `keepReceived` says to keep any. */
  received(): readonly Received[];
  /** Adds to the faults that wait; `random` replaces what was there. */
  fail(plan: FaultPlan): void;
  clearFaults(): void;
  /** Reads what is new in the stages, now. */
  ingest(): Promise<readonly Ingestion[]>;
  /** The log of cloud data ingestion, oldest first. */
  ingestions(): readonly Ingestion[];
  /** Applies what was accepted and not applied yet, in random order. */
  settle(): void;
  /** Forgets profiles, counts and faults; settings stay. */
  clear(): void;
  /** Ends open connections and frees the port. Accepted requests that wait are applied. */
  close(): Promise<void>;
}

/** @throws CurrentsError USAGE if the port is taken, or the state file is not one of ours. */
export async function startBrazeSandbox(options: BrazeSandboxOptions = {}): Promise<BrazeSandbox> {
  const workspace = createWorkspace(options);
  const state =
    options.statePath === undefined ? undefined : await openStateFile(workspace, options.statePath);
  const stages = new StageWatch(workspace, options.stages ?? []);
  await stages.start(options.stageEveryMs ?? 500, state?.isRestored ?? false);
  const server = createBrazeServer(workspace, addAdmin(workspace, stages));
  const port = await listen(server, options.port ?? 0);
  const { profiles, fields, tally, faults, queue, received } = workspace;
  let closed: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    const stopped = new Promise((resolve) => server.close(resolve));
    if ('closeAllConnections' in server) server.closeAllConnections();
    await stopped;
    await stages.close();
    queue.settle();
    await state?.close();
  }
  return {
    url: `http://127.0.0.1:${port}`,
    profiles: function* () {
      for (const profile of profiles) yield formatProfile(profile);
    },
    find: (identity) => {
      const profile = findProfile(profiles, identity);
      return profile === undefined ? undefined : formatProfile(profile);
    },
    typesOf: (identity) => {
      const profile = findProfile(profiles, identity);
      return profile === undefined ? {} : listTypes(profile);
    },
    counts: () => tally.snapshot(),
    fieldCounts: () => fields.counts(),
    received: () => received.list(),
    fail: (plan) => faults.add(plan),
    clearFaults: () => faults.clear(),
    ingest: () => stages.ingest(),
    ingestions: () => [...workspace.ingestions],
    settle: () => queue.settle(),
    clear: () => clearWorkspace(workspace),
    close: () => {
      closed ??= closeAll();
      return closed;
    },
  };
}

/** The port that it got. */
async function listen(server: ServerType, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new CurrentsError({
          code: 'USAGE',
          message: `cannot listen on port ${port} of 127.0.0.1: ${cause.code} (a port that is free)`,
          hint: 'currents sandbox --port 0',
          cause,
        }),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
