/** Rate limits in both dialects, and faults on demand. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../../src/index.ts';
import { type BrazeAnswer, openBraze } from '../../../support/braze-client.ts';

const TRACK = '/users/track';
const ONE = { attributes: [{ external_id: 'a', n: { inc: 1 } }] };
/** A time that no window begins with: 1.234 s after the hour. */
const NOW = Date.UTC(2026, 8, 1, 12) + 1234;

function limitHeaders({ headers }: BrazeAnswer) {
  const shown = [...headers].filter(([name]) => name.startsWith('x-ratelimit-'));
  return Object.fromEntries(shown.map(([name, value]) => [name.slice(12), Number(value)]));
}

it('a burst is limited in windows of three seconds, and the reset is told in seconds since 1970', async () => {
  let now = NOW;
  const braze = await openBraze({
    clock: () => now,
    rateLimit: { burst: { requests: 2, perMs: 3000 } },
  });
  const reset = Math.ceil((NOW - 1234 + 3000) / 1000);
  expect(limitHeaders(await braze.post(TRACK, ONE))).toEqual({ limit: 2, remaining: 1, reset });
  expect(limitHeaders(await braze.post(TRACK, ONE))).toEqual({ limit: 2, remaining: 0, reset });
  const refused = await braze.post(TRACK, ONE);
  expect(refused).toMatchObject({ status: 429, body: { message: 'Too Many Requests' } });
  expect(limitHeaders(refused)).toEqual({ limit: 2, remaining: 0, reset });
  expect(braze.custom()).toEqual({ n: 2 });
  now = reset * 1000;
  expect((await braze.post(TRACK, ONE)).status).toBe(201);
});

it('an hourly limit ends with the clock hour, and its dialect counts seconds from now', async () => {
  let now = Date.UTC(2026, 8, 1, 12, 59, 58, 500);
  const braze = await openBraze({ clock: () => now, rateLimit: { hourly: 1, headers: 'seconds' } });
  const first = await braze.post(TRACK, ONE);
  expect(limitHeaders(first)).toEqual({ limit: 1, remaining: 0, reset: 2 });
  const refused = await braze.post(TRACK, ONE);
  expect(refused.status).toBe(429);
  expect(limitHeaders(refused)).toEqual({ 'retry-after': 2 });
  now += 1500;
  expect((await braze.post(TRACK, ONE)).status).toBe(201);
});

it('without a limit there are no headers', async () => {
  const braze = await openBraze({ rateLimit: 'none' });
  expect(limitHeaders(await braze.post(TRACK, ONE))).toEqual({});
});

it('3,000 requests in three seconds are the default, 250 exports a minute', async () => {
  const braze = await openBraze({ clock: () => NOW });
  expect(limitHeaders(await braze.post(TRACK, ONE))).toMatchObject({
    limit: 3000,
    remaining: 2999,
  });
  const exported = await braze.post('/users/export/ids', {
    external_ids: [],
    fields_to_export: [],
  });
  expect(limitHeaders(exported)).toMatchObject({ limit: 250, remaining: 249 });
});

/** The status of the answer, or that there was none, and how often the request was applied. */
async function play(fault: Fault) {
  const braze = await openBraze();
  braze.sandbox.fail({ next: [{ fault }] });
  const outcome = await braze.post(TRACK, ONE).then(
    ({ status }) => status,
    () => 'no answer' as const,
  );
  const applied = braze.custom()?.n ?? 0;
  expect((await braze.post(TRACK, ONE)).status).toBe(201);
  expect(braze.sandbox.counts().faults).toEqual({ [fault.kind]: 1 });
  return { outcome, applied };
}

describe('a fault', () => {
  it.each<[Fault, number | 'no answer', number]>([
    [{ kind: 'rate-limited', waitSeconds: 1 }, 429, 0],
    [{ kind: 'server-error', status: 500, when: 'before' }, 500, 0],
    [{ kind: 'server-error', status: 502, when: 'before' }, 502, 0],
    [{ kind: 'server-error', status: 504, when: 'after' }, 504, 1],
    [{ kind: 'lost-answer', when: 'before' }, 'no answer', 0],
    [{ kind: 'lost-answer', when: 'after' }, 'no answer', 1],
    [{ kind: 'cut-answer' }, 'no answer', 1],
    [{ kind: 'no-answer', when: 'before', holdMs: 20 }, 'no answer', 0],
    [{ kind: 'no-answer', when: 'after', holdMs: 20 }, 'no answer', 1],
    [{ kind: 'slow', delayMs: 20 }, 201, 1],
  ])('%j', async (fault, outcome, applied) => {
    expect(await play(fault)).toEqual({ outcome, applied });
  });

  it('waits as long as it says on a 429, in the dialect of the account', async () => {
    const rateLimit = { headers: 'seconds' } as const;
    const braze = await openBraze({ clock: () => NOW, rateLimit });
    braze.sandbox.fail({ next: [{ fault: { kind: 'rate-limited', waitSeconds: 7 } }] });
    expect(limitHeaders(await braze.post(TRACK, ONE))).toEqual({ 'retry-after': 7 });
  });

  it('names sound objects as bad, as many as asked for, and applies the others', async () => {
    const braze = await openBraze();
    braze.sandbox.fail({ next: [{ fault: { kind: 'bad-objects', count: 2, type: 'odd' } }] });
    const attributes = ['a', 'b', 'c', 'd'].map((external_id) => ({ external_id, x: 1 }));
    const { status, body } = await braze.post(TRACK, { attributes });
    expect(status).toBe(201);
    expect(body.errors).toHaveLength(2);
    const refused = body.errors.map(
      ({ index }: { index: number }) => attributes[index]?.external_id,
    );
    const held = [...braze.sandbox.profiles()].map(({ external_id: id }) => id);
    expect(new Set([...held, ...refused])).toEqual(new Set(['a', 'b', 'c', 'd']));
    expect(held).toHaveLength(2);
  });

  it('is over when its times are', async () => {
    const braze = await openBraze();
    const fault = { kind: 'server-error', status: 503 } as const;
    braze.sandbox.fail({ next: [{ fault, times: 2 }] });
    const statuses = [];
    for (let time = 0; time < 3; time++) statuses.push((await braze.post(TRACK, ONE)).status);
    expect(statuses).toEqual([503, 503, 201]);
  });

  it('comes at random by seed and share', async () => {
    const outcomes = async (seed: number) => {
      const fault = { kind: 'server-error' } as const;
      const braze = await openBraze({ seed, faults: { random: [{ fault, share: 0.5 }] } });
      let text = '';
      for (let time = 0; time < 20; time++)
        text += (await braze.post(TRACK, ONE)).status === 500 ? 'x' : '.';
      return text;
    };
    const first = await outcomes(1);
    expect(first).toMatch(/x.*\.|\..*x/);
    expect(await outcomes(1)).toBe(first);
    expect(await outcomes(2)).not.toBe(first);
  });
});

it('accepted requests are applied later, in any order, when asked to', async () => {
  const braze = await openBraze({ applyWithinMs: 60_000, seed: 3 });
  for (let n = 0; n < 8; n++) await braze.set({ external_id: 'a', n });
  expect([...braze.sandbox.profiles()]).toEqual([]);
  braze.sandbox.settle();
  expect(braze.custom()?.n).not.toBe(7);
});

it('the latest accepted objects are kept when asked to', async () => {
  const braze = await openBraze({ keepReceived: 2 });
  for (let x = 1; x <= 5; x++) await braze.set({ external_id: 'a', x });
  const object = (x: number) => ({
    by: 'rest',
    kind: 'attributes',
    object: { external_id: 'a', x },
  });
  expect(braze.sandbox.received()).toEqual([
    { number: 4, ...object(4) },
    { number: 5, ...object(5) },
  ]);
});
