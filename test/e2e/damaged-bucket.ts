/**
 * A bucket of damaged objects, hostile ones and good ones of the same event types, in mixed order; the same
 * for the same seed.
 *
 * Each object is made from a file of its own, so no event id is there twice unless the damage repeats it.
 * Most keys are as Braze writes them; one in eight says nothing about the event type, so that a damaged
 * name of the record becomes the name of a table.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CodecName } from '../../src/avro/codecs.ts';
import { formatObjectKey } from '../../src/discovery/object-key.ts';
import { createRandom, shuffle } from '../support/seeded-random.ts';
import { type Bomb, makeBombs } from './container-bombs.ts';
import { REPOSITORY } from './currents-command.ts';
import { type Damage, listDamages } from './damage-container.ts';
import { runPython } from './python-tools.ts';

/** An object of the bucket and what is known about it beforehand. */
export interface PlacedObject {
  /** What was done to it. */
  readonly name: string;
  readonly key: string;
  readonly path: string;
  readonly isGood: boolean;
  /** No reader may accept it. */
  readonly isFatal: boolean;
  readonly bomb?: Bomb;
}

/** A file to be made: from which original, and how it is damaged. */
interface Recipe {
  readonly codec: CodecName;
  readonly kind: Kind;
  /** Undefined: it stays good. */
  readonly damage?: Damage;
}

type Content = Omit<PlacedObject, 'key' | 'path'> & {
  readonly bytes: Buffer;
  readonly kind: Kind;
};

const CODECS = ['null', 'deflate', 'snappy', 'zstandard', 'bzip2', 'xz'] as const;
const KINDS = ['everything', 'open', 'custom'] as const;
type Kind = (typeof KINDS)[number];
const EVENT_TYPES: Readonly<Record<Kind, string>> = {
  everything: 'e2e.Everything',
  open: 'users.messages.email.Open',
  custom: 'users.behaviors.CustomEvent',
};
/** The two that are Braze's have schemas of ours. */
const SCHEMAS = {
  open: path.join(REPOSITORY, 'schemas/users.messages.email.Open/v1.avsc'),
  custom: path.join(REPOSITORY, 'schemas/users.behaviors.CustomEvent/v1.avsc'),
};
const GOOD_OBJECTS = 48;
const UNKNOWN_KEYS = 1 / 8;

/**
 * Writes the objects below `bucket` and uses `scratch` for what they are made from.
 *
 * @param damagedCount how many are damaged; hostile and good ones come on top
 */
export async function makeDamagedBucket(
  bucket: string,
  scratch: string,
  damagedCount: number,
  seed: number,
): Promise<readonly PlacedObject[]> {
  const random = createRandom(seed);
  const recipes = planRecipes(damagedCount, random);
  const originals = await writeOriginals(scratch, recipes, seed);
  const contents: Content[] = [];
  let damagedSoFar = 0;
  for (const [index, recipe] of recipes.entries()) {
    if (recipe.damage !== undefined && damagedSoFar === damagedCount) continue;
    const content = await makeContent(recipe, originals, index, random);
    if (content === undefined) continue;
    if (!content.isGood) damagedSoFar += 1;
    contents.push(content);
  }
  for (const bomb of await makeBombs()) {
    const { bytes, name } = bomb;
    contents.push({ name, bytes, bomb, kind: 'everything', isGood: false, isFatal: false });
  }
  return placeAll(bucket, shuffle(contents, random), random);
}

/** Each way of damage in one codec, then each in another, until there are enough; and good ones. */
function planRecipes(damagedCount: number, random: () => number): readonly Recipe[] {
  const damages = shuffle(listDamages(), random);
  const recipes: Recipe[] = [];
  const pickKind = () => KINDS[Math.floor(random() * KINDS.length)] as Kind;
  // Some cannot be done to every file.
  for (let count = 0; count < damagedCount * 1.2; count += 1) {
    const round = Math.floor(count / damages.length);
    recipes.push({
      damage: damages[count % damages.length] as Damage,
      codec: CODECS[(count + round) % CODECS.length] as CodecName,
      kind: pickKind(),
    });
  }
  for (let count = 0; count < GOOD_OBJECTS; count += 1) {
    recipes.push({ codec: CODECS[count % CODECS.length] as CodecName, kind: pickKind() });
  }
  return recipes;
}

/** One sound file for each recipe, and one of another kind in the same codec to mix it with. */
async function writeOriginals(
  scratch: string,
  recipes: readonly Recipe[],
  seed: number,
): Promise<(index: number) => Promise<{ readonly bytes: Buffer; readonly other: Buffer }>> {
  await mkdir(scratch, { recursive: true });
  const files = recipes.flatMap(({ kind, codec }, index) => [
    { name: `${index}.avro`, kind, codec },
    { name: `${index}-other.avro`, kind: kind === 'open' ? 'everything' : 'open', codec },
  ]);
  await runPython('write_originals.py', { folder: scratch, seed, schemas: SCHEMAS, files });
  return async (index) => ({
    bytes: await readFile(path.join(scratch, `${index}.avro`)),
    other: await readFile(path.join(scratch, `${index}-other.avro`)),
  });
}

async function makeContent(
  { codec, kind, damage }: Recipe,
  originals: Awaited<ReturnType<typeof writeOriginals>>,
  index: number,
  random: () => number,
): Promise<Content | undefined> {
  const { bytes, other } = await originals(index);
  if (damage === undefined) {
    return { name: `${codec}: good`, bytes, kind, isGood: true, isFatal: false };
  }
  const damaged = await damage.apply({ bytes, codec, other }, random);
  // Chance may write what was there before.
  if (damaged === undefined || damaged.bytes.equals(bytes)) return undefined;
  return { ...damaged, name: `${codec}: ${damage.name}`, kind, isGood: false };
}

async function placeAll(
  bucket: string,
  contents: readonly Content[],
  random: () => number,
): Promise<readonly PlacedObject[]> {
  const placed: PlacedObject[] = [];
  for (const [index, { bytes, kind, ...facts }] of contents.entries()) {
    const key =
      facts.bomb !== undefined || random() < UNKNOWN_KEYS
        ? `imports/${String(index).padStart(4, '0')}.avro`
        : formatKey(kind, index, random);
    const file = path.join(bucket, key);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
    placed.push({ ...facts, key, path: file });
  }
  return placed;
}

function formatKey(kind: Kind, index: number, random: () => number): string {
  return formatObjectKey({
    layout: random() < 0.5 ? 'version' : 'schema-id',
    prefix: 'currents/',
    cluster: 'prod-01',
    integrationId: '599f118a0d4c9d3c2e0b6f1a',
    eventType: EVENT_TYPES[kind],
    hour: new Date(Date.UTC(2026, 5, 1, Math.floor(random() * 48))),
    schemaVersion: '1',
    zone: 'prod-01',
    partition: '0',
    offset: String(index).padStart(10, '0'),
  });
}
