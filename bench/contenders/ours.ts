/**
 * The whole of `currents ingest`, from the built package: list the folder, write the ledger, read, check
 * and decode the objects, find duplicates, load in transactions, close the database. Default settings, but
 * profiles are left alone: nobody else here makes any.
 */
import { importBuilt } from '../built-package.ts';
import { measure, readTask } from '../measure.ts';

const { input, database } = readTask();
const { loadConfig, runCycle } = (await importBuilt(
  'index',
)) as typeof import('../../src/index.ts');
const flags = { 'source.url': input, database, 'profiles.refresh': 'manual' };
const config = loadConfig({ flags, env: {}, cwd: input });

await measure(async () => {
  const { objects } = await runCycle(config);
  if (objects.pending > 0 || objects.quarantined > 0) {
    throw new Error(`${objects.pending} objects wait and ${objects.quarantined} are in quarantine`);
  }
});
