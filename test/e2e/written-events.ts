/**
 * Events of every schema in newer-schemas.ts, with values drawn from a seed: what the tables are compared
 * with, and the objects that hold them.
 */

import { writeContainer } from '../../src/avro/container-writer.ts';
import { createRandom } from '../support/seeded-random.ts';
import { EDITED_TYPES, type EditedSchema, listEditions } from './newer-schemas.ts';
import { drawValue } from './random-values.ts';

const OBJECTS_PER_SCHEMA = 3;
const EVENTS_PER_OBJECT = 20;
/** 2026-09-01 00:00:00 UTC; events happen a second apart from here on. */
export const FIRST_SECOND = 1_788_220_800;

export interface WrittenEvent {
  readonly schema: EditedSchema;
  readonly values: Readonly<Record<string, unknown>>;
}

interface WrittenObject {
  readonly schema: EditedSchema;
  readonly bytes: Buffer;
}

export interface Written {
  /** By their ids. */
  readonly events: ReadonlyMap<string, WrittenEvent>;
  readonly objects: readonly WrittenObject[];
}

/** Several objects of every schema. */
export async function writeEvents(seed: number): Promise<Written> {
  const random = createRandom(seed);
  const events = new Map<string, WrittenEvent>();
  const objects: WrittenObject[] = [];
  for (const schema of EDITED_TYPES.flatMap(listEditions)) {
    for (let object = 0; object < OBJECTS_PER_SCHEMA; object += 1) {
      const records = Array.from({ length: EVENTS_PER_OBJECT }, () => {
        const values = drawEvent(schema, events.size, random);
        events.set(values.id as string, { schema, values });
        return values;
      });
      const bytes = await writeContainer(schema.json, records, { recordsPerBlock: 7 });
      objects.push({ schema, bytes });
    }
  }
  return { events, objects };
}

function drawEvent({ fields }: EditedSchema, number: number, random: () => number) {
  const values: Record<string, unknown> = {};
  for (const { name, type } of fields) values[name] = drawValue(type, random);
  const time = FIRST_SECOND + number;
  const hasTextTime = fields.some(({ name, type }) => name === 'time' && type === 'string');
  values.id = `event-${number}`;
  values.time = hasTextTime ? new Date(time * 1000).toISOString() : time;
  return values;
}
