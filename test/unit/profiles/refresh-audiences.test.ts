/** Audiences: who belongs, who entered and left, and what is wrong with one alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findAudience, findAudienceSql, listAudiences } from '../../../src/audience-report.ts';
import { type Config, loadConfig } from '../../../src/config.ts';
import { refreshAudiences } from '../../../src/profiles/refresh-audiences.ts';
import type { Database } from '../../../src/warehouse/database.ts';
import { openTestDatabase } from '../../support/test-warehouse.ts';

let database: Database;
let folder: string;

beforeEach(async () => {
  database = await openTestDatabase();
  folder = mkdtempSync(path.join(tmpdir(), 'currents-audiences-'));
  onTestFinished(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  await database.run(`
    create or replace table c360.profiles as
    select * from (values
      ('ann', timestamp '2026-09-01', 'DE', 3, timestamp '2026-08-30', ['ios', 'web'],
        map {'EUR': 120.50::decimal(18, 2)}, '{"plan": "gold", "seats": 4}'::json, true),
      ('bob', timestamp '2026-09-01', 'AT', 0, timestamp '2026-06-01', ['web'],
        map {'USD': 10::decimal(18, 2)}, '{"plan": "free", "seats": 1}'::json, false),
      ('eve', timestamp '2026-09-01', null, 1, null, [], map {}, null, null)
    ) as p(person_id, as_of, country, purchases, last_seen, platforms, revenue, custom_attributes, is_vip)`);
  await database.run(`
    insert into c360.identities by name
    select person_id as user_id, person_id, upper(person_id) as external_id,
      [upper(person_id)] as external_ids from c360.profiles`);
});

function settings(yaml: string): Config {
  writeFileSync(path.join(folder, 'currents.yaml'), `audiences:\n${yaml.replace(/^/gm, '  ')}\n`);
  return loadConfig({ cwd: folder, env: {} });
}

function day(number: number): Date {
  return new Date(Date.UTC(2026, 8, number));
}

async function membersOf(audience: string): Promise<string[]> {
  const rows = await database.rows<{ person_id: string }>(
    'select person_id from c360.audience_members where audience = $1 and left_at is null order by 1',
    [audience],
  );
  return rows.map((row) => row.person_id);
}

async function history(): Promise<string[]> {
  const rows = await database.rows<{ line: string }>(
    `select concat_ws(' ', audience, person_id, entered_at::date, left_at::date) as line
     from c360.audience_members order by all`,
  );
  return rows.map((row) => row.line);
}

describe('members', () => {
  it('are the people that the query names, by whichever id, each once', async () => {
    const config = settings(`
by_person: { query: "select person_id, 1 as x from c360.profiles union all select 'ann', 2" }
by_user: { query: "select user_id from c360.identities where user_id = 'bob';" }
by_external: { query: "select 'EVE' as external_id union all select 'nobody' -- the end" }`);
    const results = await refreshAudiences(database, config, day(1));
    expect(results).toEqual([
      { audience: 'by_person', members: 3, entered: 3, departed: 0, unknown: 0, error: null },
      { audience: 'by_user', members: 1, entered: 1, departed: 0, unknown: 0, error: null },
      { audience: 'by_external', members: 1, entered: 1, departed: 0, unknown: 1, error: null },
    ]);
    expect(await membersOf('by_external')).toEqual(['eve']);
  });

  it('have the external id now, or had it when nobody has it now', async () => {
    await database.run(
      "update c360.identities set external_ids = ['OLD', 'BOB', 'ANN'] where user_id = 'ann'",
    );
    const config = settings(`
now: { query: "select 'BOB' as external_id" }
once: { query: "select 'OLD' as external_id" }`);
    await refreshAudiences(database, config, day(1));
    expect([await membersOf('now'), await membersOf('once')]).toEqual([['bob'], ['ann']]);
  });

  it('enter and leave, and each stay is kept with its instants', async () => {
    await database.run("create table crm as select 'ann' as person_id union all select 'bob'");
    const config = settings('seen: { query: from crm }');
    await refreshAudiences(database, config, day(1));
    await database.run("delete from crm where person_id = 'ann'");
    await database.run("insert into crm values ('eve')");
    expect(await refreshAudiences(database, config, day(2))).toMatchObject([
      { members: 2, entered: 1, departed: 1 },
    ]);
    await database.run("insert into crm values ('ann')");
    await refreshAudiences(database, config, day(3));
    const before = await history();
    expect(before).toEqual([
      'seen ann 2026-09-01 2026-09-02',
      'seen ann 2026-09-03',
      'seen bob 2026-09-01',
      'seen eve 2026-09-02',
    ]);
    expect(await refreshAudiences(database, config, day(4))).toMatchObject([
      { members: 3, entered: 0, departed: 0 },
    ]);
    expect(await history()).toEqual(before);
  });

  it('who are merged go on as the one that survives, since the earlier entry', async () => {
    const config = settings('all: { query: "select user_id from c360.identities" }');
    await refreshAudiences(
      database,
      settings('all: { query: "select \'ann\' as user_id" }'),
      day(1),
    );
    await refreshAudiences(database, config, day(2));
    await database.run("update c360.identities set person_id = 'bob' where user_id = 'ann'");
    expect(await refreshAudiences(database, config, day(3))).toMatchObject([
      { members: 2, entered: 0, departed: 0 },
    ]);
    expect(await history()).toEqual(['all bob 2026-09-01', 'all eve 2026-09-02']);
  });

  it('leave out those of other audiences, whatever the order of the settings', async () => {
    const config = settings(`
rest: { query: from c360.profiles, exclude: [buyers, german] }
buyers: { query: from c360.profiles where purchases > 0, exclude: [german] }
german: { where: { country: DE } }`);
    await refreshAudiences(database, config, day(1));
    expect([await membersOf('german'), await membersOf('buyers'), await membersOf('rest')]).toEqual(
      [['ann'], ['eve'], ['bob']],
    );
  });

  it('are those that a fold over any history of queries gives', async () => {
    await database.run('create table crm (person_id varchar)');
    const config = settings('any: { query: from crm }');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.subarray(['ann', 'bob', 'eve']), { minLength: 1, maxLength: 6 }),
        async (sets) => {
          await database.run('delete from c360.audience_members; delete from c360.audiences');
          const expected: string[] = [];
          const since = new Map<string, number>();
          for (const [index, people] of sets.entries()) {
            await database.run('delete from crm');
            for (const person of people)
              await database.run('insert into crm values ($1)', [person]);
            await refreshAudiences(database, config, day(index + 1));
            for (const [person, entered] of since) {
              if (people.includes(person)) continue;
              expected.push(`any ${person} 2026-09-0${entered} 2026-09-0${index + 1}`);
              since.delete(person);
            }
            for (const person of people) if (!since.has(person)) since.set(person, index + 1);
          }
          for (const [person, entered] of since) expected.push(`any ${person} 2026-09-0${entered}`);
          expect((await history()).toSorted()).toEqual(expected.toSorted());
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('an audience that is wrong', () => {
  it.each([
    ['query: from nowhere', 'Catalog Error: Table with name nowhere does not exist!'],
    [
      'query: select 1 as x',
      'its query has the columns x (expected one of person_id, user_id, ext',
    ],
    ['query: missing.sql', 'there is no file'],
    ['query: drop table c360.profiles', 'it does more than read'],
    ['query: "select 1 as user_id; select 2"', 'there are several'],
    ['query: select error(person_id) as person_id from c360.profiles', 'a value was refused'],
    ['query: "select (person_id || \'@x\')::integer as user_id from c360.profiles"', 'a value was'],
    ['where: { purchase: 3 }', 'has no such column (did you mean purchases?)'],
    ['where: { purchases: many }', 'purchases (INTEGER): "many" does not go with its type'],
    ['where: { country: { within: 3d } }', 'within does not go with its type'],
    ['where: { custom_attributes: gold }', 'custom_attributes (JSON): is does not go with'],
  ])('by %j keeps its members, is told why, and stops no other', async (broken, sentence) => {
    const good = 'good: { query: from c360.profiles }';
    await refreshAudiences(database, settings(`${good}\nbad: { where: { country: DE } }`), day(1));
    const config = settings(
      `bad:\n  ${broken}\nafter: { query: from c360.profiles, exclude: [bad] }\n${good}`,
    );
    const [bad, after, fine] = await refreshAudiences(database, config, day(2));
    expect(bad?.error).toMatch(/^cannot (refresh|read|use|run)/);
    expect(bad?.error).toContain(sentence);
    expect(bad).toMatchObject({ members: 1, entered: 0, departed: 0 });
    expect(after?.error).toContain('audience bad, which it leaves out, could not be refreshed');
    expect(fine).toMatchObject({ members: 3, error: null });
    expect(await membersOf('bad')).toEqual(['ann']);
    expect(await membersOf('after')).toEqual([]);
    const [known] = await listAudiences(database, config.audiences);
    expect(known).toMatchObject({
      name: 'bad',
      members: 1,
      refreshedAt: day(1),
      error: bad?.error,
    });
  });

  it.each([
    "strptime(person_id, '%Y') is null",
    'timestamptz_now at time zone person_id is null',
    "regexp_matches('x', person_id || '(')",
    "strftime(timestamptz_now, person_id || '%!') is null",
    "json_extract('{}', '$' || person_id) is null",
  ])('over %s repeats no value in what it says', async (condition) => {
    const sql = `select person_id from c360.profiles, (select now() as timestamptz_now) where ${condition}`;
    const [refused] = await refreshAudiences(
      database,
      settings(`a: { query: ${JSON.stringify(sql)} }`),
      day(1),
    );
    expect(refused?.error).toContain('a value was refused');
    expect(refused?.error).not.toMatch(/\b(ann|bob|eve)/);
  });

  it('is well again when it works again', async () => {
    await refreshAudiences(database, settings('a: { query: from nowhere }'), day(1));
    const config = settings('a: { query: from c360.profiles }');
    await refreshAudiences(database, config, day(2));
    expect(await listAudiences(database, config.audiences)).toMatchObject([
      { members: 3, error: null },
    ]);
  });

  it('without profiles says so', async () => {
    await database.run('drop table c360.profiles');
    const [result] = await refreshAudiences(
      database,
      settings('a: { where: { country: DE } }'),
      day(1),
    );
    expect(result?.error).toBe('cannot refresh audience a: there are no profiles yet');
  });
});

describe('conditions', () => {
  it.each([
    ['{ country: DE }', ['ann']],
    ['{ country: [DE, AT] }', ['ann', 'bob']],
    ['{ country: { isNot: DE } }', ['bob', 'eve']],
    ['{ country: { noneOf: [DE] } }', ['bob', 'eve']],
    ['{ country: { known: false } }', ['eve']],
    ['{ country: { startsWith: A } }', ['bob']],
    ['{ country: { contains: E } }', ['ann']],
    ['{ purchases: { atLeast: 1 } }', ['ann', 'eve']],
    ['{ purchases: { above: 0, below: 3 } }', ['eve']],
    ['{ purchases: { atMost: 0 } }', ['bob']],
    ['{ is_vip: true }', ['ann']],
    ['{ is_vip: { isNot: true } }', ['bob', 'eve']],
    ['{ last_seen: { within: 7d } }', ['ann']],
    ['{ last_seen: { olderThan: 7d } }', ['bob']],
    ['{ last_seen: { below: 2026-08-01 } }', ['bob']],
    ['{ platforms: web }', ['ann', 'bob']],
    ['{ platforms: [ios, android] }', ['ann']],
    ['{ platforms: { isNot: ios } }', ['bob', 'eve']],
    ['{ platforms: { noneOf: [ios, web] } }', ['eve']],
    ['{ revenue.EUR: { atLeast: 120.5 } }', ['ann']],
    ['{ revenue.EUR: { known: false } }', ['bob', 'eve']],
    ['{ custom_attributes.plan: gold }', ['ann']],
    ['{ custom_attributes.seats: { above: 3 } }', ['ann']],
    ['{ custom_attributes.seats: 1 }', ['bob']],
    ['{ custom_attributes.plan: { isNot: gold } }', ['bob', 'eve']],
    ['{ custom_attributes: { known: true } }', ['ann', 'bob']],
    ['{ any: [{ country: AT }, { purchases: 1 }] }', ['bob', 'eve']],
    ['{ all: [{ country: AT }, { purchases: 1 }] }', []],
    ['{ not: { country: DE, purchases: 3 } }', ['bob', 'eve']],
    ['{ not: { any: [{ country: DE }, { purchases: 1 }] } }', ['bob']],
    ['{ country: "O\'Hara\' or true --" }', []],
    ['{ "custom_attributes.a\'b\\"c": x }', []],
  ])('%s hold for %j', async (where, people) => {
    const config = settings(`a: { where: ${where} }`);
    expect(await refreshAudiences(database, config, day(1))).toMatchObject([{ error: null }]);
    expect(await membersOf('a')).toEqual(people);
  });

  it('are shown as the SQL that runs', async () => {
    const config = settings(
      'a: { where: { country: [DE, AT], any: [{ purchases: { atLeast: 2 } }, { last_seen: { within: 30d } }] } }',
    );
    const sql = await findAudienceSql(database, config.audiences, 'a');
    expect(sql).toBe(`select person_id
from c360.profiles
where ("country" = 'DE' or "country" = 'AT')
  and ("purchases" >= 2
    or "last_seen" > as_of - interval '2592000000 milliseconds')
`);
    expect(await database.rows(sql)).toEqual([{ person_id: 'ann' }]);
  });
});

describe('a report', () => {
  it('has audiences that were taken out of the settings, untouched', async () => {
    await refreshAudiences(database, settings('old: { query: from c360.profiles }'), day(1));
    const config = settings('new: { query: from c360.profiles }');
    expect(await listAudiences(database, config.audiences)).toMatchObject([
      { name: 'new', isInSettings: true, members: null, refreshedAt: null },
      { name: 'old', isInSettings: false, members: 3, refreshedAt: day(1) },
    ]);
    await refreshAudiences(database, config, day(2));
    expect(await membersOf('old')).toHaveLength(3);
  });

  it('shows who entered and left last', async () => {
    await refreshAudiences(database, settings('a: { query: from c360.profiles }'), day(1));
    const config = settings('a: { query: "select \'ann\' as user_id", as: { array: sets } }');
    await refreshAudiences(database, config, day(2));
    expect(await findAudience(database, config.audiences, 'a', 1)).toMatchObject({
      members: 1,
      departed: 2,
      as: { array: 'sets' },
      entries: [{ personId: 'ann', externalId: 'ANN', enteredAt: day(1), leftAt: null }],
      departures: [{ personId: 'bob', externalId: 'BOB', enteredAt: day(1), leftAt: day(2) }],
    });
  });

  it('of an audience that does not exist names the nearest', async () => {
    const config = settings('lapsing: { query: from c360.profiles }');
    await expect(findAudience(database, config.audiences, 'laping', 1)).rejects.toMatchObject({
      code: 'AUDIENCE_UNKNOWN',
      hint: 'currents audiences show lapsing',
    });
    await expect(findAudienceSql(database, config.audiences, 'toString')).rejects.toMatchObject({
      code: 'AUDIENCE_UNKNOWN',
    });
  });
});
