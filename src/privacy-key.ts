/**
 * The key of every hash that we store: given in the environment, or in a file that is made when a key is first
 * needed.
 *
 * It never stands in settings, SQL, logs or errors. Whoever has it can find out whether an address that he knows is
 * in the tables; whoever loses it can neither join new hashes to old ones nor recognise an erased person,
 * so the key file belongs into the backup, apart from the database.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CurrentsError } from './errors.ts';

export interface PrivacyKeySource {
  /** Absolute path. */
  readonly keyFile: string;
  /** A function, so that settings can be printed without it. */
  readonly givenKey: () => string | undefined;
}

/** A shorter one could be guessed together with what it hides. */
const LEAST_LENGTH = 16;

/**
 * The key, without spaces around it. Makes the file, readable for its owner only, when there is none.
 *
 * @param mayMake whether a missing file may be made: not when a database was written with its key
 * @throws CurrentsError SETTINGS_INVALID
 */
export function readPrivacyKey(source: PrivacyKeySource, mayMake: boolean): string {
  const given = source.givenKey();
  if (given !== undefined) return checkLength(given.trim(), 'CURRENTS_PRIVACY_KEY');
  const { keyFile } = source;
  try {
    return checkLength(readFileSync(keyFile, 'utf8').trim(), keyFile);
  } catch (error) {
    if (error instanceof CurrentsError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw refuse(keyFile, error);
  }
  if (!mayMake) {
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot read the privacy key: there is no file ${keyFile} (the one that this database was written with)`,
      hint: 'bring the file back from the backup, or name it: --privacy-key-file PATH',
      context: { path: keyFile },
    });
  }
  try {
    const key = randomBytes(32).toString('hex');
    mkdirSync(path.dirname(keyFile), { recursive: true });
    // wx: never over a key that somebody made at the same moment.
    writeFileSync(keyFile, `${key}\n`, { mode: 0o600, flag: 'wx', flush: true });
    return key;
  } catch (error) {
    throw refuse(keyFile, error);
  }
}

function checkLength(key: string, where: string): string {
  if (key.length >= LEAST_LENGTH) return key;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use the privacy key in ${where}: it has ${key.length} characters (expected at least ${LEAST_LENGTH})`,
    hint: 'openssl rand -hex 32 makes one',
  });
}

function refuse(keyFile: string, cause: unknown): CurrentsError {
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use the privacy key file ${keyFile}: ${(cause as NodeJS.ErrnoException).code} (expected a file that can be read, or a folder where one can be made)`,
    hint: '--privacy-key-file PATH, or the key in CURRENTS_PRIVACY_KEY',
    context: { path: keyFile },
    cause,
  });
}
