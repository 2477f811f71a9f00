/** From an answer to what Hono sends, counted by path and status. */

import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Answer } from './answer.ts';
import type { Workspace } from './workspace.ts';

export interface Env {
  Bindings: HttpBindings;
}

export function finish(
  workspace: Workspace,
  context: Context<Env>,
  path: string,
  answer: Answer,
): Response {
  workspace.tally.answered(path, answer.status);
  const isText = typeof answer.body === 'string';
  return context.body(
    isText ? (answer.body as string) : JSON.stringify(answer.body),
    answer.status as ContentfulStatusCode,
    { 'content-type': isText ? 'text/html' : 'application/json', ...answer.headers },
  );
}
