/**
 * Settings and database → what stands between a cycle's batches and the tables: the door, unless nothing is to be
 * hashed or dropped, and the tombstones, unless nobody was erased. Rules that are others than at the last load are written down here, and said.
 */
import type { PrivacyConfig } from './config.ts';
import { findIdleRules } from './idle-privacy-rules.ts';
import type { Logger } from './logger.ts';
import { readPrivacyKey } from './privacy-key.ts';
import { PrivacyRules } from './privacy-rules.ts';
import type { Database } from './warehouse/database.ts';
import { PrivacyDoor } from './warehouse/privacy-door.ts';
import {
  hasPrivacyKey,
  type RulesChange,
  recordPrivacyRules,
  rememberPrivacyKey,
} from './warehouse/privacy-record.ts';
import { hasTombstones, Tombstones } from './warehouse/tombstones.ts';

interface Opening {
  readonly runId: number;
  readonly now: Date;
  readonly logger: Logger;
}

export interface OpenedDoor {
  readonly door: PrivacyDoor | undefined;
  readonly tombstones: Tombstones | undefined;
  readonly change: RulesChange | undefined;
}

/** @throws CurrentsError SETTINGS_INVALID when the key is not to be had, or is not this database's */
export async function openPrivacyDoor(
  privacy: PrivacyConfig,
  database: Database,
  { runId, now, logger }: Opening,
): Promise<OpenedDoor> {
  const rules = new PrivacyRules(privacy);
  const erased = await hasTombstones(database);
  const needsKey = erased || privacy.hash.length > 0;
  const key = needsKey ? await openPrivacyKey(privacy, database, now) : '';
  const change = await recordPrivacyRules(database, privacy, runId, now);
  if (change !== undefined) {
    logger.warn(
      { hash: privacy.hash, drop: privacy.drop, ...change },
      'privacy rules changed: what was loaded before stays as it is',
    );
    const idle = findIdleRules(privacy);
    if (idle.rules.length > 0)
      logger.warn(
        idle,
        'no schema of Currents has this: if it is mistyped, it is stored in the clear',
      );
  }
  return {
    door: rules.isEmpty ? undefined : new PrivacyDoor(rules, key),
    tombstones: erased ? new Tombstones(database, key) : undefined,
    change,
  };
}

/** The key, made and remembered by the database when it is the first time. */
export async function openPrivacyKey(
  privacy: PrivacyConfig,
  database: Database,
  now: Date,
): Promise<string> {
  const key = readPrivacyKey(privacy, !(await hasPrivacyKey(database)));
  await rememberPrivacyKey(database, key, now);
  return key;
}
