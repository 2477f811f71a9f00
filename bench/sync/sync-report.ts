/**
 * What closing the loop costs → tables for people: one of plans and files, one of REST.
 */
import { createTable, formatSeconds, formatTimes, formatWhole } from '../format-figures.ts';
import type { SendCost } from './measure-rest.ts';
import type { StepCost, SyncReport } from './measure-sync.ts';

export function formatSync({
  people,
  firstPlan,
  changedPlan,
  staging,
  rest,
}: SyncReport): string[] {
  const steps = createTable([
    `${formatWhole(people)} people`,
    'values',
    'seconds',
    'of these staging',
    'CPU s',
    'peak memory MB',
    'load',
  ]);
  const addStep = (name: string, cost: StepCost, stagingSeconds?: number): void => {
    steps.push([
      name,
      formatWhole(cost.values),
      formatSeconds(cost.seconds),
      stagingSeconds === undefined ? '' : formatSeconds(stagingSeconds),
      ...formatRest(cost),
    ]);
  };
  addStep('first plan', firstPlan);
  addStep(`plan, ${formatWhole(changedPlan.people)} changed`, changedPlan);
  for (const cost of staging)
    addStep(
      `${cost.format}, ${formatWhole(cost.files)} files, ${formatWhole(cost.bytes / 1e6)} MB`,
      cost,
      cost.stagingSeconds,
    );

  const sends = createTable([
    'REST',
    'people',
    'requests a second',
    'of possible',
    'share',
    '429',
    'CPU s',
    'peak memory MB',
    'load',
  ]);
  const addSend = (name: string, cost: SendCost): void => {
    sends.push([
      name,
      formatWhole(cost.people),
      formatWhole(cost.requestsPerSecond),
      formatWhole(cost.possiblePerSecond),
      `${formatWhole(cost.share * 100)} %`,
      formatWhole(cost.refused),
      ...formatRest(cost),
    ]);
  };
  addSend('documented limit', rest.documentedLimit);
  addSend('smaller limit, in the settings', rest.knownLimit);
  addSend('smaller limit, told by 429 alone', rest.learntLimit);

  const time = formatTimes(changedPlan.seconds / firstPlan.seconds);
  const cpu = formatTimes(changedPlan.cpuSeconds / firstPlan.cpuSeconds);
  const loads = rest.loads.map(({ requestsPerSecond }) => formatWhole(requestsPerSecond));
  return [
    steps.toString(),
    `The plan after the change takes ${time} the time and ${cpu} the CPU of the first one.`,
    sends.toString(),
    `The sandbox takes ${loads.join(' and ')} requests a second from a plain load generator, before and after.`,
  ];
}

function formatRest({ cpuSeconds, peakBytes, load }: StepCost): string[] {
  return [formatSeconds(cpuSeconds), formatWhole(peakBytes / 1e6), load.toFixed(1)];
}
