/**
 * The round trip: random desired states over several runs of `currents sync run`, against the sandbox, with
 * faults by chance and kill -9 at random moments. Then the sandbox's profiles are the desired state.
 *
 * And what it received is the minimum, by a computation of its own (desired-people.ts): a run that nothing
 * disturbs sends exactly the values that differ; one that was disturbed never one that did not change since
 * it was accepted; and over files nothing comes twice, however often we were killed. Each way, REST and files
 * in every format, has lives of its own; a life is a database, a sandbox and several states.
 *
 *     npx tsx test/e2e/round-trip.ts --lives 20 --seed 1
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLocalFolder } from '../../src/discovery/local-folder.ts';
import { type BrazeSandbox, startBrazeSandbox } from '../../src/sandbox/braze/start-sandbox.ts';
import { createRandom } from '../support/seeded-random.ts';
import { Checks } from './checks.ts';
import { readAll, runCurrents, startCurrents } from './currents-command.ts';
import {
  type DesiredState,
  drawNextState,
  formatDesiredQuery,
  formatLines,
  formatValue,
  listChanges,
  listSet,
} from './desired-people.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({
  options: { lives: { type: 'string', default: '8' }, seed: { type: 'string', default: '1' } },
});
const lives = Number(values.lives);
const seed = Number(values.seed);
const random = createRandom(seed);
const checks = new Checks(`Round trips: ${lives} lives, seed ${seed}`);

const API_KEY = 'e2e-secret-key-0123456789';
const STATES = 4;
/** After the last disturbance; one that was refused by a fault is sent by the next run. */
const MOST_RUNS_TO_REST = 4;

const WAYS = ['rest', 'json', 'rest', 'parquet', 'csv'] as const;
type Way = (typeof WAYS)[number];

interface Life {
  readonly folder: string;
  readonly config: string;
  readonly way: Way;
  readonly sandbox: BrazeSandbox;
  /** Everything that our processes wrote, in all runs. */
  said: string;
  /** How long a run took that was not disturbed. */
  wholeMs: number;
}

interface Receipt {
  readonly planned: number;
  readonly waiting: number;
  readonly rejected: number;
}

let kills = 0;
let repeated = 0;
let received = 0;

await withTemporaryFolder('round-trip', async (root) => {
  for (let number = 0; number < lives; number += 1) {
    const way = WAYS[number % WAYS.length] ?? 'rest';
    await checks.check(`life ${number + 1}, ${way}`, async () => {
      const life = await beginLife(path.join(root, `life-${number}`), way, number);
      try {
        let state: DesiredState = new Map();
        const modes: string[] = [];
        for (let step = 0; step < STATES; step += 1) {
          const mode = step === 0 ? 'quiet' : drawMode();
          modes.push(mode);
          state = await (mode === 'quiet'
            ? moveQuietly(life, state)
            : moveDisturbed(life, state, mode));
          assert.deepEqual(listSet(readProfiles(life)), listSet(state));
          await assertAtRest(life);
        }
        assert.equal(life.said.includes(API_KEY), false, 'the API key was written somewhere');
        assert.equal(/q"uo|ümläut/.test(life.said), false, 'an identifier was written somewhere');
        return `${modes.join(', ')}; ${state.size} people`;
      } finally {
        await life.sandbox.close();
      }
    });
  }
});
console.log(
  `${kills} kills, ${received} values received, ${repeated} of them again after a disturbance`,
);
checks.finish();

function drawMode(): 'quiet' | 'faults' | 'killed' {
  const chance = random();
  return chance < 0.3 ? 'quiet' : chance < 0.5 ? 'faults' : 'killed';
}

async function beginLife(folder: string, way: Way, number: number): Promise<Life> {
  const stage = path.join(folder, 'stage');
  const files = path.join(stage, 'attributes');
  await mkdir(files, { recursive: true });
  const sandbox = await startBrazeSandbox({
    seed: seed * 1000 + number,
    rateLimit: 'none',
    keepReceived: 1_000_000,
    apiKeys: { [API_KEY]: ['users.track'] },
    stages: way === 'rest' ? [] : [{ store: openLocalFolder(files), takesExisting: true }],
    stageEveryMs: 0,
  });
  const destination =
    way === 'rest'
      ? `{ kind: rest, instance: '${sandbox.url}', apiKey: { env: KEY_OF_THE_TEST }, objectsPerRequest: 20, concurrency: 4 }`
      : `{ kind: files, url: '${stage}', format: ${way}, fileBytes: 20KB }`;
  const config = path.join(folder, 'currents.yaml');
  await writeFile(
    path.join(folder, 'people.sql'),
    formatDesiredQuery(path.join(folder, 'people.ndjson')),
  );
  await writeFile(
    config,
    `database: c.duckdb
attributes: { people: { identifier: external_id, query: people.sql } }
syncs: { trip: { send: [people], to: braze } }
destinations: { braze: ${destination} }
`,
  );
  return { folder, config, way, sandbox, said: '', wholeMs: 1000 };
}

/** One run in peace: exactly what differs is received. */
async function moveQuietly(life: Life, from: DesiredState): Promise<DesiredState> {
  const to = await writeNextState(life, from);
  const before = life.sandbox.received().length;
  const startedAt = Date.now();
  await run(life);
  life.wholeMs = Date.now() - startedAt;
  assert.deepEqual(listReceived(life, before), listChanges(from, to));
  return to;
}

/** Runs that are killed or fail, over one to three states, until one gets through. */
async function moveDisturbed(
  life: Life,
  from: DesiredState,
  mode: 'faults' | 'killed',
): Promise<DesiredState> {
  const before = life.sandbox.received().length;
  life.sandbox.fail({
    random: [
      { fault: { kind: 'lost-answer', when: 'after' }, share: 0.06 },
      { fault: { kind: 'lost-answer', when: 'before' }, share: 0.06 },
      { fault: { kind: 'cut-answer' }, share: 0.03 },
      { fault: { kind: 'server-error', status: 503, when: 'before' }, share: 0.06 },
      { fault: { kind: 'server-error', status: 504, when: 'after' }, share: 0.03 },
      { fault: { kind: 'rate-limited', waitSeconds: 0 }, share: 0.05 },
      { fault: { kind: 'bad-objects' }, share: 0.05 },
      { fault: { kind: 'slow', delayMs: 20 }, share: 0.3 },
    ],
  });
  let state = from;
  const wanted = new Set<string>();
  for (let turn = 1 + Math.floor(random() * 3); turn > 0; turn -= 1) {
    const next = await writeNextState(life, state);
    // From any state that may be half in Braze; what was the same all along is in none of these.
    for (const line of [...listChanges(from, next), ...listChanges(state, next)]) wanted.add(line);
    state = next;
    if (mode === 'killed') await runAndKill(life);
    else await tryRun(life);
  }
  life.sandbox.clearFaults();
  await runToRest(life);
  const lines = listReceived(life, before);
  assert.deepEqual(
    lines.filter((line) => !wanted.has(line)),
    [],
    'values that did not change',
  );
  const again = lines.length - new Set(lines).size;
  if (life.way !== 'rest') assert.equal(again, 0, 'values came twice over files');
  repeated += again;
  return state;
}

async function writeNextState({ folder }: Life, from: DesiredState): Promise<DesiredState> {
  const next = drawNextState(from, random);
  await writeFile(path.join(folder, 'people.ndjson'), formatLines(next));
  return next;
}

/** A run when there is nothing new sends nothing. */
async function assertAtRest(life: Life): Promise<void> {
  const before = life.sandbox.received().length;
  const { planned } = await run(life);
  assert.equal(planned, 0);
  assert.equal(life.sandbox.received().length, before);
}

async function runToRest(life: Life): Promise<void> {
  for (let attempt = 0; attempt < MOST_RUNS_TO_REST; attempt += 1)
    if ((await tryRun(life))?.planned === 0) return;
  throw new Error(`not at rest after ${MOST_RUNS_TO_REST} runs`);
}

async function run(life: Life): Promise<Receipt> {
  const receipt = await tryRun(life);
  assert.ok(receipt !== undefined, life.said.slice(-1500));
  return receipt;
}

/** The receipt; undefined when the run failed, as it may while Braze does. */
async function tryRun(life: Life): Promise<Receipt | undefined> {
  const { exitCode, stdout, stderr } = await runCurrents(command(life), { env: environment() });
  life.said += stdout + stderr;
  await life.sandbox.ingest();
  assertIngested(life);
  return exitCode === 0 || exitCode === 3 ? (JSON.parse(stdout) as Receipt) : undefined;
}

async function runAndKill(life: Life): Promise<void> {
  const child = startCurrents(command(life), { env: environment() });
  const ended = once(child, 'exit');
  const output = Promise.all([readAll(child.stdout), readAll(child.stderr)]);
  const strike = () => child.kill('SIGKILL');
  // Most of the time goes into starting: half of the kills wait for a line of the log about sending.
  const atLine = random() < 0.5 ? 1 + Math.floor(random() * 10) : Number.POSITIVE_INFINITY;
  const delayMs = random() * 20;
  let lines = 0;
  child.stderr?.on('data', (chunk: Buffer) => {
    lines += chunk.toString().split(/batch sent|file staged/).length - 1;
    if (lines >= atLine) setTimeout(strike, delayMs);
  });
  const timer = setTimeout(strike, life.wholeMs * (0.4 + 0.8 * random()));
  await ended;
  clearTimeout(timer);
  if (child.signalCode === 'SIGKILL') kills += 1;
  life.said += (await output).join('');
  await life.sandbox.ingest();
  assertIngested(life);
}

function command({ config }: Life): string[] {
  return ['sync', 'run', 'trip', '--config', config, '--json', '--log-level', 'debug'];
}

function environment(): Record<string, string> {
  return { KEY_OF_THE_TEST: API_KEY };
}

/** Every file that was visible at any time is one that Braze would take without a complaint. */
function assertIngested({ sandbox }: Life): void {
  const bad = sandbox.ingestions().filter(({ status }) => status !== 'Success');
  assert.deepEqual(bad, []);
}

function readProfiles({ sandbox }: Life): (readonly [string, object])[] {
  return [...sandbox.profiles()].map((profile) => [
    profile.external_id ?? '?',
    profile.custom_attributes ?? {},
  ]);
}

function listReceived({ sandbox }: Life, from: number): string[] {
  const lines = sandbox
    .received()
    .slice(from)
    .flatMap(({ object }) => {
      const { external_id: id, ...attributes } = object as Record<string, unknown>;
      return Object.entries(attributes).map(([name, value]) =>
        formatValue(String(id), name, value),
      );
    });
  received += lines.length;
  return lines.sort();
}
