import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { createColumnReader, verifyContainer } from '../../../src/avro/record-decoder.ts';
import { randomData } from '../../support/avro-arbitraries.ts';
import { containerOf, join, long, recordOf, text } from '../../support/avro-bytes.ts';
import { AVRO_CASES } from '../../support/avro-cases.ts';
import { readWithAvsc, writeWithAvsc } from '../../support/avro-oracle.ts';
import { catchError, ROOMY, readColumns, readRecords } from '../../support/avro-read.ts';

function asRecord(record: readonly unknown[]): Record<string, unknown> {
  return record as unknown as Record<string, unknown>;
}

describe('every Avro type', () => {
  it.each(AVRO_CASES)('$name comes out as it went in', async ({ type, values }) => {
    const schema = JSON.stringify(recordOf({ value: type }));
    const records = values.map((value) => ({ value }));
    const bytes = await writeContainer(schema, records, { recordsPerBlock: 2 });
    expect(await readRecords(bytes)).toEqual(values.map((value) => [value]));
  });

  it.each(AVRO_CASES)('$name is skipped where it is not wanted', async ({ type, values }) => {
    const schema = JSON.stringify(recordOf({ before: 'int', value: type, after: 'string' }));
    const records = values.map((value, i) => ({ before: i, value, after: `after ${i}` }));
    const bytes = await writeContainer(schema, records);
    const after = values.map((_, i) => `after ${i}`);
    expect(await readColumns(bytes, [2, 0])).toEqual([after, values.map((_, i) => i)]);
    expect(await readColumns(bytes, [1, 2])).toEqual([values, after]);
  });
});

describe('against avsc’s own containers', () => {
  // Whatever avsc writes, we read the same values.
  it('reads what avsc writes', async () => {
    await fc.assert(
      fc.asyncProperty(randomData(), async ({ schemaJson, type, records }) => {
        const bytes = await writeWithAvsc(schemaJson, type, records, 'deflate');
        expect(await readRecords(bytes)).toEqual(records);
      }),
      { numRuns: 60 },
    );
  });

  // Whatever we write, avsc reads the same values.
  it('writes what avsc reads', async () => {
    await fc.assert(
      fc.asyncProperty(randomData(), async ({ schemaJson, type, records }) => {
        const bytes = await writeContainer(schemaJson, records.map(asRecord));
        expect(sortMaps(await readWithAvsc(bytes, type))).toEqual(sortMaps(records));
      }),
      { numRuns: 60 },
    );
  });

  /** avsc's maps are objects, which put keys like "0" first. */
  function sortMaps(value: unknown): unknown {
    if (!Array.isArray(value)) {
      if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, sortMaps(v)]));
    }
    const isMap = value.every(
      (v) => Array.isArray(v) && v.length === 2 && typeof v[0] === 'string',
    );
    const sorted = isMap ? [...value].sort(([a], [b]) => (a < b ? -1 : 1)) : value;
    return sorted.map(sortMaps);
  }
});

describe('reading in pieces', () => {
  // The size of the pieces and the choice of fields never change a value.
  it('decodes alike whatever the limit and the chosen fields', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomData(12).filter(({ records }) => records.length > 0),
        fc.integer({ min: 1, max: 13 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.boolean()),
        async ({ schemaJson, records }, limit, recordsPerBlock, picks) => {
          const bytes = await writeContainer(schemaJson, records.map(asRecord), {
            recordsPerBlock,
          });
          const fieldCount = (records[0] as unknown[]).length;
          const chosen = Array.from({ length: fieldCount }, (_, i) => i).filter(
            () => picks.next().value === true,
          );
          const columns = chosen.map((i) => records.map((record) => record[i]));
          expect(await readColumns(bytes, chosen, limit)).toEqual(columns);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([1, 2047, 2048, 2049, 4096, 4097])('hands out all of %i records', async (count) => {
    const records = Array.from({ length: count }, (_, i) => ({ a: i % 3 === 0 ? null : `v${i}` }));
    const schema = JSON.stringify(recordOf({ a: ['null', 'string'] }));
    const expected = records.map(({ a }) => a);
    for (const recordsPerBlock of [1000, 2048, 5000]) {
      const bytes = await writeContainer(schema, records, { recordsPerBlock });
      expect(await readColumns(bytes, [0])).toEqual([expected]);
    }
  });

  it('writes at the offset and returns 0 after the end, again and again', async () => {
    const schema = JSON.stringify(recordOf({ a: 'int' }));
    const bytes = await writeContainer(schema, [{ a: 1 }, { a: 2 }]);
    const reader = createColumnReader(await openContainer(bytes, ROOMY), [0]);
    const columns: unknown[][] = [['x', 'y', 'z', 'w']];
    expect(reader.read(columns, 1, 10)).toBe(2);
    expect(columns).toEqual([['x', 1, 2, 'w']]);
    expect([reader.read(columns, 0, 10), reader.read(columns, 0, 10)]).toEqual([0, 0]);
  });

  it('counts records when no field is wanted', async () => {
    const bytes = containerOf(recordOf({ a: 'int' }), 3, [2, 4, 6]);
    const reader = createColumnReader(await openContainer(bytes, ROOMY), []);
    expect([reader.read([], 0, 2), reader.read([], 0, 2)]).toEqual([2, 1]);
  });

  it('reads two fields of a recursive record whose root refers to itself', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'R',
      fields: [
        { name: 'id', type: 'string' },
        { name: 'either', type: ['int', 'string'] },
        { name: 'parent', type: ['null', 'R'] },
      ],
    });
    const either = { branch: 1, value: 'x' };
    const bytes = await writeContainer(schema, [
      { id: 'a', either, parent: { id: 'b', either, parent: null } },
    ]);
    expect(await readColumns(bytes, [2, 1])).toEqual([[['b', either, null]], [either]]);
  });

  it('gives a schema of the same structure its own names', async () => {
    for (const symbols of [['A'], ['B']]) {
      const schema = JSON.stringify(recordOf({ e: { type: 'enum', name: 'E', symbols } }));
      const bytes = await writeContainer(schema, [{ e: symbols[0] }]);
      expect(await readRecords(bytes)).toEqual([symbols]);
    }
  });
});

describe('names', () => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'a"b',
    "a'; drop table x; --",
    'with space',
    'ünïcode 日本',
    'class',
    'f0',
    '0',
    '\0',
    'n'.repeat(300),
  ];

  it('may be anything, for fields, types and symbols', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'drop table "x"',
      fields: names.map((name, i) => ({
        name,
        type: [
          'null',
          { type: 'record', name: `${name}.${name}${i}`, fields: [{ name, type: 'int' }] },
          { type: 'enum', name: `E${name}`, symbols: names },
        ],
      })),
    });
    const record = names.map((name, i) =>
      i % 2 === 0 ? { branch: 1, value: [i] } : { branch: 2, value: name },
    );
    const bytes = await writeContainer(schema, [asRecord(record)]);
    expect(await readRecords(bytes)).toEqual([record]);
  });
});

describe('bytes that do not fit the schema', () => {
  const list = { type: 'array', items: 'null' };
  const node = {
    type: 'record',
    name: 'R',
    fields: [{ name: 'next', type: ['null', 'R'] }],
  };

  it.each([
    ['a boolean of 2', { v: 'boolean' }, [2], 'a boolean is 2'],
    ['an int of 33 bits', { v: 'int' }, long(2 ** 31), 'more than 32 bits'],
    ['an int of 6 bytes', { v: 'int' }, [128, 128, 128, 128, 128, 0], 'more than 32 bits'],
    ['a long of 65 bits', { v: 'long' }, [...Array(9).fill(255), 2], 'more than 64 bits'],
    ['a long of 11 bytes', { v: 'long' }, [...Array(10).fill(128), 0], 'more than 64 bits'],
    ['a float cut short', { v: ['null', 'float'] }, [2, 0, 0, 0], 'ends inside a value of 4 bytes'],
    [
      'a double cut short',
      { v: ['null', 'double'] },
      [2, ...Array(7).fill(0)],
      'ends inside a value of 8 bytes',
    ],
    [
      'a fixed cut short',
      { v: ['null', { type: 'fixed', name: 'F', size: 4 }] },
      [2, 0],
      'value of 4 bytes',
    ],
    ['bytes of negative length', { v: 'bytes' }, long(-1), 'a length is -1'],
    ['bytes beyond the block', { v: 'bytes' }, join(long(3), [1, 2]), 'ends inside'],
    ['a string beyond the block', { v: 'string' }, long(2n ** 62n), 'ends inside'],
    ['a string that is not UTF-8', { v: 'string' }, text(Buffer.from([0xc3])), 'is not UTF-8'],
    ['a lone surrogate', { v: 'string' }, text(Buffer.from([0xed, 0xa0, 0x80])), 'is not UTF-8'],
    [
      'a long string that is not UTF-8',
      { v: 'string' },
      text(Buffer.concat([Buffer.alloc(500, 'a'), Buffer.from([0xff])])),
      'is not UTF-8',
    ],
    ['a symbol too high', { v: { type: 'enum', name: 'E', symbols: ['A'] } }, [2], 'symbol 1'],
    ['a negative symbol', { v: { type: 'enum', name: 'E', symbols: ['A'] } }, [1], 'symbol -1'],
    ['a branch too high', { v: ['null', 'int'] }, [4], 'union branch 2'],
    ['a negative branch', { v: ['null', 'int'] }, [1], 'union branch -1'],
    ['more items than bytes', { v: { type: 'array', items: 'int' } }, long(1e9), 'items announced'],
    ['more entries than bytes', { v: { type: 'map', values: 'null' } }, long(1e9), 'announced'],
    ['a trillion nulls', { v: list }, join(long(1e12), [0]), 'too many values without bytes'],
    ['a few bytes with nine million nulls', { v: list }, join(long(9e6), [0]), 'too many values'],
    ['the least long as a count', { v: list }, join(long(-(2n ** 63n)), [0, 0]), 'too many values'],
    [
      'a flood in many small blocks',
      { v: list },
      join(...Array.from({ length: 20 }, () => long(600_000)), [0]),
      'too many values without bytes',
    ],
    ['an array of wrong length', { v: list }, join(long(-1), long(1), [0, 0]), 'items end at byte'],
    ['an array of negative length', { v: list }, join(long(-1), long(-5), [0]), 'a length is -5'],
    ['a key that is not UTF-8', { v: { type: 'map', values: 'null' } }, [2, 2, 255, 0], 'UTF-8'],
    ['a length cut short', { v: 'string' }, [128], 'ends inside a number'],
    ['left over bytes', { v: 'null' }, [0], '1 bytes are left over'],
  ])('%s is refused', async (_, fields, bytes, message) => {
    const container = await openContainer(containerOf(recordOf(fields), 1, bytes), ROOMY);
    const error = await catchError(async () => verifyContainer(container));
    expect(error.code).toBe('RECORD_INVALID');
    expect(error.context).toMatchObject({ block: 0, record: 0 });
    expect(error.message).toContain(message);
    const reading = await catchError(async () =>
      createColumnReader(container, [0]).read([[]], 0, 1),
    );
    expect(reading.message).toBe(error.message);
  });

  it('names block, record and field', async () => {
    const schema = JSON.stringify(recordOf({ fine: 'int', broken: 'boolean' }));
    const records = Array.from({ length: 7 }, () => ({ fine: 1, broken: true }));
    const bytes = await writeContainer(schema, records, { recordsPerBlock: 3 });
    // The last record's boolean stands before the last sync marker.
    bytes[bytes.length - 17] = 9;
    const container = await openContainer(bytes, ROOMY);
    const error = await catchError(async () => verifyContainer(container));
    expect(error.context).toEqual({ block: 2, record: 6, field: 'broken' });
    expect(error.message).toBe(
      'cannot decode record 6 in block 2, field "broken": at byte 2 of the block a boolean is 9 (expected 0 or 1)',
    );
  });

  it('finds damage in fields that are not read', async () => {
    const bytes = containerOf(recordOf({ wanted: 'int', other: 'string' }), 1, [2, 2, 255]);
    const reader = createColumnReader(await openContainer(bytes, ROOMY), [0]);
    expect((await catchError(async () => reader.read([[]], 0, 1))).context.field).toBe('other');
  });

  it('nests a thousand levels deep and no deeper', async () => {
    const nested = (levels: number) => containerOf(node, 1, Array(levels).fill(2), [0]);
    const [deep] = await readRecords(nested(1_000));
    let levels = 0;
    for (let at: unknown = deep; at !== null; at = (at as unknown[])[0]) levels++;
    expect(levels).toBe(1_001);
    const error = await catchError(() => readRecords(nested(1_001)));
    expect(error.message).toContain('nested too deeply');
    expect((await catchError(() => readRecords(nested(1_000_000)))).code).toBe('RECORD_INVALID');
  });

  it('ends with a record that holds itself and so never ends', async () => {
    const schema = { type: 'record', name: 'R', fields: [{ name: 'self', type: 'R' }] };
    const error = await catchError(() => readRecords(containerOf(schema, 1, [])));
    expect(error.message).toContain('nested too deeply');
  });

  // Any byte of any block replaced: a value, or an error of ours; quickly and without anything else.
  it('survives the change of any byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomData(3),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async ({ schemaJson, records }, at, flip) => {
          const bytes = await writeContainer(schemaJson, records.map(asRecord));
          const schemaEnd = bytes.indexOf('avro.codec') - 1;
          const position = schemaEnd + (at % (bytes.length - schemaEnd));
          bytes[position] = (bytes[position] as number) ^ flip;
          const outcome = await readRecords(bytes).catch(async (error: unknown) =>
            catchError(() => Promise.reject(error)),
          );
          expect(outcome).toBeDefined();
        },
      ),
      { numRuns: 200 },
    );
  });
});
