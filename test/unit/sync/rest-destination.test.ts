/** What our side makes of every answer: each item settled once, and nothing harmful sent twice. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBrazeSandbox } from '../../../src/sandbox/braze/start-sandbox.ts';
import type { OutboxItem } from '../../../src/sync/destination.ts';
import { openRestDestination, type RestSettings } from '../../../src/sync/rest-destination.ts';
import {
  type Reply,
  type SentRequest,
  startScriptedBraze,
  success,
} from '../../support/scripted-braze.ts';
import { aRun, inPortions, somePeople, TestBooks } from '../../support/sync-books.ts';

const API_KEY = 'secret-key-0123456789';

/** No limit that a test could meet, and waits that a test can afford. */
const QUICK = {
  apiKey: API_KEY,
  requestsPerSecond: 100_000,
  retryWaitMs: 1,
  maxAttempts: 4,
  concurrency: 4,
} as const;

async function deliver(
  answer: (request: SentRequest) => Reply | Promise<Reply>,
  items: readonly OutboxItem[],
  more: Partial<RestSettings> & { portion?: number; signal?: AbortSignal; books?: TestBooks } = {},
) {
  const { portion = 500, signal, books = new TestBooks(), ...settings } = more;
  const braze = await startScriptedBraze(answer);
  onTestFinished(() => braze.stop());
  const run = aRun(signal && { signal });
  const destination = openRestDestination({ ...QUICK, endpoint: braze.endpoint, ...settings });
  const result = await destination.send(inPortions(items, portion), books, run).then(
    (receipt) => ({ receipt, error: undefined }),
    (error: unknown) => ({ receipt: undefined, error }),
  );
  expect(books.settledTwice).toEqual([]);
  return { ...result, braze, books, logged: run.logged };
}

const ids = (items: readonly OutboxItem[]): number[] => items.map(({ itemId }) => itemId);
const isPerson = (object: Readonly<Record<string, unknown>>, number: number): boolean =>
  object.external_id === `person-${number}`;

describe('people whom Braze takes', () => {
  it('go out 75 to a request, over few connections, and are accepted once each', async () => {
    const items = somePeople(3000);
    const { receipt, books, braze } = await deliver(({ objects }) => success(objects), items);
    expect(books.with('accepted')).toEqual(ids(items));
    expect(receipt?.requests).toBe(42);
    expect(receipt?.bytes).toBe(braze.requests.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0));
    expect(braze.applied).toHaveLength(3000);
    expect(braze.connectionCount).toBeLessThan(12);
    expect(braze.requests[0]?.url).toBe('/users/track');
    expect(braze.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${API_KEY}`,
      'content-type': 'application/json',
    });
  });

  it('are marked in flight before the first request with them', async () => {
    const books = new TestBooks();
    const early: unknown[] = [];
    const isMarked = (number: unknown): boolean => books.inFlight.has(Number(number));
    await deliver(
      ({ objects }) => {
        early.push(...objects.filter(({ number }) => !isMarked(number)));
        return success(objects);
      },
      [...somePeople(300), ...somePeople(40, { repeatable: false })].map((item, itemId) => ({
        ...item,
        itemId,
        attributes: JSON.stringify({ number: itemId }),
      })),
      { books, portion: 100 },
    );
    expect(early).toEqual([]);
  });

  it('are in the sandbox’s profiles afterwards', async () => {
    const sandbox = await startBrazeSandbox();
    onTestFinished(() => sandbox.close());
    const books = new TestBooks();
    const destination = openRestDestination({ ...QUICK, endpoint: sandbox.url });
    await destination.send(inPortions(somePeople(400), 150), books, aRun());
    expect(books.with('accepted')).toHaveLength(400);
    expect([...sandbox.profiles()]).toHaveLength(400);
  });
});

describe('objects that Braze names', () => {
  it('are rejected, and only they, in batches of any composition', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 25 }),
        fc.boolean(),
        async (bad, objectsPerRequest, namesArray) => {
          const { books } = await deliver(
            ({ objects }) => {
              const errors = objects.flatMap((object, index) =>
                bad.some((number) => isPerson(object, number))
                  ? {
                      type: 'EMAIL_BAD_FORMAT',
                      index,
                      ...(namesArray && { input_array: 'attributes' }),
                    }
                  : [],
              );
              // As Braze does when no object at all is valid.
              if (errors.length === objects.length)
                return { status: 400, body: { message: 'Valid data must be provided', errors } };
              return success(objects, errors);
            },
            somePeople(60),
            { objectsPerRequest },
          );
          expect(books.with('rejected')).toEqual([...bad].sort((a, b) => a - b));
          expect(books.with('accepted')).toHaveLength(60 - bad.length);
          for (const itemId of bad)
            expect(books.outcomes.get(itemId)).toMatchObject({ code: 'EMAIL_BAD_FORMAT' });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('without a place in the array are found by sending halves', async () => {
    const { books } = await deliver(({ objects }) => {
      const isBad = objects.some((object) => isPerson(object, 33));
      return success(objects, isBad ? ['provided external_id "person-33" is disallowed'] : []);
    }, somePeople(75));
    expect(books.with('rejected')).toEqual([33]);
    expect(books.with('accepted')).toHaveLength(74);
    expect(books.outcomes.get(33)).toMatchObject({
      code: 'REFUSED_BY_BRAZE',
      reason: 'provided external_id … is disallowed',
    });
  });

  it('in another array are none of ours', async () => {
    const { books } = await deliver(({ objects, number }) => {
      const errors = number === 0 ? [{ type: 'BAD', input_array: 'events', index: 0 }] : [];
      return success(objects, errors);
    }, somePeople(10));
    expect(books.with('accepted')).toHaveLength(10);
  });

  it('leave those in doubt that must not be sent twice', async () => {
    const { books, braze } = await deliver(
      ({ objects }) => success(objects, ['something was wrong']),
      somePeople(10, { repeatable: false }),
    );
    expect(books.with('unknown')).toHaveLength(10);
    expect(braze.requests).toHaveLength(1);
  });
});

describe('a request that is refused as a whole', () => {
  it('because of one object is sent again without it', async () => {
    const { books } = await deliver(
      ({ objects }) =>
        objects.some((object) => isPerson(object, 7))
          ? { status: 400, body: { message: 'Bad Request' } }
          : success(objects),
      somePeople(75),
    );
    expect(books.with('rejected')).toEqual([7]);
    expect(books.with('accepted')).toHaveLength(74);
  });

  it('for each of the first twenty people stops the run', async () => {
    const { error, books, braze } = await deliver(
      () => ({ status: 400, body: { message: 'Bad Request' } }),
      somePeople(1000),
      { concurrency: 1 },
    );
    expect(error).toMatchObject({ code: 'BRAZE_REFUSED' });
    expect(books.with('rejected')).toHaveLength(20);
    expect(braze.requests.length).toBeLessThan(60);
  });

  it.each([
    ['413', { status: 413, body: 'Request Entity Too Large' }],
    ['400 about the size', { status: 400, body: { message: 'Request body is too large' } }],
  ])('as too large (%s) goes out in parts, and so does what follows', async (_, refusal) => {
    const { books, braze, receipt } = await deliver(
      ({ objects, bodyBytes }) => (bodyBytes > 1000 ? refusal : success(objects)),
      somePeople(600),
      { portion: 75, concurrency: 1 },
    );
    expect(books.with('accepted')).toHaveLength(600);
    const refused = braze.requests.filter(({ bodyBytes }) => bodyBytes > 1000);
    expect(refused.length).toBeLessThan(8);
    expect(receipt?.requests).toBe(braze.requests.length);
  });

  it('as too many objects goes out in parts', async () => {
    const { books, braze } = await deliver(
      ({ objects }) =>
        objects.length > 50
          ? { status: 400, body: { message: 'Max Input Length Exceeded' } }
          : success(objects),
      somePeople(600),
      { portion: 150, concurrency: 1 },
    );
    expect(books.with('accepted')).toHaveLength(600);
    expect(braze.requests.filter(({ objects }) => objects.length > 50).length).toBeLessThan(6);
  });

  it('for the size of one person rejects that person', async () => {
    const items = somePeople(3);
    const large = {
      ...items[1],
      object: Buffer.from(JSON.stringify({ a: 'x'.repeat(500) })),
    } as OutboxItem;
    const { books, braze } = await deliver(
      ({ objects }) => success(objects),
      [items[0] as OutboxItem, large, items[2] as OutboxItem],
      { bytesPerRequest: 400 },
    );
    expect(books.outcomes.get(1)).toMatchObject({ status: 'rejected', code: 'TOO_LARGE' });
    expect(books.with('accepted')).toEqual([0, 2]);
    for (const { bodyBytes } of braze.requests) expect(bodyBytes).toBeLessThanOrEqual(400);
  });
});

describe('what every request would get', () => {
  it.each([
    [401, 'BRAZE_ACCESS_DENIED'],
    [403, 'BRAZE_ACCESS_DENIED'],
    [404, 'BRAZE_REFUSED'],
    [415, 'BRAZE_REFUSED'],
    [302, 'BRAZE_REFUSED'],
  ])('HTTP %i stops everything, and nobody is lost', async (status, code) => {
    const { error, books, braze } = await deliver(
      () => ({ status, body: { message: 'Invalid API key' }, headers: { location: '/elsewhere' } }),
      somePeople(3000),
    );
    expect(error).toMatchObject({ code, transient: false });
    expect(braze.requests.length).toBeLessThanOrEqual(QUICK.concurrency);
    expect(books.outcomes.size).toBe(books.with('waiting').length);
    expect(new Set(braze.requests.map(({ url }) => url))).toEqual(new Set(['/users/track']));
  });

  it('no server stops after a few batches, and leaves what may not be repeated for later', async () => {
    const gone = await startScriptedBraze(() => ({ status: 500 }));
    await gone.stop();
    const { error, books } = await deliver(
      () => ({ status: 500 }),
      somePeople(1000, { repeatable: false }),
      { endpoint: gone.endpoint },
    );
    expect(error).toMatchObject({ code: 'BRAZE_UNAVAILABLE', transient: true });
    expect(books.with('unknown')).toEqual([]);
    expect(books.outcomes.size).toBe(books.with('waiting').length);
  });

  it('a failure of the books stops everything, too', async () => {
    const books = new TestBooks();
    books.settle = async () => {
      throw new Error('the disk is full');
    };
    const { error, braze } = await deliver(({ objects }) => success(objects), somePeople(60_000), {
      books,
      portion: 6000,
    });
    expect(error).toMatchObject({ message: 'the disk is full' });
    // Of 800; the first outcomes are settled after 200.
    expect(braze.requests.length).toBeLessThan(500);
  });
});

describe('a lost answer', () => {
  it('is asked for again where that is harmless', async () => {
    const { books, braze } = await deliver(
      ({ objects, number }) =>
        number < 3 ? { ...success(objects), isCut: true } : success(objects),
      somePeople(300),
    );
    expect(books.with('accepted')).toHaveLength(300);
    expect(braze.requests.length).toBe(7);
  });

  it('leaves in doubt what must not be sent twice, and sends it once', async () => {
    const { books, braze } = await deliver(
      ({ objects, number }) =>
        number === 0 ? { ...success(objects), isCut: true } : success(objects),
      somePeople(150, { repeatable: false }),
      { concurrency: 1 },
    );
    expect(books.with('unknown')).toHaveLength(75);
    expect(books.with('accepted')).toHaveLength(75);
    expect(braze.requests).toHaveLength(2);
    expect(braze.applied).toHaveLength(150);
  });

  it.each([
    ['a wait that is too long', 429, { 'X-Ratelimit-Retry-After': '2000' }],
    ['a key that is no longer taken', 401, {}],
  ])('stays in doubt when the next attempt meets %s', async (_what, status, headers) => {
    const { error, books } = await deliver(
      ({ objects, number }) =>
        number === 0 ? { ...success(objects), isCut: true } : { status, body: {}, headers },
      somePeople(10),
    );
    expect(error).toMatchObject({ code: expect.stringMatching(/^BRAZE_/) });
    expect(books.with('unknown')).toHaveLength(10);
    expect(books.with('waiting')).toEqual([]);
  });

  it('is no acceptance, whatever answers in Braze’s place', async () => {
    const { error, books } = await deliver(
      () => ({ status: 200, body: '<html>Please sign in</html>', applied: [] }),
      somePeople(300),
    );
    expect(error).toMatchObject({ code: 'BRAZE_UNAVAILABLE' });
    expect(books.with('accepted')).toEqual([]);
  });
});

it('a single batch that cannot be sent fails the run', async () => {
  const braze = await startScriptedBraze(() => ({ status: 500 }));
  await braze.stop();
  const books = new TestBooks();
  const destination = openRestDestination({ ...QUICK, endpoint: braze.endpoint });
  await expect(
    destination.send(inPortions(somePeople(3), 10), books, aRun()),
  ).rejects.toMatchObject({ code: 'BRAZE_UNAVAILABLE', transient: true });
  expect(books.with('waiting')).toEqual([0, 1, 2]);
});

describe('the rate limit', () => {
  it('that a 429 tells is waited for by everybody', async () => {
    let untilMs = 0;
    const early: number[] = [];
    const { books } = await deliver(({ objects, number, atMs }) => {
      if (number === 3) {
        untilMs = atMs + 1000;
        return { status: 429, body: {}, headers: { 'X-Ratelimit-Retry-After': '1' } };
      }
      // Those that were out when the answer went back arrive within half a second.
      if (number > 3 && atMs < untilMs - 10 && atMs > untilMs - 500) early.push(number);
      return success(objects);
    }, somePeople(1500));
    expect(books.with('accepted')).toHaveLength(1500);
    expect(early).toEqual([]);
  });

  it.each([
    ['in seconds', () => '1'],
    ['as an epoch', () => String(Math.ceil(Date.now() / 1000) + 1)],
  ])('that is used up is waited for before a 429, told %s', async (_, reset) => {
    const { braze, books } = await deliver(
      ({ objects, number }) => ({
        ...success(objects),
        headers: {
          'x-ratelimit-remaining': number === 1 ? '0' : '100',
          'x-ratelimit-reset': reset(),
        },
      }),
      somePeople(75 * 4),
      { concurrency: 1 },
    );
    expect(books.with('accepted')).toHaveLength(300);
    const [, second, third] = braze.requests.map(({ atMs }) => atMs);
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(950);
  });

  it('that lasts longer than a run may wait ends the run at once', async () => {
    const { error, books } = await deliver(
      ({ objects, number }) =>
        number < 2
          ? success(objects)
          : { status: 429, body: {}, headers: { 'x-ratelimit-retry-after': '3600' } },
      somePeople(1000),
      { concurrency: 1 },
    );
    expect(error).toMatchObject({ code: 'BRAZE_UNAVAILABLE', transient: true });
    expect(books.with('accepted')).toHaveLength(150);
    expect(books.with('rejected')).toEqual([]);
  });

  it('is not exceeded from the start', async () => {
    const { braze } = await deliver(({ objects }) => success(objects), somePeople(75 * 40), {
      requestsPerSecond: 40,
      concurrency: 20,
    });
    const startsMs = braze.requests.map(({ atMs }) => atMs);
    const inFirstSecond = startsMs.filter((atMs) => atMs < (startsMs[0] ?? 0) + 1000);
    expect(inFirstSecond.length).toBeLessThanOrEqual(42);
    expect(inFirstSecond.length).toBeGreaterThan(30);
  });

  it('of a server that is busy (Retry-After with a 503) is the least that we wait', async () => {
    const { braze } = await deliver(
      ({ objects, number }) =>
        number === 0 ? { status: 503, headers: { 'retry-after': '1' } } : success(objects),
      somePeople(10),
    );
    const [first = 0, second = 0] = braze.requests.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThanOrEqual(990);
  });
});

describe('a wish to stop', () => {
  it('lets requests that are out come back, and sends nothing new', async () => {
    const controller = new AbortController();
    const { error, books, braze } = await deliver(
      async ({ objects }) => {
        controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 50));
        return success(objects);
      },
      somePeople(3000),
      { signal: controller.signal },
    );
    expect(error).toMatchObject({ code: 'INTERRUPTED' });
    expect(braze.requests.length).toBeLessThanOrEqual(QUICK.concurrency);
    expect(books.with('accepted')).toHaveLength(braze.applied.length);
  });
});

const FAULTS: readonly ((objects: SentRequest['objects']) => Reply)[] = [
  () => ({ status: 500 }),
  (objects) => ({ status: 504, applied: objects }),
  () => ({ status: 429, body: {}, headers: { 'retry-after': '0' } }),
  () => ({ status: 413 }),
  () => ({ status: 400, body: { message: 'Max Input Length Exceeded' } }),
  () => ({ status: 200, isCut: true, applied: [] }),
  (objects) => ({ status: 200, isCut: true, applied: objects }),
  (objects) => ({ status: 201, body: '{"message":"succ', applied: objects }),
  (objects) => success(objects, [{ type: 'EMAIL_BAD_FORMAT', index: 0 }]),
];

describe('whatever happens', () => {
  it('every item is settled once and as it is, and nothing harmful is applied twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.nat(FAULTS.length - 1), { freq: 2 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
        async (faults, objectsPerRequest, repeatable) => {
          const items = somePeople(repeatable.length).map((item, index) => ({
            ...item,
            repeatable: repeatable[index] === true,
          }));
          const { braze, books, error } = await deliver(
            ({ objects, number }) => {
              const fault = FAULTS[faults[number] ?? -1];
              return fault === undefined ? success(objects) : fault(objects);
            },
            items,
            { objectsPerRequest, portion: 15 },
          );
          const wrong = items.filter(({ itemId, repeatable: mayRepeat }) => {
            const times = braze.applied.filter((object) => isPerson(object, itemId)).length;
            const status = books.outcomes.get(itemId)?.status;
            const isInDoubt = status === 'unknown' || (status === undefined && error !== undefined);
            if (status === 'accepted') return times < 1 || (times > 1 && !mayRepeat);
            if (mayRepeat) return status === undefined && error === undefined;
            return isInDoubt ? times > 1 : times > 0;
          });
          expect(wrong).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('secrets and people', () => {
  it.each([
    ['accepted', (request: SentRequest) => success(request.objects)],
    ['refused', () => ({ status: 401, body: { message: `Invalid API key: ${API_KEY}` } })],
    ['a lost answer', () => ({ status: 200, isCut: true })],
    ['an echo', () => ({ status: 400, body: { message: `bad: 'person-1' ${API_KEY}` } })],
  ])('are in no log line and no error (%s)', async (_, answer: (request: SentRequest) => Reply) => {
    const { error, logged, books } = await deliver(answer, somePeople(30));
    const told = `${inspect(error, { depth: 9 })} ${logged.join()}`;
    expect(told).not.toContain(API_KEY);
    expect(told).not.toMatch(/person-\d/);
    expect(inspect([...books.outcomes.values()])).not.toContain(API_KEY);
  });

  it('a key that cannot be one is refused without being shown', () => {
    const apiKey = `${API_KEY}\nsecond line`;
    const open = (key: string) => () =>
      openRestDestination({ apiKey: key, endpoint: 'http://127.0.0.1:9' });
    expect(open(apiKey)).toThrow('line breaks');
    expect(open(apiKey)).not.toThrow(API_KEY);
    expect(open('  ')).toThrow('it is empty');
    expect(open(`${API_KEY}\n`)).not.toThrow();
  });
});
