/**
 * What the database remembers of privacy: which key its hashes were made with, and which rules its objects were
 * loaded under.
 *
 * A second key would be a silent disaster: hashes would not join, and erased people would not be recognised
 * when they are delivered again. So it is refused. Rules may change; what was loaded before stays as it is,
 * and it can be told how much that is.
 */
import { CurrentsError } from '../errors.ts';
import type { PrivacySettings } from '../privacy-rules.ts';
import type { Database } from './database.ts';
import { computeKeyedHash } from './keyed-hash.ts';

/** Whether the database holds anything that was made with a key. */
export async function hasPrivacyKey(database: Database): Promise<boolean> {
  return database.hasRows('ops.privacy_key');
}

/**
 * Remembers the key by a hash of its own, the first time, and compares it from then on.
 *
 * @throws CurrentsError SETTINGS_INVALID when the database was written with another one
 */
export async function rememberPrivacyKey(
  database: Database,
  key: string,
  now: Date,
): Promise<void> {
  const fingerprint = computeKeyedHash(key, 'currents: which key this is').slice(0, 16);
  const [known] = await database.rows<{ fingerprint: string }>(
    'select fingerprint from ops.privacy_key',
  );
  if (known === undefined) {
    await database.run('insert into ops.privacy_key values ($1, $2::timestamp)', [
      fingerprint,
      now.toISOString(),
    ]);
  } else if (known.fingerprint !== fingerprint) {
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot use this privacy key: ${database.path} was written with another one (hashes would not join, and erased people could come back)`,
      hint: 'give the key of this database, in CURRENTS_PRIVACY_KEY or by --privacy-key-file PATH; with a new key, load into a new database',
      context: { path: database.path },
    });
  }
}

export interface RulesChange {
  /** Objects that stay as the rules before had them. */
  readonly objectsBefore: number;
}

/** Writes the rules down when they are others than at the last load. */
export async function recordPrivacyRules(
  database: Database,
  settings: PrivacySettings,
  runId: number,
  now: Date,
): Promise<RulesChange | undefined> {
  const [last] = await database.rows<{ hash: string; dropped: string }>(
    'select hash, dropped from ops.privacy_rules order by run_id desc limit 1',
  );
  const hash = JSON.stringify(settings.hash.toSorted());
  const dropped = JSON.stringify(settings.drop.toSorted());
  // Without any row there were no rules.
  const before = last ?? { hash: '[]', dropped: '[]' };
  if (before.hash === hash && before.dropped === dropped) return undefined;
  await database.run('insert into ops.privacy_rules values ($1, $2::timestamp, $3, $4)', [
    runId,
    now.toISOString(),
    hash,
    dropped,
  ]);
  return { objectsBefore: await countObjects(database, runId) };
}

/** Loaded objects that other rules than the latest ones were applied to. */
export async function countObjectsUnderOtherRules(database: Database): Promise<number> {
  const [last] = await database.rows<{ run_id: number }>(
    'select run_id::double as run_id from ops.privacy_rules order by run_id desc limit 1',
  );
  return last === undefined ? 0 : countObjects(database, last.run_id);
}

async function countObjects(database: Database, beforeRunId: number): Promise<number> {
  const { objects } = await database.row<{ objects: number }>(
    "select count(*)::double as objects from ops.objects where status = 'loaded' and run_id < $1",
    [beforeRunId],
  );
  return objects;
}
