/**
 * Object keys as Braze Currents writes them, both ways: key text ↔ its parts.
 *
 *   <prefix>/dataexport.<cluster>.S3.integration.<id>/event_type=<type>/date=<YYYY-MM-DD-HH>/
 *     <schema id>/<zone>/ …or… version=<n>/<environment>/
 *       dataexport.<cluster>.S3.integration.<id>+<partition>+<offset>.avro
 *
 * Old files have no cluster. `parseObjectKey` takes only keys that `formatObjectKey` would write again,
 * character by character; a key that misses by a hair is not an error, it is another layout, and
 * `describeKey` still reads what it can from it. Partition and offset stay text: offsets have leading
 * zeros and may pass 2^53. Source: Braze, "Amazon S3 Currents" and "Currents data storage" pages, 2026-09.
 */

export type KeyLayout = 'schema-id' | 'version';

export interface ObjectKey {
  readonly layout: KeyLayout;
  /** What stands before the integration's folder: empty, or ending with a slash. */
  readonly prefix: string;
  /** Braze's cluster, such as `prod-01`; old files have none. */
  readonly cluster: string | undefined;
  readonly integrationId: string;
  /** Such as `users.messages.email.Open`. */
  readonly eventType: string;
  /** Start of the UTC hour in which the events were queued, not the hour they happened. */
  readonly hour: Date;
  /** The number in the path: a global schema id, or the `n` of `version=n`, depending on the layout. */
  readonly schemaVersion: string;
  /** The zone (layout schema-id) or the environment (layout version). */
  readonly zone: string;
  /** Digits. */
  readonly partition: string;
  /** Digits, with the leading zeros that the key has. */
  readonly offset: string;
}

/** What any key tells about its content, whatever its layout. */
export interface KeyDescription {
  readonly layout: KeyLayout | 'unknown';
  readonly eventType: string | undefined;
  readonly hour: Date | undefined;
  readonly schemaVersion: string | undefined;
}

const EVENT_TYPE_PART = 'event_type=';
const DATE_PART = 'date=';
const VERSION_PART = 'version=';

/** Folders and file of one object below the prefix. */
const PARTS_BELOW_PREFIX = 6;

const SOURCE_NAME = /^dataexport(?:\.([^.+]+))?\.S3\.integration\.([^+]+)$/;
const FILE_NAME = /^([^+]+)\+(\d+)\+(\d+)\.avro$/;
const SCHEMA_PART = /^(version=)?(\d+)$/;

/** The parts of a key in one of Braze's two layouts; undefined for every other key. */
export function parseObjectKey(key: string): ObjectKey | undefined {
  const parts = key.split('/');
  const prefixParts = parts.slice(0, -PARTS_BELOW_PREFIX);
  const [folder, typePart, datePart, schemaPart, zone, file] = parts.slice(-PARTS_BELOW_PREFIX);
  if (!folder || !typePart || !datePart || !schemaPart || !zone || !file) return undefined;

  const [, name, partition, offset] = FILE_NAME.exec(file) ?? [];
  const [, cluster, integrationId] = SOURCE_NAME.exec(folder) ?? [];
  const [, versionMark, schemaVersion] = SCHEMA_PART.exec(schemaPart) ?? [];
  const eventType = parseEventTypePart(typePart);
  const hour = parseDatePart(datePart);
  if (!partition || !offset || !integrationId || !schemaVersion || !eventType || !hour) {
    return undefined;
  }
  if (name !== folder) return undefined;

  return {
    layout: versionMark === undefined ? 'schema-id' : 'version',
    prefix: prefixParts.map((part) => `${part}/`).join(''),
    cluster,
    integrationId,
    eventType,
    hour,
    schemaVersion,
    zone,
    partition,
    offset,
  };
}

/** The key text of these parts; the inverse of `parseObjectKey`. Does not check the parts. */
export function formatObjectKey(key: ObjectKey): string {
  const cluster = key.cluster === undefined ? '' : `.${key.cluster}`;
  const source = `dataexport${cluster}.S3.integration.${key.integrationId}`;
  const schemaMark = key.layout === 'version' ? VERSION_PART : '';
  return [
    `${key.prefix}${source}`,
    `${EVENT_TYPE_PART}${key.eventType}`,
    `${DATE_PART}${formatKeyHour(key.hour)}`,
    `${schemaMark}${key.schemaVersion}`,
    key.zone,
    `${source}+${key.partition}+${key.offset}.avro`,
  ].join('/');
}

/**
 * What can be known of an object from its key. In an unknown layout, folders named `event_type=`,
 * `date=` and `version=` still count, wherever they stand; the last of each wins.
 */
export function describeKey(key: string): KeyDescription {
  const known = parseObjectKey(key);
  if (known !== undefined) {
    const { layout, eventType, hour, schemaVersion } = known;
    return { layout, eventType, hour, schemaVersion };
  }
  const folders = key.split('/').slice(0, -1);
  const version = folders.findLast((part) => /^version=./s.test(part));
  return {
    layout: 'unknown',
    eventType: findLastParsed(folders, parseEventTypePart),
    hour: findLastParsed(folders, parseDatePart),
    schemaVersion: version?.slice(VERSION_PART.length),
  };
}

/**
 * `describeKey` for many keys: those that differ in partition and offset alone, as all of one hour do, are
 * parsed once when they come one after the other.
 */
export function createKeyDescriber(): (key: string) => KeyDescription {
  let last: { readonly start: string; readonly description: KeyDescription } | undefined;
  return (key) => {
    const numbers = KEY_NUMBERS.exec(key);
    if (numbers === null) return describeKey(key);
    const start = key.slice(0, numbers.index);
    if (last?.start !== start) last = { start, description: describeKey(key) };
    return last.description;
  };
}

/** What one hour's keys differ in. */
const KEY_NUMBERS = /\+\d+\+\d+\.avro$/;

/**
 * The folder that holds everything of one event type of one integration, for a key or a folder in it:
 * the text up to and with the first `event_type=<type>/`. Undefined when there is none.
 */
export function eventTypeFolderOf(key: string): string | undefined {
  return /^(?:[^/]*\/)*?event_type=[^/]+\//.exec(key)?.[0];
}

/** `YYYY-MM-DD-HH` of a UTC hour, as it stands in keys; minutes are cut off. */
export function formatKeyHour(hour: Date): string {
  return hour.toISOString().slice(0, 13).replace('T', '-');
}

/** The UTC hour of `YYYY-MM-DD-HH`; undefined when it is no such text, or no such hour exists. */
export function parseKeyHour(text: string): Date | undefined {
  const [, day, hourOfDay] = /^(\d{4}-\d\d-\d\d)-(\d\d)$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const hour = new Date(`${day}T${hourOfDay}:00:00.000Z`);
  // Date rolls 30 February over into March instead of refusing it, so compare with what it means.
  return !Number.isNaN(hour.getTime()) && formatKeyHour(hour) === text ? hour : undefined;
}

function parseEventTypePart(part: string): string | undefined {
  return part.startsWith(EVENT_TYPE_PART) && part.length > EVENT_TYPE_PART.length
    ? part.slice(EVENT_TYPE_PART.length)
    : undefined;
}

function parseDatePart(part: string): Date | undefined {
  return part.startsWith(DATE_PART) ? parseKeyHour(part.slice(DATE_PART.length)) : undefined;
}

function findLastParsed<T>(
  parts: readonly string[],
  parse: (part: string) => T | undefined,
): T | undefined {
  const part = parts.findLast((candidate) => parse(candidate) !== undefined);
  return part === undefined ? undefined : parse(part);
}
