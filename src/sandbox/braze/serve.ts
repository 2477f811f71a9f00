/**
 * The HTTP side: which request reaches which endpoint, with which answer, and what a fault makes of both.
 *
 *     path ──► key ──► account ──► content type ──► rate limit ──► body ──► endpoint ──► answer
 *      404     401       403          415             429         413 400     400        201
 *      403 (slash at the end)                                      │
 *                                        faults of /users/track ───┘
 *
 * On Hono with its adapter for Node: two packages without dependencies of their own, and the adapter hands out Node's
 * request and response, which we need to cut connections and to refuse a body before all of it has come.
 */

import type { IncomingMessage } from 'node:http';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { type Answer, refuse } from './answer.ts';
import { deleteUsers } from './delete-users.ts';
import { exportUsers } from './export-users.ts';
import { type Env, finish } from './finish.ts';
import { isObject } from './nested-value.ts';
import { playFault } from './play-fault.ts';
import type { Permission } from './sandbox-options.ts';
import { track } from './track.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;
type Endpoint = (workspace: Workspace, body: SentObject) => Answer;

/** The permission of each is named after its path. */
const ENDPOINTS: readonly (readonly [string, Permission, Endpoint])[] = [
  ['/users/track', 'users.track', track],
  ['/users/export/ids', 'users.export.ids', exportUsers],
  ['/users/delete', 'users.delete', deleteUsers],
];

/** What the sandbox adds of its own, under paths that Braze does not have. */
export type Extension = (app: Hono<Env>) => void;

/** A server that does not listen yet. */
export function createBrazeServer(workspace: Workspace, extend: Extension): ServerType {
  const app = new Hono<Env>();
  for (const [path, permission, endpoint] of ENDPOINTS) {
    app.post(path, async (context) => {
      workspace.tally.requests += 1;
      const refusal = admit(workspace, context, path, permission);
      if (refusal !== undefined) return finish(workspace, context, path, refusal);
      const body = await readBody(context.env.incoming, workspace);
      if ('refusal' in body) return finish(workspace, context, path, body.refusal);
      const fault = path === '/users/track' ? workspace.faults.take() : undefined;
      if (fault !== undefined) return playFault(workspace, context, body.object, fault);
      return finish(workspace, context, path, endpoint(workspace, body.object));
    });
  }
  extend(app);
  app.notFound((context) => {
    const path = new URL(context.req.url).pathname;
    workspace.tally.requests += 1;
    // facts 1.1: "listed as a cause of odd 403s".
    const isSlash = ENDPOINTS.some(([known]) => path === `${known}/`);
    const refusal = isSlash ? refuse(403, 'Forbidden') : refuse(404, 'Not Found');
    return finish(workspace, context, isSlash ? path : 'other', refusal);
  });
  return createAdaptorServer({ fetch: app.fetch });
}

/** What is wrong with a request before its body is looked at (facts 1.5). */
function admit(
  { settings, limits }: Workspace,
  context: Context<Env>,
  path: string,
  permission: Permission,
): Answer | undefined {
  // A key between quotes is one of the mistakes that the page warns of (facts 1.1).
  const [, key] = /^Bearer ([^\s"']+)$/.exec(context.req.header('authorization') ?? '') ?? [];
  const permissions = settings.apiKeys === undefined ? [permission] : settings.apiKeys[key ?? ''];
  if (key === undefined || permissions === undefined) return refuse(401, 'Invalid API Key');
  if (!permissions.includes(permission))
    return refuse(settings.missingPermissionStatus, 'Access Denied');
  if (!settings.isAccountActive) return refuse(403, 'Forbidden');
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) return refuse(415, 'Unsupported Media Type');
  const allowance = limits.get(path)?.take();
  if (allowance === undefined) return undefined;
  for (const [name, value] of Object.entries(allowance.headers)) context.header(name, value);
  return allowance.isAllowed ? undefined : refuse(429, 'Too Many Requests');
}

type Body = { readonly object: SentObject } | { readonly refusal: Answer };

async function readBody(incoming: IncomingMessage, workspace: Workspace): Promise<Body> {
  const { bodyLimitBytes, tooLargeStatus } = workspace.settings;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes <= bodyLimitBytes) chunks.push(chunk);
    else chunks.length = 0; // the rest is read and dropped: a client that is cut off may never see the answer
  }
  workspace.tally.requestBytes += sizeBytes;
  if (sizeBytes > bodyLimitBytes)
    return { refusal: refuse(tooLargeStatus, 'Request Entity Too Large') };
  try {
    const object: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return isObject(object) ? { object } : { refusal: badRequest('the body must be an object') };
  } catch {
    return { refusal: badRequest('the body is not valid JSON') };
  }
}

/** facts 1.5: "the text may sit in field `error`". */
function badRequest(error: string): Answer {
  return { status: 400, body: { message: 'Bad Request', error } };
}
