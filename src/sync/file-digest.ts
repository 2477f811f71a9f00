/** What a file is, read once from its beginning to its end: size, and the sums that stores and auditors ask for. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { LocalFile } from '../discovery/object-store.ts';

export interface DigestedFile extends LocalFile {
  /** In hexadecimal. */
  readonly sha256: string;
}

const CHUNK_BYTES = 1024 * 1024;

/** @throws Node's error when the file cannot be read. */
export async function digestFile(path: string): Promise<DigestedFile> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    sha256.update(chunk as Buffer);
    md5.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { path, sizeBytes, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}
