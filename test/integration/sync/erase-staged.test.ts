/** Erased people in files that lie in a bucket of a real S3-compatible server. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { ObjectStore } from '../../../src/discovery/object-store.ts';
import { openStore } from '../../../src/discovery/open-store.ts';
import { forgetPeople } from '../../../src/forget.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import { anOpen, OPEN, putEvents } from '../../support/erasable-people.ts';
import {
  createTestBucket,
  type TestBucket as S3Bucket,
  testS3Settings,
} from '../../support/s3-buckets.ts';
import { fillOutbox } from '../../support/staged-outbox.ts';
import { aRun } from '../../support/sync-books.ts';
import { TestBucket } from '../../support/test-bucket.ts';

let s3: S3Bucket;
let store: ObjectStore;

beforeAll(async () => {
  s3 = await createTestBucket(inject('s3Endpoint'));
  store = openStore(`s3://${s3.name}`, testS3Settings(inject('s3Endpoint')));
});

afterAll(() => {
  store.close();
  s3.close();
});

async function readFiles(prefix: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const page of store.list({ prefix }))
    for (const object of page) texts.push((await store.fetch(object)).bytes.toString('utf8'));
  return texts;
}

it.each([
  [
    'keeps the others while Braze may not have read it',
    0,
    ['{"EXTERNAL_ID":"crm-otto","PAYLOAD":"{\\"a\\":1}"}\n'],
  ],
  ['loses every row once Braze has read it', 2 * 3_600_000, ['']],
] as const)('a staged file %s', async (name, agoMs, left) => {
  const bucket = new TestBucket();
  const people = ['zelda', 'otto'];
  await putEvents(
    bucket,
    OPEN,
    people.map((person, number) => anOpen(number, person)),
  );
  await bucket.cycle();
  const prefix = name.replaceAll(' ', '-');
  const url = `s3://${s3.name}/${prefix}`;
  const { endpoint, region } = testS3Settings(inject('s3Endpoint'));
  writeFileSync(
    path.join(path.dirname(bucket.databasePath), 'currents.yaml'),
    `destinations:
  stage: { kind: files, url: "${url}", format: json, endpoint: "${endpoint}", region: ${region}, pathStyle: true }`,
  );
  await bucket.withDatabase(async (database) => {
    const run = aRun({ destination: 'stage' });
    await fillOutbox(
      database,
      run,
      people.map((person) => ({
        identifier: { kind: 'external_id', value: `crm-${person}` },
        attributes: '{"a":1}',
      })),
    );
    const now = () => new Date(bucket.now.getTime() - agoMs);
    const settings = { ...testS3Settings(inject('s3Endpoint')), url, format: 'json', now } as const;
    await openFilesDestination(settings).stage(database, run);
  });
  expect((await readFiles(`${prefix}/attributes/`)).join()).toContain('crm-zelda');
  const forgotten = await forgetPeople(bucket.config(), ['crm-zelda'], { now: () => bucket.now });
  expect(forgotten).toMatchObject({ stagedFiles: 1 });
  expect(await readFiles(`${prefix}/attributes/`)).toEqual(left);
  expect((await readFiles(`${prefix}/manifests/`)).join()).not.toContain('zelda');
});
