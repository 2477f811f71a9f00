/**
 * A real S3-compatible object store (SeaweedFS, from PyPI) on free loopback ports, with its data in a
 * folder. Signatures are checked; only uploads may come unsigned, which makes filling a bucket fast.
 *
 * The integration tests use a smaller server (test/support/s3-server.ts); this one stores, lists and
 * answers independently of it, so that nothing depends on the habits of one server.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestBucket } from '../support/s3-buckets.ts';
import { TEST_CREDENTIALS } from '../support/s3-server.ts';
import { preparePython } from './python-tools.ts';

const START_TIMEOUT_MS = 60_000;

const IDENTITIES = {
  identities: [
    {
      name: 'test',
      credentials: [
        { accessKey: TEST_CREDENTIALS.accessKeyId, secretKey: TEST_CREDENTIALS.secretAccessKey },
      ],
      actions: ['Admin', 'Read', 'List', 'Tagging', 'Write'],
    },
    { name: 'anonymous', actions: ['Write'] },
  ],
};

/** Starts the server, runs `work` with its endpoint and ends it, whatever happened. */
export async function withObjectServer<Result>(
  folder: string,
  work: (endpoint: string) => Promise<Result>,
): Promise<Result> {
  const data = path.join(folder, 'object-server');
  const identities = path.join(folder, 'identities.json');
  await mkdir(data, { recursive: true });
  await writeFile(identities, JSON.stringify(IDENTITIES));
  const ports = await findFreePorts(9);
  const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3, s3Grpc] = ports;
  const server = spawn(
    path.join(await preparePython(), 'weed'),
    [
      'server',
      `-dir=${data}`,
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      '-master.telemetry=false',
      '-master.volumeSizeLimitMB=256',
      // Each bucket takes seven volumes.
      '-volume.max=200',
      `-master.port=${master}`,
      `-master.port.grpc=${masterGrpc}`,
      `-volume.port=${volume}`,
      `-volume.port.grpc=${volumeGrpc}`,
      `-filer.port=${filer}`,
      `-filer.port.grpc=${filerGrpc}`,
      '-s3',
      `-s3.port=${s3}`,
      `-s3.port.grpc=${s3Grpc}`,
      '-s3.port.iceberg=0',
      '-s3.port.lance=0',
      `-s3.config=${identities}`,
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  try {
    const endpoint = `http://127.0.0.1:${s3}`;
    await waitUntilAnswering(server, endpoint);
    return await work(endpoint);
  } finally {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    }
  }
}

async function waitUntilAnswering(server: ChildProcess, endpoint: string): Promise<void> {
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  };
  server.stdout?.on('data', listen);
  server.stderr?.on('data', listen);
  const deadline = Date.now() + START_TIMEOUT_MS;
  // The gateway answers before the store behind it does: only a stored object shows that all is up.
  while (!(await isStoring(endpoint))) {
    if (server.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the object server did not start: ${said}`);
    }
    await sleep(200);
  }
}

async function isStoring(endpoint: string): Promise<boolean> {
  try {
    const bucket = await createTestBucket(endpoint);
    await bucket.put('probe', 'probe');
    bucket.close();
    return true;
  } catch {
    return false;
  }
}

async function findFreePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  return Promise.all(
    servers.map(async (server) => {
      await once(server, 'listening');
      const address = server.address();
      server.close();
      if (address === null || typeof address === 'string') throw new Error('no port was given');
      return address.port;
    }),
  );
}
