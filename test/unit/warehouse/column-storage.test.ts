/** The values around every limit, as the exact way has them: what fits, what does not, and where it ends. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import {
  MAX_DAYS,
  MAX_MICROS,
  MAX_NANOS,
  MIN_MICROS,
  MIN_NANOS,
} from '../../../src/warehouse/column-types.ts';
import { ROOMY } from '../../support/avro-read.ts';
import { BothWays } from '../../support/both-ways.ts';
import { planFor } from '../../support/exact-scan.ts';

let both: BothWays;

beforeAll(async () => {
  both = await BothWays.open();
});

afterAll(() => both.database.close());

const INT = [-(2n ** 31n), 2n ** 31n - 1n] as const;
const LONG = [-(2n ** 63n), 2n ** 63n - 1n] as const;

/** Each limit and its neighbours, as far as the base type goes. */
function around(limits: readonly bigint[], [least, most]: readonly [bigint, bigint]): bigint[] {
  const values = [...limits, least, most, 0n, -(2n ** 32n), 2n ** 32n, 2n ** 53n, -(2n ** 53n)]
    .flatMap((limit) => [limit - 1n, limit, limit + 1n])
    .filter((value) => value >= least && value <= most);
  return [...new Set(values)];
}

/** Records of one field go both ways; how many values the column could not hold. */
async function countMisfits(name: string, type: unknown, values: readonly unknown[]) {
  const schema = JSON.stringify({ type: 'record', name: 'R', fields: [{ name, type }] });
  const file = await writeContainer(
    schema,
    values.map((value) => [value]),
    { recordsPerBlock: 7 },
  );
  const container = await openContainer(file, ROOMY);
  const counts = await both.assertEqual(planFor([container]), [{ objectId: 1, container }]);
  expect(counts.compiled + counts.exact).toBe(values.length);
  const { rescued } = await both.database.row<{ rescued: bigint }>(
    'select count(_rescued) as rescued from compiled',
  );
  return Number(rescued);
}

const DAY_MICROS = 86_400_000_000n;

describe('numbers', () => {
  it.each([
    ['int', 'date', [BigInt(-MAX_DAYS), BigInt(MAX_DAYS)]],
    ['int', 'time-millis', [0n, DAY_MICROS / 1000n - 1n]],
    ['long', 'time-micros', [0n, DAY_MICROS - 1n]],
    ['long', 'timestamp-millis', [MIN_MICROS / 1000n, MAX_MICROS / 1000n]],
    ['long', 'timestamp-micros', [MIN_MICROS, MAX_MICROS]],
    ['long', 'timestamp-nanos', [MIN_NANOS, MAX_NANOS]],
    ['long', 'local-timestamp-millis', [MIN_MICROS / 1000n, MAX_MICROS / 1000n]],
    ['long', 'local-timestamp-micros', [MIN_MICROS, MAX_MICROS]],
    ['long', 'local-timestamp-nanos', [MIN_NANOS, MAX_NANOS]],
    ['long', 'time', [MIN_MICROS / 1_000_000n, MAX_MICROS / 1_000_000n]],
  ] as const)('%s as %s end where they should', async (kind, logicalType, [min, max]) => {
    const values = around([min, max], kind === 'int' ? INT : LONG);
    const misfits = await countMisfits(
      logicalType,
      { type: kind, logicalType },
      values.map((value) => (kind === 'int' ? Number(value) : value)),
    );
    expect(misfits).toBe(values.filter((value) => value < min || value > max).length);
  });
});

describe('decimals', () => {
  it.each([1, 2, 4, 5, 9, 10, 18, 19, 28, 38])(
    'of %i digits keep each of them',
    async (precision) => {
      const limit = 10n ** BigInt(precision);
      const values = [0n, 1n, -1n, limit - 1n, 1n - limit, limit / 2n, -limit / 2n, limit, -limit];
      const encode = (value: bigint) =>
        Buffer.from(BigInt.asUintN(136, value).toString(16).padStart(34, '0'), 'hex');
      const decimal = { logicalType: 'decimal', precision, scale: Math.floor(precision / 2) };
      for (const type of [{ type: 'bytes' }, { type: 'fixed', name: 'F', size: 17 }]) {
        const misfits = await countMisfits('d', { ...type, ...decimal }, values.map(encode));
        expect(misfits).toBe(2);
      }
    },
  );

  it('may be of no bytes or of more than their digits need', async () => {
    const values = ['', '00', 'ff', '80', '0080', 'ff7f', '00'.repeat(40), 'ff'.repeat(40)];
    const type = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 1 };
    expect(
      await countMisfits(
        'd',
        type,
        values.map((hex) => Buffer.from(hex, 'hex')),
      ),
    ).toBe(0);
  });
});

describe('other logical types', () => {
  it('store a UUID from its text and from its bytes', async () => {
    const texts = [
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '7FFFFFFF-ffff-ffff-8000-000000000001',
      '0123456789abcdef0123456789abcdef',
    ];
    const misfits = ['', '{0123456789abcdef0123456789abcdef}', '0'.repeat(31), 'é'.repeat(18)];
    const text = { type: 'string', logicalType: 'uuid' };
    expect(await countMisfits('u', text, [...texts, ...misfits])).toBe(misfits.length);
    const bytes = { type: 'fixed', name: 'F', size: 16, logicalType: 'uuid' };
    const values = texts.map((one) => Buffer.from(one.replaceAll('-', ''), 'hex'));
    expect(await countMisfits('u', bytes, values)).toBe(0);
  });

  it('store durations whose months and days have 31 bits', async () => {
    const duration = (months: number, days: number, millis: number) => {
      const bytes = Buffer.alloc(12);
      bytes.writeUInt32LE(months, 0);
      bytes.writeUInt32LE(days, 4);
      bytes.writeUInt32LE(millis, 8);
      return bytes;
    };
    const most = 2 ** 31 - 1;
    const values = [
      duration(0, 0, 0),
      duration(most, most, 2 ** 32 - 1),
      duration(most + 1, 0, 0),
      duration(0, most + 1, 0),
    ];
    const type = { type: 'fixed', name: 'F', size: 12, logicalType: 'duration' };
    expect(await countMisfits('d', type, values)).toBe(2);
  });

  it('keep longs out of a DOUBLE column that it cannot hold', async () => {
    const open = async (type: string, values: readonly unknown[]) => {
      const fields = [{ name: 'n', type }];
      const schema = JSON.stringify({ type: 'record', name: 'R', fields });
      return openContainer(
        await writeContainer(
          schema,
          values.map((value) => [value]),
        ),
        ROOMY,
      );
    };
    const longs = around([], LONG);
    const containers = [await open('double', [0.5]), await open('long', longs)];
    const objects = containers.map((container, objectId) => ({ objectId, container }));
    await both.assertEqual(planFor(containers), objects);
    const { rescued } = await both.database.row<{ rescued: bigint }>(
      'select count(_rescued) as rescued from compiled',
    );
    const inexact = longs.filter((value) => BigInt(Number(value)) !== value);
    expect(inexact.length).toBeGreaterThan(3);
    expect(Number(rescued)).toBe(inexact.length);
  });
});
