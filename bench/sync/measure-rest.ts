/**
 * How near a sync over REST comes to the rate that it may have: the documented limit, or what the sandbox can
 * take, whichever is less. What the sandbox can take is found by a plain load generator with the bodies that
 * the sync sends, before the sync and after it, each time with a sandbox that knows nobody yet.
 *
 * A sandbox on the machine of the bench may never reach the limit. So there are two more runs, of fewer
 * people and with a limit that it can reach: one that the sync knows, which shows the pace, and one that it
 * learns of by 429 alone, as under the contracts by monthly users, which shows that it waits.
 */
import { constants, copyFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { RateLimits, SyncReceipt } from '../../src/index.ts';
import type { BrazeCounts } from './braze.ts';
import { checkEqual } from './check-equal.ts';
import type { StepCost, SyncSetting } from './measure-sync.ts';
import { type Braze, runLoad, runSyncStep, startBraze } from './run-step.ts';
import { DOCUMENTED_LIMIT, PEOPLE_PER_REQUEST, writeSettings } from './sync-settings.ts';

export interface SendCost extends StepCost {
  readonly requests: number;
  /** From the first portion that is read to the last answer that is written down. */
  readonly sendingSeconds: number;
  readonly requestsPerSecond: number;
  /** The most that was allowed or possible. */
  readonly possiblePerSecond: number;
  readonly share: number;
  /** Requests that the sandbox refused with 429. */
  readonly refused: number;
}

interface LoadCost {
  readonly requestsPerSecond: number;
  readonly cpuSeconds: number;
}

export interface RestReport {
  /** Of the load generator, before the first sync and after it. */
  readonly loads: readonly LoadCost[];
  readonly documentedLimit: SendCost;
  readonly knownLimit: SendCost;
  readonly learntLimit: SendCost;
}

export interface RestSetting extends SyncSetting {
  /** A database in which nothing was sent yet. */
  readonly original: string;
}

/** As many as a sync has out; docs/destinations.md. */
const CONCURRENCY = 32;
/** Of Braze's burst limit. */
const WINDOW_MS = 3000;
/** Share of what the sandbox can take that the limits are set to which it has to reach. */
const REACHABLE_SHARE = 0.4;
/** How long the runs with such limits take, in windows; a small bench takes fewer. */
const MOST_WINDOWS = 7;
const LEAST_WINDOWS = 3;

/** @throws Error when the sandbox did not take every person once, or was not waited for */
export async function measureRest(setting: RestSetting, people: number): Promise<RestReport> {
  const bodies = path.join(setting.folder, 'bodies.ndjson');
  await writeBodies(setting, bodies);
  const before = await measureLoad(setting, bodies);
  const sent = await send(setting, { people, sandbox: {}, assumed: DOCUMENTED_LIMIT });
  const after = await measureLoad(setting, bodies);
  await rm(bodies);
  const capacity = (before.requestsPerSecond + after.requestsPerSecond) / 2;
  const requests = Math.min(
    Math.floor((capacity * REACHABLE_SHARE * WINDOW_MS) / 1000),
    Math.ceil(people / PEOPLE_PER_REQUEST / LEAST_WINDOWS),
  );
  const burst = { requests, perMs: WINDOW_MS };
  const allowed = (requests * 1000) / WINDOW_MS;
  const fewer = Math.min(people, requests * MOST_WINDOWS * PEOPLE_PER_REQUEST);
  const known = await send(setting, { people: fewer, sandbox: { burst }, assumed: allowed });
  // Nothing but a 429 tells of the shorter window; Braze, contracts by monthly active users.
  const silent: RateLimits = { burst, hourly: HOURLY_LIMIT, headers: 'seconds' };
  const learnt = await send(setting, { people: fewer, sandbox: silent, assumed: DOCUMENTED_LIMIT });
  checkWaits(learnt);
  return {
    loads: [before, after],
    documentedLimit: addShare(sent, Math.min(DOCUMENTED_LIMIT, capacity)),
    knownLimit: addShare(known, allowed),
    learntLimit: addShare(learnt, allowed),
  };
}

/** Never reached. */
const HOURLY_LIMIT = 10_000_000;

/** What a run of the sync sends, without sending it. */
async function writeBodies({ original, folder, signal }: RestSetting, bodies: string) {
  const database = await copyOriginal(original, folder);
  const settings = await writeSettings(folder);
  await runSyncStep({ step: 'run', database, settings, sync: 'rest', bodies }, signal);
  await rm(database);
}

async function measureLoad({ signal, say }: RestSetting, bodies: string): Promise<LoadCost> {
  const unlimited = { requests: Number.MAX_SAFE_INTEGER, perMs: WINDOW_MS };
  return withBraze({ burst: unlimited }, signal, async (braze) => {
    const { url } = braze;
    const load = await runLoad({ url, bodies, concurrency: CONCURRENCY }, signal);
    const requestsPerSecond = (await braze.counts()).requests / load.seconds;
    say(`sync: the sandbox takes ${requestsPerSecond.toFixed(0)} requests a second`);
    return { requestsPerSecond, cpuSeconds: load.cpuSeconds };
  });
}

interface Sending {
  readonly people: number;
  /** The limit that the sandbox keeps. */
  readonly sandbox: RateLimits;
  /** Requests a second that the sync takes for its limit. */
  readonly assumed: number;
}

type Sent = Omit<SendCost, 'possiblePerSecond' | 'share'>;

async function send(setting: RestSetting, { people, sandbox, assumed }: Sending): Promise<Sent> {
  const { original, folder, signal, say, onChecked } = setting;
  const database = await copyOriginal(original, folder);
  const sent = await withBraze(sandbox, signal, async (braze): Promise<Sent> => {
    const rest = { endpoint: braze.url, requestsPerSecond: assumed };
    const settings = await writeSettings(folder, rest, people);
    const task = { step: 'run', database, settings, sync: 'rest' } as const;
    const found = await runSyncStep<SyncReceipt>(task, signal);
    const counts = await braze.counts();
    checkTaken(found, counts, people);
    const { seconds, cpuSeconds, peakBytes, deliverySeconds, attributes } = found;
    const taken = counts.answers['/users/track 201'] ?? 0;
    return {
      people,
      values: attributes,
      ...{ seconds, cpuSeconds, peakBytes },
      load: os.loadavg()[0] ?? 0,
      requests: taken,
      sendingSeconds: deliverySeconds,
      requestsPerSecond: taken / deliverySeconds,
      refused: counts.requests - taken,
    };
  });
  await rm(database);
  say(`sync: ${sent.requestsPerSecond.toFixed(0)} requests a second of ${assumed.toFixed(0)}`);
  onChecked();
  return sent;
}

/** As many profiles as objects, so each came once; all of their values; and nothing else but 429. */
function checkTaken(receipt: SyncReceipt, counts: BrazeCounts, people: number): void {
  const { answers, objects, silent, dataPoints, profiles } = counts;
  checkEqual('accepted people', receipt.accepted, people);
  checkEqual('people that the sandbox took', objects.attributes, people);
  checkEqual('profiles of the sandbox', profiles, people);
  checkEqual('data points of the sandbox', dataPoints, receipt.dataPoints);
  checkEqual('people that the sandbox refused', objects.refused, 0);
  checkEqual('kinds of silent losses', Object.keys(silent).filter(isLoss).length, 0);
  const taken = answers['/users/track 201'] ?? 0;
  const limited = answers['/users/track 429'] ?? 0;
  checkEqual('requests with another answer', counts.requests - taken - limited, 0);
  checkEqual('requests of the receipt', receipt.requests, counts.requests);
}

/** Times leave as texts, and are to become times. */
const isLoss = (rule: string): boolean => rule !== 'TEXT_TO_TIME';

/**
 * Whoever does not wait is refused hundreds of times in a window; whoever does, with what is out when it is
 * used up. On a machine so busy that nobody is refused, there was nothing to wait for.
 */
function checkWaits({ refused, sendingSeconds }: Sent): void {
  const windows = Math.ceil((sendingSeconds * 1000) / WINDOW_MS) + 1;
  if (refused <= windows * CONCURRENCY) return;
  throw new Error(`${refused} answers 429 in ${windows} windows (${CONCURRENCY} in each at most)`);
}

function addShare(sent: Sent, possiblePerSecond: number): SendCost {
  return { ...sent, possiblePerSecond, share: sent.requestsPerSecond / possiblePerSecond };
}

async function copyOriginal(original: string, folder: string): Promise<string> {
  const copy = path.join(folder, 'rest.duckdb');
  await copyFile(original, copy, constants.COPYFILE_FICLONE);
  return copy;
}

async function withBraze<Result>(
  rateLimit: RateLimits,
  signal: AbortSignal,
  work: (braze: Braze) => Promise<Result>,
): Promise<Result> {
  const braze = await startBraze({ rateLimit }, signal);
  try {
    return await work(braze);
  } finally {
    await braze.close();
  }
}
