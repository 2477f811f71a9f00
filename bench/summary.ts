/**
 * Measurements of all rounds → medians, ranges and ratios. Pure.
 *
 * Ratios are made within a round and the median is taken of these: a machine that gets slower in the
 * course of a run makes every contender of a round slower alike.
 */
import type { Codec, InputName } from './inputs.ts';
import type { Measurement } from './measure.ts';
import { CONTENDERS, type Contender } from './run-contender.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

interface Cost {
  readonly eventsPerSecond: Spread;
  readonly cpuSecondsPerMillionEvents: Spread;
  readonly peakBytes: Spread;
}

/** How many times as much the one takes as the other. */
export interface Ratio {
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

export interface InputSummary extends InputSize {
  readonly input: InputName;
  readonly codec: Codec;
  readonly contenders: Readonly<Record<Contender, Cost>>;
  readonly oursToFloor: Ratio;
  readonly naiveToOurs: Ratio;
}

export type Round = Readonly<Record<Contender, Measurement>>;

export function summarize(
  input: InputName,
  codec: Codec,
  size: InputSize,
  rounds: readonly Round[],
): InputSummary {
  const costs = CONTENDERS.map((contender) => [
    contender,
    summarizeCost(
      rounds.map((round) => round[contender]),
      size.events,
    ),
  ]);
  return {
    input,
    codec,
    ...size,
    contenders: Object.fromEntries(costs) as Record<Contender, Cost>,
    oursToFloor: compare(rounds, 'ours', 'floor'),
    naiveToOurs: compare(rounds, 'naive', 'ours'),
  };
}

function summarizeCost(measurements: readonly Measurement[], events: number): Cost {
  return {
    eventsPerSecond: spread(measurements.map(({ seconds }) => events / seconds)),
    cpuSecondsPerMillionEvents: spread(
      measurements.map(({ cpuSeconds }) => (cpuSeconds * 1e6) / events),
    ),
    peakBytes: spread(measurements.map(({ peakBytes }) => peakBytes)),
  };
}

function compare(rounds: readonly Round[], one: Contender, other: Contender): Ratio {
  const ratio = (of: keyof Measurement) =>
    spread(rounds.map((round) => round[one][of] / round[other][of]));
  return { time: ratio('seconds'), cpu: ratio('cpuSeconds'), memory: ratio('peakBytes') };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}
