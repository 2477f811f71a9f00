/** Merges in chains and circles, in any order; external ids that appear, change and move. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listPortions } from '../../../src/profiles/applied-objects.ts';
import { extractObjects } from '../../../src/profiles/extract-events.ts';
import { buildIdentities } from '../../../src/profiles/identities.ts';
import { resolveIdentity } from '../../../src/profiles/identity.ts';
import type { Database } from '../../../src/warehouse/database.ts';
import { FIRST_SECOND } from '../../support/event-builders.ts';
import { anObjectOf } from '../../support/person-events.ts';
import { openTestDatabase, type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

const AS_OF = "timestamp '2026-10-01 00:00:00'";

interface Merge {
  readonly from: string;
  readonly into: string;
  readonly ms: number;
}

/** The survivor of everybody, by the rules and one step at a time. */
function survivors(merges: readonly Merge[]): Map<string, string> {
  const latest = new Map<string, Merge>();
  const isLater = (one: Merge, other: Merge) =>
    one.ms !== other.ms
      ? one.ms > other.ms
      : one.into !== other.into
        ? one.into > other.into
        : one.from > other.from;
  for (const merge of merges) {
    const known = latest.get(merge.from);
    if (merge.from !== merge.into && (known === undefined || isLater(merge, known)))
      latest.set(merge.from, merge);
  }
  const found = new Map<string, string>();
  for (const start of latest.keys()) {
    const path: string[] = [];
    let at = start;
    while (latest.has(at) && !path.includes(at)) {
      path.push(at);
      at = latest.get(at)?.into as string;
    }
    if (latest.has(at)) {
      const circle = path.slice(path.indexOf(at)).map((user) => latest.get(user) as Merge);
      at = circle.reduce((best, merge) => (isLater(merge, best) ? merge : best)).into;
    }
    if (at !== start) found.set(start, at);
  }
  return found;
}

/** Merges as state rows, without the way there. */
async function resolve(database: Database, merges: readonly Merge[]): Promise<Map<string, string>> {
  const users = [...new Set(merges.flatMap(({ from, into }) => [from, into]))];
  await database.run('delete from c360.users; delete from c360.merges');
  for (const [no, user] of users.entries())
    await database.run('insert into c360.users values ($1, $2)', [no, user]);
  for (const { from, into, ms } of merges)
    if (from !== into)
      await database.run('insert into c360.merges values ($1, $2, $3)', [
        users.indexOf(from),
        users.indexOf(into),
        ms,
      ]);
  await resolveIdentity(database, { state: 'c360', asOf: AS_OF });
  const rows = await database.rows<{ user: string; person: string }>(
    `select u.user_id as user, p.user_id as person from merged m
     join c360.users u using (user_no) join c360.users p on p.user_no = m.person_no`,
  );
  return new Map(rows.map(({ user, person }) => [user, person]));
}

it('any merges resolve to the survivors that a walk step by step finds', async () => {
  const database = await openTestDatabase();
  const user = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const merge = fc.record({ from: user, into: user, ms: fc.integer({ min: 0, max: 4 }) });
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(merge, { maxLength: 9 }), async (merges) => {
        expect(await resolve(database, merges)).toEqual(survivors(merges));
      }),
      { numRuns: 60 },
    );
  } finally {
    database.close();
  }
});

it('a chain of a thousand merges has one survivor', async () => {
  const database = await openTestDatabase();
  try {
    await database.run(
      `insert into c360.users select range, 'u' || range from range(1001);
       insert into c360.merges select range, range + 1, hash(range) % 100 from range(1000)`,
    );
    await resolveIdentity(database, { state: 'c360', asOf: AS_OF });
    expect(await database.rows('select distinct person_no from identity_map')).toEqual([
      { person_no: 1000 },
    ]);
    await database.run('insert into c360.merges values (1000, 0, 1000)');
    await resolveIdentity(database, { state: 'c360', asOf: AS_OF });
    expect(await database.rows('select distinct person_no from identity_map')).toEqual([
      { person_no: 0 },
    ]);
  } finally {
    database.close();
  }
});

async function identities(asOf: string, ...objects: TestObject[]): Promise<TestWarehouse> {
  const warehouse = await TestWarehouse.forTest();
  const { database } = warehouse;
  await warehouse.load(objects);
  for (const portion of await listPortions(database))
    await extractObjects(database, { state: 'c360', asOf }, portion.objects);
  await resolveIdentity(database, { state: 'c360', asOf });
  await buildIdentities(database, undefined, asOf);
  return warehouse;
}

it('external ids are listed in the order first seen, and the one seen last is current', async () => {
  const seen = (second: number, external_user_id: string | null, user_id = 'a') => ({
    user_id,
    external_user_id,
    time: FIRST_SECOND + second,
  });
  const warehouse = await identities(
    AS_OF,
    anObjectOf('users.behaviors.CustomEvent', [
      seen(5, 'x2'),
      seen(3, null),
      seen(9, 'x1'),
      seen(4, 'x1'),
      seen(6, ''),
      seen(7, '[REDACTED]'),
      seen(8, null, 'b'),
    ]),
  );
  expect(
    await warehouse.rows(
      'select user_id, person_id, external_id, external_ids, first_seen, last_seen from c360.identities order by 1',
    ),
  ).toEqual([
    {
      user_id: 'a',
      person_id: 'a',
      external_id: 'x1',
      external_ids: ['x1', 'x2'],
      first_seen: new Date((FIRST_SECOND + 3) * 1000),
      last_seen: new Date((FIRST_SECOND + 9) * 1000),
    },
    {
      user_id: 'b',
      person_id: 'b',
      external_id: null,
      external_ids: [],
      first_seen: new Date((FIRST_SECOND + 8) * 1000),
      last_seen: new Date((FIRST_SECOND + 8) * 1000),
    },
  ]);
});

it('before its time a merge has not happened and its survivor is unknown', async () => {
  const merge = anObjectOf('users.UserOrphan', [
    { user_id: 'a', orphaned_by_id: 'b', time: FIRST_SECOND + 60 },
  ]);
  const event = anObjectOf('users.behaviors.CustomEvent', [{ user_id: 'a' }]);
  const instant = (second: number) =>
    `timestamp '${new Date((FIRST_SECOND + second) * 1000).toISOString().slice(0, -1)}'`;
  const people =
    "select concat_ws(' ', user_id, person_id, merged_at is not null) from c360.identities order by all";
  const before = await identities(instant(59), merge, event);
  expect(await before.column(people)).toEqual(['a a false']);
  const after = await identities(instant(60), merge, event);
  expect(await after.column(people)).toEqual(['a b true', 'b b false']);
});

it('ids that somebody should look at are found, and nobody is joined because of them', async () => {
  const external = (user_id: string, external_user_id: string) => ({ user_id, external_user_id });
  const warehouse = await identities(
    AS_OF,
    anObjectOf('users.behaviors.CustomEvent', [
      external('a', 'Shop-1'),
      external('b', 'shop-1 '),
      external('c', 'ann@example.com'),
      external('d', '+49 170 1234567'),
      external('e', 'twice'),
      external('f', 'twice'),
      external('g', '20260901'),
      external('h', 'f47ac10b-58cc-4372-a567-0e02b2c3d479'),
      external('i', '12345-6789'),
    ]),
  );
  expect(
    await warehouse.rows(
      'select finding, id_type, ids, people from c360.identity_findings order by ids',
    ),
  ).toEqual([
    {
      finding: 'looks like a phone number',
      id_type: 'external_id',
      ids: ['+49 170 1234567'],
      people: ['d'],
    },
    {
      finding: 'differ only in case or space',
      id_type: 'external_id',
      ids: ['Shop-1', 'shop-1 '],
      people: ['a', 'b'],
    },
    {
      finding: 'looks like an email address',
      id_type: 'external_id',
      ids: ['ann@example.com'],
      people: ['c'],
    },
    { finding: 'on several people', id_type: 'external_id', ids: ['twice'], people: ['e', 'f'] },
  ]);
  expect(
    await warehouse.column('select count(distinct person_id)::integer from c360.identities'),
  ).toEqual([9]);
});
