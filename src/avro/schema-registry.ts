/**
 * The schemas under schemas/ by event type, version, release or fingerprint.
 *
 * They are descriptions, not a gate: a file is read by the schema in its own header, and whatever is not
 * found here loads all the same. Nothing is read before somebody asks, then one event type at a time, and
 * each only once; all 248 files at every start would cost more than most commands. Names come from object
 * keys and command lines, so only names that the folder itself lists ever become part of a path.
 */
import { type Dirent, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CurrentsError } from '../errors.ts';
import { parseAvroSchema, type WriterSchema } from './avro-schema.ts';

export interface KnownSchema {
  readonly eventType: string;
  /** Name of its file: the first release that had it, such as `v7` or `2021-01`. */
  readonly version: string;
  /** Every release that writes exactly these fields, oldest first; begins with `version`. */
  readonly releases: readonly string[];
  readonly schema: WriterSchema;
}

/** Two levels above this file in src/avro as well as in dist/avro, also when installed as a package. */
const SCHEMAS = fileURLToPath(new URL('../../schemas/', import.meta.url));
const EXTENSION = '.avsc';
/** What the schemas are made from lies among them; no event type is called this. */
const SOURCE = 'source';

let eventTypes: readonly string[] | undefined;
const loaded = new Map<string, readonly KnownSchema[]>();

/**
 * Every event type that has a schema, in alphabetical order.
 *
 * @throws CurrentsError SETTINGS_INVALID when the package is incomplete
 */
export function listEventTypes(): readonly string[] {
  eventTypes ??= Object.freeze(
    listFolder(SCHEMAS)
      .filter((entry) => entry.isDirectory() && entry.name !== SOURCE)
      .map((entry) => entry.name)
      .sort(),
  );
  return eventTypes;
}

/** The versions of one event type, oldest first; none for an event type that we do not know. */
export function listKnownSchemas(eventType: string): readonly KnownSchema[] {
  const known = loaded.get(eventType);
  if (known !== undefined) return known;
  if (!listEventTypes().includes(eventType)) return [];
  const folder = path.join(SCHEMAS, eventType);
  const schemas = listFolder(folder)
    .filter((entry) => entry.name.endsWith(EXTENSION))
    .map((entry) => readKnownSchema(folder, entry.name, eventType))
    .sort((left, right) => compareReleases(left.version, right.version));
  loaded.set(eventType, Object.freeze(schemas));
  return schemas;
}

/**
 * The schema that a release writes. Not every release has a file of its own: where v8 changed nothing,
 * asking for v8 gives v7.
 */
export function findKnownSchema(
  eventType: string,
  versionOrRelease: string,
): KnownSchema | undefined {
  return listKnownSchemas(eventType).find((known) => known.releases.includes(versionOrRelease));
}

/** The version with exactly this structure. Descriptions and marks do not count. */
export function findByFingerprint(eventType: string, fingerprint: string): KnownSchema | undefined {
  return listKnownSchemas(eventType).find((known) => known.schema.fingerprint === fingerprint);
}

/**
 * Order of releases for sorting: dated ones (`2021-01`) come before numbered ones (`v1`), and numbers
 * count as numbers, so `v10` follows `v9`.
 */
function compareReleases(left: string, right: string): number {
  const leftNumber = parseReleaseNumber(left);
  const rightNumber = parseReleaseNumber(right);
  if (leftNumber !== rightNumber) return leftNumber - rightNumber;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** 0 for dated releases, which are older than all numbered ones. */
function parseReleaseNumber(release: string): number {
  const digits = /^v(\d+)$/.exec(release)?.[1];
  return digits === undefined ? 0 : Number(digits);
}

function readKnownSchema(folder: string, file: string, eventType: string): KnownSchema {
  const schema = parseAvroSchema(readFileSync(path.join(folder, file), 'utf8'));
  const { 'currents.releases': releases } = JSON.parse(schema.json) as {
    'currents.releases': readonly string[];
  };
  const version = file.slice(0, -EXTENSION.length);
  return Object.freeze({ eventType, version, releases: Object.freeze(releases), schema });
}

function listFolder(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot list the known schemas: ${folder} cannot be read (it is part of the package)`,
      hint: 'install the package again: npm install currents',
      context: { path: folder },
      cause,
    });
  }
}
