/** An erased person is gone from every table and file, and does not come back (P6). */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { forgetPeople } from '../../../src/forget.ts';
import { ERASURE_RULES, personColumnsOf } from '../../../src/profiles/erasure-rules.ts';
import { writePastProfiles } from '../../../src/profiles/past-profiles.ts';
import { createProfilesTable } from '../../../src/profiles/profiles-table.ts';
import { refreshProfiles } from '../../../src/profiles/refresh-profiles.ts';
import { runSync } from '../../../src/sync/run-sync.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import { publishDatabase } from '../../../src/warehouse/publish.ts';
import {
  anOpen,
  anOrphan,
  anUpdate,
  DELETE,
  OPEN,
  ORPHAN,
  putEvents,
  readAllBytes,
  UPDATE,
  userId,
} from '../../support/erasable-people.ts';
import { anEvent } from '../../support/event-builders.ts';
import { fillOutbox, listStaged, readStaged } from '../../support/staged-outbox.ts';
import { aRun } from '../../support/sync-books.ts';
import { TestBucket } from '../../support/test-bucket.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

async function aBucket(people: readonly string[] = ['zelda', 'otto']): Promise<TestBucket> {
  const bucket = new TestBucket();
  await putEvents(
    bucket,
    OPEN,
    people.flatMap((person, n) => [anOpen(10 * n, person), anOpen(10 * n + 1, person)]),
  );
  await putEvents(
    bucket,
    UPDATE,
    people.map((person, n) => anUpdate(100 + n, person)),
  );
  return bucket;
}

describe('a delete request', () => {
  it('removes the person from tables and bytes, and nobody else', async () => {
    const bucket = await aBucket();
    await bucket.cycle();
    expect(readAllBytes(bucket)).toContain('zelda');
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    const result = await bucket.cycle();
    expect(result.erasures).toEqual({
      people: 1,
      events: 4,
      rewritten: true,
      stagedFiles: 0,
      published: false,
    });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    expect(await bucket.column(`select user_id from events.users_messages_email_open`)).toEqual([
      userId('otto'),
      userId('otto'),
    ]);
    expect(
      await bucket.rows(
        'select row_count::integer as n, erased_count::integer as erased from ops.objects order by object_id',
      ),
    ).toEqual([
      { n: 2, erased: 2 },
      { n: 1, erased: 1 },
      { n: 0, erased: 1 },
    ]);
  });

  it('in the cycle that brings the person leaves no trace either', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    expect((await bucket.cycle()).erasures).toMatchObject({ people: 1, events: 4 });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    expect(readAllBytes(bucket)).toContain('otto');
  });

  it('leaves a certificate that names nobody', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    const [certificate] = await bucket.rows<Record<string, unknown>>(
      'select * replace (rows::varchar as rows) from c360.erasures',
    );
    expect(certificate).toMatchObject({
      erasure_id: 1n,
      cause: 'delete request',
      user_ids: 1n,
      external_ids: 1n,
      events: 4n,
      subject: expect.stringMatching(/^[0-9a-f]{64}$/),
      rewritten_at: bucket.now,
      published_at: null,
    });
    expect(JSON.parse(String(certificate?.rows))).toMatchObject({
      'events.users_messages_email_open': 2,
      'events.users_profile_update': 1,
      'events.users_userdeleterequest': 1,
    });
  });

  it('that names nobody erases nobody: not all those whose events have no id either', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, OPEN, [
      anOpen(30, 'anna', { user_id: '[REDACTED]' }),
      anOpen(31, 'emil', { user_id: '' }),
    ]);
    await putEvents(bucket, DELETE, [
      anEvent(500, { user_id: '' }),
      anEvent(501, { user_id: '[REDACTED]' }),
    ]);
    expect((await bucket.cycle()).erasures).toMatchObject({ people: 0, events: 0 });
    expect(await bucket.column('select count(*) from events.users_messages_email_open')).toEqual([
      6n,
    ]);
    expect(await bucket.column('select count(*) from c360.tombstones')).toEqual([0n]);
    await expect(forgetPeople(bucket.config(), ['crm-zelda', ''])).rejects.toThrow(/empty/);
    expect(await bucket.column('select count(*) from c360.erasures')).toEqual([0n]);
  });

  it('of somebody merged with nobody erases nobody else when the merge is delivered late', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, OPEN, [anOpen(30, 'anna', { user_id: '[REDACTED]' })]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    await putEvents(bucket, ORPHAN, [anOrphan(300, 'zelda', userId('zelda'), '[REDACTED]')]);
    await bucket.cycle();
    expect(
      await bucket.column(
        "select id from events.users_messages_email_open where email_address like 'anna%'",
      ),
    ).toEqual(['event-30']);
  });

  it('takes merged people along, in both directions of a chain', async () => {
    const bucket = await aBucket();
    const [a, b, c] = [userId('zelda', 1), userId('zelda', 2), userId('zelda', 3)];
    await putEvents(bucket, UPDATE, [
      anUpdate(200, 'zelda', a),
      anUpdate(201, 'zelda', b),
      anUpdate(202, 'zelda', c),
    ]);
    await putEvents(bucket, ORPHAN, [anOrphan(300, 'zelda', a, b), anOrphan(301, 'zelda', b, c)]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: b })]);
    await bucket.cycle();
    expect(
      await bucket.column('select user_id from events.users_profile_update order by 1'),
    ).toEqual([userId('otto')]);
    expect(await bucket.column('select user_ids::integer from c360.erasures')).toEqual([3]);
  });
});

describe('an erased person', () => {
  it('does not come back with files that are delivered again or found late', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    await putEvents(bucket, OPEN, [anOpen(0, 'zelda'), anOpen(7, 'zelda'), anOpen(8, 'otto')]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    // A Braze id that nobody has seen, under the external id, from before the request.
    await putEvents(bucket, UPDATE, [anUpdate(150, 'zelda', 'never-seen')]);
    const result = await bucket.cycle();
    expect(result.events).toEqual({ read: 5, loaded: 1, duplicates: 0, erased: 4 });
    expect(result.erasures.people).toBe(0);
    expect(readAllBytes(bucket)).not.toContain('zelda');
  });

  it('may sign up again: the external id counts for a new person from then on', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    await putEvents(bucket, OPEN, [anOpen(501, 'zelda', { user_id: 'new-one' })]);
    expect((await bucket.cycle()).events).toMatchObject({ loaded: 1, erased: 0 });
  });

  it('takes along whom a late merge tells of', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    const former = userId('zelda', 1);
    const late = anUpdate(600, 'zelda', former);
    await putEvents(bucket, UPDATE, [{ ...late, external_user_id: null }]);
    expect((await bucket.cycle()).events.loaded).toBe(1);
    await putEvents(bucket, ORPHAN, [anOrphan(300, 'zelda', former, userId('zelda'))]);
    const result = await bucket.cycle();
    expect(result.events.erased).toBe(1);
    expect(result.erasures).toMatchObject({ people: 1, events: 1, rewritten: true });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    expect(await bucket.rows('from c360.erasure_queue')).toEqual([]);
  });

  it('whose external id is first told by a late event is gone under it too', async () => {
    const bucket = await aBucket(['otto', 'ida']);
    await putEvents(bucket, OPEN, [anOpen(30, 'otto', { external_user_id: 'crm-zelda' })]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    await putEvents(bucket, OPEN, [anOpen(7, 'zelda')]);
    const { events, erasures } = await bucket.cycle();
    expect(events).toMatchObject({ loaded: 0, erased: 1 });
    expect(erasures).toMatchObject({ events: 1, rewritten: true });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    await putEvents(bucket, OPEN, [anOpen(31, 'otto', { external_user_id: 'crm-zelda' })]);
    expect((await bucket.cycle()).events).toMatchObject({ loaded: 0, erased: 1 });
    await putEvents(bucket, OPEN, [anOpen(501, 'otto', { external_user_id: 'crm-zelda' })]);
    expect((await bucket.cycle()).events).toMatchObject({ loaded: 1, erased: 0 });
  });

  it('whose external id turns out to be a placeholder takes nobody along, and asks only once', async () => {
    const bucket = new TestBucket();
    const unknown = { external_user_id: 'unknown' };
    const people = Array.from({ length: 13 }, (_, n) => anOpen(n, `person${n}`, unknown));
    await putEvents(bucket, OPEN, people);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    for (const number of [20, 21]) {
      await putEvents(bucket, OPEN, [anOpen(number, 'zelda', unknown)]);
      expect(await bucket.cycle()).toMatchObject({
        events: { loaded: 0, erased: 1 },
        erasures: { people: 0, events: 0, rewritten: false },
      });
    }
    expect(
      await bucket.column("select until::varchar from c360.tombstones where kind = 'external_id'"),
    ).toEqual(['-infinity', '-infinity']);
    const { people: asked } = await forgetPeople(bucket.config(), ['unknown']);
    expect(asked).toMatchObject([{ erasureId: 2, events: 13 }]);
  });

  it('who came back stays when a late merge tells more about somebody else who was erased', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    await forgetPeople(bucket.config(), ['crm-otto'], { now: () => bucket.now });
    await putEvents(bucket, OPEN, [
      anOpen(600, 'zelda', { user_id: 'new-one' }),
      anOpen(601, 'zelda', { user_id: 'former' }),
    ]);
    await bucket.cycle();
    await putEvents(bucket, ORPHAN, [
      anOrphan(300, 'zelda', 'former', userId('zelda')),
      anOrphan(301, 'otto', 'another', userId('otto')),
    ]);
    expect((await bucket.cycle()).erasures).toMatchObject({ people: 2, events: 1 });
    expect(await bucket.column('select user_id from events.users_messages_email_open')).toEqual([
      'new-one',
    ]);
  });

  it('is gone although user ids and addresses are hashed at the door', async () => {
    const flags = { 'privacy.hash': ['pii.id', 'pii.email'] };
    const bucket = await aBucket();
    await bucket.cycle({}, flags);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    expect((await bucket.cycle({}, flags)).erasures).toMatchObject({ people: 1, events: 4 });
    await putEvents(bucket, OPEN, [anOpen(7, 'zelda')]);
    expect((await bucket.cycle({}, flags)).events).toMatchObject({ loaded: 0, erased: 1 });
    await putEvents(bucket, OPEN, [anOpen(8, 'zelda')]);
    expect((await bucket.cycle()).events).toMatchObject({ loaded: 0, erased: 1 });
    const { people } = await forgetPeople(bucket.config(flags), ['crm-otto']);
    expect(people).toMatchObject([{ found: true, events: 3, userIds: 1 }]);
  });

  it('is not recognised with another key, so another key is refused', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    rmSync(`${bucket.databasePath}.key`);
    await expect(bucket.cycle()).rejects.toThrow('cannot read the privacy key');
  });
});

describe('an external id', () => {
  it('that many others carry too is a placeholder, and goes on alone', async () => {
    const people = Array.from({ length: 13 }, (_, n) => `person${n}`);
    const bucket = new TestBucket();
    await putEvents(
      bucket,
      OPEN,
      people.map((person, n) => anOpen(n, person, { external_user_id: 'unknown' })),
    );
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('person1') })]);
    expect((await bucket.cycle()).erasures).toMatchObject({ events: 2 });
  });

  it('of two people goes with either, and the profiles of the other are made anew', async () => {
    const bucket = await aBucket();
    await putEvents(bucket, OPEN, [
      anOpen(20, 'otto', { external_user_id: 'crm-zelda' }),
      anOpen(600, 'otto', { external_user_id: 'crm-zelda' }),
    ]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
    await bucket.cycle();
    expect(
      await bucket.column('select count(*)::integer from events.users_messages_email_open'),
    ).toEqual([3]);
  });
});

describe('a merge that went because of the external id of somebody else', () => {
  const [a, b, c] = [1, 2, 3].map((number) => userId('zelda', number)) as [string, string, string];
  const chain = [anOrphan(300, 'otto', a, b), anOrphan(301, 'otto', b, c)];

  /** Of events, nothing but the chain of merges names b, and nothing else tells that a and c are one. */
  async function twoOfThree(): Promise<TestBucket> {
    const bucket = await aBucket(['otto', 'ida']);
    await putEvents(bucket, OPEN, [
      anOpen(30, 'zelda', { user_id: a, external_user_id: null }),
      anOpen(31, 'zelda', { user_id: c, external_user_id: null }),
    ]);
    return bucket;
  }

  const opens = 'select distinct user_id from events.users_messages_email_open order by 1';

  it.each([
    ['loaded before', true, {}],
    ['left out of a load', false, {}],
    ['loaded before, with hashed ids', true, { 'privacy.hash': ['pii.id', 'pii.email'] }],
    ['left out of a load, with hashed ids', false, { 'privacy.hash': ['pii.id', 'pii.email'] }],
  ] as const)('still tells who is erased with whom: %s', async (_, isEarly, settings) => {
    const bucket = await twoOfThree();
    if (isEarly) await putEvents(bucket, ORPHAN, chain);
    await bucket.cycle({}, settings);
    const identifier = { kind: 'braze_id', value: b } as const;
    await bucket.withDatabase(async (database) =>
      fillOutbox(database, aRun(), [{ identifier, attributes: '{"a":1}' }]),
    );
    await forgetPeople(bucket.config(settings), [userId('otto')], { now: () => bucket.now });
    if (!isEarly) await putEvents(bucket, ORPHAN, chain);
    await bucket.cycle({}, settings);
    expect(await bucket.column('select count(*) from events.users_userorphan')).toEqual([0n]);
    expect(await bucket.column('select count(*) from c360.merge_tombstones')).not.toEqual([0n]);
    expect(readAllBytes(bucket)).toContain(b);
    expect(await bucket.column(opens)).toHaveLength(3);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: a })]);
    expect((await bucket.cycle({}, settings)).erasures).toMatchObject({ people: 1, events: 3 });
    expect(await bucket.column(opens)).toHaveLength(1);
    expect(readAllBytes(bucket)).not.toContain('zelda');
    expect(await bucket.rows('from c360.merge_tombstones')).toEqual([]);
    await putEvents(bucket, OPEN, [anOpen(32, 'zelda', { user_id: b, external_user_id: null })]);
    expect((await bucket.cycle({}, settings)).events).toMatchObject({ loaded: 0, erased: 1 });
  });

  it('with nobody is no merge', async () => {
    const bucket = await twoOfThree();
    await putEvents(bucket, ORPHAN, [
      anOrphan(300, 'otto', a, '[REDACTED]'),
      anOrphan(301, 'otto', c, '[REDACTED]'),
    ]);
    await bucket.cycle();
    await forgetPeople(bucket.config(), [userId('otto')], { now: () => bucket.now });
    await putEvents(bucket, ORPHAN, [anOrphan(302, 'otto', c, ''), anOrphan(303, 'otto', c, c)]);
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: a })]);
    await bucket.cycle();
    expect(await bucket.rows('from c360.merge_tombstones')).toEqual([]);
    expect(await bucket.column(opens)).toEqual([userId('ida'), c]);
  });
});

describe('forgetting by id', () => {
  it('finds people by Braze id and by external id, several at once', async () => {
    const bucket = await aBucket(['zelda', 'otto', 'ida', 'ada']);
    await bucket.cycle();
    const done = await forgetPeople(bucket.config(), [userId('zelda'), 'crm-otto', 'odysseus']);
    expect(done).toMatchObject({
      dryRun: false,
      rewritten: true,
      published: false,
      people: [
        { cause: 'command', found: true, events: 3, userIds: 1, externalIds: 1 },
        { found: true, events: 3, userIds: 1, externalIds: 1 },
        { found: false, events: 0, rows: {} },
      ],
    });
    const bytes = readAllBytes(bucket);
    for (const gone of ['zelda', 'otto', 'odysseus']) expect(bytes).not.toContain(gone);
    for (const left of ['ida', 'ada']) expect(bytes).toContain(`${left}@acme.test`);
    expect(JSON.stringify(done)).not.toMatch(/zelda|otto|odysseus/);
  });

  it('in a dry run tells the same and changes nothing', async () => {
    const bucket = await aBucket();
    await bucket.cycle();
    const before = await bucket.rows('from events.users_messages_email_open order by id');
    const done = await forgetPeople(bucket.config(), ['crm-zelda'], { dryRun: true });
    expect(done).toMatchObject({
      dryRun: true,
      rewritten: false,
      people: [{ events: 3, found: true, erasureId: 0 }],
    });
    expect(await bucket.rows('from events.users_messages_email_open order by id')).toEqual(before);
    expect(await bucket.rows('from c360.erasures')).toEqual([]);
    expect(await bucket.rows('from c360.tombstones')).toEqual([]);
  });

  it('keeps somebody out of whom nothing was known', async () => {
    const bucket = await aBucket(['otto']);
    await bucket.cycle();
    await forgetPeople(bucket.config(), [userId('zelda')]);
    await putEvents(bucket, OPEN, [anOpen(7, 'zelda')]);
    expect((await bucket.cycle()).events).toMatchObject({ loaded: 0, erased: 1 });
  });

  it('renews the published copy', async () => {
    const bucket = await aBucket();
    const copy = path.join(path.dirname(bucket.databasePath), 'copies', 'analysts.duckdb');
    await bucket.cycle();
    await publishDatabase({ database: bucket.databasePath, path: copy });
    const config = bucket.config({ 'publish.path': copy });
    expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({ published: true });
    expect(readFileSync(copy, 'latin1')).not.toContain('zelda');
    expect(readFileSync(copy, 'latin1')).toContain('otto');
    expect(await bucket.column('select count(published_at)::integer from c360.erasures')).toEqual([
      1,
    ]);
  });
});

describe('the rules of erasure', () => {
  it('know tables that are made later by their columns', async () => {
    const database = await openTestDatabase();
    await createProfilesTable(database, 'c360.profiles_in_may');
    const { columns } = await database.row<{ columns: string[] }>(
      "select list(column_name) as columns from duckdb_columns() where table_name = 'profiles_in_may_rows'",
    );
    database.close();
    expect(personColumnsOf('c360.profiles_in_may_rows', columns)).toEqual([
      { column: 'person_id', holds: 'user_id' },
      { column: 'former_external_ids', holds: 'former external ids' },
    ]);
    expect(personColumnsOf('c360.own', ['external_id', 'score'])).toEqual([
      { column: 'external_id', holds: 'external_id' },
    ]);
    expect(personColumnsOf('c360.own', ['score'])).toEqual([]);
  });

  it('are about every table that we make, and about columns that exist', async () => {
    const database = await openTestDatabase();
    const rows = await database.rows<{ name: string; columns: string[] }>(
      `select schema_name || '.' || table_name as name, list(column_name) as columns
       from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)
       where schema_name in ('ops', 'c360', 'sync') group by all`,
    );
    database.close();
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(ERASURE_RULES).sort());
    for (const { name, columns } of rows) {
      for (const rule of ERASURE_RULES[name] ?? []) {
        const named = rule.holds === 'identifier' ? [rule.column, rule.kindColumn] : [rule.column];
        expect(columns).toEqual(expect.arrayContaining(named));
      }
    }
  });
});

describe('files that a sync has staged', () => {
  it.each([
    ['json', 'json'],
    ['csv', 'csv'],
    ['parquet', 'parquet'],
    ['json', 'parquet'],
  ] as const)(
    'lose the rows of an erased person, and no others, as %s, with %s in the settings by now',
    async (format, formatNow) => {
      const bucket = await aBucket();
      await bucket.cycle();
      const stage = path.join(path.dirname(bucket.databasePath), 'stage');
      await bucket.withDatabase(async (database) => {
        for (const [index, kind] of (['external_id', 'braze_id'] as const).entries()) {
          const run = aRun({ runId: index + 1, destination: 'stage' });
          await fillOutbox(
            database,
            run,
            ['zelda', 'otto'].map((person) => ({
              identifier: {
                kind,
                value: kind === 'external_id' ? `crm-${person}` : userId(person),
              },
              attributes: JSON.stringify({ nickname: `"nick", ${person}` }),
            })),
          );
          await openFilesDestination({ url: stage, format }).stage(database, run);
        }
        await database.run("delete from sync.outbox where identifier like '%otto%'");
      });
      const settings = path.join(path.dirname(bucket.databasePath), 'currents.yaml');
      writeFileSync(
        settings,
        `destinations: { stage: { kind: files, url: ${stage}, format: ${formatNow} } }`,
      );
      const config = {
        ...bucket.config(),
        destinations: loadConfig({ configPath: settings, env: {} }).destinations,
      };
      expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({
        stagedFiles: 2,
        people: [{ rows: { 'sync.outbox': 2 } }],
      });
      const left = await Promise.all(
        listStaged(stage, 'attributes').map(async (name) =>
          readStaged(path.join(stage, 'attributes', name), format),
        ),
      );
      expect(left).toEqual([
        [{ EXTERNAL_ID: 'crm-otto', PAYLOAD: '{"nickname":"\\"nick\\", otto"}' }],
        [{ BRAZE_ID: userId('otto'), PAYLOAD: '{"nickname":"\\"nick\\", otto"}' }],
      ]);
      expect(readAllBytes(bucket)).not.toContain('zelda');
      expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({ stagedFiles: 0 });
    },
  );
});

it('a file staged after an erasure loses whom a late merge tells to be the same person', async () => {
  const bucket = await aBucket();
  await bucket.cycle();
  const stage = path.join(path.dirname(bucket.databasePath), 'stage');
  writeFileSync(
    path.join(path.dirname(bucket.databasePath), 'currents.yaml'),
    `destinations: { stage: { kind: files, url: ${stage}, format: json } }`,
  );
  const settings = { url: stage, format: 'json', now: () => bucket.now } as const;
  const stageZelda = async (runId: number) =>
    bucket.withDatabase(async (database) => {
      const run = aRun({ runId, destination: 'stage' });
      const identifier = { kind: 'email', value: 'zelda@acme.test' } as const;
      await fillOutbox(database, run, [{ identifier, attributes: '{"a":1}' }]);
      await openFilesDestination(settings).stage(database, run);
    });
  await stageZelda(1);
  await forgetPeople(bucket.config(), [userId('zelda')], { now: () => bucket.now });
  bucket.now = new Date(bucket.now.getTime() + 1000);
  const former = { user_id: 'former', external_user_id: null };
  await putEvents(bucket, OPEN, [anOpen(7, 'zelda', former)]);
  await bucket.cycle();
  await stageZelda(2);
  bucket.now = new Date(bucket.now.getTime() + 1000);
  await putEvents(bucket, ORPHAN, [anOrphan(300, 'zelda', 'former', userId('zelda'))]);
  expect((await bucket.cycle()).erasures).toMatchObject({ people: 1, stagedFiles: 1 });
  expect(readAllBytes(bucket)).not.toContain('zelda');
});

describe('profiles after an erasure', () => {
  it('are those of a rebuild from the events that are left', async () => {
    const flags = { 'profiles.refresh': 'after ingest' };
    const bucket = await aBucket(['zelda', 'otto', 'ida']);
    const former = userId('zelda', 1);
    await putEvents(bucket, UPDATE, [anUpdate(200, 'zelda', former)]);
    await putEvents(bucket, ORPHAN, [anOrphan(300, 'zelda', former, userId('zelda'))]);
    // Ida was booked under the number of zelda once.
    await putEvents(bucket, OPEN, [anOpen(30, 'ida', { external_user_id: 'crm-zelda' })]);
    await bucket.cycle({}, flags);
    expect(await bucket.column('select person_id from c360.profiles order by 1')).toEqual(
      ['ida', 'otto', 'zelda'].map((person) => userId(person)),
    );
    await putEvents(bucket, DELETE, [anEvent(500, { user_id: former })]);
    await putEvents(bucket, OPEN, [anOpen(31, 'otto'), anOpen(32, 'zelda')]);
    const { erasures } = await bucket.cycle({}, flags);
    expect(erasures).toMatchObject({ people: 1, rewritten: true });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    const queries = [
      'select * exclude (as_of) from c360.profiles order by person_id',
      'from c360.identities order by user_id',
      'select user_id from c360.users order by user_id',
      'select time, kind, user_id from c360.activity join c360.users using (user_no) order by all',
    ];
    async function readAll() {
      return bucket.withDatabase(async (database) => {
        const found: unknown[] = [];
        for (const query of queries) found.push(await database.rows(query));
        return found;
      });
    }
    const kept = await readAll();
    expect(kept[1]).toHaveLength(2);
    await bucket.withDatabase(async (database) =>
      refreshProfiles(database, { asOf: bucket.now, full: true }),
    );
    expect(await readAll()).toEqual(kept);
  }, 60_000);

  it.each(['after ingest', 'manual'])(
    'of others hold nothing from events that went, refreshed %s: in no file',
    async (refresh) => {
      const bucket = await aBucket(['zelda', 'otto', 'ida']);
      const copy = path.join(path.dirname(bucket.databasePath), 'copies', 'analysts.duckdb');
      const flags = { 'profiles.refresh': refresh, 'publish.path': copy };
      // They were booked under the numbers of people who are erased.
      await putEvents(bucket, OPEN, [
        anOpen(30, 'ida', { external_user_id: 'crm-zelda' }),
        anOpen(31, 'ida', { external_user_id: 'crm-otto' }),
      ]);
      await bucket.cycle({}, flags);
      await bucket.withDatabase(async (database) => {
        await refreshProfiles(database, { asOf: bucket.now });
        await writePastProfiles(database, bucket.now, 'profiles_then');
      });
      await publishDatabase({ database: bucket.databasePath, path: copy });
      await putEvents(bucket, DELETE, [anEvent(500, { user_id: userId('zelda') })]);
      expect((await bucket.cycle({}, flags)).erasures).toMatchObject({ published: true });
      expect(readAllBytes(bucket)).not.toContain('zelda');
      expect(await bucket.column('select person_id from c360.profiles order by 1')).toEqual(
        ['ida', 'otto'].map((person) => userId(person)),
      );
      await forgetPeople(bucket.config(flags), ['crm-otto'], { now: () => bucket.now });
      expect(readAllBytes(bucket)).not.toContain('otto');
    },
    60_000,
  );

  it('and not either when forgetting does not wait for the next time that the file is due', async () => {
    const flags = { 'profiles.refresh': 'after ingest', 'privacy.rewriteEvery': '24h' };
    const bucket = await aBucket(['zelda', 'otto', 'ida']);
    await putEvents(bucket, OPEN, [anOpen(30, 'ida', { external_user_id: 'crm-otto' })]);
    await putEvents(bucket, UPDATE, [
      { ...anUpdate(40, 'ida'), external_user_id: 'crm-otto', custom_attributes: null },
    ]);
    await bucket.cycle({}, flags);
    for (const person of ['zelda', 'otto']) {
      await forgetPeople(bucket.config(flags), [userId(person)], { now: () => bucket.now });
      expect(readAllBytes(bucket)).not.toContain(person);
    }
  }, 60_000);

  it('nor do the books and files of syncs, and the next run corrects what Braze has of these others', async () => {
    const bucket = await aBucket(['zelda', 'ida', 'kurt']);
    const folder = path.dirname(bucket.databasePath);
    const stage = path.join(folder, 'stage');
    // Their last attributes came under the number of somebody who is erased.
    await putEvents(bucket, UPDATE, [
      anUpdate(300, 'zelda', userId('ida')),
      { ...anUpdate(400, 'ida'), custom_attributes: null },
    ]);
    writeFileSync(
      path.join(folder, 'currents.yaml'),
      `attributes:
  who: { identifier: external_id, query: "select external_id, custom_attributes->>'nickname' as nick, former_external_ids as formers from c360.profiles where external_id is not null" }
  id: { identifier: braze_id, query: "select person_id as braze_id, custom_attributes->>'nickname' as nick2 from c360.profiles" }
syncs: { one: { send: [who], to: stage }, two: { send: [id], to: stage } }
destinations: { stage: { kind: files, url: ${stage}, format: json } }
`,
    );
    await bucket.cycle({}, { 'profiles.refresh': 'after ingest' });
    mkdirSync(stage);
    const config = bucket.config({ 'profiles.refresh': 'after ingest' });
    async function syncAll(): Promise<void> {
      bucket.now = new Date(bucket.now.getTime() + 60_000);
      const now = () => bucket.now;
      const destination = openFilesDestination({ url: stage, format: 'json', now });
      await bucket.withDatabase(async (database) => {
        const allow = { allow: ['nick', 'nick2', 'formers'] };
        for (const sync of ['one', 'two'])
          await runSync(database, config, sync, allow, { now, destination });
      });
    }
    await syncAll();
    expect(readAllBytes(bucket)).toContain('nick-zelda');
    bucket.now = new Date(bucket.now.getTime() + 60_000);
    const forgotten = await forgetPeople(config, [userId('zelda')], { now: () => bucket.now });
    expect(forgotten).toMatchObject({ stagedFiles: 2 });
    expect(readAllBytes(bucket)).not.toContain('zelda');
    const shadow = `select identifier, attribute, value::varchar as value from sync.shadow order by all`;
    expect(await bucket.rows(shadow)).toEqual([
      { identifier: userId('ida'), attribute: 'nick2', value: null },
      { identifier: userId('kurt'), attribute: 'nick2', value: '"nick-kurt"' },
      { identifier: 'crm-ida', attribute: 'formers', value: null },
      { identifier: 'crm-ida', attribute: 'nick', value: null },
      { identifier: 'crm-kurt', attribute: 'formers', value: '[]' },
      { identifier: 'crm-kurt', attribute: 'nick', value: '"nick-kurt"' },
    ]);
    await syncAll();
    const values = (await bucket.rows<{ value: string }>(shadow)).map(({ value }) => value);
    expect(values.filter((value) => value === '"nick-ida"')).toHaveLength(2);
    expect(readAllBytes(bucket)).not.toContain('zelda');
  }, 60_000);
});
