/** `/users/export/ids` and `/users/delete`. */
import { expect, it } from 'vitest';
import { openBraze } from '../../../support/braze-client.ts';

const EXPORT = '/users/export/ids';
const DELETE = '/users/delete';
const email = 'ann@example.com';
const alias = { alias_name: 'n', alias_label: 'l' };

it('exports the fields that were asked for, and names ids that nobody has', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email, tier: 'gold', at: '2026-01-01' });
  await braze.set({ user_alias: alias, _update_existing_only: false, x: 1 });
  const { status, body } = await braze.post(EXPORT, {
    external_ids: ['a', 'b'],
    user_aliases: [alias],
    fields_to_export: ['external_id', 'custom_attributes', 'user_aliases'],
  });
  expect(status).toBe(201);
  expect(body).toEqual({
    message: 'success',
    users: [
      { external_id: 'a', custom_attributes: { tier: 'gold', at: '2026-01-01T00:00:00.000Z' } },
      { user_aliases: [alias], custom_attributes: { x: 1 } },
    ],
    invalid_user_ids: ['b'],
  });
});

it('exports everybody with an address', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email }, { external_id: 'b', email });
  const request = { email_address: email, fields_to_export: ['external_id'] };
  const { body } = await braze.post(EXPORT, request);
  expect(body.users).toEqual([{ external_id: 'a' }, { external_id: 'b' }]);
});

it.each([
  ['without fields', { external_ids: ['a'] }],
  ['of 51 people', { external_ids: Array(51).fill('a'), fields_to_export: ['email'] }],
  ['by address and number', { email_address: email, phone: '+1', fields_to_export: ['email'] }],
])('refuses an export %s', async (_name, request) => {
  const braze = await openBraze();
  expect((await braze.post(EXPORT, request)).status).toBe(400);
});

it('deletes by one kind of identifier and counts who was there', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email }, { external_id: 'b' }, { external_id: 'c' });
  await braze.set({ user_alias: alias, _update_existing_only: false });
  const brazeId = braze.person('c')?.braze_id;
  const deleted = async (request: object) => (await braze.post(DELETE, request)).body.deleted;
  expect(await deleted({ external_ids: ['a', 'a', 'nobody'] })).toBe(1);
  expect(await deleted({ user_aliases: [alias] })).toBe(1);
  expect(await deleted({ braze_ids: [brazeId] })).toBe(1);
  expect([...braze.sandbox.profiles()].map(({ external_id: id }) => id)).toEqual(['b']);
  expect(braze.sandbox.find({ kind: 'email', value: email })).toBeUndefined();
  await braze.set({ external_id: 'a' });
  expect(Object.keys(braze.person() ?? {})).toEqual(['external_id', 'braze_id']);
});

it('deletes by address only whom the priorities single out', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email }, { external_id: 'b', email });
  const request = (...prioritization: string[]) => ({
    email_addresses: [{ email, prioritization }],
  });
  expect((await braze.post(DELETE, request('identified'))).body.deleted).toBe(0);
  const last = await braze.post(DELETE, request('identified', 'most_recently_updated'));
  expect(last.body).toEqual({ message: 'success', deleted: 1 });
  expect(braze.person('b')).toBeUndefined();
  expect((await braze.post(DELETE, { email_addresses: [{ email }] })).status).toBe(400);
});

it.each([
  ['two kinds', { external_ids: ['a'], braze_ids: ['b'] }],
  ['no kind', {}],
  ['51 people', { external_ids: Array(51).fill('a') }],
])('refuses to delete by %s', async (_name, request) => {
  const braze = await openBraze();
  expect((await braze.post(DELETE, request)).status).toBe(400);
});
