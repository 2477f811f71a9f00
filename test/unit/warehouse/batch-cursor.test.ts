/** Hypothesis: no plan of DuckDB's keeps a chunk's texts until the thread that scanned it comes again. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchScan } from '../../../src/warehouse/batch-scan.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { ExactScan } from '../../support/exact-scan.ts';
import { openPipelineObjects, runPipelines } from '../../support/pipelines.ts';

let database: Database;
let scan: BatchScan;
let exact: ExactScan;

beforeAll(async () => {
  database = await Database.open({ path: ':memory:' });
  scan = new BatchScan(database);
  exact = new ExactScan(database);
});

afterAll(() => database.close());

describe('a scan of a batch', () => {
  it.each([1, 2, 4])(
    'gives texts that stay whole in every pipeline, with %i threads',
    async (threads) => {
      const objects = await openPipelineObjects(1500);
      expect(await runPipelines(database, scan, exact, objects, threads)).toBeGreaterThan(60);
    },
  );
});
