/**
 * A database → a compact copy in another file: tables, views, comments and sequences, and nothing of what was
 * deleted or overwritten. Made beside its place, on disk before it is renamed into it; what a killed process
 * leaves is removed by the next one.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { flushFile } from '../flush-file.ts';
import { type Database, quoteIdentifier, quoteLiteral } from './database.ts';

/** What the copy is called in SQL while it is being made. */
export const COPY_NAME = 'currents_unfinished_copy';

/** Where a copy for this path is made, by this process. */
export function unfinishedPathOf(target: string): string {
  return path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.unfinished`);
}

/**
 * Copies everything into a new file, to the disk.
 *
 * @param source may be open read-only
 * @param change SQL that is run on the copy, as COPY_NAME, before it is written out
 */
export async function copyDatabase(
  source: Database,
  unfinished: string,
  change?: string,
): Promise<void> {
  const { name } = await source.row<{ name: string }>('select current_database() as name');
  // Read-only holds for the source alone: what is attached may be written when it says so.
  await source.run(`attach ${quoteLiteral(unfinished)} as ${COPY_NAME} (read_write)`);
  await source.run(`copy from database ${quoteIdentifier(name)} to ${COPY_NAME}`);
  if (change !== undefined) await source.run(change);
  // Leaves one file: without the checkpoint a .wal would have to move with it.
  await source.run(`checkpoint ${COPY_NAME}`);
  await source.run(`detach ${COPY_NAME}`);
  await flushFile(unfinished);
}

/** Puts a finished copy into its place; lasting when it returns. */
export async function moveCopy(unfinished: string, target: string): Promise<void> {
  // Left by a writer of the old file that was killed; DuckDB would replay it onto the new one.
  await rm(`${target}.wal`, { force: true });
  await rename(unfinished, target);
  await flushFile(path.dirname(target));
}

/** Removes an unfinished copy. What cannot be removed now goes with the next copy. */
export async function removeUnfinished(unfinished: string): Promise<void> {
  for (const leftover of [unfinished, `${unfinished}.wal`])
    await rm(leftover, { force: true }).catch(() => undefined);
}

/** Removes unfinished copies of processes that were killed; those of living ones stay. */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = path.dirname(target);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`.${path.basename(target)}.`)) continue;
    const pid = /\.(\d+)\.unfinished(\.wal)?$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid))))
      await rm(path.join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
