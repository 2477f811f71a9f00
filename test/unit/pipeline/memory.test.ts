/** What becomes of the memory of objects when their batch has been loaded. */

import { describe, expect, it } from 'vitest';
import { CODEC_NAMES } from '../../../src/avro/codecs.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema({ note: 'string' });
const EVENTS_PER_OBJECT = 20;
const NOTE_BYTES = 100_000;
const OBJECTS = [0, 1, 2, 3, 4, 5, 6, 7];

describe('objects that have been loaded', () => {
  it.each(CODEC_NAMES)('give back their memory, with codec %s', async (codec) => {
    const bucket = new TestBucket();
    for (const object of OBJECTS) {
      const first = object * EVENTS_PER_OBJECT;
      const events = Array.from({ length: EVENTS_PER_OBJECT }, (_, at) =>
        anEvent(first + at, { note: `${first + at} `.repeat(NOTE_BYTES).slice(0, NOTE_BYTES) }),
      );
      await bucket.put(aKey(object), SCHEMA, events, { codec, recordsPerBlock: 4 });
    }
    const heldBytes: number[] = [];
    await bucket.cycle(
      {},
      // Each object is a batch, and each group of downloads.
      { 'load.batchRows': String(EVENTS_PER_OBJECT), 'load.batchBytes': '3MB' },
      { onProgress: () => heldBytes.push(process.memoryUsage().arrayBuffers) },
    );
    expect(
      await bucket.rows(
        `select count(*)::int as events, count(distinct note)::int as notes, min(length(note))::int as length
         from events.test_event`,
      ),
    ).toEqual([{ events: 160, notes: 160, length: NOTE_BYTES }]);
    if (codec === 'null') {
      const objectBytes = EVENTS_PER_OBJECT * NOTE_BYTES;
      expect(Math.max(...heldBytes) - Math.min(...heldBytes)).toBeLessThan(4 * objectBytes);
    }
  });
});
