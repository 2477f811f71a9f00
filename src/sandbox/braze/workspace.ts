/** One workspace of the sandbox: its settings, its profiles, what was counted. Everything else works on it. */

import { ProfileStore } from './profile-store.ts';
import type { SandboxSettings } from './sandbox-options.ts';

export interface Workspace {
  readonly settings: SandboxSettings;
  readonly profiles: ProfileStore;
}

export function createWorkspace(settings: SandboxSettings): Workspace {
  return { settings, profiles: new ProfileStore(settings.seed) };
}
