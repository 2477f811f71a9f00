/**
 * What memory-safety.ts runs under its guard, one part at a time: loads containers, sound and damaged, of
 * random shapes through the table function, and queries that hold on to chunks. The guard ends the process
 * where memory is misused. The parts named `planted …` misuse it on purpose.
 *
 *     npx tsx test/e2e/guarded-load.ts <part> <seed>
 */

import assert from 'node:assert/strict';
import { DuckDBDataChunk, INTEGER, LIST } from '@duckdb/node-api';
import fc from 'fast-check';
import { parseAvroSchema } from '../../src/avro/avro-schema.ts';
import type { Address } from '../../src/avro/cell-decoder.ts';
import { CellLayout } from '../../src/avro/cell-layout.ts';
import type { Container } from '../../src/avro/container-reader.ts';
import { CELLS_AT } from '../../src/avro/kernel-memory.ts';
import { CurrentsError } from '../../src/errors.ts';
import { BatchScan } from '../../src/warehouse/batch-scan.ts';
import { BatchSource } from '../../src/warehouse/batch-source.ts';
import { CellArena, writeCells } from '../../src/warehouse/cell-chunk.ts';
import { Database } from '../../src/warehouse/database.ts';
import { coveredFields, formatCovered, openCovered } from '../support/covered-data.ts';
import { ExactScan, planFor } from '../support/exact-scan.ts';
import { containerOfBlocks } from '../support/lent-memory.ts';
import { openPipelineObjects, runPipelines } from '../support/pipelines.ts';
import { createRandom } from '../support/seeded-random.ts';

const [part = '', seedText = '1'] = process.argv.slice(2);
const seed = Number(seedText);
const random = createRandom(seed);
const database = await Database.open({ path: ':memory:', threads: 2 });
const scan = new BatchScan(database);

const parts: Readonly<Record<string, () => Promise<string>>> = {
  records: async () => {
    let rows = 0;
    for (const schema of sampleSchemas(25)) {
      const options = { misfits: random() < 0.5, maxTextBytes: 20_000, maxItems: 6 };
      const counts = [1, 100, 2047, 2048, 2049, 3000];
      const count = counts[Math.floor(random() * counts.length)] as number;
      const container = await openCovered(schema, count, random, options);
      rows += await load([container, await openCovered(schema, 50, random, options)]);
    }
    return `${rows} rows`;
  },
  'long lists': async () => {
    const list = (items: unknown) => ({ type: 'array', items });
    const fields = ['int', 'string', 'boolean'].map((type, index) => ({
      name: `f${index}`,
      type: list(['null', type]),
    }));
    const options = { misfits: false, maxItems: 9_000 };
    const schema = formatCovered(fields);
    return `${await load([await openCovered(schema, 12, random, options)])} rows`;
  },
  damaged: async () => {
    let refused = 0;
    let loaded = 0;
    for (const schema of sampleSchemas(12)) {
      const options = { misfits: false, maxTextBytes: 300 };
      const sound = await openCovered(schema, 30, random, options);
      for (let change = 0; change < 25; change++) {
        try {
          await load([damage(sound)]);
          loaded++;
        } catch (error) {
          if (!(error instanceof CurrentsError)) throw error;
          refused++;
        }
      }
    }
    assert.ok(refused > 100 && loaded > 10, `${refused} refused, ${loaded} loaded`);
    return `${refused} refused, ${loaded} loaded, since the damage made other values of them`;
  },
  pipelines: async () => {
    const exact = new ExactScan(database);
    const objects = await openPipelineObjects(800);
    return `${await runPipelines(database, scan, exact, objects, 2)} queries`;
  },

  'planted: a text one byte too long': async () => {
    changeAddresses(({ low, high }) => ({ low: low + 1, high }));
    return loadTexts();
  },
  'planted: a text one byte too early': async () => {
    // The first text stands behind its length, which is the block's first byte.
    changeAddresses(({ low, high }) => ({ low: low - 2, high }));
    return loadTexts();
  },
  'planted: an arena emptied too soon': async () => {
    changeAddresses((address, arena) => {
      arena.clear();
      return address;
    });
    return loadTexts();
  },
  'planted: cells wider than the column': async () => {
    const layout = new CellLayout([{ sizeBytes: 16 }]);
    layout.bytes.fill(0, CELLS_AT);
    writeCells(DuckDBDataChunk.create([INTEGER]), layout, 2048);
    return 'written';
  },
  'planted: items wider than the column': async () => {
    const layout = new CellLayout([{ sizeBytes: 16, itemSizeBytes: 16 }]);
    layout.bytes.fill(0, CELLS_AT);
    // One list of 3,000 items.
    layout.view.setBigUint64(CELLS_AT + 8, 3000n, true);
    writeCells(DuckDBDataChunk.create([LIST(INTEGER)]), layout, 1);
    return 'written';
  },
};

/** From now on arenas say something else than where the bytes are. */
function changeAddresses(change: (address: Address, arena: CellArena) => Address): void {
  const hold = Reflect.get(CellArena.prototype, 'hold') as (bytes: Uint8Array) => Address;
  CellArena.prototype.hold = function (bytes) {
    return change(hold.call(this, bytes), this);
  };
}

/** Nothing but texts, the last one as long as it can be, to the end of the block. */
async function loadTexts(): Promise<string> {
  const schema = formatCovered([{ name: 'f0', type: 'string' }]);
  const text = Buffer.from('a text that has no room in its cell');
  const record = Buffer.concat([Buffer.from([2 * text.length]), text]);
  const bytes = Buffer.concat(Array.from({ length: 3000 }, () => record));
  const container = containerOfBlocks(parseAvroSchema(schema), [{ count: 3000, bytes }]);
  return `${await load([container])} rows`;
}

function sampleSchemas(count: number): readonly string[] {
  return fc.sample(coveredFields(8), { numRuns: count, seed }).map(formatCovered);
}

/** Every cell is read: as a table, and for sums of hashes. */
async function load(containers: readonly Container[]): Promise<number> {
  const objects = containers.map((container, objectId) => ({ objectId, container }));
  const source = new BatchSource(planFor(containers), objects);
  try {
    return await scan.withSource(source, async (rows) => {
      await database.run(`create or replace table loaded as select * from ${rows}`);
      const { count } = await database.row<{ count: bigint; hash: bigint }>(
        'select count(*) as count, sum(hash(loaded)::hugeint)::varchar as hash from loaded',
      );
      return Number(count);
    });
  } catch (error) {
    throw source.failure?.error ?? error;
  }
}

/** One byte of one block changed, or the block cut short. */
function damage({ schema, blocks }: Container): Container {
  const index = Math.floor(random() * blocks.length);
  const copies = blocks.map((block, at) => {
    const bytes = Buffer.from(block.bytes);
    if (at !== index) return { count: block.recordCount, bytes };
    const where = Math.floor(random() * bytes.length);
    if (random() < 0.3) return { count: block.recordCount, bytes: bytes.subarray(0, where) };
    if (bytes.length > 0) bytes[where] = Math.floor(random() * 256);
    return { count: block.recordCount, bytes };
  });
  return containerOfBlocks(schema, copies);
}

const run = parts[part];
assert.ok(run, `there is no part ${part}`);
// Layouts of the largest size first: what stands in unused cells is then not zero.
new CellLayout([{ sizeBytes: 16, itemSizeBytes: 16 }], 2 ** 15).bytes.fill(0x5a, CELLS_AT);
process.stdout.write(`${await run()}\n`);
database.close();
