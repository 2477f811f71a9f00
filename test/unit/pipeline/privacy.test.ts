/** The setting `privacy` in whole cycles: nothing in the files, and what a change of it says. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../src/doctor.ts';
import { createLogger } from '../../../src/logger.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema({ email_address: 'string', dob: 'string' });
const EVENT = anEvent(1, { email_address: 'jo@acme.test', dob: '1990-02-03' });
const RULES = { 'privacy.hash': ['email_address'], 'privacy.drop': ['dob'] };

/** All that the folder of the database holds, but the bucket. */
function readFiles(bucket: TestBucket): string {
  const folder = path.dirname(bucket.databasePath);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(folder, entry.name), 'latin1'))
    .join('');
}

describe('fields that are hashed or dropped', () => {
  it('are nowhere in the files beside the database', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [EVENT]);
    const result = await bucket.cycle({}, RULES);
    expect(result.privacyChange).toEqual({ objectsBefore: 0 });
    expect(
      await bucket.rows('select length(email_address) as n, dob from events.test_event'),
    ).toEqual([{ n: 64n, dob: null }]);
    expect(readFiles(bucket)).not.toMatch(/jo@acme|1990-02/);
  });

  it('are in the files when no rule names them', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [EVENT]);
    expect((await bucket.cycle()).privacyChange).toBeNull();
    expect(readFiles(bucket)).toMatch(/jo@acme/);
    expect(readdirSync(path.dirname(bucket.databasePath)).sort()).toEqual([
      'bucket',
      'test.duckdb',
    ]);
  });
});

describe('rules that change', () => {
  it('are said once, and doctor goes on saying what was loaded before', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [EVENT]);
    await bucket.cycle();
    await bucket.put(aKey(2), SCHEMA, [anEvent(2, { ...EVENT, id: 'event-2' })]);
    expect((await bucket.cycle({}, RULES)).privacyChange).toEqual({ objectsBefore: 1 });
    expect((await bucket.cycle({}, RULES)).privacyChange).toBeNull();
    const checks = await runChecks(bucket.config(RULES));
    expect(checks.filter(({ name }) => name.startsWith('privacy'))).toEqual([
      { name: 'privacy', status: 'ok', found: 'all fields of the rules exist' },
      { name: 'privacy key', status: 'ok', found: `${bucket.databasePath}.key` },
      {
        name: 'privacy',
        status: 'warn',
        found: '1 objects were loaded under other rules and stay as they are',
        advice: 'load into a new database: currents ingest --full --database NEW',
      },
    ]);
  });

  it('to a field that nobody has are doubted by doctor', async () => {
    const checks = await runChecks(
      new TestBucket().config({ 'privacy.drop': ['email_adress', 'pii'] }),
    );
    expect(checks.find(({ name }) => name === 'privacy')).toEqual({
      name: 'privacy',
      status: 'warn',
      found: 'no schema of Currents has email_adress',
      advice:
        'correct privacy.hash and privacy.drop, or ignore this if other files have it; did you mean email_address?',
    });
  });

  it('to a field or an event type that nobody has are doubted by the load that first sees them', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [EVENT]);
    const lines: string[] = [];
    const logger = createLogger({
      level: 'warn',
      destination: { write: (line) => lines.push(line) },
    });
    const rules = {
      'privacy.hash': ['Email_address', 'phone_number in users.nothing', 'properties.email', 'pii'],
    };
    await bucket.cycle({}, rules, { logger });
    await bucket.cycle({}, rules, { logger });
    expect(lines.filter((line) => line.includes('stored in the clear'))).toEqual([
      expect.stringContaining(
        '"rules":["Email_address","phone_number in users.nothing"],"meant":"email_address"',
      ),
    ]);
  });

  it('under another key are refused, and so is a key that is gone', async () => {
    const bucket = new TestBucket();
    await bucket.put(aKey(1), SCHEMA, [EVENT]);
    await bucket.cycle({}, RULES);
    const other = path.join(path.dirname(bucket.databasePath), 'other.key');
    writeFileSync(other, 'another key that is long enough');
    await expect(bucket.cycle({}, { ...RULES, 'privacy.keyFile': other })).rejects.toThrow(
      'cannot use this privacy key',
    );
    const missing = { ...RULES, 'privacy.keyFile': `${other}.missing` };
    await expect(bucket.cycle({}, missing)).rejects.toThrow('there is no file');
  });
});
