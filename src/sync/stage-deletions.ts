/**
 * People who are about to be erased here → a file that has Braze delete them, too.
 *
 * For a sync of the type Delete Users over the folder `deletes/`: identifiers alone, since a column PAYLOAD
 * makes such a sync fail, and of those only external and Braze ids (Braze, "file storage integrations",
 * 2026-09). Only people of whom something was sent to that destination. Called before anything is erased
 * and thrown from when it cannot be written: then nobody is erased, and running again stages again, which
 * is harmless. The file has to name people; a lifecycle rule of the bucket removes it.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { FilesDestinationConfig } from '../destination-settings.ts';
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import { digestFile } from './file-digest.ts';
import { openStage } from './open-stage.ts';
import { formatDeletionKey } from './stage-names.ts';
import { COPY_OPTIONS } from './staged-rows.ts';
import { makeStagingFolder } from './staging-folder.ts';

/** Kind of identifier, what erasure calls it, and Braze's column. */
const DELETABLE = [
  ['external_id', 'external_id', 'EXTERNAL_ID'],
  ['braze_id', 'user_id', 'BRAZE_ID'],
] as const;

/**
 * Reads the temporary table `erasing` (kind, id) of profiles/erase-people.ts, within its transaction.
 * Returns how many people are in the files.
 */
export async function stageDeletions(
  database: Database,
  destination: string,
  config: FilesDestinationConfig,
  at: Date,
): Promise<number> {
  const { format } = config;
  const store = openStage(config);
  const folder = await makeStagingFolder(database.path);
  let people = 0;
  try {
    for (const [identifierKind, kind, column] of DELETABLE) {
      const found = `select distinct identifier as "${column}" from (
          select destination, identifier_kind, identifier from sync.people
          union all select destination, identifier_kind, identifier from sync.outbox
          where status <> 'planned')
        where destination = ${quoteLiteral(destination)} and identifier_kind = '${identifierKind}'
          and identifier in (select id from erasing where kind = '${kind}')`;
      const { count } = await database.row<{ count: number }>(
        `select count(*)::double as count from (${found})`,
      );
      if (count === 0) continue;
      const key = formatDeletionKey(store.prefix, at, identifierKind, format);
      const local = path.join(folder, path.posix.basename(key));
      await database.run(`copy (${found}) to ${quoteLiteral(local)} (${COPY_OPTIONS[format]})`);
      await store.putFile(key, await digestFile(local));
      people += count;
    }
  } finally {
    store.close();
    await rm(folder, { recursive: true, force: true });
  }
  return people;
}
