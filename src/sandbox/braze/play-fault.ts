/** A request to `/users/track` that meets a fault (faults.ts): refused, lost on the way, answered late or wrongly. */

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { type Answer, refuse } from './answer.ts';
import type { Fault } from './faults.ts';
import { type Env, finish } from './finish.ts';
import { track } from './track.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;

const TRACK_PATH = '/users/track';

/** Handles the request with the fault. */
export async function playFault(
  workspace: Workspace,
  context: Context<Env>,
  body: SentObject,
  fault: Fault,
): Promise<Response> {
  const path = TRACK_PATH;
  workspace.tally.fault(fault.kind);
  const answer = 'when' in fault && fault.when === 'before' ? undefined : track;
  switch (fault.kind) {
    case 'rate-limited': {
      const headers = workspace.limits.get(path)?.refuse(fault.waitSeconds) ?? {};
      for (const name of RATE_HEADERS) context.header(name, undefined);
      return finish(workspace, context, path, { ...refuse(429, 'Too Many Requests'), headers });
    }
    case 'server-error':
      answer?.(workspace, body);
      return finish(workspace, context, path, tellServerError(fault.status));
    case 'lost-answer':
      answer?.(workspace, body);
      return cut(workspace, context, path);
    case 'no-answer':
      answer?.(workspace, body);
      await hold(context.env.outgoing, fault.holdMs);
      return cut(workspace, context, path);
    case 'cut-answer': {
      const text = JSON.stringify(track(workspace, body).body);
      const { outgoing } = context.env;
      outgoing.writeHead(201, {
        'content-type': 'application/json',
        'content-length': text.length,
      });
      await new Promise((resolve) => outgoing.write(text.slice(0, text.length >> 1), resolve));
      return cut(workspace, context, path);
    }
    case 'slow': {
      const slow = track(workspace, body);
      await hold(context.env.outgoing, fault.delayMs);
      return finish(workspace, context, path, slow);
    }
    case 'bad-objects': {
      const length = Array.isArray(body.attributes) ? body.attributes.length : 0;
      const places = workspace.faults.choosePlaces(fault.count, length);
      const spoil = (index: number) => (places.has(index) ? fault.type : undefined);
      return finish(workspace, context, path, track(workspace, body, spoil));
    }
  }
}

const RATE_HEADERS = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];

/** facts 1.5: 502 before the destination, 503 capacity, 504 upstream. Gateways speak HTML, not JSON. */
function tellServerError(status: 500 | 502 | 503 | 504): Answer {
  if (status === 500) return refuse(500, 'Internal Server Error');
  const title = { 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Time-out' }[status];
  return { status, body: `<html><body><h1>${status} ${title}</h1></body></html>` };
}

function cut(workspace: Workspace, { env }: Context<Env>, path: string): Response {
  workspace.tally.answered(path, 'lost');
  env.outgoing.destroy();
  return RESPONSE_ALREADY_SENT;
}

/** Until the client goes away or the time is over. */
async function hold(outgoing: HttpBindings['outgoing'], holdMs: number): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  (outgoing as ServerResponse).once('close', stop);
  try {
    await sleep(holdMs, undefined, { signal: controller.signal });
  } catch {
    // The client has given up; nobody waits any more.
  } finally {
    (outgoing as ServerResponse).off('close', stop);
  }
}
