/** A folder for files on their way into a stage. They hold what people are, so nobody else may read them. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Beside the database, where its own temporary files lie: there is space, and nobody else reads. The caller
 * removes it; one that was left by a process that was killed is emptied.
 */
export async function makeStagingFolder(databasePath: string): Promise<string> {
  if (databasePath === ':memory:') return mkdtemp(path.join(tmpdir(), 'currents-stage-'));
  const folder = `${databasePath}.stage`;
  // One process holds the database: what lies there is of one that was killed.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}
