/**
 * Whatever happened, in whichever order it came: of erased people nothing is left in any file, everybody else
 * is as if they had never been, and nothing that is delivered again or found late brings them back.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { forgetPeople } from '../../../src/forget.ts';
import { refreshProfiles } from '../../../src/profiles/refresh-profiles.ts';
import { runSync } from '../../../src/sync/run-sync.ts';
import { openFilesDestination } from '../../../src/sync/stage-files.ts';
import type { StageFormat } from '../../../src/sync/stage-names.ts';
import { Database, quoteIdentifier } from '../../../src/warehouse/database.ts';
import { publishDatabase } from '../../../src/warehouse/publish.ts';
import {
  anErasableHistory,
  type ErasableHistory,
  type HistoryEvent,
  LAST_CYCLE,
} from '../../support/erasable-histories.ts';
import { readAllBytes } from '../../support/erasable-people.ts';
import { anObjectOf, type EventFields } from '../../support/person-events.ts';
import { createRandom, shuffle } from '../../support/seeded-random.ts';
import { listStaged, readStaged, type StagedRow } from '../../support/staged-outbox.ts';
import { aKey, TestBucket } from '../../support/test-bucket.ts';

const HOUR_MS = 3_600_000;

const FLAGS = { 'profiles.refresh': 'after ingest' };

/** The event types of the histories with the fields that are in their objects from the first one on. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'users.messages.email.Open': ['email_address', 'user_agent', 'campaign_id'],
  'users.profile.Update': ['time_ms', 'first_name', 'custom_attributes'],
  'users.behaviors.Purchase': ['price', 'currency', 'product_id'],
  'users.messages.sms.Send': ['to_phone_number', 'campaign_id'],
  'users.behaviors.CustomEvent': ['name', 'properties'],
  'users.UserOrphan': ['orphaned_by_id'],
  'users.UserDeleteRequest': [],
};

/** A bucket with everything around it that holds people. */
class Site {
  readonly bucket = new TestBucket();
  readonly #format: StageFormat;
  #objects = 0;

  constructor(format: StageFormat) {
    this.#format = format;
    mkdirSync(this.stage);
    writeFileSync(
      path.join(this.#folder, 'currents.yaml'),
      `audiences:
  openers: { where: { email_opened: { atLeast: 1 } } }
attributes:
  by_external_id:
    identifier: external_id
    query: select external_id, max(first_name) as nick, max(former_external_ids) as formers from c360.profiles where external_id is not null and first_name is not null group by all
  by_braze_id:
    identifier: braze_id
    query: select user_id as braze_id, max(user_agent) as agent from events.users_messages_email_open group by all
  by_email:
    identifier: email
    query: select email_address as email, count(*) as opens from events.users_messages_email_open where email_address is not null group by all
syncs:
  one: { send: [by_external_id], to: stage }
  two: { send: [by_braze_id], to: stage }
  three: { send: [by_email], to: stage }
destinations: { stage: { kind: files, url: ${this.stage}, format: ${format} } }
publish: { path: ${this.copy} }
`,
    );
  }

  get #folder(): string {
    return path.dirname(this.bucket.folder);
  }

  get stage(): string {
    return path.join(this.#folder, 'stage');
  }

  get copy(): string {
    return path.join(this.#folder, 'copies', 'copy.duckdb');
  }

  /** One object of one event type, empty ones too, so that all sites have the same tables. */
  async put(eventType: string, events: readonly EventFields[]): Promise<void> {
    const names = ['id', 'time', 'user_id', 'external_user_id', ...(FIELDS[eventType] ?? [])];
    const { schema } = anObjectOf(eventType, [
      Object.fromEntries(names.map((name) => [name, null])),
    ]);
    const records = events.map((event) =>
      Object.fromEntries(
        names.map((name) => {
          const value = event[name] ?? null;
          return [name, name === 'time_ms' && value !== null ? BigInt(value as number) : value];
        }),
      ),
    );
    this.#objects += 1;
    await this.bucket.put(aKey(this.#objects, '2026-09-01-10', eventType), schema, records);
  }

  async cycle(): Promise<void> {
    this.bucket.now = new Date(this.bucket.now.getTime() + HOUR_MS);
    await this.bucket.cycle({ full: true }, FLAGS);
  }

  /** Stages what is new of everybody, and makes the copy for analysts. */
  async handOn(): Promise<void> {
    const { bucket } = this;
    const config = bucket.config(FLAGS);
    const now = () => bucket.now;
    const destination = openFilesDestination({ url: this.stage, format: this.#format, now });
    await bucket.withDatabase(async (database) => {
      for (const sync of ['one', 'two', 'three'])
        await runSync(
          database,
          config,
          sync,
          { allow: ['nick', 'formers', 'agent', 'opens'] },
          { now, destination },
        );
    });
    await publishDatabase({ database: bucket.databasePath, path: this.copy });
  }

  async forget(ids: readonly string[]): Promise<void> {
    const { bucket } = this;
    bucket.now = new Date(bucket.now.getTime() + HOUR_MS);
    if (ids.length > 0) await forgetPeople(bucket.config(FLAGS), ids, { now: () => bucket.now });
  }

  /** Every row of every staged file, by its text. */
  async readStage(): Promise<readonly (readonly [string, StagedRow])[]> {
    const names = listStaged(this.stage, 'attributes');
    const files = await Promise.all(
      names.map(async (name) => {
        const rows = await readStaged(path.join(this.stage, 'attributes', name), this.#format);
        return rows.map((row) => [`${name} ${JSON.stringify(row)}`, row] as const);
      }),
    );
    return files.flat().sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** Where any of the words is, in raw bytes or in decoded values. */
  async find(words: readonly string[]): Promise<readonly string[]> {
    const found: string[] = [];
    const search = (where: string, text: string) => {
      for (const word of words)
        if (text.toLowerCase().includes(word)) found.push(`${word} in ${where}`);
    };
    search('bytes', readAllBytes(this.bucket));
    for (const [text] of await this.readStage()) search(`staged ${text}`, text);
    for (const file of [this.bucket.databasePath, this.copy]) {
      if (!existsSync(file)) continue;
      // Read where it lies: a writer would leave a log.
      const database = await Database.open({ path: file, readOnly: true, threads: 1 });
      try {
        for (const table of await listTables(database)) {
          const rows = await database.rows<{ row: string }>(
            `select to_json(t)::varchar as row from ${table} t`,
          );
          search(`${path.basename(file)} ${table}`, rows.map(({ row }) => row).join('\n'));
        }
      } finally {
        database.close();
      }
    }
    return found;
  }

  /** What is for people to read, and the state by ids in the place of numbers. */
  async read(): Promise<Readonly<Record<string, readonly unknown[]>>> {
    return this.bucket.withDatabase(async (database) => {
      const queries = new Map([
        ['profiles', 'select * from c360.profiles_rows'],
        ['identities', 'select * from c360.identities'],
        [
          'audiences',
          'select audience, person_id from c360.audience_members where left_at is null',
        ],
        ['users', 'select user_id from c360.users'],
        [
          'activity',
          'select a.* exclude (user_no, message_no), user_id from c360.activity a join c360.users using (user_no)',
        ],
        [
          'facts',
          'select distinct on (user_no, name, key) f.* exclude (user_no, first_ms), user_id from c360.facts f join c360.users using (user_no) order by user_no, name, key, time_ms desc, value desc',
        ],
        [
          'purchases',
          'select p.* exclude (user_no), user_id from c360.purchases p join c360.users using (user_no)',
        ],
        [
          'merges',
          'select a.user_id, b.user_id as into_user_id from c360.merges m join c360.users a using (user_no) join c360.users b on b.user_no = m.into_user_no',
        ],
      ]);
      for (const table of await listTables(database))
        if (table.startsWith('"events"'))
          queries.set(table, `select * exclude (_object_id) from ${table}`);
      const read: Record<string, readonly unknown[]> = {};
      for (const [name, query] of queries) {
        read[name] = (
          await database.rows<{ row: string }>(
            `select to_json(t)::varchar as row from (${query}) t order by 1`,
          )
        ).map(({ row }) => row);
      }
      return read;
    });
  }
}

async function listTables(database: Database): Promise<readonly string[]> {
  const tables = await database.rows<{ schema: string; name: string }>(
    `select schema_name as "schema", table_name as name from duckdb_tables()
     where database_name = current_database() order by all`,
  );
  return tables.map(({ schema, name }) => `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`);
}

/** The objects that come with a cycle, in the order of their keys. */
async function deliver(
  site: Site,
  events: readonly HistoryEvent[],
  random: () => number,
  comesWith: (event: HistoryEvent) => boolean,
  mayHold: (event: HistoryEvent) => boolean,
): Promise<void> {
  const objects = Object.keys(FIELDS).flatMap((eventType) =>
    [0, 1].map((object) => ({ eventType, object })),
  );
  for (const { eventType, object } of shuffle(objects, random)) {
    const coming = events.filter(
      (event) => event.eventType === eventType && event.object === object && comesWith(event),
    );
    if (coming.length === 0) continue;
    await site.put(
      eventType,
      shuffle(coming, random)
        .filter(mayHold)
        .map(({ fields }) => fields),
    );
  }
}

async function live(
  history: ErasableHistory,
  { format, seed }: { readonly format: StageFormat; readonly seed: number },
): Promise<void> {
  const { events, erasedIds, touchedIds } = history;
  const [erased, never] = [new Site(format), new Site(format)];
  const staged = new Map<string, StagedRow>();
  async function compare() {
    expect(await erased.find(history.erasedWords)).toEqual([]);
    expect(await erased.read()).toEqual(await never.read());
    const left = [...staged].filter(([, row]) => !erasedIds.has(identify(row)));
    const areSure = (rows: readonly (readonly [string, StagedRow])[]) =>
      rows.flatMap(([text, row]) => (touchedIds.has(identify(row)) ? [] : [text])).sort();
    expect(areSure(await erased.readStage())).toEqual(areSure(left));
    expect(
      await erased.bucket.column('select distinct identifier from sync.people order by 1'),
    ).toEqual([...new Set(left.map(([, row]) => identify(row)))].sort());
  }
  for (let cycle = 0; cycle <= LAST_CYCLE; cycle += 1) {
    const comesWith = ({ cycles }: HistoryEvent) => cycles.includes(cycle);
    await deliver(erased, events, createRandom(seed + cycle), comesWith, () => true);
    await erased.cycle();
    if (cycle === LAST_CYCLE) break;
    await erased.handOn();
    for (const [text, row] of await erased.readStage()) staged.set(text, row);
    if (cycle < LAST_CYCLE - 1) continue;
    await erased.forget(history.forgotten);
    expect(await erased.find(history.wordsGoneEarly)).toEqual([]);
  }
  const comesLater = ({ cycles }: HistoryEvent) => cycles.every((cycle) => cycle <= LAST_CYCLE);
  const staysOut = ({ isErased }: HistoryEvent) => !isErased;
  await deliver(never, events, createRandom(seed), comesLater, staysOut);
  never.bucket.now = new Date(erased.bucket.now.getTime() - HOUR_MS);
  await never.cycle();
  await compare();
  for (const [site, mayHold] of [
    [erased, () => true],
    [never, staysOut],
  ] as const) {
    site.bucket.now = new Date('2026-09-08T12:00:00Z');
    await deliver(site, events, createRandom(seed - 1), () => true, mayHold);
    await site.cycle();
  }
  await compare();
  const refreshed = await erased.read();
  await erased.bucket.withDatabase(async (database) =>
    refreshProfiles(database, { asOf: erased.bucket.now, full: true }),
  );
  expect(await erased.read()).toEqual(refreshed);
}

/** The identifier of a row in a staged file. */
function identify({ EXTERNAL_ID, BRAZE_ID, EMAIL }: StagedRow): string {
  return EXTERNAL_ID ?? BRAZE_ID ?? EMAIL ?? '';
}

it('of erased people nothing is left, and everybody else is as if they had never been', async () => {
  const formats = ['json', 'csv', 'parquet'] as const;
  await fc.assert(
    fc.asyncProperty(
      anErasableHistory,
      fc.constantFrom(...formats),
      fc.nat(),
      async (history, format, seed) => {
        expect(history.erasedWords).not.toEqual([]);
        await live(history, { format, seed });
      },
    ),
    // Two took 37 seconds on a busy machine: each is two databases, six cycles and a rebuild.
    { numRuns: 1, endOnFailure: true },
  );
}, 600_000);
