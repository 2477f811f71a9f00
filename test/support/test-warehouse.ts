/**
 * A migrated DuckDB in memory with a batch loader on it: objects given as schema and records go through
 * the ledger, the Avro container and the loader as in a real cycle, without a bucket.
 *
 * Rows come back as DuckDB's own texts where a test asks for them with
 * `::varchar`, so that no JavaScript type stands between the table and the expectation.
 */

import { onTestFinished } from 'vitest';
import { openContainer } from '../../src/avro/container-reader.ts';
import { type CodecName, writeContainer } from '../../src/avro/container-writer.ts';
import { describeKey } from '../../src/discovery/object-key.ts';
import { Database } from '../../src/warehouse/database.ts';
import type { SchemaChangeMode } from '../../src/warehouse/event-tables.ts';
import { BatchLoader, type LoadResult, type OpenedObject } from '../../src/warehouse/load-batch.ts';
import { migrate } from '../../src/warehouse/migrations.ts';
import { recordListing } from '../../src/warehouse/object-ledger.ts';
import type { PrivacyDoor } from '../../src/warehouse/privacy-door.ts';

export const SOURCE = 'file:///bucket';
export const NOW = new Date('2026-09-02T12:00:00Z');

const LIMITS = { maxBlockBytes: 64_000_000, maxUncompressedBytes: 256_000_000 };

export interface TestObject {
  readonly schema: string;
  readonly records: readonly (Readonly<Record<string, unknown>> | readonly unknown[])[];
  /** Where there is none, each object gets a new one. */
  readonly key?: string;
  readonly etag?: string;
  readonly eventType?: string;
  readonly recordsPerBlock?: number;
  readonly codec?: CodecName;
  /** Done to the decompressed bytes of the blocks: damage that only decoding finds. */
  readonly damage?: (block: Buffer) => void;
}

/** A database, in memory unless a path is given, brought up to date. */
export async function openTestDatabase(path = ':memory:'): Promise<Database> {
  const database = await Database.open({ path, threads: 1 });
  await migrate(database);
  return database;
}

export class TestWarehouse {
  readonly database: Database;
  #lastKey = 0;

  private constructor(database: Database) {
    this.database = database;
  }

  /** The caller closes it. */
  static async open(path?: string): Promise<TestWarehouse> {
    return new TestWarehouse(await openTestDatabase(path));
  }

  /** For one test: closed when it ends. */
  static async forTest(path?: string): Promise<TestWarehouse> {
    const warehouse = await TestWarehouse.open(path);
    onTestFinished(() => warehouse.close());
    return warehouse;
  }

  close(): void {
    this.database.close();
  }

  /** Lists and loads objects as one batch, by a loader of its own, as each cycle has one. */
  async load(
    objects: readonly TestObject[],
    mode: SchemaChangeMode = 'evolve',
    door?: PrivacyDoor,
  ): Promise<LoadResult> {
    return this.loader(mode, door).load(await this.discover(objects));
  }

  loader(mode: SchemaChangeMode = 'evolve', door?: PrivacyDoor): BatchLoader {
    return new BatchLoader(this.database, {
      source: SOURCE,
      runId: 1,
      schemaChanges: mode,
      door,
      now: () => NOW,
    });
  }

  /** Writes objects into the ledger by one listing and opens them, ready for a batch. */
  async discover(objects: readonly TestObject[]): Promise<OpenedObject[]> {
    const listed = await Promise.all(objects.map(async (object) => this.#describe(object)));
    await recordListing(this.database, SOURCE, listed, NOW, false);
    const rows = await this.rows<{ id: number; key: string; etag: string }>(
      'select object_id::integer as id, key, etag from ops.objects',
    );
    const ids = new Map(rows.map(({ id, key, etag }) => [`${key} ${etag}`, id]));
    return listed.map(({ hour: _hour, eventType, container, ...object }) => ({
      ...object,
      objectId: ids.get(`${object.key} ${object.etag}`) as number,
      eventType: eventType ?? container.schema.type.name,
      container,
    }));
  }

  async #describe(object: TestObject) {
    this.#lastKey += 1;
    const key =
      object.key ?? `event_type=${object.eventType ?? 'test.Event'}/${this.#lastKey}.avro`;
    const bytes = await writeContainer(object.schema, object.records, {
      codec: object.codec ?? 'null',
      ...(object.recordsPerBlock === undefined ? {} : { recordsPerBlock: object.recordsPerBlock }),
    });
    const { eventType, hour, schemaVersion } = describeKey(key);
    const container = await openContainer(bytes, LIMITS);
    for (const block of container.blocks) object.damage?.(block.bytes);
    return {
      key,
      etag: object.etag ?? `v${this.#lastKey}`,
      sizeBytes: bytes.length,
      lastModified: NOW,
      eventType: object.eventType ?? eventType,
      hour,
      schemaVersion,
      container,
    };
  }

  async rows<Row>(sql: string): Promise<Row[]> {
    return this.database.rows<Row>(sql);
  }

  /** The values of a query's only column. */
  async column<Value>(sql: string): Promise<Value[]> {
    const rows = await this.database.rows<Record<string, Value>>(sql);
    return rows.map((row) => Object.values(row)[0] as Value);
  }

  /** A table's columns as `name type`, in their order. */
  async columns(table = 'test_event'): Promise<string[]> {
    return this.column(
      `select column_name || ' ' || data_type from duckdb_columns()
       where schema_name = 'events' and table_name = '${table.replaceAll("'", "''")}' order by column_index`,
    );
  }
}
