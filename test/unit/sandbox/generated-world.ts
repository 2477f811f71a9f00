/**
 * Generates into memory and reads back what was written, with our own container reader.
 */

import { openContainer } from '../../../src/avro/container-reader.ts';
import { createColumnReader } from '../../../src/avro/record-decoder.ts';
import { parseObjectKey } from '../../../src/discovery/object-key.ts';
import { type GeneratedSummary, generateBucket } from '../../../src/sandbox/generate-bucket.ts';
import type { GenerateOptions } from '../../../src/sandbox/generate-options.ts';

/** Keys to bytes, in the order of writing. */
export type StoredObjects = ReadonlyMap<string, Buffer>;

export interface StoredRecord {
  readonly key: string;
  readonly type: string;
  /** Hour in the key. */
  readonly hour: Date;
  /** Seconds. */
  readonly time: number;
  readonly values: Readonly<Record<string, unknown>>;
}

const SMALL_WORLD: Partial<GenerateOptions> = { events: 1_000, users: 200, hours: 24 };

const LIMITS = { maxBlockBytes: 2 ** 26, maxUncompressedBytes: 2 ** 28 };

export async function generateInMemory(
  options: Partial<GenerateOptions>,
): Promise<{ readonly objects: StoredObjects; readonly summary: GeneratedSummary }> {
  const objects = new Map<string, Buffer>();
  const put = async (key: string, bytes: Uint8Array) => void objects.set(key, Buffer.from(bytes));
  const summary = await generateBucket({ put }, { ...SMALL_WORLD, ...options });
  return { objects, summary };
}

export async function listRecords(objects: StoredObjects): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const [key, bytes] of objects) {
    const parts = parseObjectKey(key);
    if (parts === undefined) throw new Error(`not a key of Currents: ${key}`);
    const { eventType: type, hour } = parts;
    for (const values of await readObject(bytes)) {
      records.push({ key, type, hour, time: Number(values.time), values });
    }
  }
  return records;
}

async function readObject(bytes: Buffer): Promise<readonly Record<string, unknown>[]> {
  const container = await openContainer(bytes, LIMITS);
  const names = container.schema.type.fields.map((field) => field.name);
  const columns: unknown[][] = names.map(() => []);
  const reader = createColumnReader(
    container,
    names.map((_, index) => index),
  );
  let count = 0;
  for (let read = 1; read > 0; count += read) read = reader.read(columns, count, 2_048);
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(names.map((name, index) => [name, columns[index]?.[row]])),
  );
}
