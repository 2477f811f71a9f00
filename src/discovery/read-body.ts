/**
 * The body of a response as one buffer of exactly the announced length. Anything less, more or broken
 * off is OBJECT_INCOMPLETE, never an end. Takes the announced memory once and no more: a body that goes
 * on is cut off at its first excess byte.
 */

import { addAbortSignal, type Readable } from 'node:stream';
import { CurrentsError } from '../errors.ts';
import { takeBuffer } from '../recycled-buffers.ts';

export interface AnnouncedBody {
  readonly stream: Readable;
  readonly sizeBytes: number;
  /** For messages: `s3://bucket/key`. */
  readonly url: string;
  /** Ends the reading, however the SDK has wrapped the stream. */
  readonly signal: AbortSignal;
  /** Called with every piece that arrives. */
  onProgress(): void;
}

/** @throws CurrentsError OBJECT_INCOMPLETE (transient), OBJECT_TOO_LARGE. */
export async function readBody(body: AnnouncedBody): Promise<Buffer> {
  const bytes = allocate(body);
  let filled = 0;
  const stream = addAbortSignal(body.signal, body.stream);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      body.onProgress();
      if (filled + chunk.length > bytes.length) throw incomplete(body, 'more bytes came');
      filled += chunk.copy(bytes, filled);
    }
  } catch (error) {
    if (error instanceof CurrentsError) throw error;
    throw incomplete(body, describeBreak(error, filled), error);
  } finally {
    stream.destroy();
  }
  if (filled < bytes.length) throw incomplete(body, `only ${filled} bytes came`);
  return bytes;
}

function allocate({ sizeBytes, url }: AnnouncedBody): Buffer {
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

function incomplete(body: AnnouncedBody, found: string, cause?: unknown): CurrentsError {
  return new CurrentsError({
    code: 'OBJECT_INCOMPLETE',
    transient: true,
    message: `cannot read ${body.url}: ${found} (${body.sizeBytes} were announced)`,
    cause,
  });
}

function describeBreak(error: unknown, filled: number): string {
  if (error instanceof Error && error.message.startsWith('Checksum mismatch')) {
    return 'the bytes do not fit the checksum of the object';
  }
  const code = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : '';
  return `the connection broke after ${filled} bytes${code}`;
}
