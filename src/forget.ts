/**
 * Ids that somebody names → these people erased, from the tables and from the bytes of our files.
 *
 * Matches exactly, by Braze id or external id. An id that nobody has is no mistake to be punished: it gets its
 * tombstone all the same, so that a file that is found tomorrow does not bring the person in.
 */
import type { Config } from './config.ts';
import { clearFiles, type DueSteps, type FileSteps, prepareFileSteps } from './erase-requested.ts';
import { CurrentsError } from './errors.ts';
import { openPrivacyKey } from './open-privacy-door.ts';
import { openExistingWarehouse } from './pipeline.ts';
import { type Erasure, erasePeople } from './profiles/erase-people.ts';
import { stageDeletions } from './sync/stage-deletions.ts';
import { MISSING_IDS } from './warehouse/tombstones.ts';

export interface ForgetOptions {
  /** Find and count everything, change nothing. */
  readonly dryRun?: boolean;
  /** How long to wait for a database that another process holds. Default: not at all. */
  readonly waitMs?: number;
  readonly now?: () => Date;
}

/** What was removed, in the order of the ids; of no person is there anything in it. */
export interface Forgotten extends FileSteps {
  readonly dryRun: boolean;
  /** People in files that have Braze delete them: where a destination says `deleteErased`. */
  readonly deletions: number;
  readonly people: readonly (Erasure & {
    /** Whether anything of this id was found. */
    readonly found: boolean;
  })[];
}

/**
 * @throws CurrentsError USAGE (an id that stands for none), DATABASE_MISSING, DATABASE_BUSY, DISK_FULL. Rows that
 *   were erased stay erased; run again, and the files are cleared.
 */
export async function forgetPeople(
  config: Config,
  ids: readonly string[],
  { dryRun = false, waitMs = 0, now = () => new Date() }: ForgetOptions = {},
): Promise<Forgotten> {
  if (ids.some((id) => MISSING_IDS.includes(id))) {
    throw new CurrentsError({
      code: 'USAGE',
      message: 'cannot forget anybody: one of the ids is empty or [REDACTED] (expected ids)',
      hint: 'events of all people without an id say just that; is a variable of your script not set?',
    });
  }
  const at = now();
  const database = await openExistingWarehouse(config, 'forget anybody', waitMs);
  let erasures: readonly Erasure[];
  let due: DueSteps | undefined;
  let deletions = 0;
  try {
    const key = await openPrivacyKey(config.privacy, database, at);
    const beforeErasing = async (): Promise<void> => {
      for (const [name, destination] of Object.entries(config.destinations))
        if (destination.kind === 'files' && destination.deleteErased)
          deletions += await stageDeletions(database, name, destination, at);
    };
    const asked = { key, now: at, ids: [...new Set(ids)], dryRun, beforeErasing };
    erasures = await erasePeople(database, asked);
    if (!dryRun) due = await prepareFileSteps(config, database, { now: at, mustRewrite: true });
  } finally {
    database.close();
  }
  const steps =
    due === undefined
      ? { rewritten: false, stagedFiles: 0, published: false }
      : await clearFiles(config, due, { now: at, waitMs });
  const people = erasures.map((erasure) => ({
    ...erasure,
    found: Object.keys(erasure.rows).length > 0,
  }));
  return { dryRun, ...steps, deletions, people };
}
