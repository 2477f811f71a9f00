/**
 * A Braze on loopback, for tests, demos and customers' CI: `startBrazeSandbox({ seed })` gives a URL to send to and a
 * handle to look into it. Whoever starts one closes it.
 */

import type { AddressInfo } from 'node:net';
import { findProfile, type Identity } from './identity.ts';
import type { Profile } from './profile-store.ts';
import { type BrazeSandboxOptions, fillOptions } from './sandbox-options.ts';
import { createBrazeServer } from './serve.ts';
import { createWorkspace } from './workspace.ts';

export interface BrazeSandbox {
  /** `http://127.0.0.1:<port>`, in place of Braze's REST endpoint. */
  readonly url: string;
  /** Every profile, in the order in which they came to be. */
  profiles(): Iterable<Profile>;
  find(identity: Identity): Profile | undefined;
  /** Ends open connections and frees the port. */
  close(): Promise<void>;
}

/** @throws Node's error if the port is taken. */
export async function startBrazeSandbox(options: BrazeSandboxOptions = {}): Promise<BrazeSandbox> {
  const workspace = createWorkspace(fillOptions(options));
  const server = createBrazeServer(workspace);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    profiles: () => workspace.profiles,
    find: (identity) => findProfile(workspace.profiles, identity),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
