/** The main job through the built bin: a bucket, its tables, a damaged object, and every way to look. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestResult } from '../../src/ingest-result.ts';
import { type RunOptions, runBin } from './run-bin.ts';

const DAMAGED =
  'currents/dataexport.prod-01.S3.integration.x/event_type=users.messages.email.Open/date=2026-07-05-23/version=10/production/dataexport.prod-01.S3.integration.x+1+2.avro';

let cwd: string;
let first: IngestResult;

/** One bucket for all: each test looks at what the ones before have left. */
beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-cli-'));
  await run(
    'generate bucket --events 300 --users 30 --hours 3 --release v10 --event-type users.messages.email.*',
  );
});

afterAll(() => rmSync(cwd, { recursive: true }));

function run(command: string | readonly string[], options: Partial<RunOptions> = {}) {
  const args = typeof command === 'string' ? command.split(' ') : command;
  // Making the tables of profiles takes longer than most of what is tested here.
  const env = {
    CURRENTS_SOURCE: 'bucket',
    CURRENTS_LOG_LEVEL: 'error',
    CURRENTS_PROFILES_REFRESH: 'manual',
  };
  return runBin(args, { cwd, env, ...options });
}

async function runJson<Result>(command: string): Promise<Result> {
  const { stdout, stderr } = await run(`${command} --json`);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Result;
}

describe('ingest', () => {
  it('as a dry run says what it would load and leaves no database', async () => {
    const { stdout, stderr, code } = await run('ingest --dry-run');
    expect(stdout).toMatch(
      /^Would load \d+ objects \(.+\); nothing was changed\n\nevent type +objects\n/,
    );
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(readdirSync(cwd)).toEqual(['bucket']);
  });

  it('loads every event once and says so in JSON', async () => {
    first = await runJson<IngestResult>('ingest');
    expect(first).toMatchObject({
      objects: { quarantined: 0, unchanged: 0, missing: 0, archived: 0, failed: 0, pending: 0 },
      events: { loaded: 300 },
      eventTypes: { 'users.messages.email.Send': { objects: expect.any(Number) } },
    });
    expect(first.objects.discovered).toBe(first.objects.loaded);
    expect(first.events.read).toBe(300 + first.events.duplicates);
    expect(first.bytes).toBeGreaterThan(0);
    expect(first.seconds).toBeGreaterThan(0);
    expect(first.schemaChanges.every(({ change }) => change === 'table created')).toBe(true);
  });

  it('run again finds nothing new, in words for people', async () => {
    const { stdout, stderr, code } = await run('ingest');
    expect(stdout.replace(/\d+\.\d s/, 'N s')).toBe(
      `Nothing new: ${first.objects.loaded} objects listed, all known (N s)\n\nNext: currents status\n`,
    );
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });

  it('ends with 3 when an object went to quarantine, and shows why and what to do', async () => {
    mkdirSync(path.join(cwd, 'bucket', path.dirname(DAMAGED)), { recursive: true });
    writeFileSync(path.join(cwd, 'bucket', DAMAGED), 'not Avro at all');
    const { stdout, code } = await run('ingest --full');
    expect(code).toBe(3);
    expect(stdout).toContain(`Not loaded:\n  quarantined: ${DAMAGED}\n    cannot read `);
    expect(stdout).toContain('Next: currents quarantine list\n');
    expect((await run('ingest')).code, 'what was quarantined before is no news').toBe(0);
  });

  it('names a bucket that is not there and makes no database for it', async () => {
    const { stdout, stderr, code } = await run('ingest --source nowhere --database n.duckdb');
    expect(stderr).toMatch(/^error: cannot .*nowhere.*\nTry: /);
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    expect(readdirSync(cwd)).not.toContain('n.duckdb');
  });
});

describe('looking at the work', () => {
  it('status shows counts, event types and runs', async () => {
    const { stdout, stderr, code } = await run('status');
    expect(stdout).toContain(
      `300 events\n${first.objects.loaded} objects loaded, 1 in quarantine (currents quarantine list)\n`,
    );
    expect(stdout).toMatch(
      /event type +events +objects +waiting +quarantined +newest hour +newest event\n/,
    );
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });

    const status = await runJson<{ events: number; runs: { status: string }[] }>('status');
    expect(status).toMatchObject({ events: 300, objects: { quarantined: 1 } });
    expect(status.runs.map((found) => found.status)).toEqual(Array(4).fill('succeeded'));
  });

  it('objects lists and shows them by key', async () => {
    const listed = await runJson<{ objects: { key: string }[]; isComplete: boolean }>(
      'objects list --status quarantined --event-type users.*.Open',
    );
    expect(listed).toMatchObject({ objects: [{ key: DAMAGED }], isComplete: true });
    const { stdout, code } = await run(['objects', 'show', DAMAGED]);
    expect(stdout).toMatch(/^status +quarantined$/m);
    expect(code).toBe(0);

    const more = await run('objects --limit 1');
    expect(more.stderr).toBe('note: only the last 1; --limit shows more\n');
    expect(more.stdout.split('\n')).toHaveLength(3);

    const unknown = await run('objects show nothing');
    expect(unknown.stderr).toMatch(/^error: cannot show nothing: it is not in the ledger.*\nTry: /);
    expect(unknown.code).toBe(1);
    expect((await run('objects list --status lost')).code).toBe(2);
  });

  it('doctor finds everything in order, or says what is not', async () => {
    const { stdout, stderr, code } = await run('doctor');
    expect(stdout).toMatch(/^ok {4}source {4}/m);
    expect(stdout).toMatch(/^ok {4}read {6}/m);
    expect(stdout).toMatch(/^ok {4}database {2}/m);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });

    const broken = await run('doctor --source nowhere --json');
    const { checks } = JSON.parse(broken.stdout) as { checks: { name: string; status: string }[] };
    expect(checks.find(({ name }) => name === 'source')).toMatchObject({ status: 'fail' });
    expect(broken.code).toBe(1);
  });
});

describe('quarantine', () => {
  it('lists what could not be read with its reason', async () => {
    const { stdout, code } = await run('quarantine');
    expect(stdout.split('\n')[0]).toBe(DAMAGED);
    expect(stdout).toContain('CONTAINER_INVALID\n  cannot read ');
    expect(code).toBe(0);
  });

  it('refuses to retry nothing, and what is not in it', async () => {
    expect(await run('quarantine retry')).toEqual({
      stdout: '',
      stderr:
        'error: cannot retry: expected either keys or --all\nTry: currents quarantine retry --all\n',
      code: 2,
    });
    expect((await run('quarantine retry nothing')).code).toBe(1);
  });

  it('retried, an object that is still damaged comes back, and a mended one is loaded', async () => {
    expect((await run('quarantine retry --all')).code).toBe(3);
    rmSync(path.join(cwd, 'bucket', DAMAGED));
    const { stdout, code } = await run(['quarantine', 'retry', DAMAGED]);
    expect(stdout).toContain('1 object to try again.\n');
    expect(code, 'gone from the bucket is recorded, not a failure').toBe(0);
    expect((await run('quarantine')).stdout).toBe('Nothing is in quarantine.\n');
  });
});

describe('query', () => {
  const SQL =
    'select count(*) as events, min(time) < max(time) as ok from events.users_messages_email_send';

  it('prints a table, CSV and JSON of the same rows', async () => {
    const sends = first.eventTypes['users.messages.email.Send'];
    const events = (sends?.events ?? 0) - (sends?.duplicates ?? 0);
    const outputs = {
      table: `events  ok\n${events}${' '.repeat(8 - String(events).length)}true\n`,
      csv: `events,ok\n${events},true\n`,
      ndjson: `{"events":${events},"ok":true}\n`,
      json: `[\n{"events":${events},"ok":true}\n]\n`,
    };
    for (const [format, stdout] of Object.entries(outputs))
      expect(await run(['query', SQL, '--format', format])).toEqual({
        stdout,
        stderr: '',
        code: 0,
      });
  });

  it('writes Parquet that is complete', async () => {
    const { stdout, code } = await run(['query', SQL, '--format', 'parquet']);
    expect([stdout.slice(0, 4), stdout.slice(-4), code]).toEqual(['PAR1', 'PAR1', 0]);
  });

  it('cannot change anything', async () => {
    const { stderr, code } = await run(['query', 'delete from ops.objects']);
    expect(stderr).toMatch(/^error: cannot run the query: it does more than read/);
    expect(code).toBe(1);
  });

  it("fails with DuckDB's own words", async () => {
    const { stdout, stderr, code } = await run(['query', 'select fro']);
    expect(stderr).toContain('error: cannot run the query: Binder Error: Referenced column "fro"');
    expect(stderr).toMatch(/\nTry: currents query /);
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
  });

  it('ends quietly when its reader has seen enough', async () => {
    const { stderr, code } = await run(['query', 'from range(3000000)', '--format', 'csv'], {
      closesEarly: true,
    });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });

  it('without a database says how to get one', async () => {
    const { stderr, code } = await run('query x --database none.duckdb');
    expect(stderr).toMatch(
      /^error: cannot open .*none\.duckdb: there is no such database\nTry: currents ingest/,
    );
    expect(code).toBe(1);
  });
});

describe('publish', () => {
  it('makes a copy that is read like the database', async () => {
    const { stdout, stderr, code } = await run('publish copies/a.duckdb');
    expect(stdout).toMatch(/^Published .*copies\/a\.duckdb \(.+ MB\) in \d+\.\d s\n$/);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    const status = await runJson<{ events: number }>('status --database copies/a.duckdb');
    expect(status.events).toBe(300);
  });
});

describe('schemas', () => {
  it('lists, shows and compares', async () => {
    const listed = await runJson<{ eventTypes: unknown[] }>('schemas list');
    expect(listed.eventTypes.length).toBeGreaterThan(90);
    const { stdout } = await run('schemas show users.messages.email.Click --release v1');
    expect(stdout).toMatch(/^email_address +string +yes /m);
    expect((await run('schemas diff users.messages.email.Click v1 v10')).stdout).toBe(
      [
        'users.messages.email.Click, v1 → v10: 2 changes',
        '  is_suspected_bot_click was added: null | boolean',
        '  suspected_bot_click_reason was added: null | array<string>',
        '',
      ].join('\n'),
    );
    expect(await run('schemas show users.messages.email.Opne')).toEqual({
      stdout: '',
      stderr:
        'error: cannot show users.messages.email.Opne: there is no such event type\nTry: currents schemas show users.messages.email.Open\n',
      code: 1,
    });
  });
});
