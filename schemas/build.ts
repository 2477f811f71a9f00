/**
 * `npm run schemas`: writes schemas/<event type>/<version>.avsc from schemas/source.
 *
 * Writes what differs and deletes what the source no longer has, so running it twice changes
 * nothing. Ends with one line that says how many files there are and how many it touched.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatAvsc } from './format-avsc.ts';
import { readSource } from './read-source.ts';

const SCHEMAS = fileURLToPath(new URL('.', import.meta.url));

/** Paths below schemas/ with slashes → text. What has to be on disk, no more and no less. */
export function generateSchemas(): ReadonlyMap<string, string> {
  return new Map(
    readSource().map((version) => [
      `${version.eventType}/${version.version}.avsc`,
      formatAvsc(version),
    ]),
  );
}

/** The .avsc files on disk, in the same form as `generateSchemas`. */
export function readSchemas(): ReadonlyMap<string, string> {
  const files = readdirSync(SCHEMAS, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.avsc'))
    .sort();
  return new Map(
    files.map((file) => [
      file.replaceAll(path.sep, '/'),
      readFileSync(path.join(SCHEMAS, file), 'utf8'),
    ]),
  );
}

function build(): void {
  const wanted = generateSchemas();
  const found = readSchemas();
  let writtenCount = 0;
  let deletedCount = 0;
  for (const [file, text] of wanted) {
    if (found.get(file) === text) continue;
    mkdirSync(path.join(SCHEMAS, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(SCHEMAS, file), text);
    writtenCount += 1;
  }
  for (const file of found.keys()) {
    if (wanted.has(file)) continue;
    rmSync(path.join(SCHEMAS, file));
    const folder = path.join(SCHEMAS, path.dirname(file));
    if (readdirSync(folder).length === 0) rmdirSync(folder);
    deletedCount += 1;
  }
  console.log(`${wanted.size} schemas: ${writtenCount} written, ${deletedCount} deleted`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
