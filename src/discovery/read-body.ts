/**
 * The body of a response, piece by piece or as one buffer of exactly the announced length. Anything less, more
 * or broken off is OBJECT_INCOMPLETE, never an end. A body that goes on is cut off at its first excess byte.
 */

import type { Readable } from 'node:stream';
import { CurrentsError } from '../errors.ts';
import { takeBuffer } from '../recycled-buffers.ts';
import type { StallWatch } from './stall-watch.ts';

export interface AnnouncedBody {
  readonly stream: Readable;
  readonly sizeBytes: number;
  /** For messages: `s3://bucket/key`. */
  readonly url: string;
}

/** Reads a body from its first byte to its last. */
export class BodyReader {
  readonly #body: AnnouncedBody;
  readonly #chunks: AsyncIterator<Buffer>;
  /** What has arrived and was not asked for yet. */
  #rest: Buffer = Buffer.alloc(0);
  #left: number;

  constructor(body: AnnouncedBody) {
    this.#body = body;
    this.#left = body.sizeBytes;
    this.#chunks = (body.stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /**
   * Fills `into` with the next bytes. When the last one is among them, the body has ended there.
   *
   * @param into at most as many as are left
   * @param watch ends the reading, however the SDK has wrapped the stream
   * @throws CurrentsError OBJECT_INCOMPLETE (transient)
   */
  async fill(into: Buffer, watch: StallWatch): Promise<void> {
    const { stream } = this.#body;
    const onAbort = () => void stream.destroy(new Error('the request was ended'));
    if (watch.signal.aborted) onAbort();
    watch.signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#fill(into, watch);
    } finally {
      watch.signal.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    this.#body.stream.destroy();
  }

  async #fill(into: Buffer, watch: StallWatch): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      if (this.#rest.length === 0 && !(await this.#readNext(watch))) {
        const came = this.#body.sizeBytes - this.#left;
        throw this.#incomplete(`only ${came} bytes came`);
      }
      const copied = this.#rest.copy(into, filled);
      this.#rest = this.#rest.subarray(copied);
      this.#left -= copied;
      filled += copied;
    }
    if (this.#left > 0) return;
    if (this.#rest.length > 0 || (await this.#readNext(watch))) {
      throw this.#incomplete('more bytes came');
    }
  }

  /** @returns false at the end */
  async #readNext(watch: StallWatch): Promise<boolean> {
    try {
      do {
        const next = await this.#chunks.next();
        if (next.done === true) return false;
        watch.touch();
        this.#rest = next.value;
      } while (this.#rest.length === 0);
      return true;
    } catch (error) {
      const came = this.#body.sizeBytes - this.#left;
      throw this.#incomplete(describeBreak(error, came), error);
    }
  }

  #incomplete(found: string, cause?: unknown): CurrentsError {
    const { url, sizeBytes } = this.#body;
    this.close();
    return new CurrentsError({
      code: 'OBJECT_INCOMPLETE',
      transient: true,
      message: `cannot read ${url}: ${found} (${sizeBytes} were announced)`,
      cause,
    });
  }
}

/**
 * Memory for all of a body, and no more.
 *
 * @throws CurrentsError OBJECT_TOO_LARGE
 */
export function allocateBody({ sizeBytes, url }: Omit<AnnouncedBody, 'stream'>): Buffer {
  try {
    return takeBuffer(sizeBytes);
  } catch (cause) {
    throw new CurrentsError({
      code: 'OBJECT_TOO_LARGE',
      message: `cannot read ${url}: no memory for ${sizeBytes} bytes (an object that fits into memory)`,
      cause,
    });
  }
}

function describeBreak(error: unknown, filled: number): string {
  if (error instanceof Error && error.message.startsWith('Checksum mismatch')) {
    return 'the bytes do not fit the checksum of the object';
  }
  const code = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : '';
  return `the connection broke after ${filled} bytes${code}`;
}
