/**
 * People with events of several types, for tests of erasure: each person's ids, names and addresses hold a word of
 * their own, so that a search of bytes for the word finds whatever is left of the person.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { anEvent, aSchema } from './event-builders.ts';
import { aKey, type TestBucket } from './test-bucket.ts';

export const OPEN = 'users.messages.email.Open';
export const UPDATE = 'users.profile.Update';
export const ORPHAN = 'users.UserOrphan';
export const DELETE = 'users.UserDeleteRequest';

const USER = { user_id: 'string', external_user_id: ['null', 'string'] };

const SCHEMAS: Readonly<Record<string, string>> = {
  [OPEN]: aSchema({ ...USER, email_address: 'string' }),
  [UPDATE]: aSchema({ ...USER, time_ms: 'long', custom_attributes: ['null', 'string'] }),
  [ORPHAN]: aSchema({ ...USER, orphaned_by_id: 'string' }),
  [DELETE]: aSchema({ user_id: 'string' }),
};

let lastObject = 0;

/** Puts events of one type into the bucket, as an object of their own. */
export async function putEvents(
  bucket: TestBucket,
  eventType: string,
  records: readonly Readonly<Record<string, unknown>>[],
): Promise<void> {
  lastObject += 1;
  await bucket.put(aKey(lastObject, '2026-09-01-10', eventType), SCHEMAS[eventType] ?? '', records);
}

/** The Braze id of a person; others may be merged into it. */
export function userId(person: string, number = 0): string {
  return `braze-${person}-${number}`;
}

export function anOpen(
  number: number,
  person: string,
  fields: Readonly<Record<string, unknown>> = {},
) {
  return anEvent(number, {
    user_id: userId(person),
    external_user_id: `crm-${person}`,
    email_address: `${person}@acme.test`,
    ...fields,
  });
}

export function anUpdate(number: number, person: string, id = userId(person)) {
  const event = anOpen(number, person, { user_id: id });
  return {
    ...event,
    time_ms: BigInt(event.time as number) * 1000n,
    custom_attributes: `{"nickname":"nick-${person}"}`,
  };
}

/** `from` was merged into `into`. */
export function anOrphan(number: number, person: string, from: string, into: string) {
  return anEvent(number, {
    user_id: from,
    external_user_id: `crm-${person}`,
    orphaned_by_id: into,
  });
}

/** Bytes of everything beside the bucket, folders included: database, log, key, copies, staged files. */
export function readAllBytes(bucket: TestBucket): string {
  const folder = path.dirname(bucket.databasePath);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(bucket.folder))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}
