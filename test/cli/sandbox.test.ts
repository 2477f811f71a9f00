/** The built `currents sandbox`: it answers, takes in staged files, survives kill -9, and ends when told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runBin } from './run-bin.ts';

const BIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let cwd: string;
const running = new Set<ChildProcess>();

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-cli-'));
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  rmSync(cwd, { recursive: true });
});

/** The child and the URL that it printed. */
async function start(...args: string[]) {
  const child = spawn(process.execPath, [BIN, 'sandbox', '--port', '0', '--json', ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let stdout = '';
  for await (const text of child.stdout.setEncoding('utf8')) {
    stdout += String(text);
    if (stdout.trimEnd().endsWith('}')) break;
  }
  return { child, url: (JSON.parse(stdout) as { url: string }).url };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, 'exit') as Promise<[number | null]>;
  child.kill(signal);
  return (await exit)[0];
}

async function set(url: string, object: object): Promise<number> {
  const answer = await fetch(`${url}/users/track`, {
    method: 'POST',
    headers: { authorization: 'Bearer any', 'content-type': 'application/json' },
    body: JSON.stringify({ attributes: [object] }),
  });
  return answer.status;
}

async function custom(url: string, externalId: string): Promise<unknown> {
  const answer = await fetch(`${url}/sandbox/profile?external_id=${externalId}`);
  return ((await answer.json()) as { custom_attributes?: unknown }).custom_attributes;
}

it('keeps profiles over kill -9 and an orderly end', async () => {
  const state = ['--state', 'state.ndjson'];
  const first = await start(...state);
  expect(await set(first.url, { external_id: 'a', n: { inc: 1 } })).toBe(201);
  await end(first.child, 'SIGKILL');
  const second = await start(...state);
  expect(await set(second.url, { external_id: 'a', n: { inc: 1 } })).toBe(201);
  expect(await end(second.child, 'SIGTERM')).toBe(0);
  const third = await start(...state);
  expect(await custom(third.url, 'a')).toEqual({ n: 2 });
  expect(await end(third.child, 'SIGINT')).toBe(130);
});

it('takes in staged files as they come, and limits requests as told', async () => {
  mkdirSync(path.join(cwd, 'stage'));
  const { url } = await start('--stage', 'stage', '--rate-limit', '1', '--rate-headers', 'seconds');
  const line = JSON.stringify({ EXTERNAL_ID: 'a', PAYLOAD: '{"tier":"gold"}' });
  writeFileSync(path.join(cwd, 'a.json'), line);
  renameSync(path.join(cwd, 'a.json'), path.join(cwd, 'stage', 'a.json'));
  await vi.waitFor(async () => expect(await custom(url, 'a')).toEqual({ tier: 'gold' }), 10_000);
  const statuses = [];
  for (let time = 0; time < 3; time++) statuses.push(await set(url, { external_id: 'b' }));
  expect(statuses).toContain(429);
});

it('says so when the port is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { stderr, code } = await runBin(['sandbox', '--port', String(port)], { cwd });
  server.close();
  expect({ stderr, code }).toEqual({
    stderr: `error: cannot listen on port ${port} of 127.0.0.1: EADDRINUSE (a port that is free)\nTry: currents sandbox --port 0\n`,
    code: 2,
  });
});
