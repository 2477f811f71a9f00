/** Whose profile an object reaches: Braze's precedence of identifiers and its look-ups. */
import { expect, it } from 'vitest';
import { openBraze } from '../../../support/braze-client.ts';

const email = 'ann@example.com';
const phone = '+4912345';

it('an unknown external id makes a new profile even if the address belongs to somebody', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email }, { external_id: 'b', email });
  expect([...braze.sandbox.profiles()]).toMatchObject([
    { external_id: 'a', email },
    { external_id: 'b', email },
  ]);
});

it('beside a primary identifier, address and number are attributes', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email, phone });
  await braze.set({ external_id: 'a', email: 'new@example.com', phone: null });
  expect([...braze.sandbox.profiles()]).toEqual([
    { external_id: 'a', braze_id: expect.any(String), email: 'new@example.com' },
  ]);
  expect(braze.sandbox.find({ kind: 'email', value: email })).toBeUndefined();
});

it('of several profiles with one address the last updated one with an external id is meant', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email });
  await braze.set({ external_id: 'b', email });
  await braze.set({
    user_alias: { alias_name: 'n', alias_label: 'l' },
    email,
    _update_existing_only: false,
  });
  await braze.set({ email, tier: 'gold' });
  expect(braze.person('b')?.custom_attributes).toEqual({ tier: 'gold' });
  await braze.set({ external_id: 'a', tier: 'none' });
  await braze.set({ email, tier: 'silver' });
  expect(braze.person('a')?.custom_attributes).toEqual({ tier: 'silver' });
  expect(braze.person('b')?.custom_attributes).toEqual({ tier: 'gold' });
});

it('an address that nobody has makes a profile without an alias, and address beats number', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', phone });
  await braze.set({ email, phone, x: 1 });
  expect([...braze.sandbox.profiles()]).toMatchObject([
    { external_id: 'a', phone },
    { email, phone, custom_attributes: { x: 1 } },
  ]);
  await braze.set({ phone, y: 2 });
  expect(braze.custom()).toEqual({ y: 2 });
});

it('aliases are told apart by case and by label', async () => {
  const braze = await openBraze();
  const alias = (alias_name: string, alias_label: string, x: number) => ({
    user_alias: { alias_name, alias_label },
    _update_existing_only: false,
    x,
  });
  await braze.set(alias('n', 'l', 1), alias('N', 'l', 2), alias('n', 'm', 3), alias('n', 'l', 4));
  const values = [...braze.sandbox.profiles()].map((profile) => profile.custom_attributes?.x);
  expect(values).toEqual([4, 2, 3]);
});

it('a group set for one person is set for everybody with the same address', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', email }, { external_id: 'b', email }, { external_id: 'c' });
  const subscription_group_id = '6f4e2d60-1f0e-4f6c-8a55-0d6f4a3c2b1a';
  const group = { subscription_group_id, subscription_state: 'unsubscribed' };
  await braze.set({ external_id: 'a', subscription_groups: [group] });
  expect(braze.person('b')?.subscription_groups).toEqual([group]);
  expect(braze.person('c')?.subscription_groups).toBeUndefined();
});

it('attributes may have the names that objects of JavaScript inherit', async () => {
  const braze = await openBraze();
  const sent =
    '{"external_id":"a","__proto__":1,"constructor":{"__proto__":2},"toString":{"inc":3}}';
  expect((await braze.post('/users/track', `{"attributes":[${sent}]}`)).status).toBe(201);
  const custom = JSON.stringify(braze.custom());
  expect(custom).toBe('{"__proto__":1,"constructor":{"__proto__":2},"toString":3}');
});
