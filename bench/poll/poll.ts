/**
 * One poll, a process of its own: a cycle of the built package over the made-up bucket. Sends what it cost
 * (measure.ts), then how many objects were new and how many were known.
 */
import { measure } from '../measure.ts';

const { endpoint, database, full } = JSON.parse(process.argv[2] ?? '') as PollTask;
// What users run is the built package, so that is what is measured; the types are those of its source.
const built = new URL('../../dist/index.js', import.meta.url).href;
const { loadConfig, runCycle } = (await import(built)) as typeof import('../../src/index.ts');
const config = loadConfig({
  flags: {
    'source.url': 's3://bucket/currents/',
    'source.endpoint': endpoint,
    'source.region': 'us-east-1',
    'source.pathStyle': true,
    database,
  },
  env: {},
  cwd: import.meta.dirname,
});

export interface PollTask {
  readonly endpoint: string;
  readonly database: string;
  readonly full: boolean;
}

await measure(async () => {
  const { objects } = await runCycle(config, { full });
  process.send?.({ discovered: objects.discovered, unchanged: objects.unchanged });
});
