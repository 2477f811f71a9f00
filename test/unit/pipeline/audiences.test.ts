/** Audiences in a cycle: refreshed after the profiles, and no reason for it to fail. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { exitCodeOfCycle } from '../../../src/cli/cycle-report.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

it('a cycle refreshes audiences from the new profiles, and ends with 3 when one fails', async () => {
  const bucket = new TestBucket();
  const eventType = 'users.behaviors.CustomEvent';
  await bucket.put(
    aKey(1, '2026-09-01-10', eventType),
    aSchema({ user_id: 'string', name: 'string' }),
    [anEvent(1, { user_id: 'ann', name: 'tried' })],
  );
  writeFileSync(
    path.join(path.dirname(bucket.folder), 'currents.yaml'),
    'audiences: { all: { where: { person_id: ann } }, bad: { query: from nowhere } }',
  );
  const result = await bucket.cycle({}, { 'profiles.refresh': 'after ingest' });
  expect(result.events.loaded).toBe(1);
  expect(result.audiences).toMatchObject([
    { audience: 'all', members: 1, entered: 1, error: null },
    { audience: 'bad', error: expect.stringContaining('cannot refresh audience bad: Catalog') },
  ]);
  expect(exitCodeOfCycle(result)).toBe(3);
  expect(await bucket.column('select person_id from c360.audience_members')).toEqual(['ann']);
});
