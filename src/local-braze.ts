import type { BrazeSandboxOptions } from './sandbox/braze/sandbox-options.ts';
import type { BrazeSandbox } from './sandbox/braze/start-sandbox.ts';

/**
 * Starts a Braze on loopback; whoever starts one closes it. Its code is loaded here: a program that only syncs
 * starts a fifth of a second sooner without.
 *
 * @throws CurrentsError USAGE if the port is taken, or the state file is not one of ours.
 */
export async function startBrazeSandbox(options?: BrazeSandboxOptions): Promise<BrazeSandbox> {
  const sandbox = await import('./sandbox/braze/start-sandbox.ts');
  return sandbox.startBrazeSandbox(options);
}
