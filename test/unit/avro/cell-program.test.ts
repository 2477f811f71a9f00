import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import { CellLayout } from '../../../src/avro/cell-layout.ts';
import { compileProgram } from '../../../src/avro/cell-program.ts';

function isCovered(fields: Readonly<Record<string, unknown>>): boolean {
  const named = Object.entries(fields).map(([name, type]) => ({ name, type }));
  const { type } = parseAvroSchema(JSON.stringify({ type: 'record', name: 'R', fields: named }));
  const uses = type.fields.map(() => 'check' as const);
  return compileProgram(type, uses, new CellLayout([])) !== undefined;
}

const EMPTY = { type: 'fixed', name: 'Empty', size: 0 };
const list = (items: unknown) => ({ type: 'array', items });

/** Seven fields besides the first one. */
function sevenMore(type: (index: number) => unknown) {
  return Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`f${index}`, type(index)]));
}

describe('compileProgram', () => {
  it.each<readonly [string, unknown]>([
    ['a map', { type: 'map', values: 'int' }],
    ['a record', { type: 'record', name: 'Inner', fields: [] }],
    ['a union of two types', ['int', 'string']],
    ['a union of three', ['null', 'int', 'string']],
    ['a union of null alone', ['null']],
    ['an array of arrays', list(list('int'))],
    ['an array of nullable arrays', list(['null', list('int')])],
    ['an array of nulls', list('null')],
    ['an array of items without bytes', list(EMPTY)],
  ])('leaves %s to avsc', (_, type) => {
    expect(isCovered({ a: 'int', b: type })).toBe(false);
  });

  it('leaves records to avsc that have more values than bytes, by far', () => {
    const named = (index: number) => ({ ...EMPTY, name: `Empty${index}` });
    expect(isCovered({ a: 'int', ...sevenMore(() => 'null') })).toBe(true);
    expect(isCovered({ a: 'int', b: 'null', ...sevenMore(() => 'null') })).toBe(false);
    expect(isCovered({ a: 'int', ...sevenMore(named) })).toBe(true);
    expect(isCovered({ a: 'int', b: 'null', ...sevenMore(named) })).toBe(false);
  });
});
