/**
 * Files that syncs have staged → the same files without erased people.
 *
 * Whose row it is, the tombstones tell: the ids themselves are gone by then, so this can be repeated after a
 * crash. What was staged after an erasure is of somebody who came back under the same external id. Rows go too of
 * others who lost events to the erasure: the next run of the sync sends these people again.
 *
 * Braze reads a file when it appears and when it is replaced. One that was staged in a bucket more than an hour
 * ago has been read, and reading its values a second time would bring old ones back: so it keeps no row at
 * all. In a folder nothing is read twice, and the other rows stay.
 *
 * Manifests name nobody and stay as they are: they say what was staged then.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FilesDestinationConfig } from '../destination-settings.ts';
import type { ObjectStore } from '../discovery/object-store.ts';
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import { hashPads } from '../warehouse/keyed-hash.ts';
import { STAGED_KIND, tombstoneOf, tombstoneOfHashed } from '../warehouse/tombstones.ts';
import { openStage } from './open-stage.ts';
import { readFormat, type StageFormat } from './stage-names.ts';
import { COPY_OPTIONS } from './staged-rows.ts';

/** Event notifications reach Braze within minutes; "file storage integrations", 2026-09. */
const READ_AFTER_MS = 3_600_000;

/** A row has at most 1 MB, and quotes count twice. DuckDB takes sixteen times as much while it reads CSV. */
const MOST_ROW_BYTES = 3_000_000;

/** Identifier columns of staged files, and which tombstones their values may have. Aliases have none. */
const IDENTIFIER_COLUMNS: Readonly<Record<string, { column: string; kind: string }>> = {
  external_id: { column: 'EXTERNAL_ID', kind: 'external_id' },
  braze_id: { column: 'BRAZE_ID', kind: 'user_id' },
  email: { column: 'EMAIL', kind: 'email' },
  phone: { column: 'PHONE', kind: 'phone' },
};

interface StagedRow {
  readonly key: string;
  readonly destination: string;
  readonly identifier_kind: string;
  readonly staged_at: Date | null;
}

export interface EraseStagedOptions {
  readonly key: string;
  readonly now: Date;
  /** By name; a file of a destination that is no longer there cannot be reached. */
  readonly destinations: Readonly<Record<string, FilesDestinationConfig>>;
}

export interface ErasedFiles {
  /** Files that were written anew. */
  readonly files: number;
  readonly rows: number;
  /** Files of destinations that the settings no longer have. */
  readonly unreachable: number;
}

/** Looks into every file that was staged. Repeated, it finds nothing more. */
export async function eraseStagedFiles(
  database: Database,
  options: EraseStagedOptions,
): Promise<ErasedFiles> {
  const staged = await database.rows<StagedRow>(
    "select key, destination, identifier_kind, staged_at from sync.files where status <> 'planned'",
  );
  const known = staged.filter((file) => options.destinations[file.destination] !== undefined);
  let [files, rows] = [0, 0];
  const folder = `${database.path}.erase`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    for (const file of known) {
      const erased = await eraseFile(database, file, { ...options, folder });
      rows += erased;
      if (erased > 0) files += 1;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { files, rows, unreachable: staged.length - known.length };
}

async function eraseFile(
  database: Database,
  file: StagedRow,
  { key, now, destinations, folder }: EraseStagedOptions & { readonly folder: string },
): Promise<number> {
  const identifier = IDENTIFIER_COLUMNS[file.identifier_kind];
  const destination = destinations[file.destination] as FilesDestinationConfig;
  if (identifier === undefined) return 0;
  const { url } = destination;
  const format = readFormat(file.key);
  const store = openStage(destination);
  try {
    const bytes = await fetchStaged(store, file.key);
    if (bytes === undefined) return 0;
    const [before, after] = ['before', 'after'].map((name) => path.join(folder, name));
    await writeFile(before as string, bytes);
    const rows = readRows(before as string, format, identifier.column);
    const kind = quoteLiteral(identifier.kind);
    await database.run(
      `create or replace temp table staged_ids as
       with named as (select distinct ${identifier.column} as id from ${rows}),
       stones as (
         select t.hash from c360.tombstones t join c360.erasures e using (erasure_id)
         where t.kind in (${kind}, '${STAGED_KIND}' || ${kind}) and e.erased_at >= $3::timestamp)
       select id from named where ${tombstoneOf(kind, 'id')} in (select hash from stones)
         or ${tombstoneOfHashed(kind, 'id')} in (select hash from stones)`,
      [...hashPads(key), (file.staged_at ?? now).toISOString()],
    );
    const { erased } = await database.row<{ erased: number }>(
      `select count(*)::double as erased from ${rows}
       where ${identifier.column} in (select id from staged_ids)`,
    );
    if (erased > 0) {
      const wasRead =
        url.startsWith('s3://') && now.getTime() - (file.staged_at?.getTime() ?? 0) > READ_AFTER_MS;
      await database.run(
        `copy (select * from ${rows} where ${wasRead ? 'false' : `(${identifier.column} in (select id from staged_ids)) is not true`})
         to ${quoteLiteral(after as string)} (${COPY_OPTIONS[format]})`,
      );
      await store.put(file.key, await readFile(after as string));
    }
    await database.run('drop table staged_ids');
    return erased;
  } finally {
    store.close();
  }
}

/** Undefined when somebody has cleared it away. */
async function fetchStaged(store: ObjectStore, key: string): Promise<Buffer | undefined> {
  for await (const page of store.list({ prefix: key })) {
    const object = page.find((one) => one.key === key);
    if (object !== undefined) return (await store.fetch(object)).bytes;
  }
  return undefined;
}

/** All columns as the texts that they are in the file. */
function readRows(file: string, format: StageFormat, identifier: string): string {
  const from = quoteLiteral(file);
  switch (format) {
    case 'json':
      return `read_json(${from}, format = 'newline_delimited', maximum_object_size = ${MOST_ROW_BYTES},
        columns = {'${identifier}': 'VARCHAR', 'PAYLOAD': 'VARCHAR'})`;
    case 'csv':
      return `read_csv(${from}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
        max_line_size = ${MOST_ROW_BYTES})`;
    case 'parquet':
      return `read_parquet(${from})`;
  }
}
