/**
 * One refresh of profiles, a process of its own: the built package on a database that is there. Sends how many
 * profiles it made and whether it built everything, then what it cost (measure.ts).
 */
import { measure } from '../measure.ts';

const { database, asOf } = JSON.parse(process.argv[2] ?? '') as UpdateTask;
// What users run is the built package, so that is what is measured; the types are those of its source.
const built = new URL('../../dist/index.js', import.meta.url).href;
const { loadConfig, updateProfiles } = (await import(built)) as typeof import('../../src/index.ts');
const config = loadConfig({ flags: { database }, env: {}, cwd: import.meta.dirname });

export interface UpdateTask {
  readonly database: string;
  readonly asOf: string;
}

await measure(async () => {
  const { refresh } = await updateProfiles(config, { asOf: new Date(asOf) });
  process.send?.({ refreshed: refresh?.refreshed, isRebuild: refresh?.rebuilt !== null });
});
