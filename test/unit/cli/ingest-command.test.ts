/** What `currents ingest` refuses before it looks at any bucket. */
import { expect, it } from 'vitest';
import { buildProgram } from '../../../src/cli/run.ts';
import { Session } from '../../../src/cli/session.ts';

it.each([
  ['2026-07-06', '2026-07-05'],
  ['2026-07-06', '2026-07-06'],
])('a period from %s until %s, which holds no hour, is a usage error', async (since, until) => {
  const program = buildProgram(new Session(new AbortController().signal));
  const args = ['ingest', '--source', '/nowhere/at/all', '--since', since, '--until', until];
  await expect(program.parseAsync(args, { from: 'user' })).rejects.toMatchObject({
    code: 'USAGE',
    hint: 'currents ingest --help',
  });
});
