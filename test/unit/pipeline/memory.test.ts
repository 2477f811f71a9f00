/** What becomes of the memory of objects when their batch has been loaded. */

import { describe, expect, it } from 'vitest';
import { CODEC_NAMES, type CodecName } from '../../../src/avro/codecs.ts';
import { anEvent, aSchema } from '../../support/event-builders.ts';
import { createRandom } from '../../support/seeded-random.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const SCHEMA = aSchema({ note: 'string' });
const EVENTS_PER_OBJECT = 20;
const NOTE_BYTES = 100_000;
const OBJECT_BYTES = EVENTS_PER_OBJECT * NOTE_BYTES;

/** Loads eight objects of 2 MB, each as a batch; how much memory buffers had after each. */
async function loadOneByOne(bucket: TestBucket, codec: CodecName): Promise<readonly number[]> {
  const random = createRandom(7);
  // Deflate makes a seventh of it, as of events.
  const aNote = () =>
    Array.from({ length: NOTE_BYTES / 20 }, () =>
      String(Math.floor(random() * 10_000)).padStart(20),
    ).join('');
  for (let first = 0; first < 8 * EVENTS_PER_OBJECT; first += EVENTS_PER_OBJECT) {
    const events = Array.from({ length: EVENTS_PER_OBJECT }, (_, at) =>
      anEvent(first + at, { note: aNote() }),
    );
    await bucket.put(aKey(first), SCHEMA, events, { codec, recordsPerBlock: 4 });
  }
  const heldBytes: number[] = [];
  await bucket.cycle(
    {},
    // A group of downloads has a quarter of the bytes of a batch, or one object.
    { 'load.batchRows': String(EVENTS_PER_OBJECT), 'load.batchBytes': '3MB' },
    { onProgress: () => heldBytes.push(process.memoryUsage().arrayBuffers) },
  );
  return heldBytes;
}

describe('objects that have been loaded', () => {
  it.each(CODEC_NAMES)('leave nothing to the batches behind them, with codec %s', async (codec) => {
    const bucket = new TestBucket();
    await loadOneByOne(bucket, codec);
    expect(
      await bucket.rows(
        `select count(*)::int as events, count(distinct note)::int as notes,
           min(length(note))::int as length
         from events.test_event`,
      ),
    ).toEqual([{ events: 160, notes: 160, length: NOTE_BYTES }]);
  });

  it.each(['null', 'deflate'] as const)('give back their memory, with codec %s', async (codec) => {
    const heldBytes = await loadOneByOne(new TestBucket(), codec);
    expect(Math.max(...heldBytes) - Math.min(...heldBytes)).toBeLessThan(4 * OBJECT_BYTES);
  });
});
