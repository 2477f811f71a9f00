/** The admin endpoints under `/sandbox`: what tests in other languages and people use. */
import { expect, it } from 'vitest';
import { type BrazeClient, openBraze } from '../../../support/braze-client.ts';

const TRACK = '/users/track';
const ONE = { attributes: [{ external_id: 'a', tier: 'gold', at: '2026-01-01' }] };

async function call(braze: BrazeClient, method: string, path: string, body?: object) {
  const answer = await fetch(`${braze.sandbox.url}/sandbox${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('application/json') === true;
  return { status: answer.status, body: isJson ? JSON.parse(text) : text };
}

it('profiles are shown one by one with the types of their attributes, and all as lines', async () => {
  const braze = await openBraze();
  await braze.post(TRACK, ONE);
  await braze.set({ external_id: 'b' });
  const { body } = await call(braze, 'GET', '/profile?external_id=a');
  expect(body).toEqual({
    ...braze.person(),
    custom_attribute_types: { tier: 'string', at: 'time' },
  });
  expect((await call(braze, 'GET', '/profile?external_id=nobody')).status).toBe(404);
  const lines = (await call(braze, 'GET', '/profiles')).body.trim().split('\n');
  expect(lines.map((line: string) => JSON.parse(line).external_id)).toEqual(['a', 'b']);
});

it('counts are one document, and a page for people that shows texts as texts', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', '<script>': 'x'.repeat(256) });
  const { body } = await call(braze, 'GET', '');
  expect(body).toMatchObject({
    profiles: 1,
    counts: { requests: 1, answers: { '/users/track 201': 1 }, silent: { STRING_TOO_LONG: 1 } },
    attributes: { '<script>': { written: 0, ignored: 1 } },
  });
  const headers = { accept: 'text/html' };
  const page = await (await fetch(`${braze.sandbox.url}/sandbox`, { headers })).text();
  expect(page).toContain('&lt;script&gt;');
  expect(page).not.toContain('<script>');
});

it('faults are planned and called off', async () => {
  const braze = await openBraze();
  const plan = { next: [{ fault: { kind: 'server-error', status: 503 }, times: 5 }] };
  expect((await call(braze, 'POST', '/faults', plan)).body.waiting).toBe(5);
  expect((await braze.post(TRACK, ONE)).status).toBe(503);
  await call(braze, 'DELETE', '/faults');
  expect((await braze.post(TRACK, ONE)).status).toBe(201);
  const { status, body } = await call(braze, 'POST', '/faults', {
    next: [{ fault: { kind: 'no' } }],
  });
  expect(status).toBe(400);
  expect(body.message).toContain('next[0].fault');
});

it('settings are changed while it runs', async () => {
  const braze = await openBraze();
  await call(braze, 'PATCH', '/settings', { isAccountActive: false });
  expect((await braze.post(TRACK, ONE)).status).toBe(403);
  await call(braze, 'PATCH', '/settings', { isAccountActive: true, rateLimit: { hourly: 1 } });
  expect((await braze.post(TRACK, ONE)).headers.get('x-ratelimit-limit')).toBe('1');
  await call(braze, 'PATCH', '/settings', { rateLimit: 'none', apiKeys: { k: ['users.delete'] } });
  expect((await braze.post(TRACK, ONE)).status).toBe(401);
  expect((await call(braze, 'PATCH', '/settings', { port: 1 })).status).toBe(400);
});

it('a type is forced on an attribute, and an attribute is blocklisted', async () => {
  const braze = await openBraze();
  await call(braze, 'PUT', '/attributes/at', { type: 'string' });
  await call(braze, 'PUT', '/attributes/tier', { isBlocklisted: true });
  await braze.post(TRACK, ONE);
  expect(braze.custom()).toEqual({ at: '2026-01-01' });
});

it('what waits is applied, and everything is forgotten, when asked to', async () => {
  const braze = await openBraze({ applyWithinMs: 60_000 });
  await braze.post(TRACK, ONE);
  expect((await call(braze, 'GET', '')).body).toMatchObject({ profiles: 0, waitingToBeApplied: 1 });
  await call(braze, 'POST', '/settle');
  expect((await call(braze, 'GET', '')).body).toMatchObject({ profiles: 1, waitingToBeApplied: 0 });
  await call(braze, 'POST', '/clear');
  expect((await call(braze, 'GET', '')).body).toMatchObject({
    profiles: 0,
    counts: { requests: 0 },
  });
});
