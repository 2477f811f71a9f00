/** People who are forgotten here are deleted in Braze, where that is wished: through the sandbox. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { openLocalFolder } from '../../../src/discovery/local-folder.ts';
import { forgetPeople } from '../../../src/forget.ts';
import { startBrazeSandbox } from '../../../src/sandbox/braze/start-sandbox.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import { anOpen, OPEN, putEvents } from '../../support/erasable-people.ts';
import { fillOutbox, readStaged } from '../../support/staged-outbox.ts';
import { aRun } from '../../support/sync-books.ts';
import { TestBucket } from '../../support/test-bucket.ts';

async function aStage(format: 'json' | 'csv' | 'parquet', more = '') {
  const bucket = new TestBucket();
  const people = ['zelda', 'otto'];
  await putEvents(
    bucket,
    OPEN,
    people.map((person, n) => anOpen(n, person)),
  );
  await bucket.cycle();
  const folder = path.dirname(bucket.databasePath);
  const stage = path.join(folder, 'stage');
  for (const name of ['attributes', 'deletes'])
    mkdirSync(path.join(stage, name), { recursive: true });
  const settings = path.join(folder, 'currents.yaml');
  writeFileSync(
    settings,
    `destinations: { stage: { kind: files, url: ${stage}, format: ${format}${more} } }`,
  );
  const { destinations } = loadConfig({ configPath: settings, env: {} });
  await bucket.withDatabase(async (database) => {
    const run = aRun({ destination: 'stage' });
    await fillOutbox(
      database,
      run,
      people.map((person) => ({
        identifier: { kind: 'external_id', value: `crm-${person}` },
        attributes: '{"a":1}',
      })),
    );
    await openFilesDestination({ url: stage, format }).stage(database, run);
  });
  return { stage, config: { ...bucket.config(), destinations } };
}

const DELETE_ERASED = ', deleteErased: true';

describe.each(['json', 'csv', 'parquet'] as const)('a file of deletions (%s)', (format) => {
  it('names the erased person alone, without a payload, and Braze deletes that person', async () => {
    const { stage, config } = await aStage(format, DELETE_ERASED);
    const sandbox = await startBrazeSandbox({
      stages: [
        { store: openLocalFolder(path.join(stage, 'attributes')), takesExisting: true },
        { store: openLocalFolder(path.join(stage, 'deletes')), kind: 'deletions' },
      ],
      stageEveryMs: 0,
    });
    onTestFinished(() => sandbox.close());
    await sandbox.ingest();
    const known = new Set([...sandbox.profiles()].map(({ external_id }) => external_id));
    expect(known).toEqual(new Set(['crm-otto', 'crm-zelda']));

    expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({ deletions: 1 });
    const [name, ...others] = readdirSync(path.join(stage, 'deletes'));
    expect(others).toEqual([]);
    expect(name).toMatch(/^\d{8}T\d{9}Z-external_id\.(json|csv|parquet)$/);
    const rows = await readStaged(path.join(stage, 'deletes', name ?? ''), format);
    expect(rows).toEqual([{ EXTERNAL_ID: 'crm-zelda' }]);

    await sandbox.ingest();
    expect([...sandbox.profiles()].map(({ external_id }) => external_id)).toEqual(['crm-otto']);
  });
});

describe('no file of deletions', () => {
  const deletions = (stage: string): string[] => readdirSync(path.join(stage, 'deletes'));

  it('is made unless the destination wishes it', async () => {
    const { stage, config } = await aStage('json');
    expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({ deletions: 0 });
    expect(deletions(stage)).toEqual([]);
  });

  it('is made in a dry run, or for people of whom Braze got nothing', async () => {
    const { stage, config } = await aStage('json', DELETE_ERASED);
    await forgetPeople(config, ['crm-zelda'], { dryRun: true });
    await forgetPeople(config, ['crm-nobody']);
    expect(deletions(stage)).toEqual([]);
  });

  it('means that nobody is erased when it cannot be written', async () => {
    const { stage, config } = await aStage('json', DELETE_ERASED);
    const blocked = path.join(stage, 'blocked');
    writeFileSync(blocked, 'a file where a folder should be');
    const { stage: destination } = config.destinations;
    const broken = { ...config, destinations: { stage: { ...destination, url: blocked } } };
    await expect(forgetPeople(broken as typeof config, ['crm-zelda'])).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
    });
    expect(readFileSync(config.database).includes('zelda')).toBe(true);
    expect(await forgetPeople(config, ['crm-zelda'])).toMatchObject({ deletions: 1 });
  });
});
