/**
 * The sandbox Braze as a process of its own, from the built package: tells its address, and what it counted when it is
 * asked. It holds a million profiles, so it may take more memory than Node.js would give it.
 */
import type { RateLimits, SandboxCounts } from '../../src/index.ts';

export interface BrazeTask {
  readonly rateLimit: RateLimits;
}

export interface BrazeCounts extends SandboxCounts {
  readonly profiles: number;
}

const { rateLimit } = JSON.parse(process.argv[2] ?? '') as BrazeTask;
const built = new URL('../../dist/index.js', import.meta.url).href;
const { startBrazeSandbox } = (await import(built)) as typeof import('../../src/index.ts');
const braze = await startBrazeSandbox({ rateLimit });

process.on('message', () => {
  let profiles = 0;
  for (const _profile of braze.profiles()) profiles += 1;
  process.send?.({ ...braze.counts(), profiles } satisfies BrazeCounts);
});
process.send?.({ url: braze.url });
