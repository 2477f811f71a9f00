/** Which schema a fingerprint means, among those that objects brought. */

import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../src/avro/avro-schema.ts';
import { listKnownSchemas } from '../../src/avro/schema-registry.ts';
import { findSeenSchema, listSeenSchemas } from '../../src/seen-schemas.ts';
import { anEvent, aSchema } from '../support/event-builders.ts';
import { TestWarehouse } from '../support/test-warehouse.ts';

const TYPE = 'test.Event';
const OLD = aSchema({ a: 'int' });
const NEW = aSchema({ a: 'int', b: 'string' });

function fingerprintOf(json: string): string {
  return parseAvroSchema(json).fingerprint;
}

async function aWarehouseThatRefusedOne(): Promise<TestWarehouse> {
  const warehouse = await TestWarehouse.forTest();
  const load = { eventType: TYPE, records: [anEvent(1, { a: 1, b: 'x' })] };
  await warehouse.load([{ ...load, schema: OLD, key: 'old.avro' }]);
  const { outcomes } = await warehouse.load([{ ...load, schema: NEW, key: 'new.avro' }], 'freeze');
  expect(outcomes[0]?.status).toBe('quarantined');
  return warehouse;
}

describe('a schema that was seen', () => {
  it('is listed with the object that brought it, be it loaded or refused', async () => {
    const { database } = await aWarehouseThatRefusedOne();
    expect(await listSeenSchemas(database)).toMatchObject([
      { eventType: TYPE, version: undefined, schema: { json: OLD }, firstKey: 'old.avro' },
      { eventType: TYPE, version: undefined, schema: { json: NEW }, firstKey: 'new.avro' },
    ]);
    expect(await listSeenSchemas(database, 'another.Event')).toEqual([]);
  });

  it('has the version of the known schema that it is', async () => {
    const warehouse = await TestWarehouse.forTest();
    const [known] = listKnownSchemas('users.UserOrphan');
    await warehouse.load([
      { eventType: 'users.UserOrphan', schema: known?.schema.json ?? '', records: [] },
    ]);
    expect(await listSeenSchemas(warehouse.database)).toMatchObject([{ version: 'v10' }]);
  });

  it('is found by the beginning of its fingerprint, and the last one without', async () => {
    const { database } = await aWarehouseThatRefusedOne();
    for (const json of [OLD, NEW]) {
      const start = fingerprintOf(json).slice(0, 6);
      expect((await findSeenSchema(database, TYPE, start)).schema.json).toBe(json);
    }
    expect((await findSeenSchema(database, TYPE)).schema.json).toBe(NEW);
  });

  it('is not guessed', async () => {
    const { database } = await aWarehouseThatRefusedOne();
    const all = [OLD, NEW].map((json) => fingerprintOf(json).slice(0, 12)).join(', ');
    await expect(findSeenSchema(database, TYPE, 'xyz')).rejects.toMatchObject({
      code: 'SCHEMA_UNKNOWN',
      message: `cannot show ${TYPE} of xyz: 0 fingerprints begin like this (${all})`,
    });
    await expect(findSeenSchema(database, 'another.Event')).rejects.toMatchObject({
      code: 'SCHEMA_UNKNOWN',
      message: 'cannot show another.Event: no object of it was met',
    });
  });

  it('that was refused tells what it rescues when it loads after all', async () => {
    const warehouse = await TestWarehouse.forTest();
    const text = aSchema({ a: 'string' });
    const load = { eventType: TYPE, schema: text, records: [anEvent(1, { a: 'x' })] };
    await warehouse.load([{ eventType: TYPE, schema: OLD, records: [] }]);
    await warehouse.load([load], 'freeze');
    const { changes } = await warehouse.load([{ ...load, records: [anEvent(2, { a: 'y' })] }]);
    expect(changes).toMatchObject([{ change: 'field rescued', column: 'a' }]);
    const again = await warehouse.load([{ ...load, records: [anEvent(3, { a: 'z' })] }]);
    expect(again.changes).toEqual([]);
  });
});
