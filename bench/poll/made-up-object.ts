/**
 * The one object of which the poll benchmark's bucket consists: a container with a single small event. Its
 * record name is of no event type, because every key of the bucket says which event type it holds.
 */
import { writeContainer } from '../../src/avro/container-writer.ts';

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'time', type: 'int' },
  ],
});

export async function anObject(): Promise<{ readonly bytes: Buffer }> {
  const bytes = await writeContainer(SCHEMA, [{ id: 'event-1', time: 1_780_000_000 }]);
  return { bytes };
}
