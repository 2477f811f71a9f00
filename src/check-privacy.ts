/**
 * What `doctor` says of the setting `privacy`: whether the rules name fields that exist, who may read the key,
 * and how much was loaded under other rules. A mistyped field would be stored in the clear, and nothing
 * would look wrong.
 */
import { existsSync, statSync } from 'node:fs';
import type { Check } from './check.ts';
import type { Config } from './config.ts';
import { findIdleRules } from './idle-privacy-rules.ts';
import { PrivacyRules } from './privacy-rules.ts';
import { Database } from './warehouse/database.ts';
import { countObjectsUnderOtherRules } from './warehouse/privacy-record.ts';

/** None when nothing is to be hashed or dropped. */
export async function checkPrivacy(config: Config): Promise<readonly Check[]> {
  if (new PrivacyRules(config.privacy).isEmpty) return [];
  return [checkRules(config), ...checkKey(config), ...(await checkOldObjects(config))];
}

function checkRules({ privacy }: Config): Check {
  const name = 'privacy';
  const { rules, meant } = findIdleRules(privacy);
  if (rules.length === 0) return { name, status: 'ok', found: 'all fields of the rules exist' };
  const advice = 'correct privacy.hash and privacy.drop, or ignore this if other files have it';
  return {
    name,
    status: 'warn',
    found: `no schema of Currents has ${rules.join(', ')}`,
    advice: meant === undefined ? advice : `${advice}; did you mean ${meant}?`,
  };
}

function checkKey({ privacy }: Config): readonly Check[] {
  const name = 'privacy key';
  if (privacy.hash.length === 0) return [];
  if (privacy.givenKey() !== undefined)
    return [{ name, status: 'ok', found: 'from CURRENTS_PRIVACY_KEY' }];
  const { keyFile } = privacy;
  if (!existsSync(keyFile)) return [{ name, status: 'ok', found: `${keyFile} will be made` }];
  const isOpen = (statSync(keyFile).mode & 0o077) !== 0;
  if (!isOpen) return [{ name, status: 'ok', found: keyFile }];
  const advice = `chmod 600 ${keyFile}`;
  return [{ name, status: 'warn', found: `others may read ${keyFile}`, advice }];
}

async function checkOldObjects({ database: file }: Config): Promise<readonly Check[]> {
  if (!existsSync(file)) return [];
  let database: Database | undefined;
  try {
    database = await Database.open({ path: file, readOnly: true });
    const objects = await countObjectsUnderOtherRules(database);
    if (objects === 0) return [];
    const found = `${objects} objects were loaded under other rules and stay as they are`;
    const advice = 'load into a new database: currents ingest --full --database NEW';
    return [{ name: 'privacy', status: 'warn', found, advice }];
  } catch {
    // The check of the database says what is wrong with it.
    return [];
  } finally {
    database?.close();
  }
}
