/**
 * Containers read whole: what most tests want to know about a file.
 */
import { type ContainerLimits, openContainer } from '../../src/avro/container-reader.ts';
import { createColumnReader, verifyContainer } from '../../src/avro/record-decoder.ts';
import { CurrentsError } from '../../src/errors.ts';

export const ROOMY: ContainerLimits = { maxBlockBytes: 2 ** 24, maxUncompressedBytes: 2 ** 26 };

/** All records as arrays in field order, after everything has been verified. */
export async function readRecords(bytes: Buffer, limit = 2048): Promise<unknown[][]> {
  const container = await openContainer(bytes, ROOMY);
  verifyContainer(container);
  const indexes = container.schema.type.fields.map((_, i) => i);
  return toRows(await readColumns(bytes, indexes, limit), container.recordCount);
}

/** The values of chosen fields, one array for each, read in steps of at most `limit` records. */
export async function readColumns(
  bytes: Buffer,
  fieldIndexes: readonly number[],
  limit = 2048,
): Promise<unknown[][]> {
  const container = await openContainer(bytes, ROOMY);
  const reader = createColumnReader(container, fieldIndexes);
  const columns: unknown[][] = fieldIndexes.map(() => []);
  let offset = 0;
  for (let count = -1; count !== 0; offset += count) count = reader.read(columns, offset, limit);
  if (offset !== container.recordCount) throw new Error(`read ${offset} records`);
  return columns;
}

function toRows(columns: readonly unknown[][], count: number): unknown[][] {
  return Array.from({ length: count }, (_, n) => columns.map((column) => column[n]));
}

/** The CurrentsError that an action ends with; anything else fails the test. */
export async function catchError(action: () => Promise<unknown>): Promise<CurrentsError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof CurrentsError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}
