/**
 * A real S3-compatible server (fauxqs) on a free loopback port, in its own process, for tests and
 * benchmarks. It keeps everything in memory, and its buckets end with it.
 *
 * It needs Node 22 or newer, so on an older one npx brings Node 24 along (cached after the first time,
 * which takes some twenty seconds). The engine check is off: npx asks it of the Node that runs npx.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FAUXQS = 'fauxqs@2.4.1';
const START_TIMEOUT_MS = 150_000;

/**
 * fauxqs 2.4.1 sorts keys by locale but continues pages by code units, which loses and repeats keys
 * where the two differ ("app" and "Uninstall"). S3 sorts by bytes; this makes the server do so.
 */
const SORT_BY_CODE_UNITS =
  'String.prototype.localeCompare = function (o) { return this < o ? -1 : this > o ? 1 : 0; };';

/** Whoever started the server may be killed and never call `stop`: then it ends by itself. */
const END_WITH_ITS_STARTER = `setInterval(() => {
  try { process.kill(${process.pid}, 0); } catch { process.exit(); }
}, 1000).unref();`;

/** What every test client uses; the server does not check them. */
export const TEST_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface S3Server {
  /** `http://127.0.0.1:<port>`, to be used with path style and any region. */
  readonly endpoint: string;
  /** Ends the server and everything that it started. */
  stop(): Promise<void>;
}

/** Resolves once the server answers. */
export async function startS3Server(): Promise<S3Server> {
  const port = await findFreePort();
  const folder = await mkdtemp(path.join(tmpdir(), 'currents-s3-'));
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const brings = major > 22 || (major === 22 && minor >= 5) ? [] : ['-p', 'node@24'];
  const child = spawn('npx', ['-y', ...brings, '-p', FAUXQS, '-c', 'fauxqs'], {
    cwd: folder,
    detached: true, // a process group of its own, so that npx, its shell and the server end together
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(SORT_BY_CODE_UNITS + END_WITH_ITS_STARTER)}`,
      npm_config_engine_strict: 'false', // else inherited from the npm that runs the tests
      FAUXQS_PORT: String(port),
      FAUXQS_LOGGER: 'false',
    },
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };

  let complaints = '';
  child.stderr.on('data', (text: Buffer) => {
    complaints = (complaints + text.toString()).slice(-4000);
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isAnswering(endpoint))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`the S3 server for tests did not start: ${complaints}`);
    }
    await sleep(100);
  }
  return { endpoint, stop };
}

async function isAnswering(endpoint: string): Promise<boolean> {
  return fetch(endpoint, { signal: AbortSignal.timeout(2000) }).then(
    () => true,
    () => false,
  );
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
