/**
 * The series → tables for people, one for each series that was measured.
 */
import {
  createTable,
  formatSeconds,
  formatSpread,
  formatTimes,
  formatWhole,
} from '../format-figures.ts';
import type { PollCost } from '../poll/measure-poll.ts';
import type { ProfilesCost } from '../profiles/measure-profiles.ts';
import type { BacklogStep } from './backlog-growth.ts';
import type { TableStep } from './table-growth.ts';

export interface GrowthReport {
  readonly table: readonly TableStep[];
  readonly poll: readonly PollCost[];
  readonly backlog: readonly BacklogStep[];
  readonly profiles: readonly ProfilesCost[];
}

export function formatGrowth({ table, poll, backlog, profiles }: GrowthReport): readonly string[] {
  return [
    ...(table.length > 0 ? [formatTableSteps(table)] : []),
    ...(poll.length > 0 ? [formatPolls(poll)] : []),
    ...(backlog.length > 0 ? [formatBacklogSteps(backlog)] : []),
    ...(profiles.length > 0 ? [formatProfiles(profiles)] : []),
  ];
}

function formatTableSteps(steps: readonly TableStep[]): string {
  const table = createTable(['rows of the table', 'events', 'seconds', 'CPU s', 'time', 'CPU']);
  for (const { rows, addedEvents, punctual, late } of steps) {
    for (const [mode, cost] of [['punctual', punctual] as const, ['1 % late', late] as const]) {
      table.push([
        formatWhole(rows),
        `${formatWhole(addedEvents)} ${mode}`,
        formatSpread(cost.seconds, formatSeconds),
        formatSpread(cost.cpuSeconds, formatSeconds),
        formatSpread(cost.timeRatio, formatTimes),
        formatSpread(cost.cpuRatio, formatTimes),
      ]);
    }
  }
  return table.toString();
}

function formatPolls(costs: readonly PollCost[]): string {
  const table = createTable([
    'keys of the bucket',
    'list requests',
    'seconds',
    'CPU s',
    'peak memory MB',
  ]);
  for (const { keys, listRequests, seconds, cpuSeconds, peakBytes } of costs) {
    table.push([
      ...[keys, listRequests].map(formatWhole),
      ...[seconds, cpuSeconds].map(formatSeconds),
      formatWhole(peakBytes / 1e6),
    ]);
  }
  return table.toString();
}

function formatProfiles(costs: readonly ProfilesCost[]): string {
  const table = createTable(['history', 'profiles', 'seconds', 'CPU s', 'time', 'peak memory MB']);
  for (const { events, people, batchEvents, refreshed, rebuild, refresh } of costs) {
    const rows = [
      [`${formatWhole(people)}, all`, rebuild] as const,
      [`${formatWhole(refreshed)} after ${formatWhole(batchEvents)} events`, refresh] as const,
    ];
    for (const [what, { seconds, cpuSeconds, peakBytes }] of rows)
      table.push([
        formatWhole(events),
        what,
        seconds.toFixed(1),
        cpuSeconds.toFixed(1),
        `1/${(rebuild.seconds / seconds).toFixed(0)}`,
        formatWhole(Math.round(peakBytes / 1e6)),
      ]);
  }
  return table.toString();
}

function formatBacklogSteps(steps: readonly BacklogStep[]): string {
  const table = createTable(['backlog', 'events', 'objects', 'peak memory MB', 'seconds', 'CPU s']);
  for (const { input, events, objects, peakBytes, seconds, cpuSeconds } of steps) {
    table.push([
      input,
      ...[events, objects, peakBytes / 1e6].map(formatWhole),
      ...[seconds, cpuSeconds].map(formatSeconds),
    ]);
  }
  return table.toString();
}
