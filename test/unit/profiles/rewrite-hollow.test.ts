/** Tables whose rows are replaced again and again stay small. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { rewriteHollow } from '../../../src/profiles/rewrite-hollow.ts';
import { Database } from '../../../src/warehouse/database.ts';

it('a table with more empty places than rows is written anew, with the same rows', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-hollow-'));
  const database = await Database.open({ path: path.join(folder, 'a.duckdb') });
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  await database.run('create table t as select range as n from range(5000); checkpoint');
  const rewritten: boolean[] = [];
  for (let round = 0; round < 9; round += 1) {
    await database.withTransaction(async () => {
      rewritten.push(await rewriteHollow(database, 't', 1000));
      // A fifth of the rows, each time another one.
      await database.run(
        `create or replace temp table gone as from t where hash(n, ${round}) % 5 = 0;
         delete from t where hash(n, ${round}) % 5 = 0; insert into t from gone`,
      );
    });
    await database.run('checkpoint');
  }
  expect(rewritten.filter(Boolean)).toHaveLength(1);
  const { places } = await database.row<{ places: bigint }>('select max(rowid) as places from t');
  expect(Number(places)).toBeLessThan(10_000);
  expect(
    await database.rows('select count(*)::integer as count, sum(n)::integer as sum from t'),
  ).toEqual([{ count: 5000, sum: (4999 * 5000) / 2 }]);
});
