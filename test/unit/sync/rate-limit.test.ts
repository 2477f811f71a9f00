/** The pace of requests, and what the headers of both dialects mean. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Clock, Pacer, parseRateNotice } from '../../../src/sync/rate-limit.ts';

const NOW_MS = Date.parse('2026-09-02T12:00:00Z');

function notice(headers: Record<string, string>) {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return parseRateNotice(Object.fromEntries(lower), NOW_MS);
}

describe('the headers of an answer', () => {
  it('give the time until the window ends as an epoch or in seconds', () => {
    const epoch = String(NOW_MS / 1000 + 40);
    expect(notice({ 'X-RateLimit-Reset': epoch }).resetInMs).toBe(40_000);
    expect(notice({ 'x-ratelimit-reset': '40' }).resetInMs).toBe(40_000);
  });

  it('are compared with the clock of the server, where it tells its own', () => {
    const epoch = String(NOW_MS / 1000 + 40);
    const date = 'Wed, 02 Sep 2026 11:50:00 GMT';
    expect(notice({ 'x-ratelimit-reset': epoch, date }).resetInMs).toBe(640_000);
  });

  it('never ask for less than no wait', () => {
    expect(notice({ 'x-ratelimit-reset': '1700000000' }).resetInMs).toBe(0);
    expect(notice({ 'retry-after': '-5' }).retryInMs).toBe(0);
  });

  it('say how long to wait after a 429, Braze’s own before the standard one', () => {
    expect(notice({ 'x-ratelimit-retry-after': '7', 'retry-after': '3' }).retryInMs).toBe(7000);
    expect(notice({ 'retry-after': '3' }).retryInMs).toBe(3000);
    expect(notice({ 'retry-after': 'Wed, 02 Sep 2026 12:00:09 GMT' }).retryInMs).toBe(9000);
  });

  it('say nothing when they are absent, empty or not numbers', () => {
    const nothing = { remaining: undefined, resetInMs: undefined, retryInMs: undefined };
    expect(notice({})).toEqual(nothing);
    expect(
      notice({ 'x-ratelimit-remaining': 'many', 'x-ratelimit-reset': '', 'retry-after': 'soon' }),
    ).toEqual(nothing);
  });

  it('count what is left', () => {
    expect(notice({ 'x-ratelimit-remaining': '0' }).remaining).toBe(0);
    expect(notice({ 'x-ratelimit-remaining': '249999' }).remaining).toBe(249_999);
  });
});

/** Time that passes only while somebody sleeps, or by `halt`. */
class TestClock implements Clock {
  nowMs = 0;
  now(): number {
    return this.nowMs;
  }
  async sleep(ms: number): Promise<void> {
    this.nowMs += ms;
  }
}

/** The moments at which `count` requests of one sender start; the sender halts now and then. */
async function takeAll(pacer: Pacer, clock: TestClock, count: number, haltsMs: readonly number[]) {
  const startsMs: number[] = [];
  for (let index = 0; index < count; index++) {
    clock.nowMs += haltsMs[index % Math.max(1, haltsMs.length)] ?? 0;
    await pacer.take();
    startsMs.push(clock.nowMs);
  }
  return startsMs;
}

function mostInWindow(startsMs: readonly number[], windowMs: number): number {
  let most = 0;
  let from = 0;
  for (const [index, startMs] of startsMs.entries()) {
    while ((startsMs[from] ?? 0) <= startMs - windowMs) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

describe('the pacer', () => {
  it('never starts more requests in any window than the limit, whatever halts there are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 100, max: 5000 }),
        fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })), { maxLength: 20 }),
        async (requests, perMs, haltsMs) => {
          const clock = new TestClock();
          const startsMs = await takeAll(
            new Pacer({ requests, perMs }, clock),
            clock,
            900,
            haltsMs,
          );
          expect(mostInWindow(startsMs, perMs)).toBeLessThanOrEqual(requests);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('uses at least nine tenths of the limit', async () => {
    const clock = new TestClock();
    await takeAll(new Pacer({ requests: 3000, perMs: 3000 }, clock), clock, 27_000, []);
    expect(clock.nowMs).toBeLessThanOrEqual(30_000);
  });

  it('starts nothing during a pause, and not everything at once after it', async () => {
    const clock = new TestClock();
    const pacer = new Pacer({ requests: 100, perMs: 1000 }, clock);
    await takeAll(pacer, clock, 10, []);
    pacer.pauseFor(5000);
    pacer.pauseFor(1000);
    const endsAtMs = clock.nowMs + 5000;
    expect(pacer.pauseMs).toBe(5000);
    const startsMs = await takeAll(pacer, clock, 20, []);
    expect(startsMs[0]).toBeGreaterThanOrEqual(endsAtMs);
    expect(new Set(startsMs).size).toBe(20);
  });

  it('lets go of one who waits when the signal fires', async () => {
    const pacer = new Pacer({ requests: 100, perMs: 1000 });
    pacer.pauseFor(60_000);
    const controller = new AbortController();
    const taken = pacer.take(controller.signal);
    controller.abort(new Error('asked to stop'));
    await expect(taken).rejects.toThrow('asked to stop');
  });
});
