/**
 * Memory of downloaded objects: taken, given back, and used for the next one.
 *
 * Left alone, it is freed by the next full collection of garbage. Decoding makes hardly any garbage, so that
 * comes late; and new buffers of this size make V8 collect all garbage there is, again and again, and the
 * system clear their pages. A few large ones that go round cost none of it.
 *
 * Who gives a buffer back must not look at it again: it will have other bytes.
 */

const { port1: bin, port2: reader } = new MessageChannel();
reader.close();

const MIB = 2 ** 20;

/** Smaller ones are not worth keeping. */
const LEAST_KEPT_BYTES = 4 * MIB;
const MOST_KEPT_BYTES = 64 * MIB;

let kept: ArrayBuffer[] = [];

/**
 * A buffer with anything in it.
 *
 * @throws RangeError when there is no memory for it
 */
export function takeBuffer(sizeBytes: number): Buffer {
  if (sizeBytes < LEAST_KEPT_BYTES) return Buffer.allocUnsafeSlow(sizeBytes);
  const at = kept.findIndex(({ byteLength }) => byteLength >= sizeBytes);
  const [memory] = at < 0 ? [] : kept.splice(at, 1);
  if (memory !== undefined) return Buffer.from(memory, 0, sizeBytes);
  // They are too small for this one, so probably for those that follow.
  dropKeptBuffers();
  // Room that nothing is written to takes no memory.
  const roomBytes = 2 ** Math.ceil(Math.log2(sizeBytes));
  return Buffer.allocUnsafeSlow(roomBytes).subarray(0, sizeBytes);
}

/**
 * Takes back the memory behind these buffers, and all other views of it. What is not kept for others is freed
 * at once. Buffers from Node's pool for small ones are left alone.
 */
export function giveBack(buffers: Iterable<Buffer>): void {
  const memory = new Set<ArrayBuffer>();
  for (const { buffer } of buffers) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) memory.add(buffer);
  }
  let keptBytes = kept.reduce((sum, { byteLength }) => sum + byteLength, 0);
  for (const one of memory) {
    if (one.byteLength < LEAST_KEPT_BYTES || keptBytes + one.byteLength > MOST_KEPT_BYTES) continue;
    kept.push(one);
    keptBytes += one.byteLength;
    memory.delete(one);
  }
  free(memory);
}

/** Frees what is kept. */
export function dropKeptBuffers(): void {
  free(kept);
  kept = [];
}

/**
 * By giving it away, to a port that nobody reads: JavaScript has no plainer word for it before `transfer()` of
 * Node.js 22. Whoever still looks at one of them finds it empty.
 */
function free(memory: Iterable<ArrayBuffer>): void {
  bin.postMessage(undefined, [...memory]);
}
