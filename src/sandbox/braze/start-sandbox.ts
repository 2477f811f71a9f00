/**
 * A Braze on loopback, for tests, demos and customers' CI: `startBrazeSandbox({ seed })` gives a URL to send to and a
 * handle to look into it. Whoever starts one closes it.
 */

import type { AddressInfo } from 'node:net';
import type { ForcedType } from './custom-value.ts';
import type { FaultPlan } from './faults.ts';
import type { FieldCounts } from './fields.ts';
import { formatProfile, listTypes, type SandboxProfile } from './format-profile.ts';
import { findProfile, type Identity } from './identity.ts';
import type { Received } from './received-log.ts';
import type { BrazeSandboxOptions } from './sandbox-options.ts';
import { createBrazeServer } from './serve.ts';
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
  /** Applies what was accepted and not applied yet, in random order. */
  settle(): void;
  /** Forgets profiles, counts and faults; settings stay. */
  clear(): void;
  /** Ends open connections and frees the port. Accepted requests that wait are applied. */
  close(): Promise<void>;
}

/** @throws Node's error if the port is taken. */
export async function startBrazeSandbox(options: BrazeSandboxOptions = {}): Promise<BrazeSandbox> {
  const workspace = createWorkspace(options);
  const server = createBrazeServer(workspace, () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const { profiles, fields, tally, faults, queue, received } = workspace;
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
    settle: () => queue.settle(),
    clear: () => clearWorkspace(workspace),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
      queue.settle();
    },
  };
}
