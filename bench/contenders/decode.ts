/**
 * Decoding alone: all fields of all objects into cells, as the load does it, with every check. Vectors of
 * 2,048 rows are put together and thrown away. Reading, opening and inflating the objects does not count.
 *
 * Texts are cells that point at a copy of the block's bytes. In a load that copy is made in DuckDB's memory;
 * here it goes to one buffer that is used again for every vector, so the copying is counted and the native
 * call is not. Nobody follows the addresses, so they begin at zero.
 *
 * The first object is decoded once before the measuring begins: what is measured is a warm decoder.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Address } from '../../src/avro/cell-decoder.ts';
import type { Arena } from '../../src/avro/cell-reader.ts';
import type { Container } from '../../src/avro/container-reader.ts';
import { importBuilt } from '../built-package.ts';
import { Meter, readTask } from '../measure.ts';

const LIMITS = { maxBlockBytes: 2 ** 30, maxUncompressedBytes: 2 ** 31 };

const { openContainer } = (await importBuilt(
  'avro/container-reader',
)) as typeof import('../../src/avro/container-reader.ts');
const { CellDecoder } = (await importBuilt(
  'avro/cell-decoder',
)) as typeof import('../../src/avro/cell-decoder.ts');
const { CellLayout, VECTOR_SIZE } = (await importBuilt(
  'avro/cell-layout',
)) as typeof import('../../src/avro/cell-layout.ts');
const { compileProgram } = (await importBuilt(
  'avro/cell-program',
)) as typeof import('../../src/avro/cell-program.ts');
const { CellReader } = (await importBuilt(
  'avro/cell-reader',
)) as typeof import('../../src/avro/cell-reader.ts');
const { cellColumnOf, storageOf } = (await importBuilt(
  'warehouse/column-storage',
)) as typeof import('../../src/warehouse/column-storage.ts');
const { columnTypeOfField } = (await importBuilt(
  'warehouse/column-types',
)) as typeof import('../../src/warehouse/column-types.ts');

/** The bytes that the cells of one vector point at, in a buffer that grows to the largest of them. */
class ReusedArena implements Arena {
  #buffer = new Uint8Array(2 ** 20);
  #used = 0;

  clear(): void {
    this.#used = 0;
  }

  hold(bytes: Uint8Array): Address {
    const start = this.#used;
    this.#used += bytes.length;
    if (this.#used > this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, start);
    return { low: start, high: 0 };
  }
}

const decoder = new CellDecoder();
const arena = new ReusedArena();
const { input } = readTask();
const meter = new Meter();
const entries = await readdir(input, { recursive: true });
const keys = entries.filter((entry) => entry.endsWith('.avro')).sort();
let events = 0;
for (const [index, key] of keys.entries()) {
  const container = await openContainer(await readFile(path.join(input, key)), LIMITS);
  if (index === 0) decode(container);
  events += await meter.run(() => decode(container));
}
meter.report(events);

/** @returns events decoded. @throws Error when one of them would have to go another way in a load */
function decode(container: Container): number {
  const { layout, reader } = prepare(container);
  let decoded = 0;
  while (reader.nextRecord !== undefined) {
    arena.clear();
    layout.resetValidity();
    reader.beginChunk();
    const { row } = reader.read(arena, 0, VECTOR_SIZE);
    if (row === 0) throw new Error(`event ${reader.nextRecord} does not fit its columns`);
    decoded += row;
  }
  return decoded;
}

/** A column for each field, of the type that it has in a new table. */
function prepare(container: Container) {
  const { type } = container.schema;
  const columns = type.fields.map((field) => {
    const columnType = columnTypeOfField(field);
    const cells = columnType && cellColumnOf(columnType);
    const storage = columnType && storageOf(field, columnType);
    if (!cells || !storage) throw new Error(`the field ${field.name} is not compiled`);
    return { cells, storage };
  });
  const layout = new CellLayout(columns.map(({ cells }) => cells));
  const uses = columns.map(({ storage }, column) => ({ column, storage }));
  const program = compileProgram(type, uses, layout);
  if (program === undefined) throw new Error(`${type.name} is not compiled`);
  // No record is left out, so nothing is ever skipped.
  const programs = { program, skipProgram: program };
  return { layout, reader: new CellReader(container, programs, decoder, []) };
}
