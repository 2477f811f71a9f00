/**
 * avsc's own container streams, as a second opinion on what we write and read.
 *
 * avsc sees the sender's schema as it stands here, while our decoder shows it an equivalent one; values
 * go back and forth between its form and ours. Only for names that avsc accepts.
 */
import { once } from 'node:events';
import avro from 'avsc';
import { type AvroType, getNullableBranch } from '../../src/avro/avro-type.ts';

const BIGINT_LONG = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a > b) - Number(a < b),
});

/** Every union wrapped, so that no value is ambiguous. */
function parseType(schema: unknown): avro.Type {
  return avro.Type.forSchema(schema as avro.Type, {
    wrapUnions: 'always',
    registry: { long: BIGINT_LONG },
  });
}

export async function writeWithAvsc(
  schemaJson: string,
  type: AvroType,
  records: readonly unknown[],
  codec: 'null' | 'deflate' = 'null',
): Promise<Buffer> {
  const encoder = new avro.streams.BlockEncoder(parseType(JSON.parse(schemaJson)), {
    codec,
    blockSize: 64,
    writeHeader: 'always',
  });
  const parts: Buffer[] = [];
  encoder.on('data', (part: Buffer) => parts.push(part));
  for (const record of records) encoder.write(toAvsc(type, record));
  encoder.end();
  await once(encoder, 'end');
  return Buffer.concat(parts);
}

/** Records in our form. */
export async function readWithAvsc(bytes: Buffer, type: AvroType): Promise<unknown[]> {
  const decoder = new avro.streams.BlockDecoder({ parseHook: parseType });
  const records: unknown[] = [];
  decoder.on('data', (record: unknown) => records.push(fromAvsc(type, record)));
  decoder.end(bytes);
  await once(decoder, 'end');
  return records;
}

/** How avsc names a branch inside a wrapped union. */
function branchName(type: AvroType): string {
  return 'name' in type ? type.name : type.kind;
}

function toAvsc(type: AvroType, value: unknown): unknown {
  switch (type.kind) {
    case 'array':
      return (value as unknown[]).map((item) => toAvsc(type.items, item));
    case 'map': {
      // With plain assignment the key "__proto__" would vanish.
      const entries = value as [string, unknown][];
      return Object.fromEntries(entries.map(([key, inner]) => [key, toAvsc(type.values, inner)]));
    }
    case 'record':
      return Object.fromEntries(
        type.fields.map((field, i) => [field.name, toAvsc(field.type, (value as unknown[])[i])]),
      );
    case 'union': {
      const nullable = getNullableBranch(type);
      if (nullable !== undefined) {
        return value === null ? null : { [branchName(nullable)]: toAvsc(nullable, value) };
      }
      const { branch, value: inner } = value as { branch: number; value: unknown };
      const branchType = type.branches[branch] as AvroType;
      if (branchType.kind === 'null') return null;
      return { [branchName(branchType)]: toAvsc(branchType, inner) };
    }
    default:
      return value;
  }
}

function fromAvsc(type: AvroType, value: unknown): unknown {
  const named = value as { [name: string]: unknown };
  switch (type.kind) {
    case 'array':
      return (value as unknown[]).map((item) => fromAvsc(type.items, item));
    case 'map':
      return Object.entries(named).map(([key, inner]) => [key, fromAvsc(type.values, inner)]);
    case 'record':
      return type.fields.map((field) => fromAvsc(field.type, named[field.name]));
    case 'union': {
      const index =
        value === null
          ? type.branches.findIndex((branch) => branch.kind === 'null')
          : type.branches.findIndex((branch) => Object.hasOwn(named, branchName(branch)));
      const branch = type.branches[index] as AvroType;
      const inner = value === null ? null : fromAvsc(branch, named[branchName(branch)]);
      return getNullableBranch(type) === undefined ? { branch: index, value: inner } : inner;
    }
    default:
      return value;
  }
}
