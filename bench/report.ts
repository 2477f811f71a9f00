/**
 * Summaries → a table for people, or JSON for machines. In the table: median (lowest–highest of all
 * rounds). JSON has the plain numbers of the same fields.
 */
import os from 'node:os';
import { version as duckdbVersion } from '@duckdb/node-api';
import Table from 'cli-table3';
import { CONTENDERS } from './run-contender.ts';
import type { InputSummary, Ratio, Spread } from './summary.ts';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly duckdb: string;
}

export interface Report {
  readonly machine: Machine;
  readonly rounds: number;
  readonly inputs: readonly InputSummary[];
}

export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    cpu: cpus[0]?.model ?? 'unknown',
    memoryBytes: os.totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    duckdb: duckdbVersion(),
  };
}

export function formatReport({ machine, rounds, inputs }: Report): string {
  const table = new Table({
    head: ['input', 'contender', 'events a second', 'CPU s per million', 'peak memory MB'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const summary of inputs) table.push(joinLines(formatSummary(summary)));
  return [
    table.toString(),
    `Median (lowest–highest) of ${rounds} rounds; ratios within a round.`,
    `${machine.cores} × ${machine.cpu}, ${formatWhole(machine.memoryBytes / 1e9)} GB, ${machine.platform}, Node.js ${machine.node}, DuckDB ${machine.duckdb}`,
  ].join('\n');
}

/** One row of the table for all lines of an input, so that only inputs are ruled off. */
function joinLines(lines: readonly (readonly string[])[]): string[] {
  const columns = lines[0] ?? [];
  return columns.map((_, column) => lines.map((line) => line[column]).join('\n'));
}

function formatSummary(summary: InputSummary): readonly (readonly string[])[] {
  const { contenders, oursToFloor, naiveToOurs } = summary;
  const costs = CONTENDERS.map((contender) => {
    const { eventsPerSecond, cpuSecondsPerMillionEvents, peakBytes } = contenders[contender];
    return [
      contender,
      formatSpread(eventsPerSecond, formatWhole),
      formatSpread(cpuSecondsPerMillionEvents, (value) => value.toFixed(2)),
      formatSpread(peakBytes, (value) => formatWhole(value / 1e6)),
    ];
  });
  const lines = [
    ...costs,
    ['ours ÷ floor', ...formatRatio(oursToFloor)],
    ['naive ÷ ours', ...formatRatio(naiveToOurs)],
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

function formatRatio({ time, cpu, memory }: Ratio): readonly string[] {
  return [
    `${formatSpread(time, formatTimes)} time`,
    `${formatSpread(cpu, formatTimes)} CPU`,
    `${formatSpread(memory, formatTimes)} memory`,
  ];
}

function formatSpread({ median, min, max }: Spread, format: (value: number) => string): string {
  return `${format(median)} (${format(min)}–${format(max)})`;
}

function formatTimes(value: number): string {
  return `${value.toFixed(1)}×`;
}

function formatWhole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
