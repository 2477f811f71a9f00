/**
 * Erasure from request to certificate: rows and state go in one transaction, then profiles are built without them,
 * the file is written anew and the published copy renewed, and each step that concerns a file is written into
 * c360.erasures when it is done.
 *
 *     erasePeople ──► prepareFileSteps ──► rewriteDatabase ──► eraseStagedFiles ──► publishDatabase
 *     (rows gone)     (profiles of others)   rewritten_at        unstaged_at          published_at
 *
 * A process killed in between leaves a step that is due; the next cycle or `forget` does it.
 */
import { existsSync } from 'node:fs';
import type { Config } from './config.ts';
import type { FilesDestinationConfig } from './destination-settings.ts';
import { isTransient } from './errors.ts';
import type { Logger } from './logger.ts';
import { openPrivacyKey } from './open-privacy-door.ts';
import { type Erasure, erasePeople, hasErasureRequests } from './profiles/erase-people.ts';
import { rebuildWithoutWithdrawn } from './profiles/refresh-profiles.ts';
import { eraseStagedFiles } from './sync/erase-staged.ts';
import { COPY_NAME } from './warehouse/copy-database.ts';
import { Database, quoteLiteral } from './warehouse/database.ts';
import { publishDatabase } from './warehouse/publish.ts';
import { rewriteDatabase } from './warehouse/rewrite-database.ts';

/** What is left to do about files. */
export interface DueSteps {
  readonly rewrite: boolean;
  readonly staged: boolean;
  readonly publish: boolean;
}

/** Erases whom events and loads ask for; none is the usual answer, and costs next to nothing. */
export async function eraseRequested(
  config: Config,
  database: Database,
  { now, logger }: { readonly now: Date; readonly logger: Logger },
): Promise<readonly Erasure[]> {
  if (!(await hasErasureRequests(database))) return [];
  const key = await openPrivacyKey(config.privacy, database, now);
  const erasures = await erasePeople(database, { key, now });
  for (const { erasureId, subject, cause, events } of erasures)
    logger.info({ erasureId, person: subject.slice(0, 12), cause, events }, 'person erased');
  return erasures;
}

/**
 * Which files still hold erased people and are to be cleared now; the file itself may have to wait for more
 * erasures (setting privacy.rewriteEvery). Before that the profiles have to let go of events that were erased,
 * whether or not they are refreshed after each ingest: they would carry what is in them into the new files.
 *
 * @param options.mustRewrite does not let the file wait
 * @returns no step once the signal fired: who interrupts wants an end, and the next cycle clears the files
 * @throws CurrentsError DISK_FULL, DATABASE_FAILED
 */
export async function prepareFileSteps(
  config: Config,
  database: Database,
  options: {
    readonly now: Date;
    readonly mustRewrite?: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<DueSteps> {
  const { now, mustRewrite = false, signal } = options;
  const none = { rewrite: false, staged: false, publish: false };
  if (signal?.aborted) return none;
  const due = await listDueSteps(config, database, now);
  const steps = { ...due, rewrite: due.rewrite || mustRewrite };
  if (!steps.rewrite && !steps.publish) return steps;
  try {
    await rebuildWithoutWithdrawn(database, { signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
    return none;
  }
  return steps;
}

async function listDueSteps(
  { privacy, publish }: Config,
  database: Database,
  now: Date,
): Promise<DueSteps> {
  const { rewrite, staged, published, last } = await database.row<{
    rewrite: boolean;
    staged: boolean;
    published: boolean;
    last: Date | null;
  }>(
    `select count(*) filter (rewritten_at is null) > 0 as rewrite,
       count(*) filter (unstaged_at is null) > 0
         and exists (from sync.files where status <> 'planned') as staged,
       count(*) filter (published_at is null) = 0 as published, max(rewritten_at) as last
     from c360.erasures`,
  );
  const mayWait = last !== null && now.getTime() - last.getTime() < privacy.rewriteEveryMs;
  return {
    rewrite: rewrite && !mayWait,
    staged,
    publish: !published && publish.path !== undefined && existsSync(publish.path),
  };
}

export interface FileSteps {
  readonly rewritten: boolean;
  /** Files in the stages of syncs that were written anew. */
  readonly stagedFiles: number;
  /** The copy at `publish.path` was renewed. */
  readonly published: boolean;
}

/**
 * Does what is due. The database must be closed.
 *
 * @throws CurrentsError DATABASE_BUSY when somebody reads the file for longer than `waitMs`; DISK_FULL
 */
export async function clearFiles(
  config: Config,
  due: DueSteps,
  { now, waitMs }: { readonly now: Date; readonly waitMs: number },
): Promise<FileSteps> {
  const { memoryLimitBytes, threads } = config.load;
  const limits = { memoryLimitBytes, waitMs, ...(threads === undefined ? {} : { threads }) };
  const at = `${quoteLiteral(now.toISOString())}::timestamp`;
  if (due.rewrite) {
    await rewriteDatabase({
      path: config.database,
      ...limits,
      change: `update ${COPY_NAME}.c360.erasures set rewritten_at = ${at} where rewritten_at is null`,
    });
  }
  async function withDatabase<Result>(work: (database: Database) => Promise<Result>) {
    const database = await Database.open({ path: config.database, ...limits });
    try {
      return await work(database);
    } finally {
      database.close();
    }
  }
  const stagedFiles = due.staged
    ? await withDatabase(async (database) => {
        const key = await openPrivacyKey(config.privacy, database, now);
        const { files } = await eraseStagedFiles(database, {
          key,
          now,
          destinations: listStages(config),
        });
        await database.run(
          `update c360.erasures set unstaged_at = ${at} where unstaged_at is null`,
        );
        return files;
      })
    : 0;
  const { path } = config.publish;
  if (due.publish && path !== undefined) {
    await publishDatabase({ database: config.database, path, ...limits });
    await withDatabase(async (database) =>
      database.run(`update c360.erasures set published_at = ${at} where published_at is null`),
    );
  }
  return { rewritten: due.rewrite, stagedFiles, published: due.publish };
}

function listStages({ destinations }: Config): Readonly<Record<string, FilesDestinationConfig>> {
  return Object.fromEntries(
    Object.entries(destinations).flatMap(([name, found]) =>
      found.kind === 'files' ? [[name, found]] : [],
    ),
  );
}

/** The same at the end of a cycle, which has done its work: somebody who reads the file delays it. */
export async function clearFilesOrWait(
  config: Config,
  due: DueSteps,
  options: { readonly now: Date; readonly waitMs: number; readonly logger: Logger },
): Promise<FileSteps> {
  try {
    return await clearFiles(config, due, options);
  } catch (error) {
    if (!isTransient(error)) throw error;
    options.logger.warn(
      { err: error },
      'erased people are still in files, the next cycle tries again',
    );
    return { rewritten: false, stagedFiles: 0, published: false };
  }
}
