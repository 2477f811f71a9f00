/** What the doctor finds, and that each trouble is told without hiding the others. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/check.ts';
import { loadConfig } from '../../src/config.ts';
import { runChecks } from '../../src/doctor.ts';
import { Database } from '../../src/warehouse/database.ts';
import { openBraze } from '../support/braze-client.ts';

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-doctor-'));
});

afterEach(() => rmSync(cwd, { recursive: true }));

async function check(flags: Record<string, string | boolean> = {}): Promise<Record<string, Check>> {
  const checks = await runChecks(loadConfig({ env: {}, cwd, flags }));
  return Object.fromEntries(checks.map((found) => [found.name, found]));
}

describe('the source', () => {
  it('is fine when it can be listed and one object can be read', async () => {
    mkdirSync(path.join(cwd, 'bucket'));
    writeFileSync(path.join(cwd, 'bucket', 'a.avro'), 'x');
    const found = await check({ 'source.url': 'bucket' });
    expect(found).toMatchObject({ source: { status: 'ok' }, read: { status: 'ok' } });
    expect(found.read?.found).toBe('a.avro (1 B)');
  });

  it('is worth a warning when there is nothing to load', async () => {
    mkdirSync(path.join(cwd, 'bucket'));
    expect(await check({ 'source.url': 'bucket' })).toMatchObject({ source: { status: 'warn' } });
  });

  it.each([
    ['not set', {}],
    ['not there', { 'source.url': 'nowhere' }],
    ['of no known kind', { 'source.url': 'ftp://x/y' }],
  ])('fails when it is %s, with advice, and the other checks go on', async (_what, flags) => {
    const found = await check(flags as Record<string, string>);
    expect(found.source).toMatchObject({ status: 'fail', advice: expect.any(String) });
    expect(found).toMatchObject({ node: { status: 'ok' }, database: { status: 'ok' } });
  });
});

describe('the database', () => {
  it('will be made when it is not there', async () => {
    const found = await check({ database: 'new/folder/a.duckdb' });
    expect(found.database?.found).toMatch(/a\.duckdb will be made$/);
  });

  it('fails when it is no database', async () => {
    writeFileSync(
      path.join(cwd, 'a.duckdb'),
      'this is not a DuckDB file at all, just text'.repeat(100),
    );
    expect(await check({ database: 'a.duckdb' })).toMatchObject({ database: { status: 'fail' } });
  });

  it('is fine when it can be opened', async () => {
    (await Database.open({ path: path.join(cwd, 'a.duckdb') })).close();
    expect(await check({ database: 'a.duckdb' })).toMatchObject({ database: { status: 'ok' } });
  });
});

describe('the clock', () => {
  it.each([
    [0, 'ok'],
    [5 * 60_000, 'warn'],
    [20 * 60_000, 'fail'],
  ])('%d ms away from that of the store is %s', async (offMs, status) => {
    const empty =
      '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
    const server = createServer((_request, answer) => {
      answer.setHeader('date', new Date(Date.now() + offMs).toUTCString());
      answer.setHeader('content-type', 'application/xml');
      answer.end(empty);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.AWS_ACCESS_KEY_ID = 'test';
    process.env.AWS_SECRET_ACCESS_KEY = 'test';
    try {
      const { port } = server.address() as AddressInfo;
      const found = await check({
        'source.url': 's3://bucket/currents/',
        'source.endpoint': `http://127.0.0.1:${port}`,
        'source.region': 'eu-central-1',
        'source.pathStyle': true,
      });
      expect(found.clock?.status).toBe(status);
    } finally {
      delete process.env.AWS_ACCESS_KEY_ID;
      delete process.env.AWS_SECRET_ACCESS_KEY;
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('disks', () => {
  it('are looked at for the database and for the published copy', async () => {
    const found = await check({ 'publish.path': 'deep/down/b.duckdb' });
    expect(found.disk?.found).toContain(` free in ${cwd}`);
    expect(found.publish?.found).toContain(` free in ${cwd}`);
  });
});

describe('destinations', () => {
  async function checkDestination(settings: Readonly<Record<string, unknown>>) {
    writeFileSync(
      path.join(cwd, 'currents.yaml'),
      JSON.stringify({ destinations: { there: settings } }),
    );
    const env = { BRAZE_KEY: 'the-key' };
    process.env.BRAZE_KEY = env.BRAZE_KEY;
    const checks = await runChecks(loadConfig({ env, cwd }));
    delete process.env.BRAZE_KEY;
    return checks.find(({ name }) => name === 'destination there');
  }

  const rest = (instance: string) => ({ kind: 'rest', instance, apiKey: { env: 'BRAZE_KEY' } });

  it('are fine when Braze takes the key, and get no data', async () => {
    const { sandbox } = await openBraze({ apiKeys: { 'the-key': ['users.track'] } });
    expect(await checkDestination(rest(sandbox.url))).toEqual({
      name: 'destination there',
      status: 'ok',
      found: `${sandbox.url} takes the key`,
    });
    expect(sandbox.counts().dataPoints).toBe(0);
  });

  it.each([
    ['is not known', { 'another-key': ['users.track'] }],
    ['may not write', { 'the-key': ['users.export.ids'] }],
  ] as const)('fail when the key %s, without showing it', async (_what, apiKeys) => {
    const { sandbox } = await openBraze({ apiKeys });
    const found = await checkDestination(rest(sandbox.url));
    expect(found).toMatchObject({
      status: 'fail',
      found: expect.stringContaining('users.track'),
      advice: expect.any(String),
    });
    expect(JSON.stringify(found)).not.toContain('the-key');
  });

  it('fail when nobody answers', async () => {
    const { sandbox } = await openBraze();
    await sandbox.close();
    expect(await checkDestination(rest(sandbox.url))).toMatchObject({ status: 'fail' });
  });

  it.each([
    ['.', 'ok', 'can be listed'],
    ['later', 'ok', 'will be made'],
    ['currents.yaml', 'fail', 'currents.yaml'],
  ])('of files: a stage at %s is %s', async (folder, status, found) => {
    const url = path.join(cwd, folder);
    expect(await checkDestination({ kind: 'files', url })).toMatchObject({
      status,
      found: expect.stringContaining(found),
    });
  });
});
