/**
 * What a poll costs over a bucket of so many known keys: list requests, time, CPU. For each call: a
 * ledger that knows the keys, a server of its own for the bucket, then a few polls, each a process of its
 * own on a copy of that ledger. The median of each figure is handed back.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measurement } from '../measure.ts';
import { makeKnownLedger } from './known-ledger.ts';
import type { PollTask } from './poll.ts';

export interface PollOptions {
  /** Objects that each poll finds new; default 0, an idle poll. */
  readonly fresh?: number;
  /** List everything instead of the last hours. */
  readonly full?: boolean;
  readonly order?: 'hour' | 'key';
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

export interface PollCost extends Measurement {
  readonly keys: number;
  readonly listRequests: number;
  /** Objects that the listing showed. */
  readonly objectsListed: number;
}

/** @throws Error when a poll fails, or does not find what it should */
export async function measureIdlePoll(keys: number, options: PollOptions = {}): Promise<PollCost> {
  const { fresh = 0, full = false, order = 'key', rounds = 3, signal } = options;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'currents-poll-'));
  const ledger = path.join(folder, 'ledger.duckdb');
  await makeKnownLedger(ledger, keys, fresh, order);
  const server = start('list-server.ts', String(keys), signal);
  try {
    const { port } = await answerOf<{ port: number }>(server);
    const costs: PollCost[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const database = path.join(folder, 'poll.duckdb');
      await copyFile(ledger, database);
      const before = await countRequests(server);
      const task: PollTask = { endpoint: `http://127.0.0.1:${port}`, database, full };
      const { measurement, found } = await poll(task, signal);
      if (found.discovered !== fresh) {
        throw new Error(`a poll found ${found.discovered} new objects (expected ${fresh})`);
      }
      costs.push({
        ...measurement,
        keys,
        listRequests: (await countRequests(server)) - before,
        objectsListed: found.discovered + found.unchanged,
      });
      await rm(database);
    }
    return medianOf(costs);
  } finally {
    server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Found {
  readonly discovered: number;
  readonly unchanged: number;
}

async function poll(task: PollTask, signal: AbortSignal | undefined) {
  const child = start('poll.ts', JSON.stringify(task), signal);
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  const [found, measurement] = messages as [Found, Measurement];
  if (exitCode !== 0 || measurement === undefined) {
    throw new Error(`a poll ended with exit code ${exitCode} and no measurement`);
  }
  return { found, measurement };
}

function start(script: string, argument: string, signal: AbortSignal | undefined): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), [argument], {
    execArgv: ['--import', 'tsx'],
    // The server checks no signature, but the SDK wants something to sign with.
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    stdio: ['ignore', 2, 'inherit', 'ipc'],
    ...(signal && { signal }),
  });
}

async function countRequests(server: ChildProcess): Promise<number> {
  server.send('how many?');
  return (await answerOf<{ listRequests: number }>(server)).listRequests;
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const [answer] = (await once(child, 'message')) as [Answer];
  return answer;
}

function medianOf(costs: readonly PollCost[]): PollCost {
  const median = (pick: (cost: PollCost) => number): number =>
    costs.map(pick).sort((a, b) => a - b)[costs.length >> 1] ?? Number.NaN;
  return {
    keys: median((cost) => cost.keys),
    listRequests: median((cost) => cost.listRequests),
    objectsListed: median((cost) => cost.objectsListed),
    seconds: median((cost) => cost.seconds),
    cpuSeconds: median((cost) => cost.cpuSeconds),
    peakBytes: median((cost) => cost.peakBytes),
  };
}
