/** A refresh gives what a rebuild from nothing gives, whatever came in which order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { refreshProfiles } from '../../../src/profiles/refresh-profiles.ts';
import { aHistory, type Delivery, listFinalObjects } from '../../support/person-histories.ts';
import { createRandom, shuffle } from '../../support/seeded-random.ts';
import { type TestObject, TestWarehouse } from '../../support/test-warehouse.ts';

/** Everything that is made for people to read, without the internal numbers. */
async function readResult({ database }: TestWarehouse): Promise<Record<string, string[]>> {
  const result: Record<string, string[]> = {};
  for (const table of ['profiles', 'identities']) {
    const rows = await database.rows<{ row: string }>(
      `select to_json(t)::varchar as row from c360.${table === 'profiles' ? 'profiles_rows' : table} t order by 1`,
    );
    result[table] = rows.map(({ row }) => row);
  }
  return result;
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
      { numRuns: 8 },
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
      { numRuns: 8 },
    ),
  );
}, 600_000);
