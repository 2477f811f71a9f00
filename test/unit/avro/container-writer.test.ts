import { describe, expect, it } from 'vitest';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { type CodecName, writeContainer } from '../../../src/avro/container-writer.ts';
import { recordOf } from '../../support/avro-bytes.ts';
import { catchError, ROOMY, readRecords } from '../../support/avro-read.ts';

const SCHEMA = JSON.stringify(recordOf({ id: 'string', note: ['null', 'string'] }));

function writeField(type: unknown, value: unknown): Promise<Buffer> {
  return writeContainer(JSON.stringify(recordOf({ v: type })), [{ v: value }]);
}

describe('writeContainer', () => {
  it('writes the bytes that the specification asks for', async () => {
    const syncMarker = Buffer.alloc(16, 0xee);
    const bytes = await writeContainer('{"type":"record","name":"R","fields":[]}', [{}, {}], {
      syncMarker,
    });
    const expected = [
      '4f626a01', // magic
      '04', // two entries
      '16',
      Buffer.from('avro.schema').toString('hex'),
      '50',
      Buffer.from('{"type":"record","name":"R","fields":[]}').toString('hex'),
      '14',
      Buffer.from('avro.codec').toString('hex'),
      '08',
      Buffer.from('null').toString('hex'),
      '00', // end of entries
      'ee'.repeat(16),
      '04', // two records
      '00', // in no bytes
      'ee'.repeat(16),
    ];
    expect(bytes.toString('hex')).toBe(expected.join(''));
  });

  it('writes the same bytes every time', async () => {
    const records = [{ id: 'a' }, { id: 'b', note: 'c' }];
    const [first, second] = await Promise.all([
      writeContainer(SCHEMA, records),
      writeContainer(SCHEMA, records),
    ]);
    expect(first.equals(second)).toBe(true);
  });

  it('writes null where a nullable field is absent, null or undefined', async () => {
    const bytes = await writeContainer(SCHEMA, [
      { id: 'a' },
      { id: 'b', note: null },
      { id: 'c', note: undefined },
    ]);
    expect(await readRecords(bytes)).toEqual([
      ['a', null],
      ['b', null],
      ['c', null],
    ]);
  });

  it('writes no block when there are no records', async () => {
    const bytes = await writeContainer(SCHEMA, []);
    expect((await openContainer(bytes, ROOMY)).blocks).toEqual([]);
  });

  it('fills blocks as asked', async () => {
    const records = Array.from({ length: 5 }, (_, i) => ({ id: String(i) }));
    const bytes = await writeContainer(SCHEMA, records, { recordsPerBlock: 2 });
    const { blocks } = await openContainer(bytes, ROOMY);
    expect(blocks.map((block) => block.recordCount)).toEqual([2, 2, 1]);
  });

  it.each(['null', 'deflate', 'snappy', 'zstandard', 'bzip2', 'xz'] as const)(
    'names codec %s in the header',
    async (codec: CodecName) => {
      const bytes = await writeContainer(SCHEMA, [{ id: 'a' }], { codec });
      expect((await openContainer(bytes, ROOMY)).codec).toBe(codec);
      expect(await readRecords(bytes)).toEqual([['a', null]]);
    },
  );

  it.each([
    ['a map as an object', { type: 'map', values: 'int' }, { a: 1 }, [['a', 1]]],
    [
      'a map as a Map',
      { type: 'map', values: 'int' },
      new Map([['__proto__', 1]]),
      [['__proto__', 1]],
    ],
    ['a long as a number', 'long', -(2 ** 53) + 1, BigInt(-(2 ** 53) + 1)],
    ['a long of 2^52 + 1', 'long', 2 ** 52 + 1, BigInt(2 ** 52 + 1)],
    ['bytes as a Uint8Array', 'bytes', new Uint8Array([1]), Buffer.from([1])],
    ['a record as an object', recordOf2(), { y: 2, x: 1 }, [1, 2]],
    ['a text of 63 letters', 'string', 'x'.repeat(63), 'x'.repeat(63)],
    ['a text of 63 letters, one not ASCII', 'string', `é${'x'.repeat(62)}`, `é${'x'.repeat(62)}`],
    ['a lone surrogate, replaced', 'string', '\ud800', '\ufffd'],
  ])('takes %s', async (_, type, value, expected) => {
    expect(await readRecords(await writeField(type, value))).toEqual([[expected]]);
  });

  function recordOf2(): unknown {
    const fields = [
      { name: 'x', type: 'int' },
      { name: 'y', type: 'int' },
    ];
    return { type: 'record', name: 'P', fields };
  }

  it('grows beyond its first buffer', async () => {
    const long = 'ü'.repeat(200_000);
    const records = [{ id: long, note: 'x'.repeat(70_000) }];
    expect(await readRecords(await writeContainer(SCHEMA, records))).toEqual([
      [long, 'x'.repeat(70_000)],
    ]);
  });

  it.each([
    ['null', 0, 'number', 'null'],
    ['boolean', 1, 'number', 'boolean'],
    ['int', 2 ** 31, 'number', 'int'],
    ['int', 1n, 'bigint', 'int'],
    ['long', 2 ** 53, 'number', 'long'],
    ['long', 2n ** 63n, 'bigint', 'long'],
    ['double', '1', 'string', 'double'],
    ['string', null, 'null', 'string'],
    ['string', undefined, 'undefined', 'string'],
    ['bytes', 'x', 'string', 'bytes'],
    [{ type: 'fixed', name: 'F', size: 2 }, Buffer.alloc(3), '3 bytes', 'fixed F[2]'],
    [{ type: 'enum', name: 'E', symbols: ['A'] }, 'B', 'string', 'enum E'],
    [{ type: 'array', items: 'int' }, {}, 'object', 'array<int>'],
    [{ type: 'map', values: 'int' }, 'x', 'string', 'map<int>'],
    [['string'], null, 'null', 'string'],
    [['int', 'string'], 'x', 'string', 'int | string'],
    [['int', 'string'], { branch: 2, value: 1 }, 'object', 'int | string'],
    [recordOf2(), 'x', 'string', 'record P'],
  ])(
    'refuses for %j what does not fit, without repeating it',
    async (type, value, found, expected) => {
      const error = await catchError(() => writeField(type, value));
      expect(error.code).toBe('RECORD_INVALID');
      expect(error.context).toEqual({ record: 0, field: 'v' });
      expect(error.message).toBe(
        `cannot encode record 0, field "v": ${found} (expected ${expected})`,
      );
    },
  );

  it('does not take what every object inherits for a value', async () => {
    const schema = JSON.stringify(recordOf({ toString: ['null', 'string'] }));
    expect(await readRecords(await writeContainer(schema, [{}]))).toEqual([[null]]);
  });
});
