import { open } from 'node:fs/promises';

/**
 * Resolves when what was written is on the disk. First the file, then its folder: a name is only as lasting as
 * what it names.
 */
export async function flushFile(fileOrFolder: string): Promise<void> {
  const handle = await open(fileOrFolder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
