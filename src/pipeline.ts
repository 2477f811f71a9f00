/**
 * One cycle from top to bottom: list what is in the bucket, write it into the ledger, download and open
 * what waits, load it batch by batch. Read this file first.
 *
 * A cycle may be killed at any point and run again: objects wait in the ledger until the transaction that
 * loads their rows marks them loaded. The database is open while the ledger is read or rows are loaded,
 * and closed while an ordinary listing goes on, so that readers get in.
 *
 *     listNewObjects ──► recordListing ──► listPending ──► downloadObjects ──► BatchLoader.load
 *        (store)            (ledger)         (ledger)        (store, Avro)       (one transaction)
 */

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from './config.ts';
import { compileEventTypeGlobs } from './discovery/event-type-globs.ts';
import { type DiscoveredObject, listNewObjects } from './discovery/list-objects.ts';
import type { ObjectStore } from './discovery/object-store.ts';
import { openStore } from './discovery/open-store.ts';
import {
  clearFilesOrWait,
  type DueSteps,
  eraseRequested,
  prepareFileSteps,
} from './erase-requested.ts';
import { CurrentsError } from './errors.ts';
import { buildResult, type CycleFacts, type IngestResult } from './ingest-result.ts';
import { loadPending } from './load-pending.ts';
import { LoadTotals } from './load-totals.ts';
import { type Logger, silentLogger } from './logger.ts';
import { type OpenedDoor, openPrivacyDoor } from './open-privacy-door.ts';
import type { Erasure } from './profiles/erase-people.ts';
import { type AudienceRefresh, refreshAudiences } from './profiles/refresh-audiences.ts';
import { type RefreshResult, refreshProfiles } from './profiles/refresh-profiles.ts';
import { refreshViews } from './profiles/refresh-views.ts';
import { Database } from './warehouse/database.ts';
import { BatchLoader } from './warehouse/load-batch.ts';
import { migrate } from './warehouse/migrations.ts';
import {
  countPending,
  listPending,
  type PendingFilter,
  readNewestHours,
  recordListing,
  selectUnknown,
} from './warehouse/object-ledger.ts';
import type { RulesChange } from './warehouse/privacy-record.ts';
import {
  beginRun,
  finishRun,
  noteListed,
  type RunCounts,
  readLastFullListing,
} from './warehouse/run-log.ts';

export interface CycleOptions {
  /** List everything, whatever the lookback says. */
  readonly full?: boolean;
  /** Only objects of hours from here on; the hour that contains this counts. */
  readonly since?: Date;
  /** Only objects of hours before this. */
  readonly until?: Date;
  /** Load at most this many objects; the others wait. */
  readonly limit?: number;
  /** Say what would be loaded and change nothing. */
  readonly dryRun?: boolean;
}

export interface CycleHooks {
  readonly logger?: Logger;
  readonly onProgress?: (progress: CycleProgress) => void;
  /** After it fires, the batch in hand is finished and committed. */
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
  /** How long to wait for a database that another process holds. Default: not at all. */
  readonly waitMs?: number;
}

export type CycleProgress =
  | { readonly phase: 'listing'; readonly objects: number }
  | {
      readonly phase: 'loading';
      readonly objects: number;
      readonly totalObjects: number;
      readonly events: number;
      readonly bytes: number;
    };

/** In a dry run, objects whose event type only their header tells. */
const UNKNOWN_TYPE = 'unknown until read';

/** Listed objects are written down in portions of about this many: 50,000 take 180 MB more memory. */
const LEDGER_PAGE = 20_000;

/** A reader may slip in between listing and loading; it is given this long to finish. */
const REOPEN_WAIT_MS = 30_000;

/**
 * Loads what is new, once. Running it again when nothing is new changes nothing but ops.runs.
 *
 * @throws CurrentsError when the cycle could not go on: DATABASE_BUSY, SOURCE_ACCESS_DENIED,
 *   SOURCE_NOT_FOUND, CREDENTIALS_INVALID, DISK_FULL and the like. What was loaded before stays loaded.
 *   Objects that fail on their own are counted in the result instead.
 */
export async function runCycle(
  config: Config,
  options: CycleOptions = {},
  hooks: CycleHooks = {},
): Promise<IngestResult> {
  const now = hooks.now ?? (() => new Date());
  const startedAt = now();
  const store = openSource(config);
  const source = store.urlOf(store.prefix);
  const scope = { source, eventTypes: config.source.eventTypes };
  let database: Database | undefined;
  try {
    // Heads first: a database that someone else holds stops us before we list a million keys.
    database = existsSync(config.database) ? await openWarehouse(config, hooks.waitMs) : undefined;
    const lastFullListing = database && (await readLastFullListing(database, scope));
    const newestHours = database ? await readNewestHours(database, store.name) : new Map();
    const full =
      options.full === true ||
      lastFullListing === undefined ||
      startedAt.getTime() - lastFullListing.getTime() >= config.source.fullListingMs;
    const plan = {
      ...pickHours(options),
      eventTypes: config.source.eventTypes,
      full,
      lookbackMs: config.source.lookbackMs,
      now: startedAt,
      newestHours,
    };
    const cycle: Cycle = { config, options, hooks, now, startedAt, store, source, full };
    const portions = gather(await startListing(listNewObjects(store, plan, hooks.signal)), hooks);
    if (options.dryRun) return await reportDryRun(cycle, database, portions);
    let listed: AsyncIterable<Portion> | Iterable<Portion> = portions;
    if (!full) {
      database?.close();
      database = undefined;
      listed = await collect(portions);
    }
    // In full it may be a million keys: from the listing straight into the ledger.
    const waitMs = full ? hooks.waitMs : Math.max(hooks.waitMs ?? 0, REOPEN_WAIT_MS);
    database ??= await openWarehouse(config, waitMs);
    const loaded = await recordAndLoad(cycle, database, listed);
    database.close();
    return await clearErased(cycle, loaded);
  } finally {
    database?.close();
    store.close();
  }
}

type Portion = readonly DiscoveredObject[];

interface Cycle {
  readonly config: Config;
  readonly options: CycleOptions;
  readonly hooks: CycleHooks;
  readonly now: () => Date;
  readonly startedAt: Date;
  readonly store: ObjectStore;
  readonly source: string;
  readonly full: boolean;
}

interface Loaded {
  readonly result: IngestResult;
  readonly due: DueSteps;
}

async function recordAndLoad(
  cycle: Cycle,
  database: Database,
  portions: AsyncIterable<Portion> | Iterable<Portion>,
): Promise<Loaded> {
  const { config, options, hooks, now, store, full } = cycle;
  const logger = hooks.logger ?? silentLogger;
  const scope = { source: cycle.source, eventTypes: config.source.eventTypes };
  const isWhole = !options.since && !options.until;
  const runId = await beginRun(database, scope, full && isWhole, cycle.startedAt);
  const listing = { discovered: 0, unchanged: 0 };
  const totals = new LoadTotals();
  let privacyChange: RulesChange | undefined;
  let profiles: RefreshResult | undefined;
  let audiences: readonly AudienceRefresh[] = [];
  let erasures: readonly Erasure[] = [];
  let stopped = false;
  try {
    for await (const portion of portions) {
      const count = await recordListing(database, store.name, portion, now(), full);
      listing.discovered += count.discovered;
      listing.unchanged += count.unchanged;
    }
    await noteListed(database, runId, now());
    const opened = await openPrivacyDoor(config.privacy, database, { runId, now: now(), logger });
    privacyChange = opened.change;
    await loadAll(cycle, database, runId, totals, opened);
    erasures = await eraseRequested(config, database, { now: now(), logger });
    await refreshViews(database);
    if (config.profiles.refresh === 'after ingest' && !hooks.signal?.aborted)
      profiles = await refreshProfiles(database, { asOf: now(), signal: hooks.signal, now });
    // Last: they read the profiles.
    if (!hooks.signal?.aborted) audiences = await loadAudiences(cycle, database);
  } catch (error) {
    stopped = error instanceof CurrentsError && error.code === 'INTERRUPTED';
    if (!stopped) {
      const reason = error instanceof Error ? error.message : String(error);
      const counts = countRun(listing, totals);
      // A database that is broken or full can not take this note either; the error itself matters.
      await finishRun(database, runId, 'failed', counts, now(), reason).catch(() => undefined);
      throw error;
    }
  }
  const pending = await countPending(database, { source: store.name });
  const interrupted = stopped || (hooks.signal?.aborted === true && pending > totals.failed);
  const status = interrupted ? 'interrupted' : 'succeeded';
  await finishRun(database, runId, status, countRun(listing, totals), now());
  const facts = {
    runId,
    ...listing,
    totals,
    pending,
    interrupted,
    privacyChange,
    erasures,
    profiles,
    audiences,
  };
  const result = finish(cycle, facts);
  const { objects, events, bytes, seconds } = result;
  logger.info({ runId, objects, events, bytes, seconds }, 'cycle finished');
  const due = await prepareFileSteps(config, database, { now: now(), signal: hooks.signal });
  return { result, due };
}

/** Erased people leave the files too, once the database is closed. */
async function clearErased(cycle: Cycle, { result, due }: Loaded): Promise<IngestResult> {
  const { config, hooks, now } = cycle;
  if (!due.rewrite && !due.staged && !due.publish) return result;
  const logger = hooks.logger ?? silentLogger;
  const waitMs = Math.max(hooks.waitMs ?? 0, REOPEN_WAIT_MS);
  const steps = await clearFilesOrWait(config, due, { now: now(), waitMs, logger });
  return { ...result, erasures: { ...result.erasures, ...steps } };
}

async function loadAll(
  cycle: Cycle,
  database: Database,
  runId: number,
  totals: LoadTotals,
  { door, tombstones }: OpenedDoor,
) {
  const { config, options, hooks, now, store } = cycle;
  const { schemaChanges } = config;
  await loadPending({
    database,
    store,
    loader: new BatchLoader(database, {
      source: store.name,
      runId,
      schemaChanges,
      door,
      tombstones,
      now,
    }),
    runId,
    totals,
    filter: pendingFilter(cycle),
    limit: options.limit,
    config,
    logger: hooks.logger ?? silentLogger,
    now,
    signal: hooks.signal,
    onProgress: (totalObjects) =>
      hooks.onProgress?.({
        phase: 'loading',
        objects: totals.loaded,
        totalObjects,
        events: totals.read,
        bytes: totals.bytes,
      }),
  });
}

async function loadAudiences(
  { config, hooks, startedAt }: Cycle,
  database: Database,
): Promise<readonly AudienceRefresh[]> {
  const audiences = await refreshAudiences(database, config, startedAt);
  for (const { audience, error } of audiences)
    if (error !== null) hooks.logger?.warn({ audience, error }, 'audience not refreshed');
  return audiences;
}

function countRun(
  listing: { readonly discovered: number; readonly unchanged: number },
  totals: LoadTotals,
): RunCounts {
  return {
    ...listing,
    loaded: totals.loaded,
    quarantined: totals.quarantined,
    eventsRead: totals.read,
    eventsLoaded: totals.read - totals.duplicates - totals.erased,
    eventsErased: totals.erased,
    eventsDuplicate: totals.duplicates,
    bytes: totals.bytes,
  };
}

function finish(
  { source, full, startedAt, now }: Cycle,
  facts: Omit<CycleFacts, 'source' | 'fullListing' | 'seconds'>,
): IngestResult {
  const seconds = (now().getTime() - startedAt.getTime()) / 1000;
  return buildResult({ ...facts, source, fullListing: full, seconds });
}

async function reportDryRun(
  cycle: Cycle,
  database: Database | undefined,
  portions: AsyncIterable<Portion> | Iterable<Portion>,
): Promise<IngestResult> {
  const listing = { discovered: 0, unchanged: 0 };
  const totals = new LoadTotals();
  for await (const portion of portions) {
    const fresh = await selectUnknown(database, cycle.store.name, portion);
    listing.discovered += fresh.length;
    listing.unchanged += portion.length - fresh.length;
    for (const object of fresh) {
      totals.bytes += object.sizeBytes;
      totals.countObject(object.eventType ?? UNKNOWN_TYPE, 0, 0);
    }
  }
  const { limit } = cycle.options;
  const waiting = database ? await listPending(database, pendingFilter(cycle), limit) : [];
  for (const object of waiting) {
    totals.bytes += object.sizeBytes;
    totals.countObject(object.eventType ?? UNKNOWN_TYPE, 0, 0);
  }
  // Of a long backlog only the next page is named, but all of it is counted.
  const backlog = database ? await countPending(database, pendingFilter(cycle)) : 0;
  const pending = backlog + listing.discovered;
  return finish(cycle, { runId: 0, ...listing, totals, pending, interrupted: false });
}

function pendingFilter({ config, options, store }: Cycle): PendingFilter {
  return {
    source: store.name,
    ...pickHours(options),
    ...(config.source.eventTypes.length > 0
      ? { matchesEventType: compileEventTypeGlobs(config.source.eventTypes) }
      : {}),
  };
}

function pickHours({ since, until }: CycleOptions) {
  return { ...(since ? { since } : {}), ...(until ? { until } : {}) };
}

/**
 * The store that the settings name. The caller closes it.
 *
 * @throws CurrentsError SETTINGS_INVALID when no source is set or its URL is of no known kind.
 */
export function openSource({ source }: Config): ObjectStore {
  if (source.url === undefined) {
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: 'cannot ingest: no source is set (an s3:// URL or a folder)',
      hint: 'currents ingest --source s3://bucket/currents/ or currents init to write a settings file',
    });
  }
  const { region, endpoint, pathStyle, requesterPays, concurrency } = source;
  return openStore(source.url, {
    pathStyle,
    requesterPays,
    concurrency,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

/** Opens the database for writing and brings our own tables up to date. The caller closes it. */
export async function openWarehouse(config: Config, waitMs = 0): Promise<Database> {
  const { memoryLimitBytes, threads } = config.load;
  await mkdir(path.dirname(config.database), { recursive: true });
  const database = await Database.open({
    path: config.database,
    memoryLimitBytes,
    ...(threads === undefined ? {} : { threads }),
    waitMs,
  });
  try {
    await migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * The same for work that needs a database: a mistyped path must not make one.
 *
 * @param work what cannot be done without it, as in `cannot forget anybody`
 * @throws CurrentsError DATABASE_MISSING
 */
export async function openExistingWarehouse(
  config: Config,
  work: string,
  waitMs = 0,
): Promise<Database> {
  if (existsSync(config.database)) return openWarehouse(config, waitMs);
  throw new CurrentsError({
    code: 'DATABASE_MISSING',
    message: `cannot ${work}: there is no database ${config.database}`,
    hint: 'currents ingest --source s3://bucket/prefix creates and fills it; --database names another one',
    context: { path: config.database },
  });
}

/** Waits for the first page, so that a mistyped bucket fails before anything is made or changed. */
async function startListing(
  pages: AsyncGenerator<readonly DiscoveredObject[]>,
): Promise<AsyncIterable<readonly DiscoveredObject[]>> {
  const first = await pages.next();
  async function* all() {
    if (first.done) return;
    yield first.value;
    yield* pages;
  }
  return all();
}

/** Joins pages into portions for the ledger, and reports progress. */
async function* gather(
  pages: AsyncIterable<readonly DiscoveredObject[]>,
  hooks: CycleHooks,
): AsyncGenerator<readonly DiscoveredObject[]> {
  let portion: DiscoveredObject[] = [];
  let objects = 0;
  for await (const page of pages) {
    portion.push(...page);
    objects += page.length;
    hooks.onProgress?.({ phase: 'listing', objects });
    if (portion.length >= LEDGER_PAGE) {
      yield portion;
      portion = [];
    }
  }
  if (portion.length > 0) yield portion;
}

/** All of a listing in memory: for one that the lookback bounds. */
async function collect(portions: AsyncIterable<Portion>): Promise<readonly Portion[]> {
  const collected: Portion[] = [];
  for await (const portion of portions) collected.push(portion);
  return collected;
}
