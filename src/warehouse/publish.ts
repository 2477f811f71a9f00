/**
 * The database → a consistent, compact copy at another path, for analysts.
 *
 * The copy is made beside its place and renamed into it, on disk before it is visible: whoever opens the
 * path finds the old copy or the new one, whole; whoever has the old one open goes on reading it. Tables,
 * views, comments and sequences come along. The source is opened read-only, so an ingest that starts
 * meanwhile finds it busy and waits. Run twice, the second copy replaces the first, and nothing but an
 * earlier copy is ever replaced.
 */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { CurrentsError } from '../errors.ts';
import {
  copyDatabase,
  moveCopy,
  removeLeftovers,
  removeUnfinished,
  unfinishedPathOf,
} from './copy-database.ts';
import { Database, refuseSchemaName } from './database.ts';
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
  const unfinished = unfinishedPathOf(target);
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await removeLeftovers(target);
    await copyDatabase(database, unfinished);
    const { size: sizeBytes } = await stat(unfinished);
    await moveCopy(unfinished, target);
    return { path: target, sizeBytes, seconds: (Date.now() - startedAtMs) / 1000 };
  } catch (error) {
    // First, since DuckDB still writes to what is attached while it closes.
    database.close();
    await removeUnfinished(unfinished);
    throw toPublishError(error, options.path);
  } finally {
    database.close();
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
