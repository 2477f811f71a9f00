/**
 * Hypotheses: the compiled decoder refuses exactly the blocks that block-checker.ts refuses, and no cell
 * points at a byte that it was not lent.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import { CellDecoder, OUTCOME } from '../../../src/avro/cell-decoder.ts';
import { CellReader } from '../../../src/avro/cell-reader.ts';
import { createColumnReader } from '../../../src/avro/record-decoder.ts';
import { long, text } from '../../support/avro-bytes.ts';
import { coveredFields, formatCovered, writeRecords } from '../../support/covered-data.ts';
import {
  containerOfBlocks,
  isRefused,
  isSound,
  LentMemory,
  planCells,
  readTexts,
} from '../../support/lent-memory.ts';
import { createRandom } from '../../support/seeded-random.ts';

const SMALL = { misfits: true, maxTextBytes: 40 };

/** Addresses at which 32 bits are about to end, or have their highest bit set, or none. */
const ADDRESSES = [0n, 2n ** 31n - 7n, 2n ** 32n - 5n, 2n ** 47n - 2n ** 20n, 0x7f00_ffff_fff0n];

function fewRecords(maxFields: number, maxRecords: number) {
  return fc
    .tuple(coveredFields(maxFields), fc.nat(maxRecords - 1), fc.integer())
    .map(([fields, count, seed]) => {
      const schema = parseAvroSchema(formatCovered(fields));
      const random = createRandom(seed);
      return {
        schema,
        count: count + 1,
        bytes: writeRecords(schema.type, count + 1, random, SMALL),
      };
    });
}

describe('the compiled decoder', () => {
  it.each([
    ['one changed bit', [1, 2, 4, 8, 16, 32, 64, 128], 30],
    ['one changed byte', Array.from({ length: 255 }, (_, index) => index + 1), 3],
  ])('refuses a block with %s exactly when the block checker does', (_, masks, numRuns) => {
    fc.assert(
      fc.property(fewRecords(4, 2), ({ schema, count, bytes }) => {
        const plan = planCells(schema);
        const changed = Buffer.from(bytes);
        const verdicts: string[] = [];
        for (let at = 0; at < bytes.length; at++) {
          for (const mask of masks) {
            changed[at] = (bytes[at] as number) ^ mask;
            const container = containerOfBlocks(schema, [{ count, bytes: changed }]);
            if (isRefused(plan, container) === isSound(container)) verdicts.push(`${at}^${mask}`);
          }
          changed[at] = bytes[at] as number;
        }
        expect(verdicts).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('refuses a block that was cut short or goes on, exactly when the block checker does', () => {
    fc.assert(
      fc.property(fewRecords(8, 4), fc.nat(255), ({ schema, count, bytes }, extra) => {
        const plan = planCells(schema);
        const verdicts: number[] = [];
        const longer = Buffer.concat([bytes, Buffer.from([extra])]);
        for (let length = 0; length <= longer.length; length++) {
          const part = longer.subarray(0, length);
          const container = containerOfBlocks(schema, [{ count, bytes: part }]);
          if (isRefused(plan, container) === isSound(container)) verdicts.push(length);
        }
        expect(verdicts).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses random bytes exactly when the block checker does', () => {
    const garbage = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 0x80, 0x81, 0xff)), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(coveredFields(3), fc.nat(3), garbage, (fields, count, bytes) => {
        const schema = parseAvroSchema(formatCovered(fields));
        const container = containerOfBlocks(schema, [{ count, bytes: Buffer.from(bytes) }]);
        expect(isRefused(planCells(schema), container)).toBe(!isSound(container));
      }),
      { numRuns: 3_000 },
    );
  });

  it('points at lent bytes only, and at the right ones, wherever they lie', () => {
    const blocks = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        coveredFields(),
        blocks,
        fc.integer(),
        fc.constantFrom(...ADDRESSES),
        fc.integer({ min: 1, max: 100 }),
        (fields, counts, seed, address, limit) => {
          const schema = parseAvroSchema(formatCovered(fields));
          const random = createRandom(seed);
          const options = { misfits: false, maxTextBytes: 9_000 };
          const container = containerOfBlocks(
            schema,
            counts.map((count) => ({
              count,
              bytes: writeRecords(schema.type, count, random, options),
            })),
          );
          const plan = planCells(schema);
          const reader = new CellReader(container, plan.programs, new CellDecoder(), []);
          const oracle = createColumnReader(container, plan.textFields);
          const memory = new LentMemory(address);
          for (;;) {
            memory.clear();
            reader.beginChunk();
            plan.layout.resetValidity();
            const { outcome, row } = reader.read(memory, 0, limit);
            expect(outcome).toBe(OUTCOME.done);
            if (row === 0) break;
            const expected: unknown[][] = plan.textFields.map(() => []);
            oracle.read(expected, 0, row);
            expect(readTexts(plan, memory, row)).toEqual(expected);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never points beyond the end that it was given', () => {
    fc.assert(
      fc.property(fewRecords(6, 3), ({ schema, count, bytes }) => {
        const plan = planCells(schema);
        const { program } = plan.programs;
        const decoder = new CellDecoder();
        for (let end = 0; end <= bytes.length; end++) {
          const memory = new LentMemory(2n ** 32n - BigInt(end));
          const symbols = memory.hold(program.symbolBytes);
          const address = memory.hold(bytes.subarray(0, end));
          plan.layout.resetValidity();
          decoder.pos = 0;
          decoder.row = 0;
          const window = { start: 0, end, bytes: bytes.subarray(0, end), address };
          const outcome = decoder.decode(program, window, count, symbols);
          if (outcome === OUTCOME.misfit) continue;
          expect(outcome).toBe(end === bytes.length ? OUTCOME.done : OUTCOME.outOfBytes);
          expect(decoder.pos).toBeLessThanOrEqual(end);
          readTexts(plan, memory, decoder.row);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('points at lent bytes only when the block is damaged', () => {
    fc.assert(
      fc.property(
        fewRecords(6, 4),
        fc.infiniteStream(fc.nat()),
        ({ schema, count, bytes }, chance) => {
          const plan = planCells(schema);
          const { program } = plan.programs;
          const decoder = new CellDecoder();
          for (let change = 0; change < 50; change++) {
            const changed = Buffer.from(bytes);
            const at = chance.next().value % Math.max(1, bytes.length);
            if (bytes.length > 0) changed[at] = chance.next().value & 0xff;
            const memory = new LentMemory(2n ** 31n - 3n);
            const symbols = memory.hold(program.symbolBytes);
            const address = memory.hold(changed);
            plan.layout.resetValidity();
            decoder.pos = 0;
            decoder.row = 0;
            const window = { start: 0, end: changed.length, bytes: changed, address };
            decoder.decode(program, window, count, symbols);
            expect(() => readTexts(plan, memory, decoder.row)).not.toThrow();
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  describe('short texts, which have a way of their own unless the window ends soon', () => {
    const TEXT_FIELDS = [
      { name: 'a', type: 'string' },
      { name: 'b', type: ['null', 'string'] },
      { name: 'c', type: ['string', 'null'] },
      { name: 'd', type: ['string'] },
      { name: 'number', type: ['null', 'long'] },
      { name: 'e', type: ['null', 'string'] },
    ];
    const schema = parseAvroSchema(
      JSON.stringify({
        type: 'record',
        name: 'Texts',
        fields: [...TEXT_FIELDS, { name: 'behind', type: 'bytes' }],
      }),
    );
    /** Around those of a short cell, of sixteen bytes at a time, and of a length of one byte. */
    const LENGTHS = [0, 1, 3, 4, 11, 12, 13, 15, 16, 17, 31, 32, 33, 47, 48, 49, 62, 63, 64, 65];
    const letters = (length: number) => 'abcdefghijklmnopqrstuvwxyz'.repeat(3).slice(0, length);

    function formatRecord(a: string, b: string | undefined, c: string | undefined, left: number) {
      return Buffer.concat([
        text(a),
        ...(b === undefined ? [long(0)] : [long(1), text(b)]),
        ...(c === undefined ? [long(1)] : [long(0), text(c)]),
        ...[long(0), text(a)],
        ...[long(1), long(-(2 ** 40))],
        ...(b === undefined ? [long(0)] : [long(1), text(b)]),
        ...[long(left), Buffer.alloc(left, 0xff)],
      ]);
    }

    it('come out as they went in, whatever their length and their place before its end', () => {
      const plan = planCells(schema);
      const others = [undefined, '', letters(12), letters(13), letters(40), `${letters(20)}\u00e9`];
      for (const length of [...LENGTHS, 130]) {
        for (let left = 0; left < 80; left++) {
          const a = letters(length);
          const values = others.map((other, n) => [a, other, others[(n + left) % others.length]]);
          const records = values.map(([, b, c]) => formatRecord(a, b, c, left));
          const container = containerOfBlocks(schema, [
            { count: records.length, bytes: Buffer.concat(records) },
          ]);
          const memory = new LentMemory(2n ** 32n - 300n);
          const reader = new CellReader(container, plan.programs, new CellDecoder(), []);
          plan.layout.resetValidity();
          expect(reader.read(memory, 0, 100).row).toBe(records.length);
          const read = readTexts(plan, memory, records.length);
          const b = values.map((value) => value[1] ?? null);
          const c = values.map((value) => value[2] ?? null);
          const as = values.map(() => a);
          const behind = values.map(() => Buffer.alloc(left, 0xff));
          expect(read).toEqual([as, b, c, as, b, behind]);
        }
      }
    });

    it('are refused exactly when the block checker refuses them, with any byte changed', () => {
      const plan = planCells(schema);
      const odd = [0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80, 0x81, 0xa9, 0xc3, 0xff];
      const wrong: string[] = [];
      for (const length of LENGTHS) {
        const bytes = formatRecord(letters(length), letters(length), undefined, 70);
        const changed = Buffer.from(bytes);
        for (let at = 0; at < bytes.length - 70; at++) {
          for (const byte of odd) {
            changed[at] = byte;
            const container = containerOfBlocks(schema, [{ count: 1, bytes: changed }]);
            if (isRefused(plan, container) === isSound(container)) {
              wrong.push(`${length}: ${byte} at ${at}`);
            }
          }
          changed[at] = bytes[at] as number;
        }
      }
      expect(wrong).toEqual([]);
    });

    it.each([[['string', 'null']], [['null', 'string']], [['string']]])(
      'are null only where the union %j says so',
      (union) => {
        const schema = parseAvroSchema(
          JSON.stringify({
            type: 'record',
            name: 'One',
            fields: [
              { name: 'a', type: union },
              { name: 'behind', type: 'bytes' },
            ],
          }),
        );
        const plan = planCells(schema);
        const behind = text(Buffer.alloc(70));
        const wrong: number[] = [];
        for (let branch = 0; branch < 256; branch++) {
          for (const value of [Buffer.alloc(0), text('abc')]) {
            const bytes = Buffer.concat([Buffer.from([branch]), value, behind]);
            const container = containerOfBlocks(schema, [{ count: 1, bytes }]);
            if (isRefused(plan, container) === isSound(container)) wrong.push(branch);
          }
        }
        expect(wrong).toEqual([]);
      },
    );

    it('never reach beyond the end that was given', () => {
      const fields = [{ name: 'a', type: ['null', 'string'] }];
      const schema = parseAvroSchema(JSON.stringify({ type: 'record', name: 'One', fields }));
      const plan = planCells(schema);
      const decoder = new CellDecoder();
      for (let length = 0; length < 70; length++) {
        const bytes = Buffer.concat([long(1), text(letters(length))]);
        for (let end = 0; end <= bytes.length; end++) {
          const window = { start: 0, end, bytes, address: { low: 0, high: 0 } };
          decoder.pos = 0;
          decoder.row = 0;
          const outcome = decoder.decode(plan.programs.program, window, 1);
          expect(outcome).toBe(end === bytes.length ? OUTCOME.done : OUTCOME.outOfBytes);
        }
      }
    });
  });
});
