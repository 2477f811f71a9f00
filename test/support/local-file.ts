/** A file to upload, in a folder that goes with the test. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { LocalFile } from '../../src/discovery/object-store.ts';

export function aLocalFile(content: string | Uint8Array): LocalFile {
  const folder = mkdtempSync(path.join(tmpdir(), 'currents-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'file');
  writeFileSync(file, content);
  const md5 = createHash('md5').update(content).digest('hex');
  return { path: file, sizeBytes: Buffer.byteLength(content), md5 };
}
