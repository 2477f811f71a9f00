/**
 * Containers built by hand, byte by byte: what the writer would never write.
 *
 * Every part can be replaced by something wrong; what is not given is right.
 */
import { ByteSink } from '../../src/avro/byte-sink.ts';

export const SYNC_MARKER = Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f0', 'hex');

export interface RawBlock {
  readonly count: number | bigint;
  readonly bytes: Uint8Array;
  /** Instead of the length of `bytes`. */
  readonly announcedBytes?: number | bigint;
  readonly syncMarker?: Buffer;
}

export interface RawContainer {
  readonly schema: unknown;
  readonly codec?: string;
  readonly blocks?: readonly RawBlock[];
  /** Instead of schema and codec. */
  readonly metadata?: Buffer;
}

export function formatContainer(container: RawContainer): Buffer {
  const { schema, codec = 'null', blocks = [] } = container;
  const metadata =
    container.metadata ??
    join(
      long(2),
      text('avro.schema'),
      text(formatSchema(schema)),
      text('avro.codec'),
      text(codec),
      [0],
    );
  return join(Buffer.from('Obj\x01', 'latin1'), metadata, SYNC_MARKER, ...blocks.map(formatBlock));
}

export function formatBlock(block: RawBlock): Buffer {
  return join(
    long(block.count),
    long(block.announcedBytes ?? block.bytes.length),
    block.bytes,
    block.syncMarker ?? SYNC_MARKER,
  );
}

/** A container of one block whose bytes are given. */
export function containerOf(schema: unknown, count: number | bigint, ...bytes: Part[]): Buffer {
  return formatContainer({ schema, blocks: [{ count, bytes: join(...bytes) }] });
}

export function formatSchema(schema: unknown): string {
  return typeof schema === 'string' ? schema : JSON.stringify(schema);
}

/** The schema of a record `R` with these fields. */
export function recordOf(fields: { readonly [name: string]: unknown }): unknown {
  return {
    type: 'record',
    name: 'R',
    fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
  };
}

export type Part = Uint8Array | readonly number[];

export function join(...parts: Part[]): Buffer {
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

/** A zigzag varint. */
export function long(value: number | bigint): Buffer {
  return drain((sink) => sink.writeLong(value));
}

/** A string, or the bytes of one. */
export function text(value: string | Uint8Array): Buffer {
  if (typeof value === 'string') return drain((sink) => sink.writeText(value));
  return join(long(value.length), value);
}

function drain(write: (sink: ByteSink) => void): Buffer {
  const sink = new ByteSink();
  write(sink);
  return sink.drain();
}
