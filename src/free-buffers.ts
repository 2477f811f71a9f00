/**
 * Memory of buffers that are of no more use → the system, at once.
 *
 * Left alone, it is freed by the next full collection of garbage. Decoding makes hardly any garbage, so
 * that comes late: the objects of a batch stayed while the next batch was loaded. Buffers are given away
 * instead, to a port that nobody reads. JavaScript has no plainer word for it before `transfer()` of
 * Node.js 22.
 */

const { port1: bin, port2: reader } = new MessageChannel();
reader.close();

/**
 * Frees the memory behind these buffers, and of all other views of it. Whoever looks at one of them
 * afterwards finds it empty: never freed memory, and never other bytes. Buffers from Node's pool for small
 * ones are left alone.
 */
export function freeBuffers(buffers: Iterable<Buffer>): void {
  const memory = new Set<ArrayBuffer>();
  for (const { buffer } of buffers) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) memory.add(buffer);
  }
  bin.postMessage(undefined, [...memory]);
}
