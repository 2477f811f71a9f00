/** Files that lie where a database is expected. */
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../../src/warehouse/database.ts';
import { checkFormat, migrate } from '../../../src/warehouse/migrations.ts';

let file: string;

beforeEach(() => {
  file = path.join(mkdtempSync(path.join(tmpdir(), 'currents-file-')), 'currents.duckdb');
});

afterEach(() => rmSync(path.dirname(file), { recursive: true }));

function writeOld(bytes: Uint8Array | string): void {
  writeFileSync(file, bytes);
  utimesSync(file, new Date(0), new Date(0));
}

it.each(['SQLite format 3\0 and so on', 'source:\n  url: s3://acme/', 'x'])(
  'a file that begins with %j is refused and left as it is',
  async (content) => {
    writeOld(content);
    await expect(Database.open({ path: file })).rejects.toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringContaining('some other kind of file'),
    });
    expect(readFileSync(file, 'latin1')).toBe(content);
  },
);

it.each([0, 12, 4096, 12_287])(
  'the first %i bytes of a database, left by a process that was killed, do not stop the next',
  async (sizeBytes) => {
    (await Database.open({ path: file })).close();
    writeOld(readFileSync(file).subarray(0, sizeBytes));
    const database = await Database.open({ path: file });
    await migrate(database);
    await expect(checkFormat(database)).resolves.toBeUndefined();
    database.close();
  },
);

it('a database that another process began a moment ago is not taken away', async () => {
  writeFileSync(file, '');
  const { ino } = statSync(file);
  await Database.open({ path: file }).then(
    (database) => database.close(),
    () => undefined,
  );
  expect(statSync(file).ino).toBe(ino);
});

it('a database of another application is named as such to those who read', async () => {
  const database = await Database.open({ path: file });
  await expect(checkFormat(database)).rejects.toMatchObject({
    message: expect.stringContaining('not a database of currents'),
  });
  database.close();
});
