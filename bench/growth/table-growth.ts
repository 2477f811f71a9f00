/**
 * What it costs to add the same events to tables of more and more rows: punctual ones, and with one in a
 * hundred weeks late. De-duplication should not notice how large the table is.
 *
 * All tables are made first; then, round by round, each is copied and ingested into, so that the sizes
 * take turns. Every ingest must have added just the new events.
 */
import { constants, copyFile, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Measurement } from '../measure.ts';
import { readRows } from '../read-database.ts';
import { runScript } from '../run-contender.ts';
import { type Spread, spread } from '../summary.ts';
import { fillHistory, GROWING_TABLE, HISTORY_DAYS, HISTORY_END } from './history-table.ts';
import { copyWithLateEvents, generateHour } from './new-events.ts';

export interface GrowthSetting {
  /** For everything that is made; it exists. */
  readonly folder: string;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called for each measurement whose result was right. */
  readonly onChecked: () => void;
}

interface AddCost {
  readonly seconds: Spread;
  readonly cpuSeconds: Spread;
  readonly peakBytes: Spread;
  /** How many times as much as punctual events cost with the table that is compared with. */
  readonly timeRatio: Spread;
  readonly cpuRatio: Spread;
}

export interface TableStep {
  readonly rows: number;
  readonly databaseBytes: number;
  readonly addedEvents: number;
  readonly punctual: AddCost;
  readonly late: AddCost;
}

/** Others are compared with the first table of so many rows, or with the smallest. */
const COMPARED_ROWS = 1_000_000;
/** What the rows of the history repeat. */
const PATTERN_EVENTS = 2_000;
const MODES = ['punctual', 'late'] as const;

type Mode = (typeof MODES)[number];
type Costs = Record<Mode, Measurement>;

interface Table {
  readonly rows: number;
  readonly database: string;
  readonly rounds: Costs[];
}

/** @param rowCounts from few to many; @throws Error when an ingest fails or adds other rows */
export async function measureTableGrowth(
  { folder, rounds, signal, say, onChecked }: GrowthSetting,
  rowCounts: readonly number[],
  addedEvents: number,
): Promise<readonly TableStep[]> {
  const buckets = { punctual: path.join(folder, 'punctual'), late: path.join(folder, 'late') };
  await Promise.all(Object.values(buckets).map((bucket) => mkdir(bucket)));
  const { distinct } = await generateHour(buckets.punctual, addedEvents, HISTORY_END, 2);
  await copyWithLateEvents(buckets.punctual, buckets.late);

  const tables: Table[] = [];
  for (const rows of rowCounts) {
    say(`table: filling ${rows.toLocaleString('en-US')} rows`);
    const database = path.join(folder, `${rows}.duckdb`);
    await makeTable(folder, database, rows, signal);
    tables.push({ rows, database, rounds: [] });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const { rows, database, rounds: measured } of tables) {
      const costs: Partial<Costs> = {};
      for (const mode of MODES) {
        const copy = path.join(folder, 'copy.duckdb');
        await copyFile(database, copy, constants.COPYFILE_FICLONE);
        const before = await countRows(copy);
        const task = { input: buckets[mode], database: copy, reference: '', storageVersion: '' };
        const cost = await runScript('ours.ts', task, signal);
        const added = (await countRows(copy)) - before;
        await rm(copy);
        if (added !== distinct)
          throw new Error(`${added} ${mode} rows added (expected ${distinct})`);
        onChecked();
        costs[mode] = cost;
        say(`table of ${rows}: round ${round}, ${mode} ${cost.seconds.toFixed(1)} s`);
      }
      measured.push(costs as Costs);
    }
  }
  return Promise.all(tables.map((table) => summarizeStep(table, findBase(tables), addedEvents)));
}

/** By an ingest of the pattern's events, two hours before the history begins, and SQL for the rest. */
async function makeTable(folder: string, database: string, rows: number, signal: AbortSignal) {
  const pattern = path.join(folder, 'pattern');
  await rm(pattern, { recursive: true, force: true });
  await mkdir(pattern);
  const hourStart = new Date(HISTORY_END.getTime() - HISTORY_DAYS * 86_400_000 - 7_200_000);
  await generateHour(pattern, PATTERN_EVENTS, hourStart, 1);
  const task = { input: pattern, database, reference: '', storageVersion: '' };
  await runScript('ours.ts', task, signal);
  await fillHistory(database, rows - PATTERN_EVENTS);
}

async function countRows(database: string): Promise<number> {
  const [row] = await readRows(database, `select count(*)::double from ${GROWING_TABLE}`);
  return Number(row?.[0]);
}

function findBase(tables: readonly Table[]): Table {
  return tables.find(({ rows }) => rows >= COMPARED_ROWS) ?? (tables[0] as Table);
}

async function summarizeStep(table: Table, base: Table, addedEvents: number): Promise<TableStep> {
  const costOf = (mode: Mode): AddCost => {
    const each = (of: (cost: Measurement) => number) =>
      spread(table.rounds.map((round) => of(round[mode])));
    const ratio = (of: (cost: Measurement) => number) =>
      spread(
        table.rounds.map(
          (round, index) => of(round[mode]) / of((base.rounds[index] as Costs).punctual),
        ),
      );
    return {
      seconds: each(({ seconds }) => seconds),
      cpuSeconds: each(({ cpuSeconds }) => cpuSeconds),
      peakBytes: each(({ peakBytes }) => peakBytes),
      timeRatio: ratio(({ seconds }) => seconds),
      cpuRatio: ratio(({ cpuSeconds }) => cpuSeconds),
    };
  };
  const { size } = await stat(table.database);
  const { rows } = table;
  return {
    rows,
    databaseBytes: size,
    addedEvents,
    punctual: costOf('punctual'),
    late: costOf('late'),
  };
}
