/**
 * The cells that we write for DuckDB, under a memory guard: no read or write outside of what it belongs to,
 * and none after it was freed.
 *
 * The guard is memory-guard.c: compiled here and loaded into a child process before DuckDB, it puts every
 * allocation of DuckDB's between forbidden pages, and the bytes that our cells point at exactly at the end
 * of theirs (and once more at the beginning). One byte too far ends the process with exit code 99. Not
 * valgrind, which sees nothing here: DuckDB has an allocator of its own.
 *
 * The parts that run are those of guarded-load.ts. The first ones misuse memory on purpose and have to be
 * found out: a guard that does not see them guards nothing.
 *
 *     npx tsx test/e2e/memory-safety.ts [--seeds 5]      needs a C compiler (cc) and Linux on 64 bits
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Checks } from './checks.ts';
import { withTemporaryFolder } from './temporary-folder.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1' } } });
const seeds = Number(values.seeds);

const folder = fileURLToPath(new URL('.', import.meta.url));
const LIMIT_MS = 120_000;
/** Of the guard. */
const MISUSE = 99;

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: LIMIT_MS, cwd: folder }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ exitCode, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}

const checks = new Checks('Memory that our cells point at, under a guard');
await withTemporaryFolder('memory-safety', async (temporary) => {
  const guard = path.join(temporary, 'memory-guard.so');
  await checks.check('the guard is built', async () => {
    const source = path.join(folder, 'memory-guard.c');
    const flags = ['-Wall', '-Wextra', '-Werror', '-O1', '-shared', '-fPIC', '-pthread'];
    await promisify(execFile)('cc', [...flags, '-o', guard, source, '-ldl']);
  });

  async function load(part: string, place: 'end' | 'start', seed = 1): Promise<Ended> {
    const script = path.join(folder, 'guarded-load.ts');
    return run(process.execPath, ['--import', 'tsx', script, part, String(seed)], {
      ...process.env,
      LD_PRELOAD: guard,
      MEMORY_GUARD_PLACE: place,
    });
  }

  const planted = [
    ['planted: a text one byte too long', 'end'],
    ['planted: a text one byte too early', 'start'],
    ['planted: an arena emptied too soon', 'end'],
    ['planted: cells wider than the column', 'end'],
    ['planted: items wider than the column', 'end'],
  ] as const;
  for (const [part, place] of planted) {
    await checks.check(`${part} is found out`, async () => {
      const { exitCode, stdout, stderr } = await load(part, place);
      assert.equal(exitCode, MISUSE, `exit code ${exitCode}\n${stdout}${stderr}`);
      const [found = ''] = /memory-guard: .* was touched/.exec(stderr) ?? [];
      assert.notEqual(found, '', stderr);
      return found;
    });
  }

  const sound = {
    records: ['end', 'start'],
    'long lists': ['end', 'start'],
    damaged: ['end', 'start'],
    // About what is kept for too long, wherever it lies.
    pipelines: ['end'],
  } as const;
  for (const [part, places] of Object.entries(sound)) {
    for (const place of places) {
      await checks.check(
        `${part}: nothing is misused, bytes at the ${place} of pages`,
        async () => {
          const notes: string[] = [];
          for (let seed = 1; seed <= seeds; seed++) {
            const { exitCode, stdout, stderr } = await load(part, place, seed);
            assert.equal(exitCode, 0, `seed ${seed}, exit code ${exitCode}\n${stdout}${stderr}`);
            const counts = /(\d+) guarded, (\d+) unguarded, (\d+) held, (\d+) across/.exec(stderr);
            const [guarded, unguarded, held, across] = (counts ?? []).slice(1).map(Number);
            assert.ok(guarded && held && across, `the guard has seen nothing: ${stderr}`);
            assert.equal(unguarded, 0, 'some allocations had no guard');
            notes.push(`${stdout.trim()}, ${guarded} allocations`);
          }
          return notes.join('; ');
        },
      );
    }
  }
});
checks.finish();
