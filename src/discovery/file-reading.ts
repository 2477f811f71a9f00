/** A file that is read from its first byte to its last, and must stay as it is meanwhile. */

import type { BigIntStats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export class FileReading {
  /** Of the version that is read. */
  readonly stats: BigIntStats;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  #position = 0;

  private constructor(handle: FileHandle, stats: BigIntStats) {
    this.#handle = handle;
    this.stats = stats;
    this.sizeBytes = Number(stats.size);
  }

  static async open(path: string): Promise<FileReading> {
    const handle = await open(path, 'r');
    try {
      return new FileReading(handle, await handle.stat({ bigint: true }));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Fills `into` with the next bytes.
   *
   * @param into at most as many as are left
   * @returns false when the file has changed
   */
  async fill(into: Buffer): Promise<boolean> {
    let filled = 0;
    while (filled < into.length) {
      const left = into.length - filled;
      const { bytesRead } = await this.#handle.read(into, filled, left, this.#position);
      if (bytesRead === 0) return false;
      filled += bytesRead;
      this.#position += bytesRead;
    }
    if (this.#position < this.sizeBytes) return true;
    const { size, mtimeNs } = await this.#handle.stat({ bigint: true });
    return size === this.stats.size && mtimeNs === this.stats.mtimeNs;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
