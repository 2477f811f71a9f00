/** One database, several processes: who waits, who gives up how, and how a running command is stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database } from '../../src/warehouse/database.ts';
import { type RunOptions, runBin } from './run-bin.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-cli-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

function run(command: string | readonly string[], options: Partial<RunOptions> = {}) {
  const args = typeof command === 'string' ? command.split(' ') : command;
  // Making the tables of profiles takes longer than most of what is tested here.
  const env = {
    CURRENTS_SOURCE: 'bucket',
    CURRENTS_LOG_LEVEL: 'info',
    CURRENTS_PROFILES_REFRESH: 'manual',
  };
  return runBin(args, { cwd, env, ...options });
}

describe('a database that another process holds', () => {
  it('ends an ingest with 4 and the name of the holder, at once', async () => {
    await run('generate bucket --events 5 --hours 1');
    const holder = await Database.open({ path: path.join(cwd, 'currents.duckdb') });
    try {
      const { stdout, stderr, code } = await run('ingest --json');
      expect(code).toBe(4);
      expect(stderr).toMatch(
        new RegExp(
          `^error: cannot open .*currents\\.duckdb: process ${process.pid} \\(.+\\) holds it`,
        ),
      );
      expect(JSON.parse(stdout)).toMatchObject({
        error: { code: 'DATABASE_BUSY', context: { holderPid: process.pid } },
      });
    } finally {
      holder.close();
    }
  });

  it('is waited for by a command that only looks', async () => {
    const holder = await Database.open({ path: path.join(cwd, 'currents.duckdb') });
    await holder.run('create table t as select 42 as answer');
    const looking = run(['query', 'from t']);
    setTimeout(() => holder.close(), 1500);
    expect(await looking).toEqual({ stdout: 'answer\n42\n', stderr: '', code: 0 });
  });
});

describe('a signal', () => {
  it('ends watch between cycles, and SIGTERM is no failure', async () => {
    await run('generate bucket --events 5 --hours 1');
    const { stdout, code } = await run('watch --every 1h --json', {
      stop: { after: 'cycle finished', signal: 'SIGTERM' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ cycles: 1, eventsLoaded: 5, failedCycles: 0 });
    expect(code).toBe(0);
  });

  it('lets the objects in hand finish, ends an ingest with 130, and the next one does the rest', async () => {
    await run('generate bucket --events 6000 --hours 6 --event-type users.messages.email.*');
    const args = 'ingest --batch-rows 100 --batch-bytes 100KB --json --log-level debug';
    const { stdout, code } = await run(args, {
      stop: { after: 'object loaded', signal: 'SIGINT' },
    });
    expect(code).toBe(130);
    const { interrupted, events } = JSON.parse(stdout) as {
      interrupted: boolean;
      events: { loaded: number };
    };
    expect(interrupted).toBe(true);
    expect(events.loaded).toBeLessThan(6000);
    const rest = await run('ingest --json');
    expect(JSON.parse(rest.stdout)).toMatchObject({ events: { loaded: 6000 - events.loaded } });
  });
});

describe('demo', () => {
  it('goes round from the bucket to Braze, and shows commands to paste that work', async () => {
    const { stdout, code } = await run('demo --keep d --events 1000');
    expect(stdout).toMatch(/^Bucket {2}1,000 events in \d+ objects, \d+ of them delivered twice\n/);
    expect(stdout).toMatch(
      /^Braze {3}[\d,]+ values of [\d,]+ people sent; it holds what it should of all/m,
    );
    expect(stdout).toMatch(/^Again {3}0 events, nothing to send/m);
    expect(code).toBe(0);
    const pasted = [...stdout.matchAll(/^ {2}node \S+ (--config .+)$/gm)].map(
      ([, args]) => args ?? '',
    );
    expect(pasted).toHaveLength(5);
    for (const line of pasted) {
      const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, bare]) => quoted ?? bare ?? '',
      );
      expect({ line, ...(await runBin(args, { cwd })) }).toMatchObject({ stderr: '', code: 0 });
    }
  });
});
