/**
 * The door to DuckDB: opens the database file, runs SQL, and turns DuckDB's errors into ours.
 *
 * One process at a time may hold a DuckDB file for writing, and while it does nobody else may even
 * read. So everything here is opened late and closed early, and a refusal names the process that is
 * in the way. DuckDB reports errors as texts only; this file is the one place that reads them.
 */

import { existsSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBTableFunction,
  type DuckDBType,
  type DuckDBValue,
  type StatementType,
} from '@duckdb/node-api';
import { CurrentsError } from '../errors.ts';

export interface OpenOptions {
  /** Path of the database file, or `:memory:`. */
  readonly path: string;
  /** Readers share the file among themselves, never with a writer. The file must exist. */
  readonly readOnly?: boolean;
  /** The most that DuckDB itself may take; what it needs beyond goes to a temporary file. */
  readonly memoryLimitBytes?: number;
  readonly threads?: number;
  /** How long to keep trying while another process holds the file. Default 0: give up at once. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** A value that can be bound to a `?` in SQL. Numbers beyond 2^53 as bigint or text with a cast. */
export type BoundValue = string | number | bigint | boolean | null;

const RETRY_EVERY_MS = 100;

/**
 * A large load ends with a row group that is not full. Left to itself, every checkpoint would join such
 * ones and compress their neighbours again, which costs more than loading did. Takes effect only as a
 * statement, not among the options of an instance (DuckDB 1.5.6).
 */
const KEEP_ROW_GROUPS = 'set global max_vacuum_tasks = 0';

/**
 * DuckDB's allocator keeps what was freed until somebody allocates in the same place again, which in a long load
 * adds up to more than a hundred megabytes. A thread of its own returns it to the system.
 */
const RETURN_MEMORY = 'set global allocator_background_threads = true';

/** An open database with one connection for all that is asked of it. Close it, also after an error. */
export class Database {
  readonly path: string;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  /** For what may be asked while a statement runs. */
  #besides: DuckDBConnection | undefined;
  #memoryLimit: string | undefined;
  #inTransaction = false;

  private constructor(path: string, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.path = path;
    this.#instance = instance;
    this.#connection = connection;
  }

  /**
   * @throws CurrentsError DATABASE_BUSY (naming the holder), DATABASE_MISSING (read-only and no file),
   *   SETTINGS_INVALID (a name that hides our schemas), DATABASE_FAILED, DISK_FULL.
   */
  static async open(options: OpenOptions): Promise<Database> {
    refuseSchemaName(options.path);
    if (options.readOnly && options.path !== ':memory:' && !existsSync(options.path)) {
      throw new CurrentsError({
        code: 'DATABASE_MISSING',
        message: `cannot open ${options.path}: there is no such database`,
        hint: 'currents ingest --source s3://bucket/prefix creates and fills it; --database names another one',
        context: { path: options.path },
      });
    }
    await checkFile(options);
    const settings: Record<string, string> = { preserve_insertion_order: 'false' };
    if (options.readOnly) settings.access_mode = 'READ_ONLY';
    if (options.memoryLimitBytes !== undefined) {
      settings.memory_limit = `${options.memoryLimitBytes}B`;
    }
    if (options.threads !== undefined) settings.threads = String(options.threads);
    const giveUpAt = Date.now() + (options.waitMs ?? 0);
    for (;;) {
      try {
        const { instance, connection } = await connect(options, settings);
        if (!options.readOnly) await connection.run(`${KEEP_ROW_GROUPS}; ${RETURN_MEMORY}`);
        return new Database(options.path, instance, connection);
      } catch (error) {
        const translated = await translateOpenError(error, options.path);
        if (translated.code !== 'DATABASE_BUSY' || Date.now() >= giveUpAt) throw translated;
        await sleep(RETRY_EVERY_MS, undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  }

  /** Gives DuckDB another memory limit for what comes now. */
  async limitMemory(bytes: number): Promise<void> {
    this.#memoryLimit = `set memory_limit = '${Math.floor(bytes)}B'`;
    await this.run(this.#memoryLimit);
  }

  /**
   * Has the allocators of the whole process return what was freed, by setting the memory limit to what it is.
   * May be called while a statement runs, and takes some 15 ms then. To be waited for before the limit is changed
   * and before the database is closed.
   */
  async returnMemory(): Promise<void> {
    if (this.#memoryLimit === undefined) return;
    this.#besides ??= await this.#instance.connect();
    await this.#besides.run(this.#memoryLimit);
  }

  /** Runs one or more statements; the last one may take bound values. */
  async run(sql: string, values: readonly BoundValue[] = []): Promise<void> {
    try {
      await this.#connection.run(sql, bindable(values));
    } catch (error) {
      throw translateStatementError(error, this.path);
    }
  }

  /**
   * All rows of a query as plain objects: BIGINT as bigint, timestamps as Date, lists as arrays.
   * For our own small tables; results of unknown size go through `stream`.
   */
  async rows<Row>(sql: string, values: readonly BoundValue[] = []): Promise<Row[]> {
    try {
      const reader = await this.#connection.runAndReadAll(sql, bindable(values));
      return reader.getRowObjectsJS() as Row[];
    } catch (error) {
      throw translateStatementError(error, this.path);
    }
  }

  /** The columns of a query, in their order, with values as in `rows`: where there may be many rows. */
  async columns(sql: string): Promise<readonly (readonly unknown[])[]> {
    try {
      const reader = await this.#connection.runAndReadAll(sql);
      return reader.getColumnsJS();
    } catch (error) {
      throw translateStatementError(error, this.path);
    }
  }

  /** The first row of a query that always has one. */
  async row<Row>(sql: string, values: readonly BoundValue[] = []): Promise<Row> {
    const [first] = await this.rows<Row>(sql, values);
    if (first === undefined) {
      throw new CurrentsError({
        code: 'DATABASE_FAILED',
        message: 'cannot read from the database: a query that always has a row had none',
      });
    }
    return first;
  }

  /** Whether there are any: `source` stands behind `from`, a condition included. */
  async hasRows(source: string): Promise<boolean> {
    const { found } = await this.row<{ found: boolean }>(
      `select count(*) > 0 as found from ${source}`,
    );
    return found;
  }

  /**
   * Inserts any number of rows in one statement, by the names of the columns. For our own small tables.
   *
   * @param types what DuckDB makes of the values, by column
   */
  async insert<Column extends string>(
    table: string,
    types: Readonly<Record<Column, string>>,
    rows: readonly Readonly<Record<Column, string | number | null>>[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const structure = quoteLiteral(JSON.stringify([types]));
    await this.run(
      `insert into ${table} by name
       select unnest(from_json($1, ${structure}), recursive := true)`,
      [JSON.stringify(rows)],
    );
  }

  /** Names and types of a query's columns, without running it to the end. */
  async columnsOf(sql: string): Promise<readonly { name: string; type: DuckDBType }[]> {
    try {
      const result = await this.#connection.run(`select * from (${sql}) limit 0`);
      const types = result.columnTypes();
      return result
        .columnNames()
        .map((name, index) => ({ name, type: types[index] as DuckDBType }));
    } catch (error) {
      throw translateStatementError(error, this.path);
    }
  }

  /** Rows of a query a chunk at a time, as DuckDB's own values; memory stays at a few chunks. */
  async stream(sql: string): Promise<{
    readonly names: readonly string[];
    readonly types: readonly DuckDBType[];
    readonly chunks: AsyncIterable<readonly (readonly DuckDBValue[])[]>;
  }> {
    try {
      const result = await this.#connection.stream(sql);
      const path = this.path;
      async function* chunks() {
        for (;;) {
          let chunk: Awaited<ReturnType<typeof result.fetchChunk>>;
          try {
            chunk = await result.fetchChunk();
          } catch (error) {
            throw translateStatementError(error, path);
          }
          if (chunk === null || chunk.rowCount === 0) return;
          yield chunk.getRows();
        }
      }
      return { names: result.columnNames(), types: result.columnTypes(), chunks: chunks() };
    } catch (error) {
      throw translateStatementError(error, this.path);
    }
  }

  /**
   * How many statements the SQL has, and of what kind they are, without running any. Telling the kind
   * plans the statement: names have to exist, and `export` makes its folder. The SQL must not be empty.
   */
  async extract(sql: string): Promise<{
    readonly count: number;
    readonly typeAt: (index: number) => Promise<StatementType>;
  }> {
    const path = this.path;
    try {
      const statements = await this.#connection.extractStatements(sql);
      async function typeAt(index: number): Promise<StatementType> {
        try {
          const prepared = await statements.prepare(index);
          const type = prepared.statementType;
          prepared.destroySync();
          return type;
        } catch (error) {
          throw translateStatementError(error, path);
        }
      }
      return { count: statements.count, typeAt };
    } catch (error) {
      throw translateStatementError(error, path);
    }
  }

  registerTableFunction(tableFunction: DuckDBTableFunction): void {
    this.#connection.registerTableFunction(tableFunction);
  }

  /**
   * Runs `work` between `begin` and `commit`; an error rolls everything back and is thrown on.
   * Not to be nested.
   */
  async withTransaction<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inTransaction) throw new Error('withTransaction called inside a transaction');
    this.#inTransaction = true;
    try {
      await this.run('begin');
      const result = await work();
      await this.run('commit');
      return result;
    } catch (error) {
      // DuckDB may have rolled back by itself; that it then refuses to must not hide what went wrong.
      await this.run('rollback').catch(() => undefined);
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  /** Stops the running statement; it fails with INTERRUPTED. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  /** Ends the connection and lets go of the file. What was committed stays; may be called twice. */
  close(): void {
    this.#besides?.closeSync();
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** None rather than no values: DuckDB then takes the whole text in one call, and prepares nothing twice. */
function bindable(values: readonly BoundValue[]): BoundValue[] | undefined {
  return values.length > 0 ? [...values] : undefined;
}

/**
 * A file called c360.duckdb, as in many a settings file, would make `c360.profiles` ambiguous: DuckDB calls a
 * database like its file. So it is attached under another name. Others who open it have to do the same, or
 * to write `c360.c360.profiles`.
 */
async function connect({ path, readOnly }: OpenOptions, settings: Record<string, string>) {
  if (nameOf(path) !== 'c360') {
    const instance = await DuckDBInstance.create(path, settings);
    return { instance, connection: await instance.connect() };
  }
  const { access_mode: _mode, ...others } = settings;
  const instance = await DuckDBInstance.create(':memory:', {
    ...others,
    temp_directory: `${path}.tmp`,
  });
  try {
    const connection = await instance.connect();
    const mode = readOnly ? ' (read_only)' : '';
    await connection.run(`attach ${quoteLiteral(path)} as currents${mode}; use currents`);
    return { instance, connection };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

/** As DuckDB calls a database: its file up to the first dot. */
function nameOf(path: string): string | undefined {
  return basename(path).replace(/^\.+/, '').split('.')[0]?.toLowerCase();
}

/**
 * DuckDB calls a database like its file up to the first dot. Were that `events`, `ops` or `sync`, then
 * `events.some_table` would be ambiguous, for us and for everyone who opens the file.
 *
 * @throws CurrentsError SETTINGS_INVALID
 */
export function refuseSchemaName(path: string): void {
  const name = nameOf(path);
  if (name !== 'events' && name !== 'ops' && name !== 'sync') return;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use ${path} as a database: DuckDB would call it ${name}, as a schema in it (expected a file name that does not begin with events., ops. or sync.)`,
    hint: '--database currents.duckdb, or any other name',
    context: { path },
  });
}

/** A name as an SQL identifier: quoted, whatever it holds. NUL cannot be quoted and is left out. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('\0', '').replaceAll('"', '""')}"`;
}

/** A text as an SQL literal, for places where DuckDB takes no bound values (DDL, comments, paths). */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\0', '').replaceAll("'", "''")}'`;
}

/**
 * True when DuckDB refused what it was given, a value or a table's shape; false when the machine, the
 * file or the transaction failed, which the next object would meet too.
 */
export function isRefusal(error: unknown): error is CurrentsError {
  return error instanceof CurrentsError && error.context.isRefusal === true;
}

/** Whether a statement took more memory than DuckDB may have. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof CurrentsError && error.context.isOutOfMemory === true;
}

/** At byte 8 of every DuckDB file; DuckDB's documentation, "Storage versions", 2026-09. */
const MAGIC = 'DUCK';
/** Three headers of 4,096 bytes come before anything else; a shorter file never was a database. */
const HEADERS_BYTES = 12_288;
/** A file that another process is making right now is younger. */
const UNFINISHED_AFTER_MS = 10_000;

/**
 * Looks at a file before DuckDB does. A path given by mistake must not be handed on: DuckDB would fetch an
 * extension to write into somebody's SQLite file. And a process killed while it made the database leaves
 * the beginnings of one, which DuckDB would refuse for ever: that goes.
 */
async function checkFile({ path, readOnly }: OpenOptions): Promise<void> {
  const found = await readStart(path);
  if (found === undefined) return;
  const isDuckDB = found.start.subarray(8).toString('latin1') === MAGIC;
  const isBeginning = found.sizeBytes < HEADERS_BYTES && (isDuckDB || found.sizeBytes === 0);
  if (isBeginning && !readOnly && found.ageMs > UNFINISHED_AFTER_MS) {
    await rm(path);
    return;
  }
  if (isDuckDB || isBeginning) return;
  throw new CurrentsError({
    code: 'DATABASE_FAILED',
    message: `cannot open ${path}: it is some other kind of file (a DuckDB database is expected)`,
    hint: '--database names another file; one that does not exist is made',
    context: { path },
  });
}

/** The first 12 bytes, or undefined when there is no file to read: opening it will say why. */
async function readStart(path: string) {
  try {
    const file = await open(path, 'r');
    try {
      const { size: sizeBytes, mtimeMs } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0);
      return { start: buffer.subarray(0, bytesRead), sizeBytes, ageMs: Date.now() - mtimeMs };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

const LOCK_HOLDER = /Conflicting lock is held in (.+?) \(PID (\d+)\)/;

async function translateOpenError(error: unknown, path: string): Promise<CurrentsError> {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes('Could not set lock on file') || text.includes('file is already open')) {
    const [, program, pid] = LOCK_HOLDER.exec(text) ?? [];
    const holder =
      pid === undefined ? 'another process' : await describeProcess(pid, program ?? '');
    return new CurrentsError({
      code: 'DATABASE_BUSY',
      message: `cannot open ${path}: ${holder} holds it (one process at a time may)`,
      hint: 'wait until it is done, or read a copy made by: currents publish PATH',
      transient: true,
      context: { path, ...(pid === undefined ? {} : { holderPid: Number(pid) }) },
      cause: error,
    });
  }
  return translateStatementError(error, path);
}

/** "process 4711 (currents watch)": the command without its arguments, which may be private. */
async function describeProcess(pid: string, program: string): Promise<string> {
  const name = program.split('/').at(-1) ?? 'unknown';
  try {
    // Linux only; elsewhere the program's name has to do.
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    const script = args[1]?.split('/').slice(-2).join('/');
    const command = args[2] !== undefined && /^[a-z]+$/.test(args[2]) ? ` ${args[2]}` : '';
    if (script) return `process ${pid} (${name} ${script}${command})`;
  } catch {
    // The process may be another user's or gone by now: the name that DuckDB gave is enough.
  }
  return `process ${pid} (${name})`;
}

/** These quote the value that they refuse, or some of them do: `strptime` of a text that is no time. */
const VALUE_REFUSALS =
  /^(Conversion|Out of Range|Invalid Input) Error|^Not implemented Error: Unknown TimeZone/;

/** Of the same kind, but names what was asked for. */
const READ_ONLY = /^Invalid Input Error: Cannot execute statement of type "\w+" on database /;

/** Kinds of errors that come from values, names and types, not from the machine. */
const REFUSALS =
  /^(Failed to extract statements: )?(Conversion|Out of Range|Invalid Input|Invalid type|Not implemented|Binder|Catalog|Parser|Mismatch Type) Error/;

function translateStatementError(error: unknown, path: string): CurrentsError {
  if (error instanceof CurrentsError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (/No space left on device|disk is full|max_temp_directory_size/i.test(text)) {
    return new CurrentsError({
      code: 'DISK_FULL',
      message: `cannot write ${path}: the disk is full`,
      hint: 'free some space and run again; nothing that was committed is lost',
      context: { path },
      cause: error,
    });
  }
  if (text.includes('INTERRUPT Error')) {
    return new CurrentsError({
      code: 'INTERRUPTED',
      message: 'cannot finish the query: interrupted',
    });
  }
  if (text.startsWith('Out of Memory Error')) {
    return new CurrentsError({
      code: 'DATABASE_FAILED',
      message: `cannot run SQL on ${path}: ${text.split('\n')[0]}`,
      hint: `give DuckDB more memory: --memory-limit ${suggestMemory(text)} (setting load.memoryLimit)`,
      context: { path, isOutOfMemory: true },
      cause: error,
    });
  }
  const quotesValue = VALUE_REFUSALS.test(text) && !READ_ONLY.test(text);
  return new CurrentsError({
    code: 'DATABASE_FAILED',
    // A value of an event must not reach a log.
    message: quotesValue
      ? `cannot run SQL on ${path}: ${text.slice(0, text.indexOf(':'))} (a value was refused)`
      : `cannot run SQL on ${path}: ${text}`,
    hint: 'currents doctor checks the database file and the disk',
    context: { path, isRefusal: REFUSALS.test(text) },
    ...(quotesValue ? {} : { cause: error }),
  });
}

const PER_GIGABYTE: Readonly<Record<string, number>> = { K: 2 ** 20, M: 2 ** 10, G: 1 };

/** Three times the limit that DuckDB names, `(951.1 MiB/953.6 MiB used)`. */
function suggestMemory(text: string): string {
  const [, amount, unit] = /\/([\d.]+) ([KMG])iB used/.exec(text) ?? [];
  const gigabytes = Number(amount ?? 0) / (PER_GIGABYTE[unit ?? 'G'] ?? 1);
  return `${Math.max(1, Math.ceil(gigabytes * 3))}GB`;
}
