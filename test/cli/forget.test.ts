/** `currents forget` as a user meets it: what it says, what it does not repeat, and its exit codes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeContainer } from '../../src/avro/container-writer.ts';
import { anEvent, aSchema } from '../support/event-builders.ts';
import { runBin } from './run-bin.ts';

const SCHEMA = aSchema({ user_id: 'string', external_user_id: 'string', email_address: 'string' });

let cwd: string;

beforeEach(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'currents-forget-'));
  const records = ['zelda', 'otto'].map((person, n) =>
    anEvent(n, {
      user_id: `braze-${person}`,
      external_user_id: `crm-${person}`,
      email_address: `${person}@acme.test`,
    }),
  );
  writeFileSync(path.join(cwd, 'a.avro'), await writeContainer(SCHEMA, records));
  await run('ingest --source .');
});

afterEach(() => rmSync(cwd, { recursive: true }));

function run(command: string, stdin?: string) {
  return runBin(command.split(' '), { cwd, ...(stdin === undefined ? {} : { stdin }) });
}

describe('forget', () => {
  it('says what was removed without repeating who it was', async () => {
    const { stdout, stderr, code } = await run('forget crm-zelda nobody');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'Id 1: removed 1 event of 1 Braze id and 1 external id, certificate 1',
    );
    expect(stdout).toContain('Id 2: nothing is known of it');
    expect(stdout).toContain('written anew');
    expect(stdout + stderr).not.toMatch(/zelda/);
    const bytes = readFileSync(path.join(cwd, 'currents.duckdb'), 'latin1');
    expect(bytes).not.toContain('zelda');
    expect(bytes).toContain('otto@acme.test');
  });

  it('reads ids from stdin, and in a dry run changes nothing', async () => {
    const ran = await run('forget - --dry-run --json', 'crm-zelda\n\nbraze-otto\n');
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      dryRun: true,
      rewritten: false,
      people: [
        { found: true, events: 1 },
        { found: true, events: 1 },
      ],
    });
    const bytes = readFileSync(path.join(cwd, 'currents.duckdb'), 'latin1');
    expect(bytes).toContain('zelda@acme.test');
  });

  it('needs an id', async () => {
    expect((await run('forget')).code).toBe(2);
  });
});
