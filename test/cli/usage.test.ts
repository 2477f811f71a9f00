/** Help, wrong command lines, wrong settings, and the file that `init` writes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { type RunOptions, runBin } from './run-bin.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-cli-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

function run(command: string, options: Partial<RunOptions> = {}) {
  return runBin(command.split(' ').filter(Boolean), { cwd, ...options });
}

describe('help', () => {
  it('begins with one sentence and an example', async () => {
    const { stdout, stderr, code } = await run('ingest --help');
    expect(stdout.split('\n').slice(0, 7)).toEqual([
      'Loads what is new in the bucket, once; made for schedulers.',
      '',
      '  $ currents ingest --source s3://acme-currents/currents/',
      '  $ currents ingest --event-type "users.messages.email.*" --since 2026-09-30T12 --json',
      '',
      'Usage: currents ingest [options]',
      '',
    ]);
    expect(stdout).toContain('Global Options:');
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });

  it('without a command is shown on stderr and is a usage error', async () => {
    const { stdout, stderr, code } = await run('');
    expect(stderr).toContain('Usage: currents [options] [command]');
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  });

  it('names the version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await run('--version')).toEqual({ stdout: `${version}\n`, stderr: '', code: 0 });
  });
});

describe('a wrong command line', () => {
  it.each([
    ['ingst', "unknown command 'ingst'", 'ingest instead; currents --help shows everything'],
    [
      'ingest --fool',
      "unknown option '--fool'",
      '--full instead; currents ingest --help shows everything',
    ],
    [
      'ingest --since x',
      "option '--since <hour>' argument 'x' is invalid. Expected a UTC hour such as 2026-09-30T12 or 2026-09-30.",
      'currents ingest --help',
    ],
    [
      'ingest --since 2026-02-30',
      "option '--since <hour>' argument '2026-02-30' is invalid. Expected a UTC hour such as 2026-09-30T12 or 2026-09-30.",
      'currents ingest --help',
    ],
    [
      'ingest --limit 0',
      "option '--limit <n>' argument '0' is invalid. Expected a whole number of at least 1.",
      'currents ingest --help',
    ],
    ['query', "missing required argument 'sql'", 'currents query --help'],
    [
      'query --format xml x',
      "option '--format <format>' argument 'xml' is invalid. Allowed choices are table, csv, json, ndjson, parquet.",
      'currents query --help',
    ],
  ])('%s ends with 2, a sentence and something to try', async (command, sentence, hint) => {
    expect(await run(command)).toEqual({
      stdout: '',
      stderr: `error: cannot understand the command line: ${sentence}\nTry: ${hint}\n`,
      code: 2,
    });
  });

  it('with --json is one document on stdout as well', async () => {
    const { stdout, stderr, code } = await run('ingst --json');
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'USAGE',
        message: "cannot understand the command line: unknown command 'ingst'",
        hint: 'ingest instead; currents --help shows everything',
        context: {},
      },
    });
    expect(stderr).toContain('error: cannot understand');
    expect(code).toBe(2);
  });
});

describe('wrong settings', () => {
  it('end with 2 and name every place', async () => {
    writeFileSync(path.join(cwd, 'currents.yaml'), 'source: { lookback: soon }\nsecrets: {}\n');
    expect(await run('ingest --threads 0', { env: { CURRENTS_EVERY: '1' } })).toEqual({
      stdout: '',
      stderr: [
        'error: cannot use the settings: 4 problems',
        '  currents.yaml:2:1 secrets: there is no such setting',
        '  currents.yaml:1:21 source.lookback: found "soon" (expected a duration such as 90s, 15m, 48h or 7d, not more than 36500d)',
        '  CURRENTS_EVERY watch.every: found "1" (expected a duration such as 90s, 15m, 48h or 7d, not less than a second and not more than 36500d)',
        '  --threads load.threads: found 0 (expected a whole number from 1 to 256)',
        'Try: currents init --print shows every setting with its default',
        '',
      ].join('\n'),
      code: 2,
    });
  });

  it('are a missing source, for ingest', async () => {
    const { stdout, stderr, code } = await run('ingest');
    expect(stderr).toContain('no source is set');
    expect(stderr).toContain('Try: currents ingest --source');
    expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  });

  it.each([
    ['forget ada', 'forget anybody'],
    ['profiles refresh', 'refresh profiles'],
    ['quarantine retry --all', 'retry'],
  ])('are a database that is not there, for %s', async (command, work) => {
    const { stderr, code } = await run(`${command} --database none.duckdb`);
    expect(stderr).toContain(`cannot ${work}: there is no database`);
    expect(code).toBe(1);
    expect(existsSync(path.join(cwd, 'none.duckdb'))).toBe(false);
  });

  it('are a settings file that was asked for and is not there', async () => {
    expect(await run('status --config other.yaml')).toEqual({
      stdout: '',
      stderr:
        'error: cannot read the settings file other.yaml: there is no such file\nTry: currents init --config other.yaml\n',
      code: 2,
    });
  });
});

describe('init', () => {
  it('writes a file that is read back as the defaults, and never overwrites one unasked', async () => {
    const written = 'Wrote currents.yaml. Next: currents doctor\n';
    const command = 'init --source s3://acme/currents/ --database c360.duckdb';
    expect(await run(command)).toEqual({ stdout: written, stderr: '', code: 0 });
    const flags = { 'source.url': 's3://acme/currents/', database: path.join(cwd, 'c360.duckdb') };
    const file = path.join(cwd, 'currents.yaml');
    const defaults = loadConfig({ env: {}, cwd: tmpdir(), flags });
    expect(loadConfig({ env: {}, cwd })).toEqual({
      ...defaults,
      privacy: { ...defaults.privacy, givenKey: expect.any(Function) },
      configPath: file,
    });

    writeFileSync(file, 'database: mine.duckdb\n');
    expect(await run('init')).toEqual({
      stdout: '',
      stderr:
        'error: cannot write currents.yaml: it is already there\nTry: currents init --force --config currents.yaml\n',
      code: 2,
    });
    expect(readFileSync(file, 'utf8')).toBe('database: mine.duckdb\n');
    expect((await run('init --force')).code).toBe(0);
  });

  it('prints every setting commented out with its default, and the JSON Schema of the file', async () => {
    const { stdout } = await run('init --print');
    const uncommented = stdout.replace(/^( *)# (\w+: .+)$/gm, '$1$2');
    expect(parse(uncommented)).toMatchObject({
      source: { lookback: '48h', concurrency: 8 },
      schemaChanges: 'evolve',
      load: { batchRows: 300_000 },
    });
    const schema = JSON.parse((await run('init --json-schema')).stdout) as {
      properties: { source: { properties: object } };
    };
    expect(Object.keys(schema.properties.source.properties)).toContain('lookback');
  });
});
