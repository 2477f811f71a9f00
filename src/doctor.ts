/**
 * Checks everything that a cycle or a sync needs, before it needs it: source, read right, clock, database, Braze's
 * key, stages, disk, Node. Each check says what it found and, when that is not good, what to do.
 *
 * Changes nothing and waits for nobody; one check that fails does not stop the others. Reads one listing
 * page and one object.
 */
import { existsSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import path from 'node:path';
import { type Check, failedCheck } from './check.ts';
import { checkDestinations } from './check-destinations.ts';
import { checkPrivacy } from './check-privacy.ts';
import type { Config } from './config.ts';
import type { ListedObject, ObjectStore } from './discovery/object-store.ts';
import { CurrentsError } from './errors.ts';
import { openSource } from './pipeline.ts';
import { formatSize } from './quantity.ts';
import { Database } from './warehouse/database.ts';

/** S3 refuses requests that are more than 15 minutes off: RequestTimeTooSkewed in its error list, 2026-09. */
const MAX_SKEW_MS = 15 * 60_000;
const WARN_SKEW_MS = 60_000;
const CLOCK_TIMEOUT_MS = 5000;

const LEAST_FREE_BYTES = 100e6;
const COMFORTABLE_FREE_BYTES = 2e9;

/** All checks in the order in which their answers matter. */
export async function runChecks(config: Config, signal?: AbortSignal): Promise<readonly Check[]> {
  return [
    checkNode(process.versions.node),
    checkSettings(config),
    ...(await checkSource(config, signal)),
    await checkDatabase(config),
    ...(await checkPrivacy(config)),
    ...(await checkDestinations(config, signal)),
    await checkDisk(config.database, 'disk'),
    ...(config.publish.path === undefined ? [] : [await checkDisk(config.publish.path, 'publish')]),
  ];
}

function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  return isEnough
    ? { name: 'node', status: 'ok', found: version }
    : { name: 'node', status: 'fail', found: version, advice: 'install Node 20.19 or newer' };
}

function checkSettings({ configPath }: Config): Check {
  const found = configPath ?? 'no settings file: defaults, flags and environment';
  return { name: 'settings', status: 'ok', found };
}

async function checkSource(config: Config, signal: AbortSignal | undefined): Promise<Check[]> {
  const { url } = config.source;
  if (url === undefined) {
    const advice = 'set source.url in currents.yaml, CURRENTS_SOURCE or --source';
    return [{ name: 'source', status: 'fail', found: 'not set', advice }];
  }
  let store: ObjectStore | undefined;
  try {
    store = openSource(config);
    const first = await findFirstObject(store, signal);
    const clock = url.startsWith('s3://') ? [await checkClock(config)] : [];
    if (first === undefined) {
      const advice = 'check the prefix; Currents writes its first file within minutes';
      return [
        { name: 'source', status: 'warn', found: `${url}: no .avro object`, advice },
        ...clock,
      ];
    }
    const listed: Check = { name: 'source', status: 'ok', found: `${url} can be listed` };
    return [listed, await checkRead(store, first, config, signal), ...clock];
  } catch (error) {
    return [failedCheck('source', error)];
  } finally {
    store?.close();
  }
}

/** Of the first page that has any; looks at no more than a few pages. */
async function findFirstObject(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<ListedObject | undefined> {
  let pages = 0;
  for await (const page of store.list({ prefix: store.prefix, ...(signal && { signal }) })) {
    const object = page.find(({ key }) => key.endsWith('.avro'));
    pages += 1;
    if (object !== undefined || pages === 5) return object;
  }
  return undefined;
}

async function checkRead(
  store: ObjectStore,
  object: ListedObject,
  { source }: Config,
  signal: AbortSignal | undefined,
): Promise<Check> {
  if (object.sizeBytes > source.maxObjectBytes)
    return {
      name: 'read',
      status: 'ok',
      found: `not tried: ${object.key} is above maxObjectBytes`,
    };
  try {
    const { sizeBytes } = await store.fetch(object, signal);
    return { name: 'read', status: 'ok', found: `${object.key} (${formatSize(sizeBytes)})` };
  } catch (error) {
    return failedCheck('read', error);
  }
}

/** S3's own clock, from the Date of any answer; a refusal has one too. */
async function checkClock({ source }: Config): Promise<Check> {
  const region = source.region === undefined ? '' : `.${source.region}`;
  const url = source.endpoint ?? `https://s3${region}.amazonaws.com/`;
  try {
    const answer = await fetch(url, {
      method: 'HEAD',
      signal: AbortSignal.timeout(CLOCK_TIMEOUT_MS),
    });
    const skewMs = Math.abs(Date.now() - Date.parse(answer.headers.get('date') ?? ''));
    if (Number.isNaN(skewMs)) return { name: 'clock', status: 'ok', found: `${url} tells no time` };
    const found = `${Math.round(skewMs / 1000)} s from ${url}`;
    if (skewMs < WARN_SKEW_MS) return { name: 'clock', status: 'ok', found };
    const advice = 'set the clock, best by NTP: S3 refuses requests that are 15 minutes off';
    return { name: 'clock', status: skewMs < MAX_SKEW_MS ? 'warn' : 'fail', found, advice };
  } catch {
    // No answer over plain HTTP says nothing about S3 through a proxy or an endpoint of one's own.
    return { name: 'clock', status: 'ok', found: `not compared: ${url} did not answer` };
  }
}

async function checkDatabase(config: Config): Promise<Check> {
  const { database: file } = config;
  if (!existsSync(file)) {
    try {
      await access(existingFolderOf(file), constants.W_OK);
      return { name: 'database', status: 'ok', found: `${file} will be made` };
    } catch {
      const advice = `make ${path.dirname(file)} writable, or set another --database`;
      return { name: 'database', status: 'fail', found: `${file} cannot be made`, advice };
    }
  }
  try {
    const database = await Database.open({ path: file, readOnly: true });
    database.close();
    await access(file, constants.W_OK);
    return { name: 'database', status: 'ok', found: file };
  } catch (error) {
    const check = failedCheck('database', error);
    // Someone else is at work: no defect, and perhaps the very thing one wanted to know.
    const isBusy = error instanceof CurrentsError && error.code === 'DATABASE_BUSY';
    return isBusy ? { ...check, status: 'warn' } : check;
  }
}

async function checkDisk(file: string, name: string): Promise<Check> {
  const folder = existingFolderOf(file);
  try {
    const { bavail, bsize } = await statfs(folder);
    const freeBytes = bavail * bsize;
    const found = `${formatSize(freeBytes)} free in ${folder}`;
    if (freeBytes >= COMFORTABLE_FREE_BYTES) return { name, status: 'ok', found };
    const advice = 'free some space: DuckDB writes temporary files beside the database';
    return { name, status: freeBytes < LEAST_FREE_BYTES ? 'fail' : 'warn', found, advice };
  } catch (error) {
    return failedCheck(name, error);
  }
}

/** The nearest folder above a file that is there. */
function existingFolderOf(file: string): string {
  let folder = path.dirname(path.resolve(file));
  while (!existsSync(folder)) folder = path.dirname(folder);
  return folder;
}
