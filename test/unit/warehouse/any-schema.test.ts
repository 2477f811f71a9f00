/** Hypothesis: whatever schemas and values come for one event type, each event is a row with all it had. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordType } from '../../../src/avro/avro-schema.ts';
import { createNullCheck } from '../../../src/warehouse/column-types.ts';
import { type RandomData, randomData } from '../../support/avro-arbitraries.ts';
import { TestWarehouse } from '../../support/test-warehouse.ts';

let warehouse: TestWarehouse;
let lastType = 0;

beforeAll(async () => {
  warehouse = await TestWarehouse.open();
});

afterAll(() => warehouse.close());

/** The names of the fields that hold a value, record by record. */
function listGiven({ type, records }: RandomData): string[] {
  const { fields } = type as RecordType;
  const checks = fields.map((field) => createNullCheck(field.type));
  return records.map((record) =>
    fields
      .filter((_, at) => !checks[at]?.(record[at]))
      .map((field) => field.name)
      .toSorted()
      .join(),
  );
}

/** The same as the table has it, a value in its column or in `_rescued`. */
async function listFound(table: string, objectId: number): Promise<string[]> {
  const columns = await warehouse.columns(table);
  const names = columns.map((column) => column.split(' ')[0] as string);
  const kept = names
    .filter((name) => !name.startsWith('_'))
    .map((name) => `case when ${name} is not null then ['${name}'] else [] end`);
  const rescued = names.includes('_rescued') ? ['coalesce(json_keys(_rescued), [])'] : [];
  const all = [...kept, ...rescued, '[]'].join(' || ');
  return warehouse.column(
    `select array_to_string(list_sort((${all})::varchar[]), ',') from events.${table}
     where _object_id = ${objectId}`,
  );
}

describe.each(['evolve', 'rescue'] as const)('in mode %s', (mode) => {
  it('no value of any schema is lost, and none stops the batch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(randomData(), { minLength: 1, maxLength: 3 }), async (objects) => {
        lastType += 1;
        const table = `any_${lastType}`;
        for (const data of objects) {
          const { schemaJson: schema, records } = data;
          const { outcomes } = await warehouse.load([{ schema, eventType: table, records }], mode);
          expect(outcomes.map(({ error }) => error)).toEqual([undefined]);
          const found = await listFound(table, outcomes[0]?.object.objectId as number);
          expect(found.toSorted()).toEqual(listGiven(data).toSorted());
        }
        await warehouse.database.run(`drop table events.${table}`);
      }),
      { numRuns: 12 },
    );
  });
});
