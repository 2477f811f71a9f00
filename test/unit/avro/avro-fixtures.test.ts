import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildFixtures, FIXTURES_FOLDER } from '../../../fixtures/build.ts';
import { COMPRESSED } from '../../../fixtures/containers.ts';
import { formatGolden } from '../../../fixtures/golden-json.ts';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { catchError, ROOMY, readRecords } from '../../support/avro-read.ts';

async function listContainers(folder: string): Promise<string[]> {
  const names = await readdir(join(FIXTURES_FOLDER, folder));
  return names.filter((name) => name.endsWith('.avro')).map((name) => name.slice(0, -5));
}

function readFixture(path: string): Promise<Buffer> {
  return readFile(join(FIXTURES_FOLDER, path));
}

describe('fixtures/avro', async () => {
  it.each(await listContainers('.'))('%s holds the records beside it', async (name) => {
    const records = await readRecords(await readFixture(`${name}.avro`));
    expect(formatGolden(records)).toBe((await readFixture(`${name}.json`)).toString());
  });

  it.each(await listContainers('invalid'))('invalid/%s is refused', async (name) => {
    const error = await catchError(async () =>
      readRecords(await readFixture(`invalid/${name}.avro`)),
    );
    const { code, ...context } = JSON.parse((await readFixture(`invalid/${name}.json`)).toString());
    expect(error.code).toBe(code);
    expect(error.context).toMatchObject(context);
  });

  it.each(COMPRESSED)('$name is of codec $codec', async ({ name, codec }) => {
    const container = await openContainer(await readFixture(`${name}.avro`), ROOMY);
    expect(container.codec).toBe(codec);
  });

  it('is what npm run fixtures writes, and nothing else', async () => {
    const built = await buildFixtures();
    const kept = COMPRESSED.map(({ name }) => `${name}.avro`);
    const names = (await readdir(FIXTURES_FOLDER, { recursive: true })).filter(
      (name) => name !== 'invalid',
    );
    expect(names.toSorted()).toEqual([...built.keys(), ...kept].toSorted());
    const changed: string[] = [];
    for (const [path, content] of built) {
      if (!(await readFixture(path)).equals(content)) changed.push(path);
    }
    expect(changed).toEqual([]);
  });
});
