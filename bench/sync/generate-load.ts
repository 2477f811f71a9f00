/**
 * A plain load generator, a process of its own: bodies from a file, a line each, to `/users/track`, as many
 * at a time as a sync has out, as fast as they are answered. No pace, no books, no look at the answers
 * but for their status: what it reaches is what the other side can take.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { measure } from '../measure.ts';

export interface LoadTask {
  readonly url: string;
  readonly bodies: string;
  readonly concurrency: number;
}

const { url, bodies: file, concurrency } = JSON.parse(process.argv[2] ?? '') as LoadTask;
const bodies = cutLines(await readFile(file));
const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
let next = 0;

await measure(async () => {
  await Promise.all(Array.from({ length: concurrency }, sendOneAfterTheOther));
});
agent.destroy();

async function sendOneAfterTheOther(): Promise<void> {
  for (;;) {
    const body = bodies[next];
    next += 1;
    if (body === undefined) return;
    const status = await post(body);
    if (status !== 201)
      throw new Error(`the sandbox answered with ${status} to the load generator`);
  }
}

function post(body: Buffer): Promise<number | undefined> {
  const headers = {
    authorization: 'Bearer bench',
    'content-type': 'application/json',
    'content-length': body.length,
  };
  return new Promise((resolve, reject) => {
    request(`${url}/users/track`, { method: 'POST', agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
    })
      .once('error', reject)
      .end(body);
  });
}

function cutLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(10, start);
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
