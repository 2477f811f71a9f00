import { expect, it, onTestFinished } from 'vitest';
import { PROFILE_COLUMNS } from '../../../src/profiles/attributes.ts';
import { createProfilesTable, dropProfilesTable } from '../../../src/profiles/profiles-table.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

async function openDatabase() {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  return database;
}

it('has every column of the catalogue with its type and a comment that says its event types', async () => {
  const database = await openDatabase();
  await createProfilesTable(database, 'c360.profiles');
  const found = await database.rows<{ name: string; type: string; comment: string }>(
    `select column_name as name, data_type as type, comment from duckdb_columns()
     where table_name = 'profiles' order by column_index`,
  );
  expect(found.map(({ name }) => name)).toEqual(PROFILE_COLUMNS.map(({ name }) => name));
  for (const [index, { name, type, meaning, events }] of PROFILE_COLUMNS.entries()) {
    const column = found[index];
    expect(column?.type.toLowerCase().replaceAll(', ', ','), `${name}`).toBe(
      type.replaceAll(', ', ','),
    );
    expect(column?.comment, `${name}`).toContain(meaning);
    for (const event of events) expect(column?.comment, `${name}`).toContain(event);
  }
});

it('has no two columns with one name', () => {
  const names = PROFILE_COLUMNS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it('is left alone when it has the columns of this release, and made anew when it has others', async () => {
  const database = await openDatabase();
  expect(await createProfilesTable(database, 'c360.profiles')).toBe(true);
  expect(await createProfilesTable(database, 'c360.profiles')).toBe(false);
  await database.run('alter table c360.profiles_rows rename column fatigue to tiredness');
  expect(await createProfilesTable(database, 'c360.profiles')).toBe(true);
});

it('is gone with its rows when it is dropped, which may be done twice', async () => {
  const database = await openDatabase();
  await createProfilesTable(database, 'c360.profiles');
  await dropProfilesTable(database, 'c360.profiles');
  await dropProfilesTable(database, 'c360.profiles');
  const left = await database.rows(
    "select table_name from duckdb_columns() where table_name like 'profiles%'",
  );
  expect(left).toEqual([]);
});
