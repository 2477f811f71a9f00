/**
 * The database → a consistent, compact copy at another path, for analysts.
 *
 * The copy is made beside its place and renamed into it, on disk before it is visible: whoever opens the
 * path finds the old copy or the new one, whole; whoever has the old one open goes on reading it. Tables,
 * views, comments and sequences come along. The source is opened read-only, so an ingest that starts
 * meanwhile finds it busy and waits. Run twice, the second copy replaces the first, and nothing but an
 * earlier copy is ever replaced.
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { CurrentsError } from '../errors.ts';
import { Database, quoteIdentifier, quoteLiteral, refuseSchemaName } from './database.ts';
import { refuseTarget } from './publish-target.ts';

export interface PublishOptions {
  readonly database: string;
  /** Where the copy goes; folders are made. */
  readonly path: string;
  readonly memoryLimitBytes?: number;
  readonly threads?: number;
  /** How long to wait while another process writes to the database. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

export interface Published {
  readonly path: string;
  readonly sizeBytes: number;
  readonly seconds: number;
}

/**
 * @throws CurrentsError USAGE (the path is the database itself, or holds something else than a DuckDB
 *   file), SETTINGS_INVALID (a name that hides our schemas), DATABASE_MISSING, DATABASE_BUSY, DISK_FULL.
 */
export async function publishDatabase(options: PublishOptions): Promise<Published> {
  const startedAtMs = Date.now();
  const target = path.resolve(options.path);
  refuseSchemaName(target);
  try {
    await refuseTarget(target, options.database);
  } catch (error) {
    throw toPublishError(error, options.path);
  }
  const {
    path: source,
    readOnly,
    ...limits
  } = { ...options, path: options.database, readOnly: true };
  const database = await Database.open({ path: source, readOnly, ...limits });
  const folder = path.dirname(target);
  const unfinished = path.join(folder, `.${path.basename(target)}.${process.pid}.unfinished`);
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftovers(target);
    await copyInto(database, unfinished);
    await flush(unfinished);
    const { size: sizeBytes } = await stat(unfinished);
    // Left by a writer of the old copy that was killed; DuckDB would replay it onto the new one.
    await rm(`${target}.wal`, { force: true });
    await rename(unfinished, target);
    await flush(folder);
    return { path: target, sizeBytes, seconds: (Date.now() - startedAtMs) / 1000 };
  } catch (error) {
    // First, since DuckDB still writes to what is attached while it closes.
    database.close();
    for (const leftover of [unfinished, `${unfinished}.wal`]) {
      // What cannot be removed now goes with the next publication; this error matters more.
      await rm(leftover, { force: true }).catch(() => undefined);
    }
    throw toPublishError(error, options.path);
  } finally {
    database.close();
  }
}

async function copyInto(database: Database, unfinished: string): Promise<void> {
  const { name } = await database.row<{ name: string }>('select current_database() as name');
  // Read-only holds for the source alone: what is attached may be written when it says so.
  await database.run(`attach ${quoteLiteral(unfinished)} as currents_unfinished_copy (read_write)`);
  await database.run(`copy from database ${quoteIdentifier(name)} to currents_unfinished_copy`);
  // Leaves one file: without the checkpoint a .wal would have to move with it.
  await database.run('checkpoint currents_unfinished_copy');
  await database.run('detach currents_unfinished_copy');
}

/** A rename is only as lasting as what it names: data first, then the folder's entry. */
async function flush(fileOrFolder: string): Promise<void> {
  const handle = await open(fileOrFolder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Unfinished copies of processes that were killed; those of living ones stay. */
async function removeLeftovers(target: string): Promise<void> {
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

function toPublishError(error: unknown, target: string): unknown {
  const isFull =
    (error instanceof CurrentsError && error.code === 'DISK_FULL') ||
    (error as NodeJS.ErrnoException).code === 'ENOSPC';
  const isOurs = error instanceof CurrentsError || !(error instanceof Error) || !('code' in error);
  if (isOurs && !isFull) return error;
  return new CurrentsError({
    code: isFull ? 'DISK_FULL' : 'DATABASE_FAILED',
    message: `cannot publish to ${target}: ${isFull ? 'the disk is full' : (error as Error).message}`,
    hint: 'check that the folder can be written to and has space for a second copy',
    context: { path: target },
    cause: error,
  });
}
