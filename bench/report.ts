/**
 * Summaries → tables for people, or JSON for machines. In a table: median (lowest–highest of all rounds).
 * JSON has the plain numbers of the same fields.
 */
import Table from 'cli-table3';
import type { Differences } from './compare-values.ts';
import { CONTENDERS } from './contenders.ts';
import type { CutObject } from './cut-object.ts';
import { formatSpread, formatTimes, formatWhole } from './format-figures.ts';
import { formatGrowth, type GrowthReport } from './growth/growth-report.ts';
import type { Machine } from './machine.ts';
import type { InputSummary, Ratio } from './summary.ts';
import type { SyncReport } from './sync/measure-sync.ts';
import { formatSync } from './sync/sync-report.ts';

export interface Report {
  readonly machine: Machine;
  readonly rounds: number;
  readonly inputs: readonly InputSummary[];
  readonly cutObject?: CutObject;
  readonly growth: GrowthReport;
  readonly sync?: SyncReport;
  /** What did not take part, and why. */
  readonly notes: readonly string[];
}

export function formatReport(report: Report): string {
  const { machine, rounds, inputs, cutObject, growth, sync, notes } = report;
  return [
    ...(inputs.length > 0 ? [formatInputs(inputs)] : []),
    ...(cutObject ? [formatCutObject(cutObject)] : []),
    ...formatGrowth(growth),
    ...(sync ? formatSync(sync) : []),
    `Median (lowest–highest) of ${rounds} rounds; ratios within a round.`,
    `${machine.cores} × ${machine.cpu}, ${formatWhole(machine.memoryBytes / 1e9)} GB, ${machine.platform}, Node.js ${machine.node}, DuckDB ${machine.duckdb} (${machine.readAvroDuckdb ?? 'none'} in Python)`,
    ...notes,
  ].join('\n');
}

function formatInputs(inputs: readonly InputSummary[]): string {
  const table = new Table({
    head: ['input', 'contender', 'events a second', 'CPU s per million', 'peak memory MB'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const summary of inputs) table.push(joinLines(formatSummary(summary)));
  return table.toString();
}

/** One row of the table for all lines of an input, so that only inputs are ruled off. */
function joinLines(lines: readonly (readonly string[])[]): string[] {
  const columns = lines[0] ?? [];
  return columns.map((_, column) => lines.map((line) => line[column]).join('\n'));
}

function formatSummary(summary: InputSummary): readonly (readonly string[])[] {
  const { contenders, ratios, differences } = summary;
  const costs = CONTENDERS.flatMap((contender) => {
    const cost = contenders[contender];
    if (cost === undefined) return [];
    const { eventsPerSecond, cpuSecondsPerMillionEvents, peakBytes } = cost;
    return [
      [
        contender,
        formatSpread(eventsPerSecond, formatWhole),
        formatSpread(cpuSecondsPerMillionEvents, (value) => value.toFixed(2)),
        formatSpread(peakBytes, (value) => formatWhole(value / 1e6)),
      ],
    ];
  });
  const decode = contenders.decode?.eventsPerCpuSecond;
  const lines = [
    ...costs,
    ...(decode ? [['decode, per core', formatSpread(decode, formatWhole), '', '']] : []),
    ...ratios.map(formatRatio),
    ...Object.entries(differences).flatMap(([name, found]) => formatDifferences(name, found)),
  ];
  const facts = describeInput(summary);
  return lines.map((line, index) => [facts[index] ?? '', ...line]);
}

function describeInput({ input, codec, events, objects, bytes }: InputSummary): readonly string[] {
  return [
    `${input}, ${codec}`,
    `${formatWhole(events)} events`,
    `${formatWhole(objects)} object${objects === 1 ? '' : 's'}`,
    `${formatWhole(bytes / 1e6)} MB`,
  ];
}

function formatRatio({ one, other, time, cpu, memory }: Ratio): readonly string[] {
  return [
    `${one} ÷ ${other}`,
    `${formatSpread(time, formatTimes)} time`,
    `${formatSpread(cpu, formatTimes)} CPU`,
    `${formatSpread(memory, formatTimes)} memory`,
  ];
}

function formatDifferences(name: string, found: Differences): readonly (readonly string[])[] {
  const { comparedValues, differingValues, missingRows, extraRows } = found;
  const rows = `${formatWhole(missingRows)} rows less, ${formatWhole(extraRows)} more`;
  return [
    [
      `${name}: other values`,
      `${formatWhole(differingValues)} of ${formatWhole(comparedValues)}`,
      missingRows + extraRows === 0 ? '' : rows,
      '',
    ],
  ];
}

function formatCutObject({ bytes, keptBytes, storedRows }: CutObject): string {
  const outcome =
    storedRows === undefined
      ? 'refused it'
      : `stored ${formatWhole(storedRows)} rows of it and reported no error`;
  return `read_avro, given the first ${formatWhole(keptBytes)} bytes of an object of ${formatWhole(bytes)}, ${outcome}.`;
}
