/** A sandbox that is started again still has its profiles, whether it was closed or killed. */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { openStore } from '../../../../src/index.ts';
import { openBraze } from '../../../support/braze-client.ts';

const root = mkdtempSync(path.join(tmpdir(), 'currents-state-'));
let folder: string;
let statePath: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(root, 'test-'));
  statePath = path.join(folder, 'state.ndjson');
});

// After the sandboxes are closed, which write their files once more.
afterAll(() => rmSync(root, { recursive: true }));

const EMAIL = 'ann@example.com';

async function fill(braze: Awaited<ReturnType<typeof openBraze>>) {
  const user_alias = { alias_name: 'n', alias_label: 'l' };
  await braze.set(
    {
      external_id: 'a',
      email: EMAIL,
      at: '2026-01-01',
      o: { since: { $time: '2020-01-01' }, '': [1] },
    },
    { user_alias, _update_existing_only: false, n: { inc: 2 } },
    { external_id: 'gone' },
    { external_id: 'b', email: EMAIL, '__proto__ ': 1 },
  );
  const time = '2026-01-02T03:04:05.000Z';
  await braze.post('/users/track', { events: [{ external_id: 'a', name: 'seen', time }] });
  await braze.post('/users/delete', { external_ids: ['gone'] });
}

it('profiles, their types and who was updated last outlive the sandbox', async () => {
  const first = await openBraze({ statePath });
  await fill(first);
  const held = [...first.sandbox.profiles()];
  expect(held).toHaveLength(3);
  await first.sandbox.close();
  const again = await openBraze({ statePath });
  expect(new Set(again.sandbox.profiles())).toEqual(new Set(held));
  expect(again.sandbox.typesOf({ kind: 'external_id', value: 'a' })).toEqual({
    at: 'time',
    o: 'object',
  });
  expect(again.sandbox.find({ kind: 'email', value: EMAIL })?.external_id).toBe('a');
  await again.set({ external_id: 'new' });
  expect(new Set([...again.sandbox.profiles()].map(({ braze_id: id }) => id)).size).toBe(4);
});

it('attributes of every shape outlive the sandbox', async () => {
  let run = 0;
  const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.date({ noInvalidDate: true }));
  const object = fc.dictionary(fc.string(), value, { maxKeys: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(object, { minLength: 1, maxLength: 5 }), async (objects) => {
      run += 1;
      const path = `${statePath}.${run}`;
      const first = await openBraze({ statePath: path });
      for (const attributes of objects)
        await first.post('/users/track', { attributes: [{ ...attributes, external_id: 'a' }] });
      const held = JSON.stringify([...first.sandbox.profiles()]);
      await first.sandbox.close();
      const again = await openBraze({ statePath: path });
      expect(JSON.stringify([...again.sandbox.profiles()])).toBe(held);
    }),
    { numRuns: 25 },
  );
});

it('nothing that was accepted is lost when the sandbox is killed', async () => {
  const first = await openBraze({ statePath });
  await fill(first);
  const killed = path.join(folder, 'killed.ndjson');
  copyFileSync(statePath, killed);
  const held = [...first.sandbox.profiles()];
  const again = await openBraze({ statePath: killed });
  expect(new Set(again.sandbox.profiles())).toEqual(new Set(held));
});

it('a last line that was cut short is left out, and nothing is appended to it', async () => {
  const first = await openBraze({ statePath });
  await first.set({ external_id: 'a', n: { inc: 1 } });
  await first.set({ external_id: 'a', n: { inc: 1 } });
  const cut = path.join(folder, 'cut.ndjson');
  copyFileSync(statePath, cut);
  truncateSync(cut, readFileSync(cut).length - 5);
  const second = await openBraze({ statePath: cut });
  expect(second.custom()).toEqual({ n: 1 });
  await second.set({ external_id: 'a', n: { inc: 5 } });
  await second.sandbox.close();
  expect((await openBraze({ statePath: cut })).custom()).toEqual({ n: 6 });
});

it('staged files that were read are not read again', async () => {
  const stages = [{ store: openStore(path.join(folder, 'stage')) }];
  const first = await openBraze({ statePath, stages, stageEveryMs: 0 });
  const line = JSON.stringify({ EXTERNAL_ID: 'a', PAYLOAD: '{"n":{"inc":1}}' });
  await stages[0]?.store.put('one.json', Buffer.from(line));
  await first.sandbox.ingest();
  await first.sandbox.close();
  await stages[0]?.store.put('two.json', Buffer.from(line));
  const again = await openBraze({ statePath, stages, stageEveryMs: 0 });
  expect(await again.sandbox.ingest()).toMatchObject([{ file: 'two.json' }]);
  expect(again.custom()).toEqual({ n: 2 });
});

it('a file that no sandbox wrote is refused and left as it is', async () => {
  writeFileSync(statePath, 'a: 1\nb: 2\n');
  await expect(openBraze({ statePath })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('line 1 is not one of ours'),
  });
  expect(readFileSync(statePath, 'utf8')).toBe('a: 1\nb: 2\n');
});
