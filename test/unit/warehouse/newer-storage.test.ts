/** What DuckDB 2.0 makes of new files by default: a format that refuses what some tables of older ones may say. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Database, quoteLiteral } from '../../../src/warehouse/database.ts';
import { aSchema, events } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

it('a database can be copied to a file of the newest storage version', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-storage-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'newest.duckdb');
  const warehouse = await TestWarehouse.forTest(path.join(folder, 'database.duckdb'));
  await warehouse.load([{ schema: aSchema(), records: events(0, 10) }]);
  await warehouse.database.run(
    `attach ${quoteLiteral(file)} as newest (storage_version 'latest');
     copy from database "database" to newest;
     detach newest`,
  );
  const copy = await Database.open({ path: file, readOnly: true });
  expect(await copy.rows('select count(*)::integer as n from events.test_event')).toEqual([
    { n: 10 },
  ]);
  copy.close();
});
