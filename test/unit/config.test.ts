/** Settings from flags, environment and file: which one wins, what they become, and what is refused how. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigSources, isColorWanted, loadConfig } from '../../src/config.ts';
import type { CurrentsError } from '../../src/errors.ts';
import { SETTINGS } from '../../src/settings.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-config-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

function load(sources: ConfigSources = {}) {
  return loadConfig({ env: {}, cwd, ...sources });
}

function loadYaml(yaml: string, sources: ConfigSources = {}) {
  writeFileSync(path.join(cwd, 'currents.yaml'), yaml);
  return load(sources);
}

function refusal(act: () => unknown): CurrentsError {
  try {
    act();
  } catch (error) {
    return error as CurrentsError;
  }
  throw new Error('nothing was refused');
}

describe('values', () => {
  it('without any source are the defaults', () => {
    expect(load()).toEqual({
      configPath: undefined,
      source: {
        url: undefined,
        region: undefined,
        endpoint: undefined,
        pathStyle: false,
        requesterPays: false,
        eventTypes: [],
        lookbackMs: 172_800_000,
        fullListingMs: 86_400_000,
        concurrency: 8,
        maxObjectBytes: 512_000_000,
      },
      database: path.join(cwd, 'currents.duckdb'),
      schemaChanges: 'evolve',
      privacy: {
        hash: [],
        drop: [],
        rewriteEveryMs: 0,
        keyFile: path.join(cwd, 'currents.duckdb.key'),
        givenKey: expect.any(Function),
      },
      profiles: { refresh: 'after ingest' },
      publish: { path: undefined, everyMs: 3_600_000 },
      watch: { everyMs: 60_000 },
      limits: { maxBlockBytes: 64_000_000, maxUncompressedBytes: 512_000_000 },
      load: {
        batchRows: 300_000,
        batchBytes: 80_000_000,
        memoryLimitBytes: 256_000_000,
        threads: undefined,
      },
      attributes: {},
      attach: {},
      audiences: {},
      syncs: {},
      destinations: {},
      logLevel: 'info',
    });
  });

  it('prefer the flag to the environment, that to the file, and the file to the default', () => {
    const yaml = 'source: { lookback: 1h }';
    const env = { CURRENTS_LOOKBACK: '2h' };
    const flags = { 'source.lookback': '3h' };
    expect(loadYaml(yaml, { env, flags }).source.lookbackMs).toBe(3 * 3_600_000);
    expect(loadYaml(yaml, { env }).source.lookbackMs).toBe(2 * 3_600_000);
    expect(loadYaml(yaml).source.lookbackMs).toBe(3_600_000);
  });

  it('read alike from a file, from the environment and from flags', () => {
    const fromFile = loadYaml(`
source: { eventTypes: [a.*, b], pathStyle: true, concurrency: 3, maxObjectBytes: 5MiB }
load: { threads: 2, batchBytes: 1000 }`);
    rmSync(path.join(cwd, 'currents.yaml'));
    const env = {
      CURRENTS_EVENT_TYPE: 'a.*, b',
      CURRENTS_PATH_STYLE: 'true',
      CURRENTS_CONCURRENCY: '3',
      CURRENTS_MAX_OBJECT_BYTES: '5MiB',
      CURRENTS_THREADS: '2',
      CURRENTS_BATCH_BYTES: '1000',
    };
    const flags = {
      'source.eventTypes': ['a.*', 'b'],
      'source.pathStyle': true,
      'source.concurrency': '3',
      'source.maxObjectBytes': '5MiB',
      'load.threads': '2',
      'load.batchBytes': '1000',
    };
    const privacy = { ...fromFile.privacy, givenKey: expect.any(Function) };
    expect(load({ env })).toEqual({ ...fromFile, privacy, configPath: undefined });
    expect(load({ flags })).toEqual({ ...fromFile, privacy, configPath: undefined });
    expect(fromFile.source).toMatchObject({ concurrency: 3, maxObjectBytes: 5 * 2 ** 20 });
  });

  it('are frozen at every depth', () => {
    const config = load();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.source.eventTypes)).toBe(true);
  });

  it('left empty in the file or the environment are not set', () => {
    const config = loadYaml('source:\n  region:\npublish:\ndatabase:\n', {
      env: { CURRENTS_REGION: '' },
    });
    expect(config.source.region).toBeUndefined();
    expect(config.database).toBe(path.join(cwd, 'currents.duckdb'));
  });
});

describe('paths', () => {
  it('in the file start at its folder, others at the working directory', () => {
    mkdirSync(path.join(cwd, 'conf'));
    writeFileSync(
      path.join(cwd, 'conf', 'c.yaml'),
      'database: a.duckdb\nsource: { url: bucket }\npublish: { path: b.duckdb }',
    );
    const config = load({ configPath: 'conf/c.yaml', flags: { 'publish.path': 'b.duckdb' } });
    expect(config.configPath).toBe(path.join(cwd, 'conf', 'c.yaml'));
    expect(config.database).toBe(path.join(cwd, 'conf', 'a.duckdb'));
    expect(config.source.url).toBe(path.join(cwd, 'conf', 'bucket'));
    expect(config.publish.path).toBe(path.join(cwd, 'b.duckdb'));
  });

  it('that are addresses stay as they are', () => {
    const url = 's3://acme/currents/';
    expect(load({ flags: { 'source.url': url } }).source.url).toBe(url);
  });

  it('of a settings file that was asked for must exist', () => {
    const error = refusal(() => load({ env: { CURRENTS_CONFIG: 'other.yaml' } }));
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.message).toBe('cannot read the settings file other.yaml: there is no such file');
    expect(error.hint).toBe('currents init --config other.yaml');
  });
});

describe('what is wrong', () => {
  it('is told all at once, each with its place, what was found and what was expected', () => {
    const error = refusal(() =>
      loadYaml('source:\n  lookback: 2 days\n  concurrency: 0\nschemaChange: freeze\n', {
        env: { CURRENTS_THREADS: 'many' },
        flags: { 'watch.every': '0s' },
      }),
    );
    expect(error.code).toBe('SETTINGS_INVALID');
    expect(error.message.split('\n')).toEqual([
      'cannot use the settings: 5 problems',
      '  currents.yaml:4:1 schemaChange: there is no such setting (did you mean schemaChanges?)',
      '  currents.yaml:2:13 source.lookback: found "2 days" (expected a duration such as 90s, 15m, 48h or 7d, not more than 36500d)',
      '  currents.yaml:3:16 source.concurrency: found 0 (expected a whole number from 1 to 64)',
      '  --every watch.every: found "0s" (expected a duration such as 90s, 15m, 48h or 7d, not less than a second and not more than 36500d)',
      '  CURRENTS_THREADS load.threads: found "many" (expected a whole number from 1 to 256)',
    ]);
  });

  it.each([
    ['source: s3://a/b', 'currents.yaml:1:1 source: found a single value (expected url, region'],
    ['- a', 'currents.yaml:1:1 found no settings (expected "name: value" lines)'],
    ['source: { url: a, url: b }', 'currents.yaml:1:19 not valid YAML: Map keys must be unique'],
    ['source: {', 'not valid YAML'],
    ['lookback: 3h', 'lookback: there is no such setting (did you mean source.lookback?)'],
    ['source: { eventTypes: a }', 'found "a" (expected a list of names or patterns'],
    ['source: { lookback: 999999999999d }', 'found "999999999999d" (expected a duration'],
    ['source: { fullListing: 36501d }', 'not more than 36500d'],
    ['watch: { every: 36501d }', 'not more than 36500d'],
    ['source: { lookback: 48 }', 'found 48 (expected a duration'],
    ['load: { memoryLimit: lots }', 'found "lots" (expected a size'],
    ['__proto__: 1', '__proto__: there is no such setting'],
    ['source: { constructor: 1 }', 'source.constructor: there is no such setting'],
  ])('%s is refused', (yaml, sentence) => {
    expect(refusal(() => loadYaml(yaml)).message).toContain(sentence);
  });

  it('is never a reason to repeat a secret', () => {
    const secrets = [
      () => loadYaml('source: { secretAccessKey: hunter2 }'),
      () => loadYaml('apiKey: hunter2'),
      () => loadYaml('destinations: { b: { kind: rest, instance: US-01, apiKey: hunter2 } }'),
      () => loadYaml('destinations: { b: { kind: rest, instance: US-01, apiKey: [hunter2] } }'),
      () =>
        loadYaml(
          'destinations: { b: { kind: rest, instance: US-01, apiKey: { env: hunter-2 } } }'.replace(
            'hunter-2',
            '"-hunter2"',
          ),
        ),
      () =>
        loadYaml('destinations: { b: { kind: rest, instance: US-01, apiKey: { hunter2: a } } }'),
      () =>
        loadYaml(
          'destinations: { b: { kind: rest, instance: "https://hunter2@rest.iad-01.braze.com", apiKey: { env: A } } }',
        ),
      () => load({ env: { CURRENTS_SOURCE: 's3://me:hunter2@bucket/' } }),
      () => load({ env: { CURRENTS_SOURCE: 's3://me:hunter2/slash@bucket/' } }),
      () => loadYaml('source: { endpoint: "https://me:hunter2@host" }'),
      () => loadYaml('source: { endpoint: "https://me:hunter2/slash@host" }'),
      () => load({ env: { CURRENTS_ENDPOINT: 'me:hunter2@host' } }),
    ];
    for (const act of secrets) {
      const error = refusal(act);
      expect(error.code).toBe('SETTINGS_INVALID');
      expect(JSON.stringify([error.message, error.hint, error.context])).not.toContain('hunter2');
    }
  });
});

describe('every setting', () => {
  it('has one name in three spellings', () => {
    for (const { flag, env } of SETTINGS) {
      expect(flag).toMatch(/^--[a-z]+(-[a-z]+)*$/);
      expect(env).toBe(`CURRENTS_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`);
    }
    expect(new Set(SETTINGS.map((setting) => setting.flag)).size).toBe(SETTINGS.length);
  });
});

describe('colours', () => {
  it('are for terminals that do not object', () => {
    expect(isColorWanted(true, {})).toBe(true);
    expect(isColorWanted(false, {})).toBe(false);
    expect(isColorWanted(true, { NO_COLOR: '1' })).toBe(false);
    expect(isColorWanted(true, { TERM: 'dumb' })).toBe(false);
  });
});

describe('a file that holds no settings', () => {
  it('is told by its first YAML errors, however many there are', () => {
    const { message } = refusal(() => loadYaml('*a: [}\n%\t"\n'.repeat(5000)));
    expect(message.split('\n').length).toBeLessThanOrEqual(4);
    expect(message.length).toBeLessThan(600);
  });

  it('has at most twenty of its problems shown, and the others counted', () => {
    const yaml = Array.from({ length: 50 }, (_, index) => `wrong${index}: 1`).join('\n');
    const lines = refusal(() => loadYaml(yaml)).message.split('\n');
    expect(lines[0]).toBe('cannot use the settings: 50 problems');
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe('  and 30 more');
  });

  it('is quoted with 80 characters at most, keys and values alike', () => {
    const long = 'x'.repeat(5000);
    for (const yaml of [`${long}: 1`, `source: { lookback: ${long} }`, `source: { ${long}: 1 }`])
      expect(refusal(() => loadYaml(yaml)).message.length).toBeLessThan(250);
  });

  it('is refused in one sentence when it is large or binary', () => {
    expect(refusal(() => loadYaml('a: b\n'.repeat(200_001)))).toMatchObject({
      code: 'SETTINGS_INVALID',
      message:
        'cannot use the settings: currents.yaml is larger than 1 MB (expected a small YAML file)',
    });
    expect(refusal(() => loadYaml('DUCK\0\0: x'))).toMatchObject({
      code: 'SETTINGS_INVALID',
      message: 'cannot use the settings: currents.yaml is not text (expected a YAML file)',
    });
  });
});
