/**
 * AssemblyScript → kernel-code.ts: `npm run kernel`, after each change of the other files here.
 *
 * What comes out is kept in the repository, so that only those who change the kernel need its compiler
 * (Apache-2.0), which is a hundred megabytes and is fetched here.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const COMPILER = 'assemblyscript@0.28.20';
/** 2 GiB. */
const MAX_PAGES = 32_768;

const folder = import.meta.dirname;
const work = mkdtempSync(path.join(tmpdir(), 'currents-kernel-'));
try {
  const binary = path.join(work, 'kernel.wasm');
  const options = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd'];
  execFileSync(
    'npx',
    [
      '-y',
      '-p',
      COMPILER,
      'asc',
      'cell-kernel.ts',
      '-o',
      binary,
      ...options,
      '--initialMemory',
      '16',
      '--maximumMemory',
      String(MAX_PAGES),
    ],
    { cwd: folder, stdio: 'inherit' },
  );
  const code = readFileSync(binary).toString('base64');
  writeFileSync(
    path.join(folder, 'kernel-code.ts'),
    `/** WebAssembly, made from cell-kernel.ts by \`npm run kernel\`. */\nexport const KERNEL_CODE =\n  '${code}';\n`,
  );
} finally {
  rmSync(work, { recursive: true });
}
