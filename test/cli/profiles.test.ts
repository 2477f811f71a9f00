/** `currents profiles refresh` as a command: what it prints and how it ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeContainer } from '../../src/avro/container-writer.ts';
import { anEvent, aSchema } from '../support/event-builders.ts';
import { runBin } from './run-bin.ts';

let folder: string;

function run(...args: string[]) {
  return runBin(args, { cwd: folder });
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-profiles-'));
  const records = ['a', 'b'].map((user_id, n) => anEvent(n, { user_id }));
  const bytes = await writeContainer(aSchema({ user_id: 'string' }), records);
  writeFileSync(path.join(folder, 'a.avro'), bytes);
  await run('ingest', '--source', '.', '--profiles-refresh', 'manual');
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

it('says what it did as one JSON document', async () => {
  const { code, stdout } = await run('profiles', 'refresh', '--json');
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    table: 'c360.profiles',
    refresh: { rebuilt: 'first refresh', refreshed: result.people },
  });
  expect(result.people).toBe(2);
});

it('tells people in a line, and finds nothing to do the second time', async () => {
  const { code, stdout } = await run('profiles', 'refresh');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Refreshed \d+ profiles? of \d+ in [\d.]+ s, as of \d{4}-/);
});

it('writes the profiles of an instant into a table of their own', async () => {
  const { code, stdout } = await run(
    'profiles',
    'refresh',
    '--as-of',
    '2020-01-01',
    '--into',
    'back_then',
  );
  expect(stdout).toMatch(/^Wrote 0 profiles as of 2020-01-01.* into c360\.back_then in /);
  expect(code).toBe(0);
  const query = await run('query', 'select count(*) from c360.back_then');
  expect(query.code).toBe(0);
});

it('refuses to take the place of another table', async () => {
  const { code, stderr } = await run('profiles', 'refresh', '--into', 'facts');
  expect(code).toBe(2);
  expect(stderr).toContain('cannot write profiles into c360.facts');
});
