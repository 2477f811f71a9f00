/**
 * Random schemas and records for properties, in the form that the decoder returns.
 */
import fc from 'fast-check';
import { parseAvroSchema } from '../../src/avro/avro-schema.ts';
import { type AvroType, getNullableBranch } from '../../src/avro/avro-type.ts';

type Schema = string | readonly Schema[] | { readonly [attribute: string]: unknown };

export interface RandomData {
  readonly schemaJson: string;
  readonly type: AvroType;
  /** Records as arrays in field order. */
  readonly records: readonly unknown[][];
}

/** Names are unique only after `nameTypes`. Types refer to no others, so every one is defined where it stands. */
const shapes = fc.letrec<{ type: Schema; branch: Schema }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 8, arbitrary: fc.constantFrom('boolean', 'int', 'long', 'float', 'double') },
    { weight: 6, arbitrary: fc.constantFrom('string', 'bytes', 'null') },
    { weight: 2, arbitrary: tie('branch') },
    { weight: 3, arbitrary: nullables(tie('branch')) },
    {
      weight: 2,
      arbitrary: fc.uniqueArray(tie('branch'), { minLength: 1, maxLength: 4, selector: branchKey }),
    },
  ),
  branch: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 4, arbitrary: fc.constantFrom('int', 'long', 'string', 'bytes', 'boolean') },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('fixed'), size: fc.nat(9) }) },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: 1, max: 3 })
        .map((n) => ({ type: 'enum', symbols: ['A', 'B', 'C'].slice(0, n) })),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('array'), items: tie('type') }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('map'), values: tie('type') }) },
    { weight: 1, arbitrary: records(tie('type'), 3) },
  ),
}));

function nullables(inner: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> {
  return fc
    .tuple(inner, fc.boolean())
    .map(([type, isFirst]) => (isFirst ? ['null', type] : [type, 'null']));
}

function records(type: fc.Arbitrary<Schema>, maxLength: number): fc.Arbitrary<Schema> {
  return fc.array(type, { minLength: 0, maxLength }).map((types) => ({
    type: 'record',
    fields: types.map((fieldType, i) => ({ name: `field${i}`, type: fieldType })),
  }));
}

function branchKey(branch: Schema): unknown {
  if (typeof branch === 'string') return branch;
  const { type } = branch as { type: string };
  return ['fixed', 'enum', 'record'].includes(type) ? Symbol(type) : type;
}

/** Gives every fixed, enum and record a name of its own. */
function nameTypes(schema: unknown, counter: { count: number }): unknown {
  if (Array.isArray(schema)) return schema.map((branch) => nameTypes(branch, counter));
  if (typeof schema !== 'object' || schema === null) return schema;
  const named = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, nameTypes(value, counter)]),
  );
  if (!['fixed', 'enum', 'record'].includes(String(named.type))) return named;
  return { ...named, name: `Type${counter.count++}` };
}

export function randomData(maxRecords = 5): fc.Arbitrary<RandomData> {
  return records(shapes.type, 5).chain((shape) => {
    const schemaJson = JSON.stringify(nameTypes(shape, { count: 0 }));
    const { type } = parseAvroSchema(schemaJson);
    return fc
      .array(valuesOf(type), { maxLength: maxRecords })
      .map((values) => ({ schemaJson, type, records: values as unknown[][] }));
  });
}

/** Not for recursive types. */
function valuesOf(type: AvroType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 20 });
    case 'fixed':
      return fc
        .uint8Array({ minLength: type.size, maxLength: type.size })
        .map((bytes) => Buffer.from(bytes));
    case 'enum':
      return fc.constantFrom(...type.symbols);
    case 'array':
      return fc.array(valuesOf(type.items), { maxLength: 3 });
    case 'map':
      return fc.uniqueArray(
        fc.tuple(fc.string({ unit: 'binary', maxLength: 5 }), valuesOf(type.values)),
        { maxLength: 3, selector: ([key]) => key },
      );
    case 'record':
      return fc.tuple(...type.fields.map((field) => valuesOf(field.type)));
    case 'union': {
      const nullable = getNullableBranch(type);
      if (nullable !== undefined) {
        const values = valuesOf(nullable);
        return type.branches.length === 1 ? values : fc.oneof(fc.constant(null), values);
      }
      return fc
        .nat(type.branches.length - 1)
        .chain((branch) =>
          valuesOf(type.branches[branch] as AvroType).map((value) => ({ branch, value })),
        );
    }
  }
}
