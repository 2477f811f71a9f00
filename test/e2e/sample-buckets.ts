/**
 * Braze's sample files, laid out as buckets: a folder of releases in, folders with Currents' keys out.
 *
 * The samples may be used here but not redistributed, so they are read from `../shared` beside the
 * repository, and only ever copied into the folder for temporary files.
 */

import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { formatObjectKey, type KeyLayout } from '../../src/discovery/object-key.ts';
import { shuffle } from '../support/seeded-random.ts';
import { REPOSITORY } from './currents-command.ts';

const SAMPLES = path.resolve(REPOSITORY, '../shared/currents/samples');

export interface Sample {
  readonly release: string;
  readonly eventType: string;
  readonly path: string;
}

/** An object in a bucket and the file that it was made from. */
export interface PlacedObject {
  readonly key: string;
  readonly path: string;
  readonly eventType: string;
}

/** Whether `../shared` is there; the checks that need it end with a note when it is not. */
export function hasSamples(): boolean {
  return existsSync(SAMPLES);
}

/** Every sample of every release. */
export async function listSamples(): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const release of (await readdir(SAMPLES)).sort()) {
    for (const file of await readdir(path.join(SAMPLES, release))) {
      const eventType = path.basename(file, '.avro');
      samples.push({ release, eventType, path: path.join(SAMPLES, release, file) });
    }
  }
  return samples;
}

/** The samples of a release are all of one person: with its delete request, nothing of them stays in the tables. */
export function withoutDeleteRequests(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ eventType }) => eventType !== 'users.UserDeleteRequest');
}

/**
 * Keys for samples in one layout or, with `both`, mixed. The hours and offsets come from chance, so the
 * order of the keys, in which objects are loaded, has nothing to do with the order of the releases.
 */
export function placeSamples(
  samples: readonly Sample[],
  layout: KeyLayout | 'both',
  random: () => number,
): readonly PlacedObject[] {
  return shuffle(samples, random).map(({ eventType, path: file }, index) => ({
    eventType,
    path: file,
    key: formatObjectKey({
      layout: layout === 'both' ? (random() < 0.5 ? 'version' : 'schema-id') : layout,
      prefix: random() < 0.5 ? 'currents/' : 'acme/app one/currents/',
      cluster: random() < 0.5 ? 'prod-01' : undefined,
      integrationId: '599f118a0d4c9d3c2e0b6f1a',
      eventType,
      hour: new Date(Date.UTC(2026, 0, 1, Math.floor(random() * 1000))),
      schemaVersion: String(1 + Math.floor(random() * 900)),
      zone: 'prod-01',
      partition: String(Math.floor(random() * 8)),
      offset: String(index).padStart(10, '0'),
    }),
  }));
}

/** Copies the files to their keys below a folder. */
export async function copyToFolder(objects: readonly PlacedObject[], folder: string) {
  for (const { key, path: file } of objects) {
    const target = path.join(folder, key);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(file, target);
  }
}
