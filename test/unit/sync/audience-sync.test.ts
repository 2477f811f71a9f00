/** Audiences as attributes: a boolean of their own or a name in an array, for who entered and who left. */
import { expect, it } from 'vitest';
import { TestSync } from '../../support/test-sync.ts';

const NOBODY = "select 'zoe' as external_id, 1 as visits where false";

async function start(as: 'boolean' | { readonly array: string }): Promise<TestSync> {
  const sync = await TestSync.forTest({ audiences: { vips: as, lapsing: as } });
  for (const person of ['ada', 'bob', 'cem']) await sync.addPerson(person);
  await sync.addPerson('anonymous', null);
  return sync;
}

it('a boolean: true for members, false for who left, nothing for who never was in it', async () => {
  const sync = await start('boolean');
  await sync.setAudiences({ vips: ['ada', 'bob', 'anonymous'], lapsing: ['bob'] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { vips: true }],
      ['bob', { vips: true, lapsing: true }],
    ]),
  );
  await sync.run(NOBODY);
  expect(sync.sent.size).toBe(0);
  await sync.setAudiences({ vips: ['cem'], lapsing: ['bob'] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { vips: false }],
      ['bob', { vips: false }],
      ['cem', { vips: true }],
    ]),
  );
  await sync.run(NOBODY);
  expect(sync.sent.size).toBe(0);
  await sync.setAudiences({ vips: ['ada'], lapsing: [] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { vips: true }],
      ['bob', { lapsing: false }],
      ['cem', { vips: false }],
    ]),
  );
});

it('an array: names are added and removed, and those of others stay', async () => {
  const sync = await start({ array: 'audiences' });
  await sync.setAudiences({ vips: ['ada', 'bob'], lapsing: ['bob'] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { audiences: { add: ['vips'] } }],
      ['bob', { audiences: { add: ['lapsing', 'vips'] } }],
    ]),
  );
  await sync.setAudiences({ vips: ['bob'], lapsing: ['ada'] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { audiences: { add: ['lapsing'], remove: ['vips'] } }],
      ['bob', { audiences: { remove: ['lapsing'] } }],
    ]),
  );
  await sync.setAudiences({ vips: [], lapsing: ['ada'] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(new Map([['bob', { audiences: { remove: ['vips'] } }]]));
  await sync.run(NOBODY);
  expect(sync.sent.size).toBe(0);
});

it('an array whose answer was lost is made right whatever Braze has', async () => {
  const sync = await start({ array: 'audiences' });
  await sync.setAudiences({ vips: ['ada'], lapsing: [] });
  sync.answer = () => 'unknown';
  await sync.run(NOBODY);
  sync.answer = () => 'accepted';
  await sync.setAudiences({ vips: [], lapsing: [] });
  await sync.run(NOBODY);
  expect(sync.sent).toEqual(new Map([['ada', { audiences: { remove: ['vips', 'lapsing'] } }]]));
  await sync.run(NOBODY);
  expect(sync.sent.size).toBe(0);
});

it('attributes and audiences of a person go as one object', async () => {
  const sync = await start('boolean');
  await sync.setAudiences({ vips: ['ada'], lapsing: [] });
  await sync.run("select 'ada' as external_id, 3 as visits");
  expect(sync.sent).toEqual(new Map([['ada', { visits: 3, vips: true }]]));
  await sync.run("select 'ada' as external_id, 4 as visits");
  expect(sync.sent).toEqual(new Map([['ada', { visits: 4 }]]));
  await sync.setAudiences({ vips: [], lapsing: [] });
  await sync.run("select 'ada' as external_id, 4 as visits");
  expect(sync.sent).toEqual(new Map([['ada', { vips: false }]]));
  expect(await sync.shadow()).toEqual(['ada vips false', 'ada visits 4']);
});

it('audiences go by braze_id where the attributes do', async () => {
  const sync = await TestSync.forTest({
    audiences: { vips: 'boolean' },
    attributes: { identifier: 'braze_id' },
  });
  await sync.addPerson('ada', null);
  await sync.setAudiences({ vips: ['ada'] });
  await sync.run("select 'id-of-ada' as braze_id, 1 as visits");
  expect(sync.sent).toEqual(new Map([['id-of-ada', { visits: 1, vips: true }]]));
});

it('an audience that was never computed is an error, not a crowd of leavers', async () => {
  const sync = await start('boolean');
  await expect(sync.run(NOBODY)).rejects.toThrow('cannot send the audience vips');
});
