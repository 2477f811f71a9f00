/** What `/users/track` does with a request, over loopback. */
import { afterEach, expect, it } from 'vitest';
import { type BrazeSandbox, startBrazeSandbox } from '../../../../src/index.ts';

let sandbox: BrazeSandbox | undefined;

afterEach(() => sandbox?.close());

it('objects that are refused are named by index, the others are applied', async () => {
  sandbox = await startBrazeSandbox();
  const answer = await fetch(`${sandbox.url}/users/track`, {
    method: 'POST',
    headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
    body: JSON.stringify({
      attributes: [{ external_id: 'a', tier: 'gold' }, { tier: 'gold' }],
    }),
  });
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({
    message: 'success',
    attributes_processed: 1,
    errors: [
      {
        type: "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
        input_array: 'attributes',
        index: 1,
      },
    ],
  });
  expect(sandbox.find({ kind: 'external_id', value: 'a' })?.custom).toMatchObject({ tier: 'gold' });
});
