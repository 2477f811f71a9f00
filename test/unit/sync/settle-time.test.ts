/** Two files with the same attribute of the same person are never on their way at the same time. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Config } from '../../../src/config.ts';
import { runSync } from '../../../src/sync/run-sync.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import { listStaged } from '../../support/staged-outbox.ts';
import { TestSync } from '../../support/test-sync.ts';

const SETTLE_MS = 600_000;

async function aStage(settleMs: number = SETTLE_MS) {
  const root = mkdtempSync(path.join(tmpdir(), 'currents-settle-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const sync = await TestSync.forTest();
  let laterMs = 0;
  const now = () => new Date(Date.now() + laterMs);
  const destination = openFilesDestination({ url: root, format: 'json', settleMs, now });
  return {
    wait: (ms: number) => {
      laterMs += ms;
    },
    run: async (values: string) => {
      const query = `from (values ${values}) t(external_id, a, b)`;
      const { people, ...others } = sync.config.attributes;
      const config = {
        ...sync.config,
        attributes: { ...others, people: { ...people, query: { kind: 'sql', sql: query } } },
      } as Config;
      laterMs += 1000;
      const receipt = await runSync(sync.database, config, 'nightly', {}, { destination, now });
      const newest = listStaged(root, 'attributes').at(-1);
      return {
        ...receipt,
        lines: readFileSync(path.join(root, 'attributes', newest ?? ''), 'utf8'),
      };
    },
  };
}

describe('an attribute that was staged a moment ago', () => {
  it('waits with its person, while others go', async () => {
    const { run, wait } = await aStage();
    expect(await run("('x', 1, 1), ('y', 1, 1)")).toMatchObject({ accepted: 2, waiting: 0 });
    wait(SETTLE_MS);
    // From here on, b of x is on its way.
    expect(await run("('x', 1, 2), ('y', 1, 1)")).toMatchObject({ accepted: 1, waiting: 0 });
    const held = await run("('x', 1, 3), ('y', 2, 1), ('z', 1, 1)");
    expect(held).toMatchObject({ planned: 3, accepted: 2, waiting: 1 });
    expect(held.lines).not.toContain('"x"');
    wait(SETTLE_MS);
    const later = await run("('x', 1, 4), ('y', 2, 1), ('z', 1, 1)");
    expect(later).toMatchObject({ planned: 1, accepted: 1, waiting: 0 });
    expect(later.lines).toBe('{"EXTERNAL_ID":"x","PAYLOAD":"{\\"b\\":4}"}\n');
  });

  it('does not keep another attribute of the same person', async () => {
    const { run, wait } = await aStage();
    await run("('x', 1, 1)");
    wait(SETTLE_MS);
    await run("('x', 1, 2)");
    expect(await run("('x', 2, 2)")).toMatchObject({ accepted: 1, waiting: 0 });
  });

  it('stages no file and no manifest when everybody waits', async () => {
    const { run } = await aStage();
    await run("('x', 1, 1)");
    expect(await run("('x', 2, 1)")).toMatchObject({ accepted: 0, waiting: 1, requests: 0 });
  });

  it('goes at once where files are read at once', async () => {
    const { run } = await aStage(0);
    await run("('x', 1, 1)");
    expect(await run("('x', 2, 1)")).toMatchObject({ accepted: 1, waiting: 0 });
  });
});
