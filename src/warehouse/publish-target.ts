/**
 * Where a copy is to go → nothing, or a refusal: a publication may replace an earlier copy only.
 *
 * Files are compared by what they are, not by how they are spelled: one file has many paths through
 * links. The database's write-ahead log counts as the database. Nothing is changed here.
 */
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { CurrentsError } from '../errors.ts';

/** https://duckdb.org/docs/stable/internals/storage: a checksum of 8 bytes, then these 4. */
const DUCKDB_MAGIC = { position: 8, bytes: Buffer.from('DUCK') };

/**
 * @param target an absolute path; neither it nor its folder need exist
 * @throws CurrentsError USAGE (the database itself, a folder, or a file that is not DuckDB's); the
 *   system's own errors when the target may not be looked at
 */
export async function refuseTarget(target: string, database: string): Promise<void> {
  const collides =
    (await isSameFile(target, database)) ||
    // Either would be taken for the other's log: DuckDB looks for one beside every file.
    (await isSameFile(target, `${database}.wal`)) ||
    (await isSameFile(`${target}.wal`, database));
  if (collides) {
    throw usageError(target, 'it is the database itself (expected another path)');
  }
  const found = await describeForeign(target);
  if (found !== undefined) {
    throw usageError(
      target,
      `${found} is there (expected an earlier copy, a DuckDB file, or nothing)`,
    );
  }
}

function usageError(target: string, found: string): CurrentsError {
  return new CurrentsError({
    code: 'USAGE',
    message: `cannot publish to ${target}: ${found}`,
    hint: 'currents publish analysts/currents.duckdb',
    context: { path: target },
  });
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = [await statIfThere(one), await statIfThere(other)];
  if (a !== undefined && b !== undefined) return a.dev === b.dev && a.ino === b.ino;
  return (await resolveFolder(one)) === (await resolveFolder(other));
}

async function statIfThere(file: string) {
  return orIfMissing(stat(file, { bigint: true }), undefined);
}

/** The path with the links in its folder followed; a folder that is missing has none. */
async function resolveFolder(file: string): Promise<string> {
  const folder = path.dirname(path.resolve(file));
  return path.join(await orIfMissing(realpath(folder), folder), path.basename(file));
}

async function orIfMissing<Found, Other>(looking: Promise<Found>, other: Other) {
  try {
    return await looking;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A folder on the way may be a file: making the folder fails later, in clear words.
    if (code === 'ENOENT' || code === 'ENOTDIR') return other;
    throw error;
  }
}

/** What is there and must not be replaced; nothing if the way is free. */
async function describeForeign(target: string): Promise<string | undefined> {
  const stats = await statIfThere(target);
  if (stats === undefined) return undefined;
  if (stats.isDirectory()) return 'a folder';
  if (!stats.isFile()) return 'something that is no file';
  const handle = await open(target, 'r');
  try {
    return (await hasDuckdbMagic(handle)) ? undefined : "a file that is not DuckDB's";
  } finally {
    await handle.close();
  }
}

async function hasDuckdbMagic(handle: FileHandle): Promise<boolean> {
  const { position, bytes } = DUCKDB_MAGIC;
  const { buffer, bytesRead } = await handle.read(
    Buffer.alloc(bytes.length),
    0,
    bytes.length,
    position,
  );
  return bytesRead === bytes.length && buffer.equals(bytes);
}
