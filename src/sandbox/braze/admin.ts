/**
 * What Braze does not have: `/sandbox` shows what the sandbox holds and counted, and tells it how to behave. For tests in
 * any language, and for people in a browser. No key is asked for: it is bound to loopback.
 */

import type { Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { renderAdminPage } from './admin-page.ts';
import { FORCED_TYPES } from './custom-value.ts';
import { FAULT_PLAN } from './faults.ts';
import type { Env } from './finish.ts';
import { formatProfile, listTypes } from './format-profile.ts';
import { findProfile, type Identity } from './identity.ts';
import { ingestFile } from './ingest-file.ts';
import { RateLimit } from './rate-limit.ts';
import { PERMISSIONS } from './sandbox-options.ts';
import type { StageWatch } from './stage-watch.ts';
import { clearWorkspace, type Workspace } from './workspace.ts';

const COUNT = z.number().int().min(1);

const ATTRIBUTE = z.strictObject({
  type: z.enum(FORCED_TYPES).optional(),
  isBlocklisted: z.boolean().optional(),
});

/** What can be changed while it runs. */
const SETTINGS = z
  .strictObject({
    objectLimit: z.strictObject({ count: COUNT, per: z.enum(['request', 'array']) }),
    bodyLimitBytes: COUNT,
    isAccountActive: z.boolean(),
    apiKeys: z.record(z.string(), z.array(z.enum(PERMISSIONS))),
    rateLimit: z.union([
      z.literal('none'),
      z.strictObject({
        burst: z.strictObject({ requests: COUNT, perMs: COUNT }).optional(),
        hourly: COUNT.optional(),
        headers: z.enum(['epoch', 'seconds']).optional(),
      }),
    ]),
  })
  .partial();

/** Adds the routes. */
export function addAdmin(workspace: Workspace, stages: StageWatch): (app: Hono<Env>) => void {
  return (app) => {
    app.get('/sandbox', (context) =>
      context.req.header('accept')?.includes('text/html')
        ? context.html(renderAdminPage(workspace))
        : context.json(describe(workspace)),
    );
    addReading(app, workspace);
    addFaults(app, workspace);
    app.post('/sandbox/ingest', async (context) => {
      const name = context.req.query('name');
      if (name === undefined) return context.json({ ingestions: await stages.ingest() });
      const kind = context.req.query('kind') === 'deletions' ? 'deletions' : 'attributes';
      const bytes = Buffer.from(await context.req.arrayBuffer());
      return context.json({ ingestions: [await ingestFile(workspace, { name, bytes, kind })] });
    });
    app.put('/sandbox/attributes/:name', async (context) => {
      const read = ATTRIBUTE.safeParse(await readJson(context));
      if (!read.success) return explain(context, read.error);
      workspace.fields.setSettings(context.req.param('name'), dropUndefined(read.data));
      return context.json({ message: 'success' });
    });
    app.patch('/sandbox/settings', async (context) => {
      const read = SETTINGS.safeParse(await readJson(context));
      if (!read.success) return explain(context, read.error);
      const { rateLimit, ...others } = read.data;
      Object.assign(workspace.settings, dropUndefined(others));
      if (rateLimit !== undefined) {
        const limits = rateLimit === 'none' ? rateLimit : dropUndefined(rateLimit);
        workspace.limits.set('/users/track', new RateLimit(workspace.settings.clock, limits));
      }
      return context.json({ message: 'success' });
    });
    app.post('/sandbox/settle', (context) => {
      workspace.queue.settle();
      return context.json({ message: 'success' });
    });
    app.post('/sandbox/clear', (context) => {
      clearWorkspace(workspace);
      return context.json({ message: 'success' });
    });
  };
}

function addReading(app: Hono<Env>, workspace: Workspace): void {
  app.get('/sandbox/profiles', (context) => {
    context.header('content-type', 'application/x-ndjson');
    return stream(context, async (out) => {
      let lines = '';
      for (const profile of workspace.profiles) {
        lines += `${JSON.stringify(formatProfile(profile))}\n`;
        if (lines.length < 1 << 16) continue;
        await out.write(lines);
        lines = '';
      }
      await out.write(lines);
    });
  });
  app.get('/sandbox/profile', (context) => {
    const identity = readIdentity(context.req.query());
    const profile = identity === undefined ? undefined : findProfile(workspace.profiles, identity);
    if (profile === undefined) return context.json({ message: 'no such profile' }, 404);
    return context.json({ ...formatProfile(profile), custom_attribute_types: listTypes(profile) });
  });
  app.get('/sandbox/received', (context) => context.json({ received: workspace.received.list() }));
  app.get('/sandbox/ingestions', (context) => context.json({ ingestions: workspace.ingestions }));
}

function addFaults(app: Hono<Env>, workspace: Workspace): void {
  app.post('/sandbox/faults', async (context) => {
    const body = await readJson(context);
    const read = FAULT_PLAN.safeParse(body);
    if (!read.success) return explain(context, read.error);
    workspace.faults.add(body as z.input<typeof FAULT_PLAN>);
    return context.json({ message: 'success', waiting: workspace.faults.waiting });
  });
  app.delete('/sandbox/faults', (context) => {
    workspace.faults.clear();
    return context.json({ message: 'success' });
  });
}

/** Everything that was counted, as one document. */
function describe(workspace: Workspace): object {
  return {
    profiles: workspace.profiles.size,
    waitingToBeApplied: workspace.queue.length,
    waitingFaults: workspace.faults.waiting,
    counts: workspace.tally.snapshot(),
    attributes: workspace.fields.counts(),
    ingestions: workspace.ingestions.length,
  };
}

function readIdentity(query: Readonly<Record<string, string>>): Identity | undefined {
  const { alias_name: name, alias_label: label } = query;
  if (name !== undefined && label !== undefined)
    return { kind: 'user_alias', alias: { name, label } };
  for (const kind of ['external_id', 'braze_id', 'email', 'phone'] as const) {
    const value = query[kind];
    if (value !== undefined) return { kind, value };
  }
  return undefined;
}

async function readJson(context: Context<Env>): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    return undefined; // which no schema accepts
  }
}

function explain(context: Context<Env>, error: z.ZodError): Response {
  return context.json({ message: z.prettifyError(error) }, 400);
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** zod gives optional fields that may be undefined; our options may be absent only. */
function dropUndefined<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
