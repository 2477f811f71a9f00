/** What the command line says about itself when it is not understood, and the file that `init` writes. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/run.ts';

let folder: string;
let stderr: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'currents-run-'));
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function run(...args: string[]) {
  return runCli(args, new AbortController().signal);
}

describe('a usage error', () => {
  it.each([
    [['ingest', '--limit', '0'], 'currents ingest --help'],
    [['schemas', 'diff'], 'currents schemas diff --help'],
    [['status', '--nonsense'], 'currents status --help'],
    [['nonsense'], 'currents --help'],
    [['ingest', '--fool'], '--full instead; currents ingest --help shows everything'],
  ])('of %j points to the help of that command', async (args, hint) => {
    expect(await run(...args)).toBe(2);
    expect(stderr).toMatch(/^error: cannot understand the command line: /);
    expect(stderr).toContain(`\nTry: ${hint}\n`);
  });

  it('is not made of help that was asked for', async () => {
    expect(await run('ingest', '--help')).toBe(0);
    expect(stderr).toBe('');
  });
});

describe('init', () => {
  it('makes the folder of the settings file', async () => {
    const file = path.join(folder, 'sub', 'dir', 'x.yaml');
    expect(await run('init', '--config', file)).toBe(0);
    expect(existsSync(file)).toBe(true);
  });

  it('says in words why it cannot write', async () => {
    const file = path.join(folder, 'file');
    writeFileSync(file, '');
    for (const [target, reason] of [
      [file, 'it is already there'],
      [path.join(file, 'x.yaml'), `${file} is not a folder`],
      [path.join(file, 'sub', 'x.yaml'), `${path.join(file, 'sub')} is not a folder`],
    ] as const) {
      stderr = '';
      expect(await run('init', '--config', target)).toBe(2);
      expect(stderr).toContain(`error: cannot write ${target}: ${reason}\n`);
    }
    stderr = '';
    expect(await run('init', '--force', '--config', folder)).toBe(2);
    expect(stderr).toContain('it is a folder (expected the path of a file)');
  });
});
