/**
 * Writes the database file anew, so that nothing of deleted rows is left in it, in its log or among DuckDB's
 * temporary files.
 *
 *     checkpoint, close ──► open read-only ──► copy beside it ──► rename over it ──► close
 *      (no .wal is left)    (writers kept out)   (on disk)          (old or new, whole)
 *
 * A process killed anywhere leaves the old file or the new one, each complete, and perhaps an unfinished copy
 * that the next one removes. The old file's blocks go back to the file system; what a disk or a snapshot
 * keeps of them is not ours to say. Takes the space of a second copy, and about the time of a publication.
 */
import { existsSync } from 'node:fs';
import { realpath, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CurrentsError } from '../errors.ts';
import { formatSize } from '../quantity.ts';
import {
  copyDatabase,
  moveCopy,
  removeLeftovers,
  removeUnfinished,
  unfinishedPathOf,
} from './copy-database.ts';
import { Database, type OpenOptions } from './database.ts';

export interface RewriteOptions extends Omit<OpenOptions, 'readOnly'> {
  /** SQL that is run on the new file before it takes its place; it is called COPY_NAME there. */
  readonly change?: string;
}

/** For rounding, and for the log of the copy. */
const SPARE_BYTES = 16_000_000;

/** Between opening a file and locking it another process takes microseconds. */
const LETTING_GO_MS = 50;

/**
 * @throws CurrentsError DATABASE_BUSY, DISK_FULL (before anything is written where that can be told); the old file
 *   is then as it was
 */
export async function rewriteDatabase({ change, ...options }: RewriteOptions): Promise<void> {
  // A rename would replace a link and leave the file that it points to.
  const target = await realpath(options.path);
  await removeLeftovers(target);
  await refuseFullDisk(target);
  const database = await openWithoutLog({ ...options, path: target });
  const unfinished = unfinishedPathOf(target);
  try {
    await copyDatabase(database, unfinished, change);
    await moveCopy(unfinished, target);
    // Whoever opened the old file before the rename finds it locked, and opens the new one next time.
    await sleep(LETTING_GO_MS);
  } catch (error) {
    // First, since DuckDB still writes to what is attached while it closes.
    database.close();
    await removeUnfinished(unfinished);
    throw error;
  } finally {
    database.close();
  }
}

/** Read-only, so that nobody writes meanwhile, and with everything in the file itself. */
async function openWithoutLog(options: OpenOptions): Promise<Database> {
  for (;;) {
    const writer = await Database.open(options);
    try {
      await writer.run('checkpoint');
      // Nobody else has the file: temporary files are those of processes that were killed.
      await rm(`${options.path}.tmp`, { recursive: true, force: true });
    } finally {
      writer.close();
    }
    const reader = await Database.open({ ...options, readOnly: true });
    if (!existsSync(`${options.path}.wal`)) return reader;
    // Somebody wrote in between, and was killed.
    reader.close();
  }
}

async function refuseFullDisk(target: string): Promise<void> {
  const { size } = await stat(target);
  const { bavail, bsize } = await statfs(path.dirname(target));
  const freeBytes = bavail * bsize;
  if (freeBytes >= size + SPARE_BYTES) return;
  throw new CurrentsError({
    code: 'DISK_FULL',
    message: `cannot rewrite ${target}: ${formatSize(freeBytes)} free beside it (a second copy may take ${formatSize(size)})`,
    hint: 'free some space and run again: erased rows are deleted, but their bytes are still in the file',
    context: { path: target },
  });
}
