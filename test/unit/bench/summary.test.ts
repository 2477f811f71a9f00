import { describe, expect, it } from 'vitest';
import { type Round, summarize } from '../../../bench/summary.ts';

const FACTS = {
  input: 'small',
  codec: 'null',
  objects: 3,
  bytes: 3_000,
  events: 1_000,
  rows: 990,
} as const;

function cost(seconds: number, events = 1_000) {
  return { seconds, cpuSeconds: 2 * seconds, peakBytes: 100, events };
}

describe('summary of a bench', () => {
  it('takes the median of the ratios within each round, not the ratio of the medians', () => {
    const rounds: readonly Round[] = [
      { ours: cost(2), floor: cost(1) },
      { ours: cost(30), floor: cost(10) },
      { ours: cost(4), floor: cost(4) },
    ];
    const { ratios, contenders } = summarize(FACTS, rounds, {});
    expect(ratios.map(({ one, other, time }) => [one, other, time])).toEqual([
      ['ours', 'floor', { median: 2, min: 1, max: 3 }],
    ]);
    expect(contenders.ours?.eventsPerSecond).toEqual({ median: 250, min: 1_000 / 30, max: 500 });
  });

  it('compares the cost of an event where inputs differ in size', () => {
    const rounds: readonly Round[] = [{ ours: cost(3), 'ours, wide': cost(4, 4_000) }];
    expect(summarize(FACTS, rounds, {}).ratios[0]?.time.median).toBeCloseTo(3);
  });

  it('leaves out who did not take part', () => {
    const { contenders, ratios } = summarize(FACTS, [{ ours: cost(1) }], {});
    expect(Object.keys(contenders)).toEqual(['ours']);
    expect(ratios).toEqual([]);
  });

  it('tells how many events one core decodes', () => {
    const { contenders } = summarize(FACTS, [{ decode: cost(1) }, { decode: cost(2) }], {});
    expect(contenders.decode?.eventsPerCpuSecond).toEqual({ median: 375, min: 250, max: 500 });
  });
});
