/**
 * Round trips with a Braze on loopback: over any desired states, any faults and kills at any moment, what
 * Braze has in the end is what is wanted, and without faults it gets no value that it has already.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { type BrazeSandbox, startBrazeSandbox } from '../../../src/sandbox/braze/start-sandbox.ts';
import type { RestDestination } from '../../../src/sync/destination.ts';
import { openRestDestination } from '../../../src/sync/rest-destination.ts';
import { runSync } from '../../../src/sync/run-sync.ts';
import { Database } from '../../../src/warehouse/database.ts';
import { migrate } from '../../../src/warehouse/migrations.ts';
import { TestSync } from '../../support/test-sync.ts';

const PEOPLE = ['ada', 'bob', 'cem', 'dot', 'eve'] as const;

/** One person's row; null is unset. */
const row = fc.record({
  flag: fc.option(fc.boolean()),
  number: fc.option(fc.constantFrom(0, 1, -2.5, 1e6)),
  text: fc.option(fc.constantFrom('', 'a', 'é"\\', '0')),
  tags: fc.option(fc.subarray(['x', 'y', 'z'])),
  visits: fc.option(fc.integer({ min: 0, max: 3 })),
  place: fc.option(fc.record({ city: fc.constantFrom('Bonn', 'Rom'), zip: fc.constantFrom(1, 2) })),
});

type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

const state = fc.tuple(...PEOPLE.map(() => row));

function formatState(rows: readonly Row[]): string {
  const literal = JSON.stringify(
    rows.map((one, index) => ({ external_id: PEOPLE[index], ...one })),
  );
  const shape =
    '[{"external_id":"VARCHAR","flag":"BOOLEAN","number":"DOUBLE","text":"VARCHAR","tags":["VARCHAR"],"visits":"INTEGER","place":{"city":"VARCHAR","zip":"INTEGER"}}]';
  return `select unnest(from_json('${literal.replaceAll("'", "''")}', '${shape}'), recursive := true)`.replace(
    'recursive := true',
    'max_depth := 2',
  );
}

/** As Braze shows it: what is null is not there. */
function wanted(rows: readonly Row[]): Record<string, unknown> {
  return Object.fromEntries(
    rows.map((one, index) => [
      PEOPLE[index],
      Object.fromEntries(
        Object.entries({ ...one, tags: one.tags && [...one.tags].sort() }).filter(
          ([, value]) => value !== null,
        ),
      ),
    ]),
  );
}

function found(braze: BrazeSandbox): Record<string, unknown> {
  return Object.fromEntries(
    PEOPLE.map((person) => [
      person,
      braze.find({ kind: 'external_id', value: person })?.custom_attributes ?? {},
    ]),
  );
}

/** How many values differ from one state to the next, told without any of our code. */
function countChanges(before: readonly Row[] | undefined, after: readonly Row[]): number {
  const told = (one: Row | undefined, key: keyof Row) => {
    const value = one?.[key] ?? null;
    return JSON.stringify(Array.isArray(value) ? [...value].sort() : value);
  };
  return after
    .flatMap((one, index) =>
      Object.keys(one).map((key) => [key as keyof Row, before?.[index], one] as const),
    )
    .filter(([key, old, one]) => told(old, key) !== told(one, key)).length;
}

const OPTIONS = {
  attributes: { sets: ['tags'], increments: ['visits'] },
  sync: { onUnknown: 'overwrite' },
} as const;

function openBraze(url: string): RestDestination {
  return openRestDestination({
    endpoint: url,
    apiKey: 'key',
    objectsPerRequest: 2,
    concurrency: 2,
    maxAttempts: 2,
    retryWaitMs: 1,
    longestPauseMs: 5,
  });
}

/** Dozens of runs over HTTP; seconds on a machine that does nothing else. */
const TIMEOUT_MS = 120_000;

it(
  'without faults, Braze gets the values that changed, each once',
  async () => {
    const braze = await startBrazeSandbox({ seed: 1, rateLimit: 'none' });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(state, { minLength: 2, maxLength: 3 }), async (states) => {
          braze.clear();
          const sync = await TestSync.forTest(OPTIONS);
          let before: readonly Row[] | undefined;
          for (const after of states) {
            const { config } = sync.withQuery(formatState(after));
            const destination = openBraze(braze.url);
            const receipt = await runSync(sync.database, config, 'nightly', {}, { destination });
            expect(receipt).toMatchObject({
              attributes: countChanges(before, after),
              rejections: [],
              waiting: 0,
            });
            expect(found(braze)).toEqual(wanted(after));
            before = after;
          }
          expect(braze.counts().silent).toEqual({});
        }),
        { numRuns: 5, endOnFailure: true },
      );
    } finally {
      await braze.close();
    }
  },
  TIMEOUT_MS,
);

it(
  'whatever fails, and whenever the process is killed, Braze has in the end what is wanted',
  async () => {
    const braze = await startBrazeSandbox({ seed: 2, rateLimit: 'none' });
    const folder = mkdtempSync(path.join(tmpdir(), 'currents-round-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const step = fc.record({ rows: state, killAfter: fc.option(fc.integer({ min: 1, max: 8 })) });
    let number = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 4 }), async (steps) => {
          braze.clear();
          number += 1;
          let life = 0;
          let file = path.join(folder, `${number}-${life}.duckdb`);
          let database = await Database.open({ path: file, threads: 1 });
          await migrate(database);
          const settings = await TestSync.forTest(OPTIONS);
          braze.fail({
            random: [
              { fault: { kind: 'lost-answer', when: 'after' }, share: 0.15 },
              { fault: { kind: 'lost-answer', when: 'before' }, share: 0.1 },
              { fault: { kind: 'server-error', status: 503 }, share: 0.1 },
              { fault: { kind: 'bad-objects' }, share: 0.1 },
            ],
          });
          for (const { rows, killAfter } of steps) {
            const { config } = settings.withQuery(formatState(rows));
            life += 1;
            const next = path.join(folder, `${number}-${life}.duckdb`);
            const destination = killing(openBraze(braze.url), killAfter, () => copy(file, next));
            await runSync(database, config, 'nightly', {}, { destination }).catch(() => undefined);
            database.close();
            // What a process that was killed leaves is what was on the disk then.
            if (existsSync(next)) file = next;
            database = await Database.open({ path: file, threads: 1 });
          }
          braze.clearFaults();
          const last = steps.at(-1)?.rows ?? [];
          const { config } = settings.withQuery(formatState(last));
          const destination = openBraze(braze.url);
          const receipt = await runSync(database, config, 'nightly', {}, { destination });
          expect(receipt).toMatchObject({ unknown: 0, rejected: 0, held: 0, waiting: 0 });
          expect(found(braze)).toEqual(wanted(last));
          const again = await runSync(database, config, 'nightly', {}, { destination });
          expect(again).toMatchObject({ planned: 0, requests: 0 });
          database.close();
        }),
        { numRuns: 5, endOnFailure: true },
      );
    } finally {
      await braze.close();
    }
  },
  TIMEOUT_MS,
);

/** Takes a copy of the database just before or after the so-and-so-many-th entry in the books. */
function killing(
  destination: RestDestination,
  killAfter: number | null,
  kill: () => void,
): RestDestination {
  let entries = 0;
  function count(): void {
    entries += 1;
    if (entries === killAfter) kill();
  }
  function dieIfKilled(): void {
    if (killAfter !== null && entries >= killAfter) throw new Error('killed');
  }
  return {
    ...destination,
    send: (portions, books, run) =>
      destination.send(
        portions,
        {
          markInFlight: async (ids) => {
            // Who is dead sends nothing more, also not what was being marked; what is out may still arrive.
            dieIfKilled();
            await books.markInFlight(ids);
            dieIfKilled();
            count();
          },
          settle: async (outcomes) => {
            count();
            await books.settle(outcomes);
            count();
          },
        },
        run,
      ),
  };
}

function copy(from: string, to: string): void {
  copyFileSync(from, to);
  if (existsSync(`${from}.wal`)) copyFileSync(`${from}.wal`, `${to}.wal`);
}

it.each([
  ['external ids', {}, {}],
  ['external ids of people who exist', {}, { updateExistingOnly: true }],
  ['aliases', { identifier: 'user_alias' }, {}],
  ['increments', { increments: ['visits'] }, {}],
] as const)(
  'a plan counts the requests and bytes that a run needs: %s',
  async (_, attributes, sync) => {
    const test = await TestSync.forTest({
      attributes,
      sync,
      destination: { objectsPerRequest: 2 },
    });
    const names =
      "'ad\"ä \\ \u{1f600}' || i as external_id, 'n\"' || i as alias_name, 'shop' as alias_label";
    const query = `select ${names}, i as visits from range(5) t(i)`;
    const { requests, bytes } = await test.plan(query);
    const braze = await startBrazeSandbox({ seed: 1, rateLimit: 'none' });
    const destination = openBraze(braze.url);
    const { config, database } = test.withQuery(query);
    const receipt = await runSync(database, config, 'nightly', {}, { destination });
    await braze.close();
    expect(receipt).toMatchObject({ planned: 5, requests, bytes });
  },
);
