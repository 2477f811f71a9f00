/** The runner: what becomes of items, of answers that were lost, and of runs that were killed. */
import { describe, expect, it } from 'vitest';
import { TestSync } from '../../support/test-sync.ts';

function people(
  ...rows: readonly (readonly [name: string, visits: number | null, city?: string])[]
) {
  const values = rows.map(
    ([name, visits, city]) =>
      `('${name}', ${visits}::integer, ${city === undefined ? 'null::varchar' : `'${city}'`})`,
  );
  return `from (values ${values.join(', ')}) t(external_id, visits, city)`;
}

it('the first run sends everything, the second nothing, the third what changed', async () => {
  const sync = await TestSync.forTest();
  const first = await sync.run(people(['ada', 1, 'Bonn'], ['bob', 2], ['cem', null]));
  expect(first).toMatchObject({ planned: 2, sent: 2, accepted: 2, attributes: 3, waiting: 0 });
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { visits: 1, city: 'Bonn' }],
      ['bob', { visits: 2 }],
    ]),
  );
  expect(await sync.shadow()).toEqual(['ada city "Bonn"', 'ada visits 1', 'bob visits 2']);
  expect(await sync.run(people(['ada', 1, 'Bonn'], ['bob', 2], ['cem', null]))).toMatchObject({
    planned: 0,
    requests: 0,
  });
  await sync.run(people(['ada', 1, 'Köln'], ['bob', null]));
  expect(sync.sent).toEqual(
    new Map([
      ['ada', { city: 'Köln' }],
      ['bob', { visits: null }],
    ]),
  );
  expect(await sync.shadow()).toEqual(['ada city "Köln"', 'ada visits 1']);
});

it('a null is left where the sync says so', async () => {
  const sync = await TestSync.forTest({ sync: { onNull: 'skip' } });
  await sync.run(people(['ada', 1]));
  await sync.run(people(['ada', null]));
  expect(sync.sent.size).toBe(0);
  expect(await sync.shadow()).toEqual(['ada visits 1']);
});

it('a plan shows what a run would send, and changes nothing', async () => {
  const sync = await TestSync.forTest();
  await sync.run(people(['ada', 1, 'Bonn'], ['bob', 2]));
  const before = await sync.database.rows('from sync.people order by all');
  const preview = await sync.plan(people(['ada', 3, 'Bonn'], ['bob', null], ['cem', 1, 'x']));
  expect(preview).toMatchObject({
    planned: 3,
    attributes: 4,
    requests: 1,
    byAttribute: [
      { attribute: 'city', type: 'string', set: 1, unset: 0 },
      { attribute: 'visits', type: 'number', set: 2, unset: 1 },
    ],
  });
  expect(preview.samples).toContainEqual({
    identifier: 'ada',
    attribute: 'visits',
    before: '1',
    after: '3',
    sent: '3',
  });
  expect(preview.samples).toContainEqual({
    identifier: 'bob',
    attribute: 'visits',
    before: '2',
    after: null,
    sent: 'null',
  });
  expect(await sync.database.rows('from sync.people order by all')).toEqual(before);
  expect(await sync.database.rows('from sync.outbox')).toEqual([]);
  expect(await sync.database.rows('select run_id::integer as id from sync.runs')).toEqual([
    { id: 1 },
  ]);
});

it('what Braze refuses is kept aside with its code, and sent again by the next run', async () => {
  const sync = await TestSync.forTest();
  sync.answer = (person) => (person === 'ada' ? 'rejected' : 'accepted');
  const receipt = await sync.run(people(['ada', 1], ['bob', 2]));
  expect(receipt).toMatchObject({ sent: 2, accepted: 1, rejected: 1, invalid: 0 });
  expect(receipt.rejections).toMatchObject([
    { stage: 'braze', code: 'EMAIL_BAD_FORMAT', reason: 'Braze said no', count: 1 },
  ]);
  expect(await sync.shadow()).toEqual(['bob visits 2']);
  sync.answer = () => 'accepted';
  await sync.run(people(['ada', 1], ['bob', 2]));
  expect([...sync.sent.keys()]).toEqual(['ada']);
  expect(await sync.rejections()).toEqual([]);
});

it('what was not sent is left for later, and then planned anew', async () => {
  const sync = await TestSync.forTest();
  sync.answer = () => 'waiting';
  expect(await sync.run(people(['ada', 1], ['bob', 2]))).toMatchObject({ sent: 0, waiting: 2 });
  sync.answer = () => 'accepted';
  await sync.run(people(['ada', 5]));
  expect(sync.sent).toEqual(new Map([['ada', { visits: 5 }]]));
});

it('a bad value does not hide the rest of the row, and is looked at again', async () => {
  const sync = await TestSync.forTest();
  const bad = people(['ada', 1, 'x'.repeat(300)]);
  await sync.run(bad);
  expect(sync.sent.get('ada')).toEqual({ visits: 1 });
  expect(await sync.run(bad)).toMatchObject({ planned: 0, invalid: 1 });
  await sync.run(people(['ada', 1, 'Bonn']));
  expect(sync.sent.get('ada')).toEqual({ city: 'Bonn' });
  // What Braze had before stays while the new value is bad.
  await sync.run(bad);
  expect(await sync.shadow()).toContain('ada city "Bonn"');
});

describe('an answer that was lost', () => {
  it('makes the value uncertain: the next run sends what is wanted by then', async () => {
    const sync = await TestSync.forTest();
    await sync.run(people(['ada', 1, 'Bonn']));
    sync.answer = () => 'unknown';
    expect(await sync.run(people(['ada', 2, 'Bonn']))).toMatchObject({ unknown: 1, held: 0 });
    expect(await sync.shadow()).toEqual(['ada city "Bonn"', 'ada visits ?']);
    sync.answer = () => 'accepted';
    // Back to what the shadow had: Braze may have the other.
    await sync.run(people(['ada', 1, 'Bonn']));
    expect(sync.sent).toEqual(new Map([['ada', { visits: 1 }]]));
    expect(await sync.shadow()).toEqual(['ada city "Bonn"', 'ada visits 1']);
  });

  it('of the first value of a person, or of an unset one, is no different', async () => {
    const sync = await TestSync.forTest();
    sync.answer = () => 'unknown';
    await sync.run(people(['ada', 1]));
    sync.answer = () => 'accepted';
    await sync.run(people(['ada', 1]));
    expect(sync.sent).toEqual(new Map([['ada', { visits: 1 }]]));
    sync.answer = () => 'unknown';
    await sync.run(people(['ada', null]));
    sync.answer = () => 'accepted';
    await sync.run(people(['ada', null]));
    expect(sync.sent).toEqual(new Map([['ada', { visits: null }]]));
    await sync.run(people(['ada', null]));
    expect(sync.sent.size).toBe(0);
  });
});

describe('an increment', () => {
  const options = { attributes: { increments: ['visits'] } };

  it('goes as the difference', async () => {
    const sync = await TestSync.forTest(options);
    await sync.run(people(['ada', 5]));
    expect(sync.sent.get('ada')).toEqual({ visits: { inc: 5 } });
    await sync.run(people(['ada', 3, 'Bonn']));
    expect(sync.sent.get('ada')).toEqual({ visits: { inc: -2 }, city: 'Bonn' });
    await sync.run(people(['ada', 3, 'Bonn']));
    expect(sync.sent.size).toBe(0);
    await sync.run(people(['ada', null]));
    expect(sync.sent.get('ada')).toEqual({ visits: null, city: null });
  });

  it('whose answer was lost is held, and the rest of the person goes on', async () => {
    const sync = await TestSync.forTest(options);
    await sync.run(people(['ada', 5, 'Bonn'], ['bob', 1]));
    sync.answer = (_, { repeatable }) => (repeatable ? 'accepted' : 'unknown');
    const lost = await sync.run(people(['ada', 7, 'Köln'], ['bob', 1, 'Rom']));
    expect(lost).toMatchObject({ accepted: 1, unknown: 1, held: 1 });
    expect(await sync.database.rows('select status, attributes from sync.outbox')).toEqual([
      { status: 'unknown', attributes: '{"visits":{"inc":2}}' },
    ]);
    sync.answer = () => 'accepted';
    expect(await sync.run(people(['ada', 9, 'Ulm'], ['bob', 1, 'Rom']))).toMatchObject({ held: 1 });
    expect(sync.sent).toEqual(new Map([['ada', { city: 'Ulm' }]]));
  });

  it.each([
    ['overwrite', { visits: 9 }],
    ['applied', { visits: { inc: 2 } }],
    ['lost', { visits: { inc: 4 } }],
  ] as const)('that was held is settled as %s', async (onUnknown, sent) => {
    const sync = await TestSync.forTest(options);
    await sync.run(people(['ada', 5]));
    sync.answer = () => 'unknown';
    await sync.run(people(['ada', 7]));
    sync.answer = () => 'accepted';
    expect(await sync.run(people(['ada', 9]), { onUnknown })).toMatchObject({ held: 0 });
    expect(sync.sent.get('ada')).toEqual(sent);
    expect(await sync.shadow()).toEqual(['ada visits 9']);
    await sync.run(people(['ada', 10]));
    expect(sync.sent.get('ada')).toEqual({ visits: { inc: 1 } });
  });
});

it('of an array that grows, new objects are added; when one went, the whole is sent', async () => {
  const sync = await TestSync.forTest({ attributes: { additions: ['orders'] } });
  function orders(...ids: readonly number[]) {
    const list = ids.map((id) => `{id: ${id}}`).join(', ');
    return `select 'ada' as external_id, [${list}]::struct(id integer)[] as orders`;
  }
  await sync.run(orders(1, 2));
  expect(sync.sent.get('ada')).toEqual({ orders: [{ id: 1 }, { id: 2 }] });
  await sync.run(orders(2, 1, 3));
  expect(sync.sent.get('ada')).toEqual({ orders: { $add: [{ id: 3 }] } });
  await sync.run(orders(3, 2, 1));
  expect(sync.sent.size).toBe(0);
  await sync.run(orders(3));
  expect(sync.sent.get('ada')).toEqual({ orders: [{ id: 3 }] });
});

describe('a process that was killed', () => {
  it.each([
    ['before it sent', 'planned', { visits: 2 }],
    ['while it sent', 'in_flight', { visits: 2 }],
  ])('%s: the next run is right', async (_when, status, sent) => {
    const sync = await TestSync.forTest();
    await sync.run(people(['ada', 1]));
    // What a kill leaves: a plan that was committed and not settled.
    sync.answer = () => 'waiting';
    await sync.run(people(['ada', 2]));
    await sync.database.run(`update sync.outbox set status = '${status}'`);
    await sync.database.run("update sync.runs set status = 'delivering' where run_id = 2");
    sync.answer = () => 'accepted';
    await sync.run(people(['ada', 2]));
    expect(sync.sent.get('ada')).toEqual(sent);
    expect(await sync.database.rows('from sync.outbox')).toEqual([]);
    expect(await sync.database.rows("select error from sync.runs where status = 'failed'")).toEqual(
      [{ error: 'the process ended before the run did' }],
    );
  });

  it('after an answer was written down: what was accepted is not sent again', async () => {
    const sync = await TestSync.forTest();
    await sync.run(people(['ada', 1]));
    await sync.database.run(
      `insert into sync.outbox by name
       select sync, destination, identifier_kind, identifier, entries, fingerprints, run_id, 1 as item_id,
         '{}' as attributes, 0 as attribute_count, 0 as data_points, [] as operators, true as repeatable,
         'accepted' as status, 1 as attempts, accepted_at as settled_at from sync.people;
       delete from sync.people`,
    );
    expect(await sync.shadow()).toEqual(['ada visits 1']);
    await sync.run(people(['ada', 1], ['bob', 1]));
    expect([...sync.sent.keys()]).toEqual(['bob']);
    expect(await sync.shadow()).toEqual(['ada visits 1', 'bob visits 1']);
  });
});

it('aliases are told by name and label', async () => {
  const sync = await TestSync.forTest({ attributes: { identifier: 'user_alias' } });
  await sync.run(`select 'ada"' as alias_name, 'shop' as alias_label, 1 as visits`);
  expect(sync.sent).toEqual(new Map([['ada"/shop', { visits: 1 }]]));
});

it('a changed definition sends again what it changes, and nothing else', async () => {
  const sync = await TestSync.forTest();
  await sync.run(`select 'ada' as external_id, ['b', 'a'] as tags, 1 as visits`);
  await sync.run(`select 'ada' as external_id, 1 as visits`);
  expect(sync.sent.size).toBe(0);
  expect(await sync.shadow()).toEqual(['ada tags ["b","a"]', 'ada visits 1']);
});

it('a text of an enum that is made anew, in another order, is seen', async () => {
  const sync = await TestSync.forTest();
  await sync.run(`select 'ada' as external_id, 'a'::enum('a', 'b') as tier`);
  await sync.run(`select 'ada' as external_id, 'b'::enum('b', 'a') as tier`);
  expect(sync.sent.get('ada')).toEqual({ tier: 'b' });
});

it.each([
  ['select 1 as visits', 'it has no column external_id (found visits)'],
  ['create table x as select 1 as external_id', 'it does more than read'],
  ['select * from nowhere', 'nowhere does not exist'],
])('the query %s is refused', async (query, sentence) => {
  const sync = await TestSync.forTest();
  await expect(sync.run(query)).rejects.toThrow(sentence);
});
