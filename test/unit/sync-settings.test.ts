/** The sections that syncs are made of: attributes, syncs and destinations of currents.yaml. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, readSecret } from '../../src/config.ts';
import type { CurrentsError } from '../../src/errors.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-syncs-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

function load(yaml: string) {
  writeFileSync(path.join(cwd, 'currents.yaml'), yaml);
  return loadConfig({ cwd, env: {} });
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as CurrentsError).message;
  }
  throw new Error('nothing was refused');
}

const SECTIONS = `
attributes:
  engagement: { query: attributes/engagement.sql }
audiences:
  lapsing_vips: { query: from c360.profiles }
destinations:
  stage: { kind: files, url: out }
  braze: { kind: rest, instance: US-03, apiKey: { file: key.txt } }
`;

it('a sync with its attributes, audiences and destination is read with defaults', () => {
  const config = load(
    `${SECTIONS}\nsyncs:\n  nightly: { send: [engagement, lapsing_vips], to: stage }`,
  );
  expect(config.syncs.nightly).toEqual({
    send: ['engagement', 'lapsing_vips'],
    to: 'stage',
    schedule: 'manual',
    onNull: 'unset',
    updateExistingOnly: false,
    newAttributes: 'refuse',
    onUnknown: 'hold',
  });
  expect(config.attributes.engagement).toMatchObject({
    identifier: 'external_id',
    query: { kind: 'file', path: path.join(cwd, 'attributes/engagement.sql') },
  });
  expect(config.destinations.stage).toMatchObject({
    url: path.join(cwd, 'out'),
    fileBytes: 100_000_000,
    format: 'json',
  });
  expect(config.destinations.braze).toMatchObject({
    apiKey: { file: path.join(cwd, 'key.txt') },
    objectsPerRequest: 75,
  });
});

it.each(['after ingest', 'manual', '0 3 * * *', '*/15 * * * *'])(
  '"%s" is a schedule',
  (schedule) => {
    const yaml = `${SECTIONS}\nsyncs:\n  a: { send: [engagement], to: stage, schedule: "${schedule}" }`;
    expect(load(yaml).syncs.a?.schedule).toBe(schedule);
  },
);

it.each([
  [
    '{ send: [engagement], to: stage, schedule: daily }',
    'a.schedule: found "daily" (expected after',
  ],
  ['{ send: [engagement], to: stage, schedule: "99 * * * *" }', 'or a cron expression)'],
  ['{ send: [engagment], to: stage }', 'expected one of engagement, lapsing_vips)'],
  ['{ send: [engagement], to: stag }', 'syncs.a.to: found "stag" (expected one of stage, braze)'],
  ['{ send: [engagement, engagement], to: stage }', 'expected each name once'],
  ['{ send: [], to: stage }', 'expected a list of names of attributes and audiences'],
])('the sync %s is refused', (sync, sentence) => {
  expect(refusal(() => load(`${SECTIONS}\nsyncs:\n  a: ${sync}`))).toContain(sentence);
});

describe('an API key', () => {
  it('comes from the environment or a file, without the space around it', () => {
    writeFileSync(path.join(cwd, 'key'), 'hunter2\n');
    expect(readSecret({ file: path.join(cwd, 'key') }, 'key')).toBe('hunter2');
    expect(readSecret({ env: 'KEY' }, 'key', { KEY: 'hunter2' })).toBe('hunter2');
  });

  it.each([{ env: 'KEY' }, { file: '/nowhere/key' }])('that is not there is an error', (source) => {
    expect(refusal(() => readSecret(source, 'API key of destination braze', {}))).toContain(
      'cannot read the API key of destination braze',
    );
  });

  it('in the file itself is refused and not repeated', () => {
    const yaml = 'destinations:\n  b: { kind: rest, instance: US-01, apiKey: hunter2 }';
    const message = refusal(() => load(yaml));
    expect(message).toContain('secrets do not belong in this file');
    expect(message).not.toContain('hunter2');
  });
});
