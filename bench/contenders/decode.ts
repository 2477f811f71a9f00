/**
 * Decoding alone: all fields of all objects into columns, checks included, as the load does it. Nothing is
 * stored, and reading, opening and inflating the objects does not count.
 *
 * The first object is decoded once before the measuring begins: what is measured is a warm decoder.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { openContainer } from '../../src/avro/container-reader.ts';
import { createColumnReader } from '../../src/avro/record-decoder.ts';
import { Meter, readTask } from '../measure.ts';

const BATCH = 2048;
const LIMITS = { maxBlockBytes: 2 ** 30, maxUncompressedBytes: 2 ** 31 };

const { input } = readTask();
const meter = new Meter();
const entries = await readdir(input, { recursive: true });
const keys = entries.filter((entry) => entry.endsWith('.avro')).sort();
let events = 0;
for (const [index, key] of keys.entries()) {
  if (index === 0) await decode(key, (phase) => phase());
  events += await decode(key, (phase) => meter.run(phase));
}
meter.report(events);

/** @returns events decoded. The object is opened anew, because a block is checked only once. */
async function decode(
  key: string,
  run: (phase: () => number) => number | Promise<number>,
): Promise<number> {
  const container = await openContainer(await readFile(path.join(input, key)), LIMITS);
  const fields = container.schema.type.fields.map((_, index) => index);
  const columns = fields.map(() => new Array<unknown>(BATCH));
  return run(() => {
    const reader = createColumnReader(container, fields);
    let decoded = 0;
    for (;;) {
      const count = reader.read(columns, 0, BATCH);
      if (count === 0) return decoded;
      decoded += count;
    }
  });
}
