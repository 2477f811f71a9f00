/**
 * How much memory it takes to load a backlog of more and more events: of the same bucket in large objects
 * and in small ones. Peak memory should depend on what is in flight, not on what waits.
 *
 * One ingest of each, the first one after the bucket was made; its rows are checked.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { InputName } from '../inputs.ts';
import type { Measurement } from '../measure.ts';
import { PreparedInputs, type PrepareOptions } from '../prepared-inputs.ts';

export interface BacklogStep extends Measurement {
  readonly input: InputName;
  readonly objects: number;
  /** Second deliveries included. */
  readonly events: number;
}

/**
 * @param prepared what is there already; steps of as many events are taken from it
 * @throws Error when an ingest did not load what was generated
 */
export async function measureBacklogGrowth(
  prepared: PreparedInputs,
  options: PrepareOptions,
  eventCounts: readonly number[],
): Promise<readonly BacklogStep[]> {
  const steps: BacklogStep[] = [];
  for (const events of eventCounts) {
    for (const input of ['wide', 'small'] as const) {
      const folder = path.join(options.folder, `backlog-${input}-${events}`);
      await mkdir(folder);
      const inputs =
        events === options.events ? prepared : new PreparedInputs({ ...options, folder, events });
      const { size, firstIngest } = await inputs.get(input, 'null');
      steps.push({ input, objects: size.objects, ...firstIngest, events: size.events });
      await rm(folder, { recursive: true });
    }
  }
  return steps;
}
