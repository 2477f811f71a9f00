/** Files for cloud data ingestion: what is in them, how large they are, and that each appears once and whole. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import type { StageFormat } from '../../../src/sync/stage-names.ts';
import type { Database } from '../../../src/warehouse/database.ts';
import {
  fillOutbox,
  type Identifier,
  listStaged,
  type OutboxRow,
  readStaged,
  type StagedRow,
} from '../../support/staged-outbox.ts';
import { aRun } from '../../support/sync-books.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

const FORMATS = ['json', 'csv', 'parquet'] as const;

let root: string;
let database: Database;

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'currents-stage-test-'));
  database = await openTestDatabase();
});

afterEach(() => {
  database.close();
  rmSync(root, { recursive: true, force: true });
});

function aDestination(format: StageFormat, fileBytes?: number) {
  return openFilesDestination({ url: root, format, ...(fileBytes !== undefined && { fileBytes }) });
}

function somePeople(count: number): OutboxRow[] {
  return Array.from({ length: count }, (_, number) => ({
    identifier: { kind: 'external_id', value: `person-${number}` },
    attributes: JSON.stringify({ number }),
  }));
}

async function readAll(format: StageFormat): Promise<StagedRow[]> {
  const files = listStaged(root, 'attributes').map((name) => path.join(root, 'attributes', name));
  return (await Promise.all(files.map((file) => readStaged(file, format)))).flat();
}

const IDENTIFIERS: readonly (readonly [Identifier, StagedRow])[] = [
  [
    { kind: 'external_id', value: 'a "quoted", id\nin two lines' },
    { EXTERNAL_ID: 'a "quoted", id\nin two lines' },
  ],
  [
    { kind: 'braze_id', value: '0123456789abcdef01234567' },
    { BRAZE_ID: '0123456789abcdef01234567' },
  ],
  [{ kind: 'email', value: 'ä@example.com' }, { EMAIL: 'ä@example.com' }],
  [{ kind: 'phone', value: '+4915112345678' }, { PHONE: '+4915112345678' }],
  [
    { kind: 'user_alias', name: 'the "name"', label: 'the label' },
    { ALIAS_NAME: 'the "name"', ALIAS_LABEL: 'the label' },
  ],
];

describe.each(FORMATS)('a staged file (%s)', (format) => {
  it.each(IDENTIFIERS)(
    'has one row a person, the identifier %j and the payload as a string',
    async (identifier, columns) => {
      const attributes =
        '{"a":"x,\\"y\\"\\n\u2028 é \u{1f600}","b":null,"c":{"add":["\\\\"]},"d":1.50}';
      const run = aRun();
      await fillOutbox(database, run, [{ identifier, attributes }]);
      await aDestination(format).stage(database, run);
      const [row, ...others] = await readAll(format);
      expect(others).toEqual([]);
      const { PAYLOAD, ...who } = row ?? {};
      expect(who).toEqual(columns);
      const flag = identifier.kind === 'user_alias' ? '"_update_existing_only":false,' : '';
      expect(PAYLOAD).toBe(`{${flag}${attributes.slice(1)}`);
    },
  );

  it('tells Braze to make no profiles when that is wished', async () => {
    const run = aRun({ updateExistingOnly: true });
    await fillOutbox(database, run, somePeople(1));
    await aDestination(format).stage(database, run);
    const [row] = await readAll(format);
    expect(JSON.parse(row?.PAYLOAD ?? '')).toEqual({ _update_existing_only: true, number: 0 });
  });

  it('holds any text that JSON can, and nobody is lost or twice, however files are cut', async () => {
    const row = fc.record({
      identifier: fc.oneof(
        fc.record({
          kind: fc.constant('external_id' as const),
          value: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
        }),
        fc.record({ kind: fc.constant('email' as const), value: fc.emailAddress() }),
      ),
      attributes: fc
        .dictionary(fc.string({ maxLength: 8, unit: 'grapheme' }), fc.jsonValue(), {
          minKeys: 1,
          maxKeys: 3,
        })
        .map((object) => JSON.stringify(object)),
    });
    let runId = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        fc.integer({ min: 200, max: 4000 }),
        async (rows, fileBytes) => {
          runId += 1;
          const run = aRun({ runId });
          rmSync(path.join(root, 'attributes'), { recursive: true, force: true });
          await fillOutbox(database, run, rows);
          await aDestination(format, fileBytes).stage(database, run);
          const staged = await readAll(format);
          const found = staged.map(
            ({ EXTERNAL_ID, EMAIL, PAYLOAD }) => `${EXTERNAL_ID ?? EMAIL} ${PAYLOAD}`,
          );
          const expected = rows.map(({ identifier, attributes }) =>
            'value' in identifier ? `${identifier.value} ${attributes}` : '',
          );
          expect(found.sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('the size of files', () => {
  it.each(['json', 'csv'] as const)(
    'is never above what was asked for and a row (%s)',
    async (format) => {
      const run = aRun();
      const quotes = JSON.stringify({ text: '"\\'.repeat(30) });
      await fillOutbox(
        database,
        run,
        somePeople(200).map((row, index) =>
          index % 3 === 0 ? { ...row, attributes: quotes } : row,
        ),
      );
      await aDestination(format, 3000).stage(database, run);
      const sizes = listStaged(root, 'attributes').map(
        (name) => statSync(path.join(root, 'attributes', name)).size,
      );
      expect(sizes.length).toBeGreaterThan(8);
      for (const size of sizes) expect(size).toBeLessThanOrEqual(3600);
      expect(await readAll(format)).toHaveLength(200);
    },
  );
});

describe('the names of files', () => {
  it('sort by time, say run and sync, and differ from run to run', async () => {
    for (const [runId, startedAt] of [
      [9, '2026-09-02T12:00:00Z'],
      [10, '2026-09-02T12:00:05Z'],
    ] as const) {
      const run = aRun({ runId, startedAt: new Date(startedAt), sync: 'every night' });
      await fillOutbox(database, run, somePeople(2));
      await aDestination('json', 10).stage(database, run);
    }
    expect(listStaged(root, 'attributes')).toEqual([
      '20260902T120000000Z-every_night-000009-0001.json',
      '20260902T120000000Z-every_night-000009-0002.json',
      '20260902T120005000Z-every_night-000010-0001.json',
      '20260902T120005000Z-every_night-000010-0002.json',
    ]);
  });
});

describe('the manifest', () => {
  it('has rows, bytes and SHA-256 of every file, lies apart from them, and names nobody', async () => {
    const run = aRun();
    await fillOutbox(database, run, somePeople(20));
    const destination = aDestination('json', 500);
    expect(await destination.isStaged(run)).toBe(false);
    const receipt = await destination.stage(database, run);
    expect(await destination.isStaged(run)).toBe(true);
    const [name, ...others] = listStaged(root, 'manifests');
    expect(others).toEqual([]);
    const text = readFileSync(path.join(root, 'manifests', name ?? ''), 'utf8');
    const manifest = JSON.parse(text);
    expect(manifest).toMatchObject({ sync: 'nightly', runId: 1, format: 'json', rows: 20 });
    expect(manifest.files).toHaveLength(receipt.requests);
    expect(manifest.bytes).toBe(receipt.bytes);
    for (const { key, rows, bytes, sha256 } of manifest.files) {
      const content = readFileSync(path.join(root, key));
      expect(content.toString().trimEnd().split('\n')).toHaveLength(rows);
      expect(content.length).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect(text).not.toContain('person-');
  });
});

describe('a delivery that is repeated', () => {
  it('after a failure in the middle stages the rest, and no file twice', async () => {
    const run = aRun();
    await fillOutbox(database, run, somePeople(50));
    const controller = new AbortController();
    const stopped = aRun({ signal: controller.signal });
    stopped.logger.info = () => {
      if (listStaged(root, 'attributes').length === 3) controller.abort();
    };
    await expect(aDestination('json', 500).stage(database, stopped)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    const before = listStaged(root, 'attributes');
    expect(before).toHaveLength(3);
    expect(listStaged(root, 'manifests')).toEqual([]);
    const times = before.map((name) => statSync(path.join(root, 'attributes', name)).mtimeMs);

    await aDestination('json', 100_000).stage(database, run);
    expect(listStaged(root, 'attributes').slice(0, 3)).toEqual(before);
    expect(before.map((name) => statSync(path.join(root, 'attributes', name)).mtimeMs)).toEqual(
      times,
    );
    expect(await readAll('json')).toHaveLength(50);
    expect(await aDestination('json').isStaged(run)).toBe(true);
  });

  it('keeps the format that its files were planned with', async () => {
    const run = aRun();
    await fillOutbox(database, run, somePeople(50));
    const controller = new AbortController();
    const stopped = aRun({ signal: controller.signal });
    stopped.logger.info = () => controller.abort();
    await expect(aDestination('json', 500).stage(database, stopped)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    await aDestination('parquet').stage(database, run);
    expect(listStaged(root, 'attributes').every((name) => name.endsWith('.json'))).toBe(true);
    expect(await readAll('json')).toHaveLength(50);
    const [manifest] = listStaged(root, 'manifests');
    const text = readFileSync(path.join(root, 'manifests', manifest ?? ''), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ format: 'json', rows: 50 });
  });

  it('finds a file that was uploaded by one who died before writing it down', async () => {
    const run = aRun();
    await fillOutbox(database, run, somePeople(10));
    await aDestination('json').stage(database, run);
    await database.run("update sync.files set status = 'uploading', staged_at = null");
    const [name] = listStaged(root, 'attributes');
    const { mtimeMs } = statSync(path.join(root, 'attributes', name ?? ''));
    await aDestination('json').stage(database, run);
    expect(statSync(path.join(root, 'attributes', name ?? '')).mtimeMs).toBe(mtimeMs);
    expect(await database.rows('select status from sync.files')).toEqual([{ status: 'staged' }]);
  });

  it('leaves nothing of people beside the database', async () => {
    const file = path.join(root, 'c.duckdb');
    const leftover = path.join(root, 'c.duckdb.stage');
    database.close();
    database = await openTestDatabase(file);
    const run = aRun();
    await fillOutbox(database, run, somePeople(10));
    await openFilesDestination({ url: path.join(root, 'stage'), format: 'json' }).stage(
      database,
      run,
    );
    expect(existsSync(leftover)).toBe(false);
    expect(readdirSync(path.join(root, 'stage')).sort()).toEqual(['attributes', 'manifests']);
  });
});

describe('nobody to send', () => {
  it('stages a manifest without files', async () => {
    const run = aRun();
    expect(await aDestination('json').stage(database, run)).toEqual({ requests: 0, bytes: 0 });
    expect(listStaged(root, 'attributes')).toEqual([]);
    expect(await aDestination('json').isStaged(run)).toBe(true);
  });
});
