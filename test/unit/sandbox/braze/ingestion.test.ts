/** Cloud data ingestion of staged files: formats, folders, order, the log. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Database, openStore } from '../../../../src/index.ts';
import { openBraze } from '../../../support/braze-client.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-stage-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const stage = (kind: 'attributes' | 'deletions' = 'attributes') => ({
  store: openStore(folder),
  kind,
});

/** One row for each kind of identifier that can make a profile, and one by Braze id. */
const ROWS = [
  `select 'a' as EXTERNAL_ID, null as EMAIL, '{"x": 1, "t": "a, \\"b\\""}' as PAYLOAD`,
  `select null, 'ann@example.com', '{"x": {"inc": 2}}'`,
].join(' union all ');

async function writeWithDuckDb(name: string, options: string): Promise<void> {
  const database = await Database.open({ path: ':memory:' });
  const file = path.join(folder, name).replaceAll("'", "''");
  await database.run(`copy (${ROWS}) to '${file}' (${options})`);
  database.close();
}

describe('a staged file', () => {
  it.each([
    ['rows.json', 'format json'],
    ['rows.csv', 'format csv, header'],
    ['rows.parquet', 'format parquet'],
    ['plain.parquet', 'format parquet, compression uncompressed'],
  ])('%s as DuckDB writes it is taken in', async (name, options) => {
    const braze = await openBraze({ stages: [stage()], stageEveryMs: 0 });
    await writeWithDuckDb(name, options);
    const [ingestion] = await braze.sandbox.ingest();
    expect(ingestion).toMatchObject({ file: name, status: 'Success', rows: 2, failedRows: 0 });
    expect([...braze.sandbox.profiles()]).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ external_id: 'a', custom_attributes: { x: 1, t: 'a, "b"' } }),
        expect.objectContaining({ email: 'ann@example.com', custom_attributes: { x: 2 } }),
      ]),
    );
    expect(braze.sandbox.counts()).toMatchObject({ dataPoints: 3, objects: { attributes: 2 } });
  });

  it('in Parquet with a compression that Braze does not show is refused', async () => {
    const braze = await openBraze({ stages: [stage()], stageEveryMs: 0 });
    await writeWithDuckDb('rows.parquet', 'format parquet, compression zstd');
    const [ingestion] = await braze.sandbox.ingest();
    expect(ingestion).toMatchObject({ status: 'Error', rows: 0 });
    expect(ingestion?.reason).toContain('FILE_UNREADABLE');
  });

  it('has its rows applied in another order than its own, by seed', async () => {
    const rows = Array.from({ length: 50 }, (_, n) =>
      JSON.stringify({ EXTERNAL_ID: 'a', PAYLOAD: JSON.stringify({ n }) }),
    );
    const last = async (seed: number) => {
      const braze = await openBraze({ seed, keepReceived: 100 });
      const url = `${braze.sandbox.url}/sandbox/ingest?name=a.json`;
      await fetch(url, { method: 'POST', body: rows.join('\n') });
      return braze.sandbox.received().map(({ object }) => object.n);
    };
    const order = await last(1);
    expect(new Set(order).size).toBe(50);
    expect(order).not.toEqual([...order].sort((a, b) => Number(a) - Number(b)));
    expect(await last(1)).toEqual(order);
    expect(await last(2)).not.toEqual(order);
  });
});

const LINE = `${JSON.stringify({ EXTERNAL_ID: 'a', PAYLOAD: '{"n":{"inc":1}}' })}\n`;

describe('a watched folder', () => {
  it('gives each file once, the overwritten one again, the half-written one never', async () => {
    const braze = await openBraze({ stages: [stage()], stageEveryMs: 0 });
    writeFileSync(path.join(folder, 'a.json.tmp'), LINE.slice(0, 9));
    expect(await braze.sandbox.ingest()).toEqual([]);
    writeFileSync(path.join(folder, 'a.json.tmp'), LINE);
    renameSync(path.join(folder, 'a.json.tmp'), path.join(folder, 'a.json'));
    expect(await braze.sandbox.ingest()).toHaveLength(1);
    expect(await braze.sandbox.ingest()).toEqual([]);
    writeFileSync(path.join(folder, 'a.json'), LINE + LINE);
    await braze.sandbox.ingest();
    expect(braze.custom()).toEqual({ n: 3 });
    expect(braze.sandbox.ingestions().map(({ rows }) => rows)).toEqual([1, 2]);
  });

  it('is listed by itself', async () => {
    const braze = await openBraze({ stages: [stage()], stageEveryMs: 10 });
    writeFileSync(path.join(folder, 'a.json'), LINE);
    await vi.waitFor(() => expect(braze.custom()).toEqual({ n: 1 }));
  });

  it('that cannot be read says so in the log, once', async () => {
    const store = openStore(folder);
    const braze = await openBraze({ stages: [{ store, takesExisting: true }], stageEveryMs: 5 });
    store.list = () => {
      throw new Error('no rights');
    };
    const failures = () => braze.sandbox.ingestions().map(({ status, reason }) => [status, reason]);
    await vi.waitFor(() => expect(failures()).toEqual([['Error', 'no rights']]));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(failures()).toHaveLength(1);
  });

  it('that has files already keeps them to itself, unless they are asked for', async () => {
    writeFileSync(path.join(folder, 'old.json'), LINE);
    const braze = await openBraze({ stages: [stage()], stageEveryMs: 0 });
    expect(await braze.sandbox.ingest()).toEqual([]);
    const taking = await openBraze({
      stages: [{ ...stage(), takesExisting: true }],
      stageEveryMs: 0,
    });
    expect(await taking.sandbox.ingest()).toHaveLength(1);
  });

  it('of an integration for existing users makes no profiles', async () => {
    const stages = [{ ...stage(), isUpdateOnly: true }];
    const braze = await openBraze({ stages, stageEveryMs: 0 });
    writeFileSync(path.join(folder, 'a.json'), LINE);
    await braze.sandbox.ingest();
    expect([...braze.sandbox.profiles()]).toEqual([]);
    expect(braze.silent('UPDATE_EXISTING_ONLY')).toBe(1);
  });

  it('of deletions deletes by external id, alias and Braze id', async () => {
    const braze = await openBraze({ stages: [stage('deletions')], stageEveryMs: 0 });
    const user_alias = { alias_name: 'n', alias_label: 'l' };
    await braze.set({ external_id: 'a' }, { external_id: 'b' }, { external_id: 'c' });
    await braze.set({ user_alias, _update_existing_only: false });
    const rows = [
      { EXTERNAL_ID: 'a' },
      { BRAZE_ID: braze.person('b')?.braze_id },
      { ALIAS_NAME: 'n', ALIAS_LABEL: 'l' },
      { EXTERNAL_ID: 'nobody' },
    ];
    const text = rows.map((row) => JSON.stringify(row)).join('\n');
    writeFileSync(path.join(folder, 'gone.json'), text);
    expect(await braze.sandbox.ingest()).toMatchObject([{ status: 'Success', rows: 4 }]);
    expect([...braze.sandbox.profiles()].map(({ external_id: id }) => id)).toEqual(['c']);
  });
});
