/** Overwritten objects among others: which old versions are found, whatever their keys tell. */

import { expect, it } from 'vitest';
import { aSchema, events } from '../../support/event-builders.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

const SCHEMA = aSchema();
const NAMED = 'x/event_type=test.Event';

it.each([
  [
    'with hours far apart',
    `${NAMED}/date=2026-09-01-10/a.avro`,
    `${NAMED}/date=2020-01-01-00/b.avro`,
  ],
  ['of which one has no hour', `${NAMED}/date=2026-09-01-10/a.avro`, `${NAMED}/b.avro`],
  [
    'of which one has no event type',
    `${NAMED}/date=2026-09-01-10/a.avro`,
    'date=2026-09-01-09/b.avro',
  ],
  ['of which one tells nothing', `${NAMED}/date=2026-09-01-10/a.avro`, 'b.avro'],
  ['that tell nothing', 'a.avro', 'b.avro'],
])('versions of two objects %s are replaced in one batch', async (_what, a, b) => {
  const warehouse = await TestWarehouse.forTest();
  const load = async (etag: string, first: number) =>
    warehouse.load([
      { schema: SCHEMA, records: events(first, first + 2), key: a, etag },
      { schema: SCHEMA, records: events(first + 10, first + 12), key: b, etag },
    ]);
  await load('v1', 0);
  await load('v2', 100);
  const eventTypes = await warehouse.column<string>('select event_type from ops.event_tables');
  expect(eventTypes.length).toBeGreaterThan(0);
  const rows = await warehouse.column(
    "select concat_ws(' ', etag, status, row_count, key) from ops.objects",
  );
  expect(new Set(rows)).toEqual(
    new Set([a, b].flatMap((key) => [`v1 superseded ${key}`, `v2 loaded 2 ${key}`])),
  );
});
