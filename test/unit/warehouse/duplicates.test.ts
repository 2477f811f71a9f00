/** `findDuplicates` alone: what it finds, compared with an oracle, and what it reads to find it. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VARCHAR } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Database, quoteLiteral } from '../../../src/warehouse/database.ts';
import { findDuplicates } from '../../../src/warehouse/duplicates.ts';
import type { EventTable } from '../../../src/warehouse/event-tables.ts';
import { FIRST_SECOND } from '../../support/event-builders.ts';

interface Key {
  readonly id: number | null;
  readonly time: number | null;
}

interface BatchRow extends Key {
  readonly objectId: number;
  readonly row: number;
}

/** Of DuckDB's profile of a statement. */
interface Operator {
  readonly extra_info?: { readonly Table?: string; readonly 'Dynamic Filters'?: string };
  readonly operator_cardinality?: number;
  readonly children?: readonly Operator[];
}

/** SQL of a value; the same number gives the same value, another number another. */
type Literal = (value: number) => string;

/** Texts that a careless comparison takes for one another. */
const TEXTS = ['a', 'A', 'a ', '', 'é', 'e\u0301', 'x'.repeat(40), `${'x'.repeat(39)}y`];
const text: Literal = (value) => quoteLiteral(TEXTS[value] ?? String(value));
const timestamp: Literal = (value) => `make_timestamp(${value}000000)`;

const HOUR = 3600;
/** Punctual ones close together, late ones, wrong clocks, and the first instants around 1970. */
const TIMES = [
  ...[0, 1, 2, HOUR].map((seconds) => FIRST_SECOND + seconds),
  ...[1, 21, 22, 400].map((days) => FIRST_SECOND - days * 24 * HOUR),
  ...[FIRST_SECOND + 400 * 24 * HOUR, 4_294_967_295, -62_135_596_801, -1, 0, 1],
];

async function openDatabase(): Promise<Database> {
  const database = await Database.open({ path: ':memory:', threads: 2 });
  onTestFinished(() => database.close());
  await database.run('create schema events');
  return database;
}

function tableOf(...fields: string[]): EventTable {
  const columns = fields.map((field) => ({ name: `the ${field}`, field, type: VARCHAR }));
  return { eventType: 'test', name: 'keys', columns, hasRescued: false };
}

const formatValue = (value: number | null, literal: Literal) =>
  value === null ? 'null' : literal(value);

/** Fills the table and the batch; the batch is scanned in the order in which it is given. */
async function fill(
  database: Database,
  types: { readonly id: string; readonly time: string },
  literals: { readonly id: Literal; readonly time: Literal },
  known: readonly Key[],
  batch: readonly BatchRow[],
): Promise<void> {
  const format = ({ id, time }: Key) =>
    `${formatValue(id, literals.id)}, ${formatValue(time, literals.time)}`;
  await database.run(
    `create or replace table events.keys ("the id" ${types.id}, "the time" ${types.time});
     create or replace temp table batch
       ("the id" ${types.id}, "the time" ${types.time}, _object_id bigint, _row integer);`,
  );
  if (known.length > 0) {
    const rows = known.map((key) => `(${format(key)})`).join(', ');
    await database.run(`insert into events.keys values ${rows}`);
  }
  if (batch.length > 0) {
    const rows = batch.map((row) => `(${format(row)}, ${row.objectId}, ${row.row})`).join(', ');
    await database.run(`insert into batch values ${rows}`);
  }
}

function findByOracle(known: readonly Key[], batch: readonly BatchRow[]): string[] {
  const seen = new Set(known.map(({ id, time }) => `${id} ${time}`));
  const inOrder = batch.toSorted((a, b) => a.objectId - b.objectId || a.row - b.row);
  const duplicates: string[] = [];
  for (const { id, time, objectId, row } of inOrder) {
    if (id === null) continue;
    if (seen.has(`${id} ${time}`)) duplicates.push(`${objectId}/${row}`);
    seen.add(`${id} ${time}`);
  }
  return duplicates.toSorted();
}

/** As `object/row`. */
async function find(database: Database, table: EventTable): Promise<string[]> {
  const duplicates = await findDuplicates(database, table, 'batch');
  return [...duplicates]
    .flatMap(([objectId, rows]) => [...rows].map((row) => `${objectId}/${row}`))
    .toSorted();
}

const orNull = (value: fc.Arbitrary<number>) => fc.option(value, { freq: 6 });
const keys = fc.array(
  fc.record({ id: orNull(fc.nat(TEXTS.length - 1)), time: orNull(fc.constantFrom(...TIMES)) }),
  { maxLength: 40, size: 'max' },
);
interface Delivery {
  readonly known: readonly Key[];
  readonly delivered: readonly Key[];
  /** Which of them all are delivered again. */
  readonly again: readonly number[];
  readonly rowsPerObject: number;
  readonly isReversed: boolean;
}

const deliveries: fc.Arbitrary<Delivery> = fc.record({
  known: keys,
  delivered: keys,
  again: fc.array(fc.nat(79), { maxLength: 40, size: 'max' }),
  rowsPerObject: fc.integer({ min: 1, max: 20 }),
  isReversed: fc.boolean(),
});

function buildBatch(delivery: Delivery): BatchRow[] {
  const { known, delivered, again, rowsPerObject, isReversed } = delivery;
  const all = [...known, ...delivered];
  const rows = [...delivered, ...again.flatMap((at) => all[at] ?? [])].map((key, at) => ({
    ...key,
    objectId: 1 + Math.floor(at / rowsPerObject),
    row: at % rowsPerObject,
  }));
  return isReversed ? rows.toReversed() : rows;
}

describe('for any batch and any table, the rows found are those of the oracle', () => {
  const idTypes: readonly (readonly [string, Literal])[] = [
    ['varchar', text],
    ['bigint', String],
    ['varchar[]', (value) => `[${text(value)}, null]`],
  ];
  const timeTypes: readonly (readonly [string, Literal])[] = [
    ['timestamp', timestamp],
    ['bigint', String],
    ['double', (value) => (value === 0 ? "'nan'::double" : `${value}::double`)],
    ['varchar', (value) => quoteLiteral(String(value))],
    ['struct(s bigint, n bigint)', (value) => `{'s': ${value}, 'n': null}`],
  ];
  const cases = [
    ...timeTypes.map((time) => [idTypes[0], time] as const),
    ...idTypes.slice(1).map((id) => [id, timeTypes[0]] as const),
  ] as readonly (readonly [readonly [string, Literal], readonly [string, Literal]])[];

  it.each(
    cases.map(([id, time]) => ({ idType: id[0], timeType: time[0], id: id[1], time: time[1] })),
  )(
    'with ids of type $idType and times of type $timeType',
    async ({ idType, timeType, id, time }) => {
      const database = await openDatabase();
      await fc.assert(
        fc.asyncProperty(deliveries, async (delivery) => {
          const batch = buildBatch(delivery);
          await fill(database, { id: idType, time: timeType }, { id, time }, delivery.known, batch);
          expect(await find(database, tableOf('id', 'time'))).toEqual(
            findByOracle(delivery.known, batch),
          );
        }),
        { numRuns: 25, seed: 2026 },
      );
    },
  );

  it('without times, by id alone', async () => {
    const database = await openDatabase();
    await fc.assert(
      fc.asyncProperty(deliveries, async (delivery) => {
        const batch = buildBatch(delivery);
        const types = { id: 'varchar', time: 'bigint' };
        await fill(database, types, { id: text, time: String }, delivery.known, batch);
        const timeless = <Row extends Key>(rows: readonly Row[]) =>
          rows.map((row) => ({ ...row, time: null }));
        expect(await find(database, tableOf('id'))).toEqual(
          findByOracle(timeless(delivery.known), timeless(batch)),
        );
      }),
      { numRuns: 25, seed: 2026 },
    );
  });

  it('without ids, none', async () => {
    const database = await openDatabase();
    const same = { id: 1, time: FIRST_SECOND };
    const batch = [1, 2].map((row) => ({ ...same, objectId: 1, row }));
    await fill(
      database,
      { id: 'varchar', time: 'timestamp' },
      { id: text, time: timestamp },
      [same],
      batch,
    );
    expect(await find(database, tableOf('time'))).toEqual([]);
  });
});

describe('a row of this very transaction', () => {
  it('counts once it is inserted, and no longer once it is deleted', async () => {
    const database = await openDatabase();
    const [old, recent] = [1, 2].map((id) => ({ id, time: FIRST_SECOND })) as [Key, Key];
    const batch = [old, recent].map((key, row) => ({ ...key, objectId: 1, row }));
    await fill(
      database,
      { id: 'varchar', time: 'timestamp' },
      { id: text, time: timestamp },
      [old],
      batch,
    );
    await database.withTransaction(async () => {
      await database.run(`delete from events.keys where "the id" = ${text(1)}`);
      expect(await find(database, tableOf('id', 'time'))).toEqual([]);
      await database.run(`insert into events.keys values (${text(2)}, ${timestamp(FIRST_SECOND)})`);
      expect(await find(database, tableOf('id', 'time'))).toEqual(['1/1']);
    });
  });
});

describe('in a table of several row groups', () => {
  const ROWS = 500_000;
  /** One event a second, ids and times alike; each thousandth came three weeks late. */
  const HISTORY = `
    create table events.keys as select ('event-' || i) as "the id",
      make_timestamp((${FIRST_SECOND} + i - if(i % 1000 = 7, ${21 * 24 * HOUR}, 0)) * 1000000)
        as "the time"
    from range(${ROWS}) r(i)`;

  /** The known events of these numbers, and new ones with the same times, as rows 0, 1, 2 … */
  async function deliver(database: Database, numbers: string): Promise<void> {
    await database.run(
      `create temp table batch as
       with again as (select * from events.keys semi join (${numbers}) n(i) on "the id" = 'event-' || n.i)
       select *, 1::bigint as _object_id, (row_number() over () - 1)::integer as _row
       from (select * from again union all select "the id" || '-new', "the time" from again)`,
    );
  }

  it('punctual and late events are found', async () => {
    const database = await openDatabase();
    await database.run(HISTORY);
    // The last thousand, and older ones from every row group, among them some that came late then.
    await deliver(
      database,
      `select i from range(${ROWS - 1000}, ${ROWS}) r(i)
       union all select i * 4099 % ${ROWS - 1000} from range(500) r(i)
       union all select i * 1000 + 7 from range(400) r(i)`,
    );
    const known = await database.row<{ rows: string[] }>(
      `select list('1/' || _row order by '1/' || _row) as rows from batch where "the id" not like '%new'`,
    );
    expect(known.rows.length).toBeGreaterThan(1800);
    expect(await find(database, tableOf('id', 'time'))).toEqual(known.rows);
  });

  /** What the scan of the table with a time hands on, and what it checks to decide that. */
  async function profile(database: Database) {
    const folder = await mkdtemp(join(tmpdir(), 'currents-profile-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    const path = join(folder, 'profile.json');
    await database.run(
      `set enable_profiling = 'json'; set profiling_output = ${quoteLiteral(path)};`,
    );
    await findDuplicates(database, tableOf('id', 'time'), 'batch');
    await database.run('reset enable_profiling');
    const scans: Operator[] = [];
    function visit(operator: Operator): void {
      if (operator.extra_info?.Table?.endsWith('events.keys')) scans.push(operator);
      operator.children?.forEach(visit);
    }
    visit(JSON.parse(await readFile(path, 'utf8')) as Operator);
    return {
      rowCount: scans.reduce((sum, scan) => sum + (scan.operator_cardinality ?? 0), 0),
      filters: scans.map((scan) => scan.extra_info?.['Dynamic Filters'] ?? '').join(' '),
    };
  }

  it('ids are read for rows that have a time of the batch, and for hardly any other', async () => {
    const database = await openDatabase();
    await database.run(HISTORY);
    await deliver(
      database,
      `select i from range(${ROWS - 1000}, ${ROWS}) r(i)
       union all select i * 4099 % ${ROWS - 1000} from range(100) r(i)`,
    );
    const { rowCount, filters } = await profile(database);
    expect(rowCount).toBeGreaterThanOrEqual(1100);
    // A Bloom filter lets a few others through; without it, all of them come.
    expect(rowCount).toBeLessThan(ROWS / 10);
    expect(filters).toContain('the time');
    expect(filters).not.toContain('the id');
  });
});
