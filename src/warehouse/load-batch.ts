/**
 * Several objects' rows, their de-duplication and their ledger rows, in one transaction.
 *
 * First all tables of the batch are brought to shape and the rows of versions that are replaced go. Then,
 * for each event type, one `insert … select` of the events that are certainly new (key-sieve.ts). The others
 * are set aside meanwhile; of them, usually few, `id` and `time` are compared with the table, and what is no
 * duplicate follows. A crash leaves all of it or nothing.
 *
 * An object that cannot be decoded fails the statement. Then everything is rolled back, every object of
 * the batch is checked from end to end, the damaged ones go to quarantine and the others are loaded, so
 * no row of a damaged object is ever visible.
 */

import type { Container } from '../avro/container-reader.ts';
import { verifyContainer } from '../avro/record-decoder.ts';
import { findByFingerprint } from '../avro/schema-registry.ts';
import { CurrentsError } from '../errors.ts';
import { applyPlans } from './apply-plans.ts';
import { BatchScan } from './batch-scan.ts';
import { BatchSource, type Following, type ScanObject } from './batch-source.ts';
import { type Database, isRefusal, quoteIdentifier } from './database.ts';
import { DoubtfulRecords } from './doubtful-records.ts';
import { findDuplicates, restoreOptimizers } from './duplicates.ts';
import {
  chooseTableName,
  type EventTable,
  OBJECT_ID_COLUMN,
  planTable,
  RESCUED_COLUMN,
  readEventTables,
  readTableNames,
  type SchemaChange,
  type SchemaChangeMode,
  type TablePlan,
} from './event-tables.ts';
import { KeySieve } from './key-sieve.ts';
import { formatInstant, quarantineObject } from './object-ledger.ts';
import type { PrivacyDoor } from './privacy-door.ts';
import {
  listUntoldChanges,
  type MetSchema,
  recordChanges,
  recordSchemas,
} from './record-schemas.ts';
import { listLoadedVersions, removeOldRows, requeueLostDuplicates } from './replace-object.ts';
import type { Tombstones } from './tombstones.ts';

/** A downloaded and opened object. */
export interface OpenedObject {
  readonly objectId: number;
  readonly key: string;
  /** The version that was downloaded, which may be newer than the listed one. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly lastModified: Date;
  readonly eventType: string;
  readonly container: Container;
  /** Set when the container is a part of the object. */
  readonly part?: ObjectPart;
}

/** Parts of an object come one behind the other; nothing else comes between them. */
export interface ObjectPart {
  readonly isLast: boolean;
  /** How many records the whole object has, about. */
  readonly expectedRecords: number;
}

export interface LoadOptions {
  readonly source: string;
  readonly runId: number;
  readonly schemaChanges: SchemaChangeMode;
  /** What is hashed or dropped on the way into the tables; undefined: nothing. */
  readonly door?: PrivacyDoor | undefined;
  /** Erased people, whose events are left out; undefined: there are none. */
  readonly tombstones?: Tombstones | undefined;
  readonly now: () => Date;
}

interface ObjectCounts {
  /** Events in the object; of a quarantined one, none. */
  readonly readCount: number;
  /** Of these, how many were left out because they are in the table already. */
  readonly duplicateCount: number;
  /** And how many because they are of an erased person. */
  readonly erasedCount: number;
}

interface ObjectOutcome extends ObjectCounts {
  readonly object: OpenedObject;
  readonly status: 'loaded' | 'quarantined';
  readonly error?: CurrentsError;
}

export interface LoadResult {
  readonly outcomes: readonly ObjectOutcome[];
  readonly changes: readonly SchemaChange[];
}

/** Some objects are no good; the rest of the batch is to be loaded without them. */
class ObjectDefects extends Error {
  readonly byObject: ReadonlyMap<number, CurrentsError>;
  constructor(byObject: ReadonlyMap<number, CurrentsError>) {
    super(`${byObject.size} objects are no good`);
    this.byObject = byObject;
  }
}

/**
 * Objects that arrive while the batch before them is loaded: they join its transaction, and its statement if
 * they come in time. And the memory of all of them, which goes as soon as they have been read.
 */
export interface ObjectStream {
  /** What may come, in this order; none at all is a stream too. */
  readonly upcoming: readonly { readonly key: string }[];
  /**
   * The next object if it is here and accepted, and there is memory for it. Further parts of one that was begun
   * are accepted and come in any case.
   *
   * @param asideBytes what the batch holds beside objects that were not released
   */
  takeReady(
    accepts: (object: OpenedObject) => boolean,
    asideBytes: number,
  ): OpenedObject | undefined;
  /**
   * Waits for the next ones, until they are worth a statement or one is not accepted.
   *
   * @throws StreamBroken when a part of an object that was begun cannot be had
   */
  takeBatch(
    accepts: (object: OpenedObject) => boolean,
    asideBytes: number,
  ): Promise<readonly OpenedObject[]>;
  /** Frees the memory of an object that has been read. */
  release(object: { readonly container: Container }): void;
}

/**
 * A batch with a stream could not be loaded as it is, and its objects are not in memory any more. Nothing of it
 * is stored; without a stream, the same objects will tell what is wrong with them.
 */
export class StreamBroken extends Error {}

/** Some tables need `_rescued` before the batch can be loaded. */
class RescueNeeded extends Error {}

/** One event type's objects of a batch, with the table they go to. */
interface TypeGroup {
  readonly table: EventTable;
  readonly objects: readonly OpenedObject[];
}

const NO_DUPLICATES = { duplicateCount: 0, erasedCount: 0 };

/** Where rows go, and what the door does to them on the way, by all schemas that they may have. */
interface Target {
  readonly table: EventTable;
  readonly passage: ReturnType<PrivacyDoor['passageInto']>;
}

/** A stream on its way into one table. */
interface Joining extends Following {
  readonly joined: readonly OpenedObject[];
  nextBatch(): Promise<readonly ScanObject[]>;
  /** What is set aside takes memory from what may join. */
  watch(doubtful: DoubtfulRecords): void;
}

/** Room in the sieve that a batch with a stream begins with. */
const STREAM_KEYS = 2 ** 20;

/** What one transaction tries to load. */
interface Attempt {
  readonly batch: readonly OpenedObject[];
  /** Of these, the ones of which nothing bad is known. */
  readonly sound: readonly OpenedObject[];
  readonly defects: ReadonlyMap<number, CurrentsError>;
  readonly sieve: KeySieve | undefined;
  readonly stream: ObjectStream | undefined;
}

/** Loads batches into one database; keep one for as long as the database is open. */
export class BatchLoader {
  readonly #database: Database;
  readonly #options: LoadOptions;
  readonly #scan: BatchScan;
  readonly #sieve = new KeySieve();
  /** Objects of the batch in hand may be gone from memory. */
  #hasReleased = false;
  readonly #tables = new Map<string, EventTable>();
  /** Event types that have met a value without a place. */
  readonly #rescuing = new Set<string>();

  constructor(database: Database, options: LoadOptions) {
    this.#database = database;
    this.#options = options;
    this.#scan = new BatchScan(database);
  }

  /**
   * Whether batches may have a stream: not while events of erased people are looked for in each batch before it
   * is loaded.
   */
  get canStream(): boolean {
    return this.#options.tombstones === undefined;
  }

  /**
   * Loads what can be loaded and quarantines the rest; both are committed when it returns. Of two events
   * alike the first in the batch stays, or the only one that could be sifted.
   *
   * @throws CurrentsError for what is not one object's fault (disk full, database failed); then nothing
   *   of the batch is stored. StreamBroken, only with a stream.
   */
  async load(batch: readonly OpenedObject[], stream?: ObjectStream): Promise<LoadResult> {
    const defects = new Map<number, CurrentsError>();
    this.#hasReleased = false;
    for (;;) {
      const sound = batch.filter((object) => !defects.has(object.objectId));
      try {
        const records = Math.max(countRecords(sound), stream?.upcoming.length ? STREAM_KEYS : 0);
        return await this.#sieve.lend(records, async (sieve) =>
          this.#database.withTransaction(async () =>
            this.#loadAll({ batch, sound, defects, sieve, stream }),
          ),
        );
      } catch (error) {
        // What was rolled back may include changes of tables.
        this.#tables.clear();
        // A broken database cannot take this either; the error itself matters.
        await restoreOptimizers(this.#database).catch(() => undefined);
        const isDefect = error instanceof ObjectDefects || error instanceof RescueNeeded;
        const isWhole = !this.#hasReleased && batch.every(isComplete);
        if (!isWhole && (isDefect || isRefusal(error))) throw new StreamBroken();
        if (error instanceof RescueNeeded) continue;
        if (error instanceof ObjectDefects) {
          for (const [objectId, defect] of error.byObject) defects.set(objectId, defect);
          for (const object of sound) verifyObject(object, defects);
        } else if (isRefusal(error) && sound.length > 1) {
          return this.#loadOneByOne(batch);
        } else if (isRefusal(error) && sound[0] !== undefined) {
          defects.set(sound[0].objectId, refusedByDuckDB(sound[0], error));
        } else {
          throw error;
        }
      }
    }
  }

  /** DuckDB refused something and does not say whose it is: alone, each object answers for itself. */
  async #loadOneByOne(batch: readonly OpenedObject[]): Promise<LoadResult> {
    const outcomes: ObjectOutcome[] = [];
    const changes: SchemaChange[] = [];
    for (const object of batch) {
      const result = await this.load([object]);
      outcomes.push(...result.outcomes);
      changes.push(...result.changes);
    }
    return { outcomes, changes };
  }

  async #loadAll(attempt: Attempt): Promise<LoadResult> {
    const { sound, defects } = attempt;
    const loaded = new Map<number, ObjectCounts>();
    const { groups, changes } = await this.#prepareTables(sound);
    const thinned = await removeOldRows(this.#database, this.#options.source, sound);
    const rescuing = this.#rescuing.size;
    const streamed: OpenedObject[] = [];
    for (const group of groups) {
      const isLast = group.objects.includes(attempt.sound.at(-1) as OpenedObject);
      const stream = isLast ? attempt.stream : undefined;
      streamed.push(...(await this.#loadRows(group, attempt.sieve, stream, loaded)));
    }
    // DuckDB adds no column to a table whose rows this transaction has changed: so all over again.
    if (this.#rescuing.size > rescuing) throw new RescueNeeded();
    const batch = listObjects([...attempt.batch, ...streamed]);
    const outcomes: ObjectOutcome[] = [];
    const done: { object: OpenedObject; counts: ObjectCounts }[] = [];
    for (const object of batch) {
      const counts = loaded.get(object.objectId);
      const error = defects.get(object.objectId);
      if (counts) {
        done.push({ object, counts });
        outcomes.push({ object, status: 'loaded', ...counts });
      } else if (error) {
        const { runId, now } = this.#options;
        // For `currents schemas diff`: what is it that was refused?
        if (error.code === 'SCHEMA_CHANGE_REFUSED') {
          await recordSchemas(this.#database, listSchemas([object]), now());
        }
        await quarantineObject(
          this.#database,
          { objectId: object.objectId, key: object.key, error, version: object },
          runId,
          now(),
        );
        outcomes.push({
          object,
          status: 'quarantined',
          readCount: 0,
          duplicateCount: 0,
          erasedCount: 0,
          error,
        });
      }
    }
    if (done.length > 0) await this.#markLoaded(done);
    await requeueLostDuplicates(this.#database, thinned, sound);
    // Compressing what is left of small tables at the commit takes memory.
    this.#hasReleased ||= attempt.stream !== undefined;
    for (const object of [...batch, ...streamed]) attempt.stream?.release(object);
    return { outcomes, changes };
  }

  /** @returns what joined the group from the stream: objects, and parts */
  async #loadRows(
    { table, objects }: TypeGroup,
    sieve: KeySieve | undefined,
    stream: ObjectStream | undefined,
    loaded: Map<number, ObjectCounts>,
  ): Promise<readonly OpenedObject[]> {
    const scanned = objects.map(toScanObject);
    const erased = await this.#findErased(table, scanned);
    const kept = scanned.map((object) => skipRows(object, erased.get(object.objectId)));
    const isFollowed = stream?.upcoming.length || !objects.every(isComplete);
    const joining =
      stream && isFollowed ? await this.#join(stream, table, objects, sieve) : undefined;
    // Those that join have schemas and marks of these.
    const passage = this.#options.door?.passageInto(
      table,
      objects.map(({ container }) => container.schema.type),
    );
    const doubtful = await this.#insertNew({ table, passage }, kept, sieve, joining);
    const duplicates = await this.#insertDoubtful({ table, passage }, doubtful);
    const joined = joining?.joined ?? [];
    for (const { objectId, container } of [...objects, ...joined]) {
      const { duplicateCount, erasedCount } = duplicates.get(objectId) ?? NO_DUPLICATES;
      loaded.set(objectId, {
        readCount: (loaded.get(objectId)?.readCount ?? 0) + container.recordCount,
        duplicateCount,
        erasedCount: (erased.get(objectId)?.size ?? 0) - erasedCount,
      });
    }
    return joined;
  }

  /** A stream, with what the table of a batch takes of it: schemas that it is ready for, and no new versions. */
  async #join(
    stream: ObjectStream,
    table: EventTable,
    objects: readonly OpenedObject[],
    sieve: KeySieve | undefined,
  ): Promise<Joining> {
    const { source } = this.#options;
    const replaced = await listLoadedVersions(this.#database, source, stream.upcoming);
    const keys = new Set(stream.upcoming.map(({ key }) => key));
    for (const { key } of replaced) keys.delete(key);
    const schemas = new Set(objects.map(({ container }) => container.schema.fingerprint));
    // Which fingerprints do not tell: decoding is the same.
    const marked = new Set(objects.flatMap(({ container }) => listMarked(container)));
    let aside: DoubtfulRecords | undefined;
    let last = objects.at(-1) as OpenedObject;
    const accepts = (object: OpenedObject) =>
      !isComplete(last) ||
      (keys.has(object.key) &&
        object.eventType === table.eventType &&
        schemas.has(object.container.schema.fingerprint) &&
        listMarked(object.container).every((field) => marked.has(field)) &&
        sieve?.hasRoom(expectRecords(object)) === true);
    const joined: OpenedObject[] = [];
    const join = (object: OpenedObject) => {
      last = object;
      joined.push(object);
      return toScanObject(object);
    };
    return {
      joined,
      watch: (doubtful) => {
        aside = doubtful;
      },
      next: () => {
        const object = stream.takeReady(accepts, aside?.runBytes ?? 0);
        return object && join(object);
      },
      nextBatch: async () => (await stream.takeBatch(accepts, aside?.runBytes ?? 0)).map(join),
      release: (object) => stream.release(object),
    };
  }

  /**
   * Inserts what is certainly new.
   *
   * @returns the rest
   */
  async #insertNew(
    target: Target,
    objects: readonly ScanObject[],
    sieve: KeySieve | undefined,
    joining: Joining | undefined,
  ): Promise<DoubtfulRecords> {
    const { table } = target;
    const doubtful = new DoubtfulRecords();
    joining?.watch(doubtful);
    // Without an id nothing is a duplicate.
    const hasIds = table.columns.some(({ field }) => field === 'id');
    const ofTable = hasIds ? await sieve?.of(this.#database, table) : undefined;
    const sifting = ofTable && { sieve: ofTable, doubtful };
    this.#hasReleased ||= joining !== undefined;
    let next = objects;
    while (next.length > 0) {
      if (hasIds && sifting === undefined) for (const object of next) doubtful.addWhole(object);
      else await this.#insertRows(target, new BatchSource(table, next, sifting, joining));
      next = (await joining?.nextBatch()) ?? [];
    }
    if (doubtful.hasUnsifted) sieve?.forget(table);
    return doubtful;
  }

  /**
   * Inserts what the table does not have, and releases it.
   *
   * @returns how many of each object's records were left out as duplicates, and how many of these were to be
   *   left out anyway
   */
  async #insertDoubtful(
    target: Target,
    doubtful: DoubtfulRecords,
  ): Promise<ReadonlyMap<number, { duplicateCount: number; erasedCount: number }>> {
    const { table } = target;
    const { objects } = doubtful;
    const counts = new Map<number, { duplicateCount: number; erasedCount: number }>();
    if (objects.length === 0) return counts;
    const all = new BatchSource(table, objects.map(toScanObject));
    const duplicates = await this.#run(all, async (scan) =>
      findDuplicates(this.#database, table, scan),
    );
    const kept: ScanObject[] = [];
    for (const object of objects) {
      const rows = duplicates.get(object.objectId) ?? new Set();
      const erased = object.skippedRows ?? new Set();
      const both = [...erased].filter((row) => rows.has(row)).length;
      counts.set(object.objectId, { duplicateCount: rows.size, erasedCount: both });
      const left = object.container.recordCount - rows.size - erased.size + both;
      if (left > 0) kept.push(skipRows(object, new Set([...rows, ...erased])));
    }
    if (kept.length > 0) await this.#insertRows(target, new BatchSource(table, kept));
    doubtful.release();
    return counts;
  }

  async #findErased(
    table: EventTable,
    objects: readonly ScanObject[],
  ): Promise<ReadonlyMap<number, ReadonlySet<number>>> {
    const { tombstones, door } = this.#options;
    if (tombstones === undefined) return new Map();
    return this.#run(new BatchSource(table, objects), async (scan) =>
      tombstones.findErased(table, scan, (field) => door?.treatmentOfId(table.eventType, field)),
    );
  }

  async #insertRows({ table, passage }: Target, source: BatchSource): Promise<void> {
    const columns = [
      ...table.columns.map((column) => quoteIdentifier(column.name)),
      ...(table.hasRescued ? [RESCUED_COLUMN] : []),
      OBJECT_ID_COLUMN,
    ].join(', ');
    await this.#run(source, async (scan) =>
      this.#database.run(
        `insert into events.${quoteIdentifier(table.name)} (${columns})
         select ${passage?.columns ?? columns} from ${scan}`,
        passage?.values,
      ),
    );
    // A value had no place, so that not all rows are in.
    if (source.needsRescued) this.#rescuing.add(table.eventType);
  }

  /** Runs SQL over a source and turns its failure into the object's defect. */
  async #run<Result>(
    source: BatchSource,
    work: (scan: string) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.#scan.withSource(source, work);
    } catch (error) {
      const failure = source.failure;
      if (failure === undefined) throw error;
      if (!(failure.error instanceof CurrentsError)) throw failure.error;
      throw new ObjectDefects(new Map([[failure.objectId, failure.error]]));
    }
  }

  /** Brings the tables of a batch to shape. Which objects are refused is said for all types at once. */
  async #prepareTables(objects: readonly OpenedObject[]) {
    const byType = groupByEventType(objects);
    const plans = await this.#planTables(byType);
    const refused = new Map<number, CurrentsError>();
    for (const { table, refusals } of plans) {
      for (const { objectId, container } of byType.get(table.eventType) ?? []) {
        const refusal = refusals.get(container.schema.fingerprint);
        if (refusal) refused.set(objectId, refusal);
      }
    }
    if (refused.size > 0) throw new ObjectDefects(refused);
    const { runId, now } = this.#options;
    await applyPlans(this.#database, plans);
    await recordSchemas(this.#database, listSchemas(objects), now());
    const changes: SchemaChange[] = [];
    for (const plan of plans) changes.push(...(await listUntoldChanges(this.#database, plan)));
    await recordChanges(this.#database, changes, { runId, now: now() });
    for (const { table } of plans) this.#tables.set(table.eventType, table);
    const groups = plans.map(
      ({ table }): TypeGroup => ({ table, objects: byType.get(table.eventType) ?? [] }),
    );
    return { groups, changes };
  }

  async #planTables(
    byType: ReadonlyMap<string, readonly OpenedObject[]>,
  ): Promise<readonly TablePlan[]> {
    const unread = [...byType.keys()].filter((eventType) => !this.#tables.has(eventType));
    const read = await readEventTables(this.#database, unread);
    const isNew = unread.length > read.size;
    const names = isNew ? await readTableNames(this.#database) : new Set<string>();
    const plans: TablePlan[] = [];
    for (const [eventType, objects] of byType) {
      const current = this.#tables.get(eventType) ??
        read.get(eventType) ?? { name: chooseTableName(eventType, names) };
      names.add(current.name);
      plans.push(
        planTable(eventType, current, listSchemas(objects), {
          mode: this.#options.schemaChanges,
          needsRescued: this.#rescuing.has(eventType),
        }),
      );
    }
    return plans;
  }

  /** One statement for the whole batch: with small objects there are hundreds. */
  async #markLoaded(
    loaded: readonly { readonly object: OpenedObject; readonly counts: ObjectCounts }[],
  ): Promise<void> {
    const rows = loaded.map(({ object, counts }) => {
      const { fingerprint } = object.container.schema;
      return {
        object_id: object.objectId,
        etag: object.etag,
        size_bytes: object.sizeBytes,
        last_modified: formatInstant(object.lastModified),
        event_type: object.eventType,
        schema_version: findByFingerprint(object.eventType, fingerprint)?.version,
        fingerprint,
        row_count: counts.readCount - counts.duplicateCount - counts.erasedCount,
        duplicate_count: counts.duplicateCount,
        erased_count: counts.erasedCount,
      };
    });
    await this.#database.run(
      `update ops.objects o set status = 'loaded', etag = l.etag, size_bytes = l.size_bytes,
         last_modified = l.last_modified, event_type = l.event_type,
         schema_version = coalesce(l.schema_version, o.schema_version), fingerprint = l.fingerprint,
         row_count = l.row_count, duplicate_count = l.duplicate_count,
         erased_count = l.erased_count, attempts = attempts + 1,
         error = null, loaded_at = $1::timestamp, run_id = $2
       from (select unnest(from_json($3, '[{"object_id":"BIGINT","etag":"VARCHAR","size_bytes":"BIGINT",
         "last_modified":"TIMESTAMP","event_type":"VARCHAR","schema_version":"VARCHAR",
         "fingerprint":"VARCHAR","row_count":"BIGINT","duplicate_count":"BIGINT",
         "erased_count":"BIGINT"}]'),
         recursive := true)) l
       where o.object_id = l.object_id`,
      [this.#options.now().toISOString(), this.#options.runId, JSON.stringify(rows)],
    );
    const ids = rows.map((row) => row.object_id).join(', ');
    await this.#database.run(`delete from ops.quarantine where object_id in (${ids})`);
  }
}

/** With all its rows. */
function toScanObject({ objectId, container }: OpenedObject | ScanObject): ScanObject {
  return { objectId, container };
}

/** Fields that the file marks as personal. */
function listMarked({ schema }: Container): readonly string[] {
  return schema.type.fields.flatMap(({ name, pii }) => (pii ? [name] : []));
}

function skipRows(object: ScanObject, skippedRows: ReadonlySet<number> | undefined): ScanObject {
  return skippedRows && skippedRows.size > 0 ? { ...object, skippedRows } : object;
}

function isComplete({ part }: OpenedObject): boolean {
  return part?.isLast !== false;
}

/** Of several parts, the first stands for the object. */
function listObjects(parts: readonly OpenedObject[]): readonly OpenedObject[] {
  const known = new Set<number>();
  return parts.filter(({ objectId }) => !known.has(objectId) && known.add(objectId));
}

function expectRecords({ container, part }: OpenedObject): number {
  return part?.expectedRecords ?? container.recordCount;
}

function countRecords(objects: readonly OpenedObject[]): number {
  return objects.reduce((sum, object) => sum + expectRecords(object), 0);
}

function listSchemas(objects: readonly OpenedObject[]): readonly MetSchema[] {
  return objects.map(({ objectId, eventType, container }) => ({
    eventType,
    schema: container.schema,
    objectId,
  }));
}

function groupByEventType(
  objects: readonly OpenedObject[],
): ReadonlyMap<string, readonly OpenedObject[]> {
  const groups = new Map<string, OpenedObject[]>();
  for (const object of objects) {
    const group = groups.get(object.eventType);
    if (group) group.push(object);
    else groups.set(object.eventType, [object]);
  }
  return groups;
}

function verifyObject(object: OpenedObject, defects: Map<number, CurrentsError>): void {
  if (defects.has(object.objectId)) return;
  try {
    verifyContainer(object.container);
  } catch (error) {
    if (!(error instanceof CurrentsError)) throw error;
    defects.set(object.objectId, error);
  }
}

function refusedByDuckDB(object: OpenedObject, error: CurrentsError): CurrentsError {
  const [reason] = error.message.split('\n');
  return new CurrentsError({
    code: 'RECORD_INVALID',
    message: `cannot load ${object.key}: ${reason}`,
    hint: `currents objects show '${object.key}'`,
    context: { key: object.key, eventType: object.eventType },
    cause: error,
  });
}
