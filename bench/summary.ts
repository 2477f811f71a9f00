/**
 * Measurements of all rounds → medians, ranges and ratios. Pure.
 *
 * Ratios are made within a round and the median is taken of these: a machine that gets slower in the
 * course of a run makes every contender of a round slower alike.
 */
import type { Differences } from './compare-values.ts';
import { CONTENDERS, type Contender, RATIOS } from './contenders.ts';
import type { Codec, InputName } from './inputs.ts';
import type { Measurement } from './measure.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Cost {
  readonly eventsPerSecond: Spread;
  /** Of CPU: how many events one core gets through. */
  readonly eventsPerCpuSecond: Spread;
  readonly cpuSecondsPerMillionEvents: Spread;
  readonly peakBytes: Spread;
}

/** How many times as much the one takes as the other: time and CPU for an event, and memory. */
export interface Ratio {
  readonly one: Contender;
  readonly other: Contender;
  readonly time: Spread;
  readonly cpu: Spread;
  readonly memory: Spread;
}

export interface InputSize {
  readonly objects: number;
  readonly bytes: number;
  /** In the objects, second deliveries included: what the costs are divided by. */
  readonly events: number;
  /** Distinct events. */
  readonly rows: number;
}

interface InputFacts extends InputSize {
  readonly input: InputName;
  readonly codec: Codec;
}

export interface InputSummary extends InputFacts {
  /** Of those that took part. */
  readonly contenders: Readonly<Partial<Record<Contender, Cost>>>;
  readonly ratios: readonly Ratio[];
  /** From ours, of those whose values were compared. */
  readonly differences: Readonly<Partial<Record<Contender, Differences>>>;
}

/** A measurement with the number of events that it was about. */
export type Measured = Measurement & { readonly events: number };

export type Round = Readonly<Partial<Record<Contender, Measured>>>;

export function summarize(
  facts: InputFacts,
  rounds: readonly Round[],
  differences: InputSummary['differences'],
): InputSummary {
  const contenders: Partial<Record<Contender, Cost>> = {};
  for (const contender of CONTENDERS) {
    const measurements = rounds.flatMap((round) => round[contender] ?? []);
    if (measurements.length > 0) contenders[contender] = summarizeCost(measurements);
  }
  const ratios = RATIOS.flatMap(([one, other]) => compare(rounds, one, other) ?? []);
  return { ...facts, contenders, ratios, differences };
}

function summarizeCost(measurements: readonly Measured[]): Cost {
  const each = (of: (measurement: Measured) => number) => spread(measurements.map(of));
  return {
    eventsPerSecond: each(({ events, seconds }) => events / seconds),
    eventsPerCpuSecond: each(({ events, cpuSeconds }) => events / cpuSeconds),
    cpuSecondsPerMillionEvents: each(({ events, cpuSeconds }) => (cpuSeconds * 1e6) / events),
    peakBytes: each(({ peakBytes }) => peakBytes),
  };
}

function compare(rounds: readonly Round[], one: Contender, other: Contender): Ratio | undefined {
  const pairs = rounds.flatMap((round) => {
    const [a, b] = [round[one], round[other]];
    return a && b ? [[a, b] as const] : [];
  });
  if (pairs.length === 0) return undefined;
  const ratio = (of: (measured: Measured) => number) =>
    spread(pairs.map(([a, b]) => of(a) / of(b)));
  return {
    one,
    other,
    time: ratio(({ seconds, events }) => seconds / events),
    cpu: ratio(({ cpuSeconds, events }) => cpuSeconds / events),
    memory: ratio(({ peakBytes }) => peakBytes),
  };
}

/** @param values at least one */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}
