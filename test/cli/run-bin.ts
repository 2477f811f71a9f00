/**
 * Runs the built bin as a user's shell would, and hands back what it wrote and how it ended. `npm run
 * build` comes first. The environment holds nothing of the machine's own settings.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Sends a signal, once, when this text has come on stderr. */
  readonly stop?: { readonly after: string; readonly signal: NodeJS.Signals };
  /** What it reads; nothing unless said otherwise. */
  readonly stdin?: string;
  /** Closes stdout after the first piece, as `| head` does. */
  readonly closesEarly?: boolean;
}

export async function runBin(args: readonly string[], options: RunOptions): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', HOME: options.cwd, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  let stdout = '';
  let stderr = '';
  let isStopped = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (options.closesEarly) child.stdout.destroy();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (isStopped || !options.stop || !stderr.includes(options.stop.after)) return;
    isStopped = child.kill(options.stop.signal);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ stdout, stderr, code }));
  });
}
