/**
 * One plan or one run of a sync from the built package, as a process of its own: what `currents sync plan` and
 * `currents sync run` do, with default settings. Sends what it came to, then what it cost (measure.ts).
 *
 * With `bodies` it sends nothing and writes the request bodies to that file, a line each, for the load
 * generator: the same bodies that a run to a real Braze sends.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Destination, RestDestination, SyncPreview, SyncReceipt } from '../../src/index.ts';
import { measure } from '../measure.ts';
import { KEY_VARIABLE, PEOPLE_PER_REQUEST, type SyncName } from './sync-settings.ts';

export interface SyncTask {
  readonly step: 'plan' | 'run';
  readonly database: string;
  readonly settings: string;
  readonly sync: SyncName;
  /** A file to be written with request bodies instead of sending them. */
  readonly bodies?: string;
}

/** Beside what the plan or the run told. */
export interface SyncFound {
  /** How long the destination was at work: staging, or sending until the last answer was written down. */
  readonly deliverySeconds: number;
}

const {
  step,
  database: path,
  settings,
  sync,
  bodies,
} = JSON.parse(process.argv[2] ?? '') as SyncTask;
// What users run is the built package, so that is what is measured; the types are those of its source.
const { loadConfig, openWarehouse, previewSync, runSync } =
  await load<typeof import('../../src/index.ts')>('index.js');
const { openDestination } = await load<typeof import('../../src/sync/open-destination.ts')>(
  'sync/open-destination.js',
);
const { formatBody, packBatches, DEFAULT_BATCH_LIMITS } =
  await load<typeof import('../../src/sync/batch.ts')>('sync/batch.js');

process.env[KEY_VARIABLE] = 'bench';
const config = loadConfig({ flags: { database: path }, env: {}, configPath: settings });
let deliverySeconds = 0;

await measure(async () => {
  const database = await openWarehouse(config);
  try {
    const found =
      step === 'plan'
        ? await previewSync(database, config, sync, { samples: 5 })
        : await runSync(database, config, sync, {}, { destination: timed(open()) });
    process.send?.({ ...found, deliverySeconds } satisfies (SyncPreview | SyncReceipt) & SyncFound);
  } finally {
    database.close();
  }
});

function open(): Destination {
  if (bodies !== undefined) return recordBodies(bodies);
  const settings = config.destinations[sync];
  if (settings === undefined) throw new Error(`there is no destination ${sync}`);
  return openDestination(settings, sync);
}

function timed(destination: Destination): Destination {
  const clock = async <Result>(work: Promise<Result>): Promise<Result> => {
    const startedAt = performance.now();
    const result = await work;
    deliverySeconds = (performance.now() - startedAt) / 1000;
    return result;
  };
  return destination.kind === 'rest'
    ? { ...destination, send: (...args) => clock(destination.send(...args)) }
    : { ...destination, stage: (...args) => clock(destination.stage(...args)) };
}

function recordBodies(file: string): RestDestination {
  return {
    kind: 'rest',
    limits: {
      objectsPerRequest: PEOPLE_PER_REQUEST,
      bytesPerRequest: DEFAULT_BATCH_LIMITS.maxBytes,
      requestsPerSecond: 1,
    },
    send: async (portions) => {
      const out = createWriteStream(file);
      for await (const items of portions) {
        for (const batch of packBatches(items, DEFAULT_BATCH_LIMITS).batches) {
          out.write(formatBody(batch));
          if (!out.write('\n')) await once(out, 'drain');
        }
      }
      out.end();
      await finished(out);
      return { requests: 0, bytes: out.bytesWritten };
    },
  };
}

async function load<Module>(file: string): Promise<Module> {
  return (await import(new URL(`../../dist/${file}`, import.meta.url).href)) as Module;
}
