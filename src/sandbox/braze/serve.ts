/**
 * The HTTP side: routes, the key, the size and kind of the body, answers.
 *
 * On Hono with its adapter for Node: two packages without dependencies, and the adapter hands out Node's own request
 * and response, which we need to cut connections and to refuse a body before all of it has come.
 */

import type { IncomingMessage } from 'node:http';
import { createAdaptorServer, type HttpBindings, type ServerType } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type Answer, refuse } from './answer.ts';
import { track } from './track.ts';
import type { Workspace } from './workspace.ts';

/** A server that does not listen yet. */
export function createBrazeServer(workspace: Workspace): ServerType {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.post('/users/track', async (context) => {
    const text = await readBody(context.env.incoming);
    return write(context, track(workspace, JSON.parse(text)));
  });
  app.notFound((context) => write(context, refuse(404, 'Not Found')));
  return createAdaptorServer({ fetch: app.fetch });
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function write(context: Context, { status, body, headers }: Answer): Response {
  return context.body(JSON.stringify(body), status as ContentfulStatusCode, {
    'content-type': 'application/json',
    ...headers,
  });
}
