/** What a step makes of a database that an earlier release wrote. */

import { expect, it, onTestFinished } from 'vitest';
import { describeKey, eventTypeFolderOf } from '../../../src/discovery/object-key.ts';
import { migrate } from '../../../src/warehouse/migrations.ts';
import { readNewestHours, recordListing } from '../../../src/warehouse/object-ledger.ts';
import { NOW, openTestDatabase, SOURCE } from '../../support/test-warehouse.ts';

it('a ledger from before ops.event_type_folders gets the newest hour of each folder', async () => {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  const keys = [
    ...['one', 'two'].flatMap((name) =>
      ['08', '10', '09'].map(
        (hour) => `x/${name}/event_type=a.B/date=2026-09-01-${hour}/1/z/f.avro`,
      ),
    ),
    'event_type=a.B/date=2026-09-01-11/f.avro',
    'x/event_type=/event_type=a.B/date=2026-09-01-12/f.avro',
    'event_type=a.B/event_type=c.D/date=2026-09-01-13/f.avro',
    'my_event_type=a.B/date=2026-09-01-14/f.avro',
    'a\nb/event_type=a\n.B/date=2026-09-01-15/f.avro',
    'event_type=a.B/f.avro',
    'date=2026-09-01-16/f.avro',
  ];
  const objects = keys.map((key) => {
    const { eventType, hour, schemaVersion } = describeKey(key);
    const listed = { key, etag: 'v1', sizeBytes: 1, lastModified: NOW };
    return { ...listed, eventType, hour, schemaVersion };
  });
  for (const source of [SOURCE, 's3://other']) {
    await recordListing(database, source, objects, NOW, false);
  }
  const noted = await readNewestHours(database, SOURCE);
  expect(noted.size).toBe(
    new Set(keys.filter((key) => /date=.*f/s.test(key)).map(eventTypeFolderOf)).size - 1,
  );

  await database.run(
    'drop schema c360 cascade; drop schema sync cascade; drop table ops.event_type_folders; drop table ops.privacy_key; drop table ops.privacy_rules; delete from ops.migrations where step > 1',
  );
  await migrate(database);
  expect(await readNewestHours(database, SOURCE)).toEqual(noted);
  expect(await readNewestHours(database, 's3://other')).toEqual(noted);
  expect(
    await database.row('select count(*)::integer as rows from ops.event_type_folders'),
  ).toEqual({ rows: 2 * noted.size });
});
