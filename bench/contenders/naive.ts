/**
 * The script people write: avsc makes an object of every event, and DuckDB's appender takes it value by
 * value, flushed at the end. No ledger, no transaction, no de-duplication, no check for damage; `time`
 * stays a number. A table gets new columns when a later file has new fields, as it must.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBInstance,
  LIST,
  VARCHAR,
} from '@duckdb/node-api';
import avro from 'avsc';
import { measure, readTask } from '../measure.ts';

type AvroSchema = string | readonly AvroSchema[] | { readonly type: AvroSchema };

interface FileSchema {
  readonly name: string;
  readonly namespace: string;
  readonly fields: readonly { readonly name: string; readonly type: AvroSchema }[];
}

type Append = (appender: DuckDBAppender, value: unknown) => void;

interface OpenTable {
  appender: DuckDBAppender;
  readonly appends: Map<string, Append>;
}

/** Column type and append method of each Avro type that Currents uses. */
const COLUMNS: Readonly<Record<string, { readonly type: string; readonly append: Append }>> = {
  string: { type: 'varchar', append: (to, value) => to.appendVarchar(value as string) },
  int: { type: 'integer', append: (to, value) => to.appendInteger(value as number) },
  long: { type: 'bigint', append: (to, value) => to.appendBigInt(BigInt(value as number)) },
  float: { type: 'float', append: (to, value) => to.appendFloat(value as number) },
  double: { type: 'double', append: (to, value) => to.appendDouble(value as number) },
  boolean: { type: 'boolean', append: (to, value) => to.appendBoolean(value as boolean) },
  array: {
    type: 'varchar[]',
    append: (to, value) => to.appendList(value as string[], LIST(VARCHAR)),
  },
};

const { input, database, storageVersion } = readTask();

await measure(async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`attach '${database}' as target (storage_version '${storageVersion}')`);
  await connection.run('use target');
  await connection.run('create schema events');
  const tables = new Map<string, OpenTable>();
  for (const file of await listFiles(input)) {
    const header = avro.extractFileHeader(file, { decode: false }) as {
      readonly meta: { readonly 'avro.schema': Buffer };
    };
    const schema = JSON.parse(header.meta['avro.schema'].toString()) as FileSchema;
    await appendFile(file, await openTable(connection, tables, schema));
  }
  for (const { appender } of tables.values()) appender.closeSync();
  await connection.run('checkpoint');
  connection.closeSync();
  instance.closeSync();
});

async function listFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((entry) => entry.endsWith('.avro'))
    .sort()
    .map((entry) => path.join(folder, entry));
}

async function openTable(
  connection: DuckDBConnection,
  tables: Map<string, OpenTable>,
  { name, namespace, fields }: FileSchema,
): Promise<OpenTable> {
  const tableName = `${namespace}.${name}`.replace(/^.*\.inner\./, '').replaceAll('.', '_');
  const columns = fields.map((field) => ({ name: field.name, ...columnOf(field.type) }));
  const define = ({ name, type }: { name: string; type: string }) => `"${name}" ${type}`;
  const known = tables.get(tableName);
  if (known === undefined) {
    const defined = columns.map(define).join(', ');
    await connection.run(`create table events."${tableName}" (${defined})`);
    const table = {
      appender: await connection.createAppender(tableName, 'events'),
      appends: new Map(columns.map((column) => [column.name, column.append])),
    };
    tables.set(tableName, table);
    return table;
  }
  const added = columns.filter((column) => !known.appends.has(column.name));
  if (added.length > 0) {
    known.appender.closeSync();
    for (const column of added) {
      await connection.run(`alter table events."${tableName}" add column ${define(column)}`);
      known.appends.set(column.name, column.append);
    }
    known.appender = await connection.createAppender(tableName, 'events');
  }
  return known;
}

function columnOf(type: AvroSchema) {
  const known = COLUMNS[baseOf(type)];
  if (known === undefined) throw new Error(`no column for ${JSON.stringify(type)}`);
  return known;
}

function baseOf(type: AvroSchema): string {
  if (typeof type === 'string') return type;
  if ('type' in type) return baseOf(type.type);
  return baseOf(type.find((branch) => branch !== 'null') ?? 'null');
}

async function appendFile(file: string, { appender, appends }: OpenTable): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    avro
      .createFileDecoder(file)
      .on('data', (event: Readonly<Record<string, unknown>>) => {
        for (const [name, append] of appends) {
          const value = event[name];
          if (value === null || value === undefined) appender.appendNull();
          else append(appender, value);
        }
        appender.endRow();
      })
      .on('end', resolve)
      .on('error', reject);
  });
}
