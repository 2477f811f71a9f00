/**
 * A bucket in a temporary folder with a database file beside it, and the real cycle over both.
 *
 * Gone when the test ends. The database is a file and is opened only while something is asked of it, as
 * in production; DuckDB gets one thread, which is faster for tables this small.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type CodecName, writeContainer } from '../../src/avro/container-writer.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { formatObjectKey } from '../../src/discovery/object-key.ts';
import type { IngestResult } from '../../src/ingest-result.ts';
import { type CycleHooks, type CycleOptions, runCycle } from '../../src/pipeline.ts';
import { Database } from '../../src/warehouse/database.ts';

type Flags = Readonly<Record<string, string | boolean | readonly string[]>>;
type Records = readonly (Readonly<Record<string, unknown>> | readonly unknown[])[];

export interface PutOptions {
  readonly codec?: CodecName;
  readonly recordsPerBlock?: number;
  /** Part of the ETag in a folder: the same bytes and time are the same version. */
  readonly lastModified?: Date;
}

export class TestBucket {
  readonly folder: string;
  readonly databasePath: string;
  /** When the cycles take place. */
  now = new Date('2026-09-02T12:00:00Z');

  constructor() {
    const root = mkdtempSync(path.join(tmpdir(), 'currents-cycle-'));
    this.folder = path.join(root, 'bucket');
    this.databasePath = path.join(root, 'test.duckdb');
    mkdirSync(this.folder);
    onTestFinished(() => rmSync(root, { recursive: true }));
  }

  /** Writes a container under a key. */
  async put(key: string, schema: string, records: Records, options: PutOptions = {}) {
    const { lastModified, ...writing } = options;
    this.putBytes(key, await writeContainer(schema, records, writing), lastModified);
  }

  putBytes(key: string, bytes: Uint8Array, lastModified?: Date): void {
    const file = path.join(this.folder, key);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    if (lastModified) utimesSync(file, lastModified, lastModified);
  }

  remove(key: string): void {
    rmSync(path.join(this.folder, key));
  }

  config(flags: Flags = {}): Config {
    return loadConfig({
      flags: {
        'source.url': this.folder,
        database: this.databasePath,
        'load.threads': '1',
        // It makes a table of hundreds of columns, which takes longer than a cycle of a few events.
        'profiles.refresh': 'manual',
        ...flags,
      },
      env: {},
      cwd: path.dirname(this.folder),
    });
  }

  async cycle(
    options: CycleOptions = {},
    flags: Flags = {},
    hooks: CycleHooks = {},
  ): Promise<IngestResult> {
    return runCycle(this.config(flags), options, { now: () => this.now, ...hooks });
  }

  get hasDatabase(): boolean {
    return existsSync(this.databasePath);
  }

  /** Works on the database as another command would, between cycles. */
  async withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
    const database = await Database.open({ path: this.databasePath, threads: 1 });
    try {
      return await work(database);
    } finally {
      database.close();
    }
  }

  async rows<Row>(sql: string): Promise<Row[]> {
    return this.withDatabase(async (database) => database.rows<Row>(sql));
  }

  /** The values of a query's only column. */
  async column<Value>(sql: string): Promise<Value[]> {
    const rows = await this.rows<Record<string, Value>>(sql);
    return rows.map((row) => Object.values(row)[0] as Value);
  }

  /** `key status` of every object in the ledger, in the order of discovery. */
  async ledger(): Promise<string[]> {
    return this.column("select key || ' ' || status from ops.objects order by object_id");
  }
}

/** A key as Braze writes it, of one hour (`2026-09-01-10`) and with a number of its own. */
export function aKey(number: number, hour = '2026-09-01-10', eventType = 'test.Event'): string {
  return formatObjectKey({
    layout: 'schema-id',
    prefix: '',
    cluster: 'prod-01',
    integrationId: 'abc',
    eventType,
    hour: new Date(`${hour.slice(0, 10)}T${hour.slice(11)}:00:00Z`),
    schemaVersion: '300',
    zone: 'prod',
    partition: '0',
    offset: String(number).padStart(10, '0'),
  });
}
