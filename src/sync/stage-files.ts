/**
 * The way to Braze over files: a run's outbox items → complete files in a bucket or folder that Braze's
 * cloud data ingestion reads, and a manifest after the last of them.
 *
 *     planned ──► uploading ──► staged      of each file, in sync.files, committed at every step
 *
 * Which items are in which file is written down before the first file is made, and a file's size and sum
 * before it is uploaded. So a delivery that is repeated, after a crash at any moment, makes the same files:
 * what is in the stage already is left alone, which matters since Braze reads every file that appears.
 * A file becomes visible whole or not at all. Files are made one at a time beside the database, in a
 * folder that is emptied before and after, since it holds what people are.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { interruptionOf } from '../discovery/interruption.ts';
import type { ObjectStore } from '../discovery/object-store.ts';
import { openStore } from '../discovery/open-store.ts';
import type { S3Settings } from '../discovery/s3-bucket.ts';
import type { Database } from '../warehouse/database.ts';
import type { DeliveryReceipt, DeliveryRun, FilesDestination } from './destination.ts';
import { digestFile } from './file-digest.ts';
import { formatManifest, type StagedFile } from './manifest.ts';
import { formatFileKey, formatManifestKey, readFormat, type StageFormat } from './stage-names.ts';
import { cutIntoFiles, type ItemRange, writeRows } from './staged-rows.ts';
import { makeStagingFolder } from './staging-folder.ts';

export interface FilesSettings extends S3Settings {
  readonly url: string;
  readonly format: StageFormat;
  /** About how large a file becomes. Default 100 MB, which Braze reads faster than larger ones. */
  readonly fileBytes?: number;
  /** Default ten minutes in a bucket, none in a folder: what reads a folder is the user's own. */
  readonly settleMs?: number;
  /** When a file was staged; tests have their own clock. */
  readonly now?: () => Date;
}

const DEFAULT_FILE_BYTES = 100e6;

/** Our choice: Braze states none, and advises not to stage the same attribute twice close together. */
const DEFAULT_SETTLE_MS = 10 * 60_000;

/** Braze reads no file above 512 MB; "file storage integrations", 2026-09. One row of at most 1 MB may come on top. */
const MOST_FILE_BYTES = 500e6;

/** Opens nothing; the first call does. */
export function openFilesDestination(settings: FilesSettings): FilesDestination {
  const {
    url,
    format,
    fileBytes = DEFAULT_FILE_BYTES,
    now = () => new Date(),
    ...others
  } = settings;
  const { settleMs = url.startsWith('s3://') ? DEFAULT_SETTLE_MS : 0, ...s3 } = others;
  const withStore = async <Result>(
    work: (store: ObjectStore) => Promise<Result>,
  ): Promise<Result> => {
    const store = openStore(url, s3);
    try {
      return await work(store);
    } finally {
      store.close();
    }
  };
  return {
    kind: 'files',
    settleMs,
    stage: (database, run) =>
      withStore(async (store) => {
        const staging = { database, run, store, format, now };
        await planFiles(staging, Math.min(fileBytes, MOST_FILE_BYTES));
        return stageRun(staging);
      }),
    isStaged: (run) => withStore((store) => isThere(store, formatManifestKey(store.prefix, run))),
  };
}

interface Staging {
  readonly database: Database;
  readonly run: DeliveryRun;
  readonly store: ObjectStore;
  readonly format: StageFormat;
  readonly now: () => Date;
}

interface FileRow extends ItemRange, StagedFile {
  readonly status: 'planned' | 'uploading' | 'staged';
}

/** Once for a run: what an earlier attempt planned is what is made. */
async function planFiles(staging: Staging, fileBytes: number): Promise<void> {
  const { database, run, store, format } = staging;
  if ((await listFiles(staging)).length > 0) return;
  const planned = await cutIntoFiles(database, run.runId, fileBytes);
  await database.withTransaction(async () => {
    for (const [index, file] of planned.entries()) {
      await database.run(
        `insert into sync.files
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null, null, 'planned', null)`,
        [
          ...[run.runId, run.sync, run.destination, index + 1],
          formatFileKey(store.prefix, run, index + 1, format),
          ...[file.identifierKind, file.firstItemId, file.lastItemId, file.rowCount],
        ],
      );
    }
  });
}

async function listFiles({ database, run }: Staging): Promise<FileRow[]> {
  return database.rows<FileRow>(
    `select run_id::double as "runId", key, identifier_kind as "identifierKind",
       first_item_id::double as "firstItemId", last_item_id::double as "lastItemId",
       row_count::double as rows, bytes::double as bytes, sha256, status
     from sync.files where run_id = $1 and destination = $2 order by file_number`,
    [run.runId, run.destination],
  );
}

async function stageRun(staging: Staging): Promise<DeliveryReceipt> {
  const folder = await makeStagingFolder(staging.database.path);
  try {
    for (const file of await listFiles(staging)) {
      const { signal, sync } = staging.run;
      if (signal?.aborted) throw interruptionOf(signal, `stage ${sync}`);
      if (file.status !== 'staged') await stageFile(staging, file, folder);
    }
    const files = await listFiles(staging);
    await stageManifest(staging, files, folder);
    const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
    return { requests: files.length, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function stageFile(staging: Staging, file: FileRow, folder: string): Promise<void> {
  const { database, run, store, now } = staging;
  const startedAtMs = performance.now();
  // Whoever was uploading it may have come to the end, and died before writing that down.
  const isDone = file.status === 'uploading' && (await isThere(store, file.key, run.signal));
  if (!isDone) {
    const local = path.join(folder, path.posix.basename(file.key));
    await writeRows(database, file, { ...run, path: local, format: readFormat(file.key) });
    const digest = await digestFile(local);
    await noteFile(file, database, {
      status: 'uploading',
      bytes: digest.sizeBytes,
      sha256: digest.sha256,
    });
    await store.putFile(file.key, digest, run.signal);
    await rm(local);
  }
  await noteFile(file, database, { status: 'staged', stagedAt: now() });
  run.logger.info(
    {
      sync: run.sync,
      runId: run.runId,
      key: file.key,
      people: file.rows,
      waitMs: Math.round(performance.now() - startedAtMs),
    },
    'file staged',
  );
}

async function noteFile(
  { key, runId }: FileRow,
  database: Database,
  found:
    | { readonly status: 'uploading'; readonly bytes: number; readonly sha256: string }
    | { readonly status: 'staged'; readonly stagedAt: Date },
): Promise<void> {
  const [change, values] =
    found.status === 'staged'
      ? ['staged_at = epoch_ms($4::bigint)', [found.stagedAt.getTime()]]
      : ['bytes = $4, sha256 = $5', [found.bytes, found.sha256]];
  await database.run(
    `update sync.files set status = $1, ${change} where run_id = $2 and key = $3`,
    [found.status, runId, key, ...values],
  );
}

async function stageManifest(
  { run, store, format }: Staging,
  files: readonly StagedFile[],
  folder: string,
): Promise<void> {
  const local = path.join(folder, 'manifest.json');
  const [first] = files;
  const written = first === undefined ? format : readFormat(first.key);
  await writeFile(local, formatManifest(run, written, files));
  await store.putFile(formatManifestKey(store.prefix, run), await digestFile(local), run.signal);
}

async function isThere(store: ObjectStore, key: string, signal?: AbortSignal): Promise<boolean> {
  for await (const page of store.list({ prefix: key, ...(signal && { signal }) }))
    if (page.some((object) => object.key === key)) return true;
  return false;
}
