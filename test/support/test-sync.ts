/**
 * A sync in memory: a migrated database, one attribute query that a test changes between runs, and a Braze
 * that writes down what it is sent. What it answers is up to the test.
 */
import { onTestFinished } from 'vitest';
import type { AttributeQueryConfig } from '../../src/attribute-settings.ts';
import type { AudienceConfig } from '../../src/audience-settings.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import type { DestinationConfig, RestDestinationConfig } from '../../src/destination-settings.ts';
import type { ItemOutcome, OutboxItem, RestDestination } from '../../src/sync/destination.ts';
import {
  previewSync,
  runSync,
  type SyncOptions,
  type SyncReceipt,
} from '../../src/sync/run-sync.ts';
import type { SyncPreview } from '../../src/sync/sync-preview.ts';
import type { SyncConfig } from '../../src/sync-settings.ts';
import type { Database } from '../../src/warehouse/database.ts';
import { openTestDatabase } from './test-warehouse.ts';

/** To each person, named as in `sent`. */
type Answer = (person: string, item: OutboxItem) => ItemOutcome['status'];

const PORTION = 3;

export interface TestSyncOptions {
  /** By name, how each is written. */
  readonly audiences?: Readonly<Record<string, AudienceConfig['as']>>;
  readonly attributes?: Partial<AttributeQueryConfig>;
  readonly sync?: Partial<SyncConfig>;
  /** `kind` says what is checked; it is always the same Braze that answers. */
  readonly destination?: Partial<
    Pick<DestinationConfig, 'kind' | 'allow' | 'rename'> &
      Pick<RestDestinationConfig, 'objectsPerRequest'>
  >;
}

export class TestSync {
  readonly database: Database;
  /** What Braze says to each item; by default it takes everything. */
  answer: Answer = () => 'accepted';
  /** Items of the last run, by identifier. */
  sent = new Map<string, unknown>();
  readonly #options: TestSyncOptions;
  #query = '';

  private constructor(database: Database, options: TestSyncOptions) {
    this.database = database;
    this.#options = options;
  }

  /** Closed when the test ends. */
  static async forTest(options: TestSyncOptions = {}): Promise<TestSync> {
    const database = await openTestDatabase();
    onTestFinished(() => database.close());
    return new TestSync(database, options);
  }

  get config(): Config {
    const { attributes, sync, destination, audiences = {} } = this.#options;
    return {
      ...loadConfig({ env: {}, cwd: '/nowhere' }),
      audiences: Object.fromEntries(
        Object.entries(audiences).map(([name, as]) => [
          name,
          { query: undefined, where: undefined, exclude: [], as },
        ]),
      ),
      attributes: {
        people: {
          identifier: 'external_id',
          query: { kind: 'sql', sql: this.#query },
          sets: [],
          increments: [],
          additions: [],
          texts: [],
          ...attributes,
        },
      },
      syncs: {
        nightly: {
          send: ['people', ...Object.keys(audiences)],
          to: 'braze',
          schedule: 'manual',
          onNull: 'unset',
          updateExistingOnly: false,
          newAttributes: 'refuse',
          onUnknown: 'hold',
          ...sync,
        },
      },
      destinations: {
        braze: {
          kind: 'rest',
          instance: 'US-01',
          apiKey: { env: 'NOT_SET' },
          objectsPerRequest: 75,
          requestsPerSecond: 1000,
          concurrency: 1,
          allow: undefined,
          rename: {},
          ...destination,
        } as DestinationConfig,
      },
    };
  }

  /** The same settings with another query, for a test that runs it by itself. */
  withQuery(query: string): this {
    this.#query = query;
    return this;
  }

  /** One run with this query. */
  async run(query: string, options: SyncOptions = {}): Promise<SyncReceipt> {
    this.#query = query;
    this.sent = new Map();
    return runSync(this.database, this.config, 'nightly', options, { destination: this.#braze() });
  }

  async plan(query: string, samples = 5): Promise<SyncPreview> {
    this.#query = query;
    return previewSync(this.database, this.config, 'nightly', { samples });
  }

  /** Who is in which audience from now on, as a refresh would write it. */
  async setAudiences(members: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await this.database.run('delete from c360.audiences; delete from c360.audience_members');
    for (const [audience, people] of Object.entries(members)) {
      await this.database.run(
        'insert into c360.audiences (audience, refreshed_at) values ($1, current_timestamp)',
        [audience],
      );
      for (const person of people)
        await this.database.run(
          `insert into c360.audience_members by name
           select $1 as audience, $2 as person_id, current_timestamp as entered_at`,
          [audience, `id-of-${person}`],
        );
    }
  }

  /** Says that a person is known, by an external id or without one. */
  async addPerson(person: string, externalId: string | null = person): Promise<void> {
    await this.database.run(
      `insert into c360.identities by name
       select $1 as user_id, $1 as person_id, $2 as external_id, [] as external_ids`,
      [`id-of-${person}`, externalId],
    );
  }

  /** What the shadow says of everybody, as `identifier attribute value`. */
  async shadow(): Promise<string[]> {
    const rows = await this.database.rows<{ line: string }>(
      `select concat_ws(' ', identifier, attribute, coalesce(value::varchar, '?')) as line
       from sync.shadow order by all`,
    );
    return rows.map(({ line }) => line);
  }

  async rejections(): Promise<string[]> {
    const rows = await this.database.rows<{ line: string }>(
      `select concat_ws(' ', coalesce(identifier, '-'), coalesce(attribute, '-'), code) as line
       from sync.rejected order by all`,
    );
    return rows.map(({ line }) => line);
  }

  #braze(): RestDestination {
    return {
      kind: 'rest',
      limits: { objectsPerRequest: 75, bytesPerRequest: 4e6, requestsPerSecond: 1000 },
      send: async (portions, books) => {
        let requests = 0;
        for await (const portion of portions) {
          for (let start = 0; start < portion.length; start += PORTION) {
            const items = portion.slice(start, start + PORTION);
            await books.markInFlight(items.map(({ itemId }) => itemId));
            const read = items.map(({ object }) => readObject(object));
            for (const [person, attributes] of read) this.sent.set(person, attributes);
            await books.settle(
              items.map((item, index) =>
                outcomeOf(item, this.answer(read[index]?.[0] ?? '', item)),
              ),
            );
            requests += 1;
          }
        }
        return { requests, bytes: 0 };
      },
    };
  }
}

/** Whom an object names, and its attributes. The identifier comes first. */
function readObject(object: Buffer): [string, unknown] {
  const { _update_existing_only: _, ...parsed } = JSON.parse(String(object)) as Record<
    string,
    unknown
  >;
  const [[, who] = ['', ''], ...attributes] = Object.entries(parsed);
  const { alias_name, alias_label } = who as { alias_name?: string; alias_label?: string };
  const name = alias_name === undefined ? String(who) : `${alias_name}/${alias_label}`;
  return [name, Object.fromEntries(attributes)];
}

function outcomeOf({ itemId }: OutboxItem, status: ItemOutcome['status']): ItemOutcome {
  switch (status) {
    case 'accepted':
      return { itemId, status };
    case 'rejected':
      return { itemId, status, code: 'EMAIL_BAD_FORMAT', reason: 'Braze said no' };
    default:
      return { itemId, status, reason: 'as the test says' };
  }
}
