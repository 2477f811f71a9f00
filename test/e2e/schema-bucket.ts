/**
 * A bucket in a folder that is filled edition by edition, the database that it is loaded into, and what
 * that database tells, in the words of expected-tables.ts. Reading keeps the database open; `ingest` and `release` close it.
 */

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { formatObjectKey } from '../../src/discovery/object-key.ts';
import { ingest } from './currents-command.ts';
import { type ColumnType, columnOf, formatColumn, widen } from './expected-columns.ts';
import { type Change, parseChange, sortChanges, sortTables, tableOf } from './expected-tables.ts';
import { EDITED_TYPES, type EditedSchema, type Edition, listEditions } from './newer-schemas.ts';
import { FIRST_SECOND, type Written } from './written-events.ts';

export interface Refusal {
  readonly schema: EditedSchema;
  readonly code: string;
  readonly reason: string;
}

export class SchemaBucket {
  readonly name: string;
  readonly database: string;
  readonly flags: readonly string[];
  readonly #folder: string;
  readonly #written: Written;
  readonly #random: () => number;
  #reader: { readonly instance: DuckDBInstance; readonly connection: DuckDBConnection } | undefined;

  constructor(folder: string, written: Written, random: () => number) {
    this.name = path.basename(folder);
    this.#folder = path.join(folder, 'bucket');
    this.database = path.join(folder, 'schemas.duckdb');
    this.flags = ['--source', this.#folder, '--database', this.database];
    this.#written = written;
    this.#random = random;
  }

  /** Places all objects of some editions; chance decides on the order of their keys. */
  async add(round: readonly Edition[]): Promise<void> {
    for (const { schema, bytes } of this.#written.objects) {
      if (!round.includes(schema.edition)) continue;
      const file = path.join(this.#folder, this.#makeKey(schema));
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, bytes);
    }
  }

  /** The edition is the environment in the key. */
  #makeKey({ eventType, edition }: EditedSchema): string {
    return formatObjectKey({
      layout: 'version',
      prefix: 'currents/',
      cluster: 'prod-01',
      integrationId: '66f1a2b3c4d5e6f7a8b9c0d1',
      eventType,
      hour: new Date(FIRST_SECOND * 1000 + Math.floor(this.#random() * 3) * 3_600_000),
      schemaVersion: '9',
      zone: edition,
      partition: '0',
      offset: String(Math.floor(this.#random() * 1e9)).padStart(10, '0'),
    });
  }

  /** One `ingest` of this bucket into its database. */
  async ingest(...more: readonly string[]): ReturnType<typeof ingest> {
    this.release();
    return ingest([...this.flags, ...more]);
  }

  /** Opens the database, which no command can write to until `release`. */
  async read<Row>(sql: string): Promise<readonly Row[]> {
    if (this.#reader === undefined) {
      const instance = await DuckDBInstance.create(this.database, { access_mode: 'READ_ONLY' });
      this.#reader = { instance, connection: await instance.connect() };
    }
    return (await this.#reader.connection.runAndReadAll(sql)).getRowObjectsJS() as Row[];
  }

  /** Closes the database, if it is open. */
  release(): void {
    this.#reader?.connection.closeSync();
    this.#reader?.instance.closeSync();
    this.#reader = undefined;
  }

  /** The schemas that were loaded, in the order of their first objects. */
  async readArrivals(): Promise<readonly EditedSchema[]> {
    const rows = await this.read<{ key: string }>(
      `select key from ops.objects where status = 'loaded' order by loaded_at, object_id`,
    );
    return [...new Set(rows.map(({ key }) => findSchema(key)))];
  }

  /** Each table's columns but ours, as one text. */
  async readTables(): Promise<Record<string, string>> {
    return this.#readColumns("column_name not in ('_object_id', '_rescued')");
  }

  /** The same with our own columns. */
  async readWholeTables(): Promise<Record<string, string>> {
    return this.#readColumns('true');
  }

  async #readColumns(condition: string): Promise<Record<string, string>> {
    const rows = await this.read<{ table_name: string; column_text: string }>(
      `select table_name, column_name || ' ' || data_type as column_text from duckdb_columns()
       where schema_name = 'events' and ${condition}`,
    );
    const tables = new Map<string, string[]>();
    for (const { table_name, column_text } of rows) {
      const columns = tables.get(table_name) ?? [];
      tables.set(table_name, [...columns, column_text.replaceAll('"', '')]);
    }
    return sortTables(tables);
  }

  async readChanges(): Promise<readonly Change[]> {
    const rows = await this.read<Record<string, string | null>>(
      `select event_type as "eventType", change, column_name as "column", from_type as "fromType",
         to_type as "toType" from ops.schema_changes`,
    );
    return sortChanges(rows.map(parseChange));
  }

  async readRefusals(): Promise<readonly Refusal[]> {
    const rows = await this.read<{ key: string; code: string; reason: string }>(
      'select key, code, reason from ops.quarantine',
    );
    return rows.map(({ key, code, reason }) => ({ schema: findSchema(key), code, reason }));
  }

  async readRows(eventType: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return this.read(`from events."${tableOf(eventType)}"`);
  }

  /** The types of a table's columns by field, found again among those that the fields can lead to. */
  async readColumnTypes(eventType: string): Promise<ReadonlyMap<string, ColumnType>> {
    const rows = await this.read<{ column_name: string; data_type: string }>(
      `select column_name, data_type from duckdb_columns()
       where schema_name = 'events' and table_name = '${tableOf(eventType)}'`,
    );
    const actual = new Map(rows.map((row) => [row.column_name, row.data_type.replaceAll('"', '')]));
    const fields = listEditions(eventType).flatMap((edition) => edition.fields);
    const found = new Map<string, ColumnType>();
    for (const { name } of fields) {
      const type = actual.get(name);
      if (type === undefined) continue;
      const natural = fields
        .filter((one) => one.name === name)
        .map((one) => columnOf(name, one.type));
      const wider = natural.flatMap((one) => natural.map((other) => widen(one, other)));
      const column = [...natural, ...wider].find((one) => formatColumn(one) === type);
      found.set(name, column ?? assert.fail(`${eventType}.${name} is ${type}`));
    }
    return found;
  }
}

function findSchema(key: string): EditedSchema {
  const found = EDITED_SCHEMAS.find(
    ({ eventType, edition }) =>
      key.includes(`event_type=${eventType}/`) && key.includes(`/${edition}/`),
  );
  return found ?? assert.fail(`nobody wrote ${key}`);
}

const EDITED_SCHEMAS = EDITED_TYPES.flatMap(listEditions);
