/** Hypothesis: whatever the compiled decoder covers comes out as avsc and the converters have it. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { MAX_WINDOW_BYTES } from '../../../src/avro/kernel-memory.ts';
import { listEventTypes, listKnownSchemas } from '../../../src/avro/schema-registry.ts';
import type { ScanObject } from '../../../src/warehouse/batch-source.ts';
import { containerOf, formatContainer, long, recordOf, text } from '../../support/avro-bytes.ts';
import { ROOMY } from '../../support/avro-read.ts';
import { BothWays } from '../../support/both-ways.ts';
import {
  below,
  type CoveredField,
  coveredFields,
  formatCovered,
  openCovered,
  pick,
  type RecordOptions,
  widening,
  writeRecords,
} from '../../support/covered-data.ts';
import { planFor } from '../../support/exact-scan.ts';
import { createRandom, shuffle } from '../../support/seeded-random.ts';

let both: BothWays;

beforeAll(async () => {
  both = await BothWays.open();
});

afterAll(() => both.database.close());

const COUNTS = [0, 1, 7, 100, 2047, 2048, 2049, 4095, 4096, 4097];

/** Rows to leave out: none, one, some, every other one, all, or a stretch around a chunk's end. */
function chooseSkipped(count: number, random: () => number): ReadonlySet<number> | undefined {
  const rows = Array.from({ length: count }, (_, row) => row);
  switch (below(random, 6)) {
    case 0:
      return new Set(rows.slice(0, 1));
    case 1:
      return new Set(rows.filter(() => random() < 0.1));
    case 2:
      return new Set(rows.filter((row) => row % 2 === 0));
    case 3:
      return new Set(random() < 0.3 ? rows : rows.slice(2000, 2100));
    default:
      return undefined;
  }
}

/** One object for each of a few schemas that differ as versions do: fields missing, moved and widened. */
async function openVersions(
  fields: readonly CoveredField[],
  types: readonly string[],
  seed: number,
  options: RecordOptions,
  counts: readonly number[] = COUNTS,
): Promise<readonly ScanObject[]> {
  const random = createRandom(seed);
  const objects: ScanObject[] = [];
  // Items do not grow from long to double.
  const hasLists = !types.includes('long') || !types.includes('double');
  for (const type of types) {
    const numbers: CoveredField[] = [
      { name: 'n', type: ['null', type] },
      ...(hasLists ? [{ name: 'nl', type: { type: 'array', items: type } }] : []),
    ];
    const kept = [...fields, ...numbers].filter(() => objects.length === 0 || random() < 0.8);
    const version = objects.length === 0 ? kept : shuffle(kept, random);
    if (version.length === 0) continue;
    const count = pick(random, counts);
    const container = await openCovered(formatCovered(version), count, random, options);
    const skippedRows = chooseSkipped(count, random);
    // An id beyond 32 bits.
    const objectId = 2 ** 33 + objects.length;
    objects.push({ objectId, container, ...(skippedRows === undefined ? {} : { skippedRows }) });
  }
  return objects;
}

function planObjects(objects: readonly ScanObject[]) {
  return planFor(objects.map((object) => object.container));
}

function countKept(objects: readonly ScanObject[]): number {
  return objects.reduce(
    (sum, { container, skippedRows }) => sum + container.recordCount - (skippedRows?.size ?? 0),
    0,
  );
}

describe('compiled decoding', () => {
  it('gives what avsc gives, of values that fit, and needs avsc for none of them', async () => {
    await fc.assert(
      fc.asyncProperty(coveredFields(), widening, fc.integer(), async (fields, types, seed) => {
        const objects = await openVersions(fields, types, seed, { misfits: false });
        const counts = await both.assertEqual(planObjects(objects), objects);
        expect(counts).toEqual({ compiled: countKept(objects), exact: 0 });
      }),
      { numRuns: 8 },
    );
  });

  it('gives what avsc gives where values do not fit, each record decoded once', async () => {
    await fc.assert(
      fc.asyncProperty(coveredFields(), widening, fc.integer(), async (fields, types, seed) => {
        const options = { misfits: true };
        const objects = await openVersions(fields, types, seed, options, [1, 50, 300, 2049]);
        const counts = await both.assertEqual(planObjects(objects), objects);
        // Records that are left out go through avsc too, where it is its turn.
        const read = objects.reduce((sum, { container }) => sum + container.recordCount, 0);
        const decoded = counts.compiled + counts.exact;
        expect(decoded).toBeGreaterThanOrEqual(countKept(objects));
        expect(decoded).toBeLessThanOrEqual(read);
      }),
      { numRuns: 8 },
    );
  });

  it('goes on beyond the room that a chunk has for items of lists', async () => {
    const list = (items: string) => ({ type: 'array', items: ['null', items] });
    const lists = fc.uniqueArray(fc.constantFrom('int', 'long', 'string', 'boolean', 'double'), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(lists, fc.integer(), async (items, seed) => {
        const fields = items.map((type, index) => ({ name: `f${index}`, type: list(type) }));
        const options = { misfits: false, maxItems: 10_000 };
        const objects = await openVersions(fields, ['int'], seed, options, [1, 5, 20]);
        const counts = await both.assertEqual(planObjects(objects), objects);
        expect(counts).toEqual({ compiled: countKept(objects), exact: 0 });
      }),
      { numRuns: 8 },
    );
  });

  it('follows texts of any length from window to window', async () => {
    const fields = [
      { name: 'a', type: 'string' },
      { name: 'b', type: ['bytes', 'null'] },
    ];
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const options = { misfits: false, maxTextBytes: 200_000 };
        const objects = await openVersions(fields, ['int'], seed, options, [1, 40, 300]);
        const counts = await both.assertEqual(planObjects(objects), objects);
        expect(counts).toEqual({ compiled: countKept(objects), exact: 0 });
      }),
      { numRuns: 8 },
    );
  });

  it('leaves records that are longer than a window to avsc', async () => {
    const texts = ['a', 'b'.repeat(MAX_WINDOW_BYTES), 'c', 'd'.repeat(MAX_WINDOW_BYTES), 'e'];
    const parts = texts.flatMap((value, n) => [long(n), text(value)]);
    const schema = recordOf({ n: 'int', a: 'string' });
    const limits = { maxBlockBytes: 2 ** 26, maxUncompressedBytes: 2 ** 26 };
    const container = await openContainer(containerOf(schema, texts.length, ...parts), limits);
    const objects = [
      { objectId: 1, container },
      { objectId: 2, container, skippedRows: new Set([1, 2]) },
    ];
    const { exact } = await both.assertEqual(planObjects(objects), objects);
    expect(exact).toBeGreaterThanOrEqual(3);
  });

  it.each(listEventTypes())('covers every schema of %s', async (eventType) => {
    const random = createRandom(1);
    const objects = await Promise.all(
      listKnownSchemas(eventType).map(async ({ schema }, objectId): Promise<ScanObject> => {
        const bytes = writeRecords(schema.type, 20, random, { misfits: false });
        const file = formatContainer({ schema: schema.json, blocks: [{ count: 20, bytes }] });
        return { objectId, container: await openContainer(file, ROOMY) };
      }),
    );
    const counts = await both.assertEqual(planObjects(objects), objects);
    expect(counts).toEqual({ compiled: countKept(objects), exact: 0 });
  });
});
