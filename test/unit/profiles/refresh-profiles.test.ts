/** A refresh gives what a rebuild from nothing gives, whatever came in which order. */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { writePastProfiles } from '../../../src/profiles/past-profiles.ts';
import { refreshProfiles } from '../../../src/profiles/refresh-profiles.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { anObjectOf } from '../../support/person-events.ts';
import { aHistory, type Delivery, listFinalObjects } from '../../support/person-histories.ts';
import { createRandom, shuffle } from '../../support/seeded-random.ts';
import { type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

/** Everything that is made for people to read, without the internal numbers. */
async function readResult(warehouse: TestWarehouse) {
  return {
    profiles: await readTable(warehouse, 'profiles_rows'),
    identities: await readTable(warehouse, 'identities'),
  };
}

async function readTable(warehouse: TestWarehouse, table: string): Promise<string[]> {
  return warehouse.column(`select to_json(t)::varchar as row from c360.${table} t order by 1`);
}

/** Loads these, and again whatever has to be loaded again because an object was overwritten. */
async function load(warehouse: TestWarehouse, objects: readonly TestObject[], all: Objects) {
  await warehouse.load(objects);
  const waiting = await warehouse.rows<{ key: string; etag: string }>(
    "select key, etag from ops.objects where status = 'discovered'",
  );
  const again = waiting.flatMap(({ key, etag }) => all.get(`${key} ${etag}`) ?? []);
  if (again.length > 0) await warehouse.load(again);
}

type Objects = ReadonlyMap<string, TestObject>;

function listByVersion(history: readonly Delivery[]): Objects {
  return new Map(
    history.flatMap(({ objects }) =>
      objects.map((object) => [`${object.key} ${object.etag}`, object] as const),
    ),
  );
}

/** As new, but for the shape of c360.profiles: making that takes longer than a history. */
async function empty({ database }: TestWarehouse): Promise<void> {
  const tables = await database.rows<{ name: string }>(
    `select schema_name || '.' || table_name as name from duckdb_tables()
     where schema_name in ('events', 'ops', 'c360') and table_name <> 'migrations'`,
  );
  for (const { name } of tables)
    await database.run(name.startsWith('events.') ? `drop table ${name}` : `delete from ${name}`);
}

/** Two warehouses that each run of a property finds empty. */
async function withTwo(
  work: (fresh: () => Promise<readonly [TestWarehouse, TestWarehouse]>) => Promise<void>,
): Promise<void> {
  const one = await TestWarehouse.forTest();
  const other = await TestWarehouse.forTest();
  await work(async () => {
    await empty(one);
    await empty(other);
    return [one, other];
  });
}

it('a refresh after every delivery gives what rebuilding everything gives', async () => {
  await withTwo(async (fresh) =>
    fc.assert(
      fc.asyncProperty(aHistory({ deliveries: 3 }), async (history) => {
        const all = listByVersion(history);
        const [refreshed, rebuilt] = await fresh();
        for (const { objects, asOf } of history) {
          await load(refreshed, objects, all);
          await load(rebuilt, objects, all);
          await refreshProfiles(refreshed.database, { asOf });
          await refreshProfiles(rebuilt.database, { asOf, full: true });
          expect(await readResult(refreshed)).toEqual(await readResult(rebuilt));
        }
      }),
      { numRuns: 5 },
    ),
  );
}, 600_000);

it('any order of objects gives the same profiles', async () => {
  await withTwo(async (fresh) =>
    fc.assert(
      fc.asyncProperty(aHistory({ deliveries: 3 }), fc.integer(), async (history, seed) => {
        const [delivered, shuffled] = await fresh();
        for (const { objects, asOf } of history) {
          await load(delivered, objects, listByVersion(history));
          await refreshProfiles(delivered.database, { asOf });
        }
        const asOf = history.at(-1)?.asOf as Date;
        for (const object of shuffle(listFinalObjects(history), createRandom(seed)))
          await shuffled.load([object]);
        await refreshProfiles(shuffled.database, { asOf });
        expect(await readResult(delivered)).toEqual(await readResult(shuffled));
      }),
      { numRuns: 5 },
    ),
  );
}, 600_000);

it('profiles of a past instant are those of a rebuild for that instant', async () => {
  await withTwo(async (fresh) =>
    fc.assert(
      fc.asyncProperty(aHistory({ deliveries: 3 }), async (history) => {
        const [present, rebuilt] = await fresh();
        for (const { objects, asOf } of history) {
          await load(present, objects, listByVersion(history));
          await load(rebuilt, objects, listByVersion(history));
          await refreshProfiles(present.database, { asOf });
        }
        const before = await readResult(present);
        const asOf = history[0]?.asOf as Date;
        await writePastProfiles(present.database, asOf, 'then');
        await refreshProfiles(rebuilt.database, { asOf });
        expect(await readTable(present, 'then_rows')).toEqual((await readResult(rebuilt)).profiles);
        expect(await readResult(present)).toEqual(before);
      }),
      { numRuns: 3 },
    ),
  );
}, 600_000);

it.each([
  { peopleAtOnce: 20_000, how: 'all people in one transaction' },
  { peopleAtOnce: 1, how: 'people in transactions of their own' },
])(
  'whichever statement fails, the next refresh gives what it would have given: $how',
  async ({ peopleAtOnce }) => {
    const [history] = fc.sample(aHistory({ deliveries: 2 }), { numRuns: 1, seed: 7 });
    const [first, second] = history as readonly [Delivery, Delivery];
    const reference = await TestWarehouse.forTest();
    for (const { objects } of [first, second]) await reference.load(objects);
    await refreshProfiles(reference.database, { asOf: second.asOf });
    const expected = await readResult(reference);
    await withTwo(async (fresh) => {
      for (const failing of [0, 3, 9, 20, 40, 60, 80, 110]) {
        const [crashed] = await fresh();
        const sizes = { portionEvents: 3, peopleAtOnce };
        await crashed.load(first.objects);
        await failAt(crashed.database, failing, async () =>
          refreshProfiles(crashed.database, { asOf: first.asOf, ...sizes }),
        );
        await crashed.load(second.objects);
        await failAt(crashed.database, failing, async () =>
          refreshProfiles(crashed.database, { asOf: second.asOf, ...sizes }),
        );
        await refreshProfiles(crashed.database, { asOf: second.asOf, ...sizes });
        expect(await readResult(crashed), `statement ${failing}`).toEqual(expected);
      }
    });
  },
  600_000,
);

/** The statement with this number fails, if there are as many; what was done before is rolled back. */
async function failAt(database: Database, failing: number, work: () => Promise<unknown>) {
  let statement = 0;
  const run = vi.spyOn(database, 'run').mockImplementation(async (sql, values) => {
    if (sql === 'rollback') return Database.prototype.run.call(database, sql, values);
    if (statement === failing) throw new Error('pulled the plug');
    statement += 1;
    return Database.prototype.run.call(database, sql, values);
  });
  await work().catch((error: unknown) => {
    if (!(error instanceof Error) || error.message !== 'pulled the plug') throw error;
  });
  run.mockRestore();
}

it('a rebuild that was stopped goes on where it was', async () => {
  const warehouse = await TestWarehouse.forTest();
  const event = (user_id: string) => anObjectOf('users.behaviors.CustomEvent', [{ user_id }]);
  await warehouse.load([event('a'), event('b'), event('c')]);
  const asOf = new Date('2026-10-01');
  let looks = 0;
  const stopping = {
    get aborted() {
      looks += 1;
      return looks > 2;
    },
  } as AbortSignal;
  await expect(
    refreshProfiles(warehouse.database, { asOf, portionEvents: 1, signal: stopping }),
  ).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(await refreshProfiles(warehouse.database, { asOf, portionEvents: 1 })).toMatchObject({
    rebuilt: 'went on after an interruption',
    objects: 1,
    people: 3,
  });
});

it('a refresh without news touches nobody and moves the instant on', async () => {
  const warehouse = await TestWarehouse.forTest();
  await warehouse.load([anObjectOf('users.behaviors.CustomEvent', [{ user_id: 'a' }])]);
  await refreshProfiles(warehouse.database, { asOf: new Date('2026-10-01T00:00:00Z') });
  const asOf = new Date('2026-10-01T01:00:00Z');
  expect(await refreshProfiles(warehouse.database, { asOf })).toMatchObject({
    rebuilt: null,
    events: 0,
    refreshed: 0,
    people: 1,
  });
  expect(await warehouse.column('select as_of from c360.profiles')).toEqual([asOf]);
});

it('an overwritten object and an earlier instant build everything again', async () => {
  const warehouse = await TestWarehouse.forTest();
  const key = 'event_type=users.behaviors.CustomEvent/1.avro';
  const object = (etag: string, user_id: string) =>
    anObjectOf('users.behaviors.CustomEvent', [{ user_id }], { key, etag });
  const asOf = new Date('2026-10-01T00:00:00Z');
  await warehouse.load([object('v1', 'a')]);
  expect(await refreshProfiles(warehouse.database, { asOf })).toMatchObject({
    rebuilt: 'first refresh',
  });
  await warehouse.load([object('v2', 'b')]);
  expect(await refreshProfiles(warehouse.database, { asOf })).toMatchObject({
    rebuilt: 'objects were overwritten or loaded again',
  });
  expect(await warehouse.column('select person_id from c360.profiles')).toEqual(['b']);
  expect(
    await refreshProfiles(warehouse.database, { asOf: new Date('2026-08-01T00:00:00Z') }),
  ).toMatchObject({ rebuilt: 'an earlier instant than before', people: 0 });
});

it.each(['profiles', 'facts', 'identity_findings', 'Then', 'a b'])(
  'profiles of a past instant do not take the place or the name %s',
  async (name) => {
    const warehouse = await TestWarehouse.forTest();
    await expect(
      writePastProfiles(warehouse.database, new Date('2026-10-01'), name),
    ).rejects.toMatchObject({ code: 'USAGE' });
  },
);
