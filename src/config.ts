/**
 * Flags, environment and currents.yaml → one frozen Config.
 *
 * The only file that reads the environment. A flag beats the environment, the environment beats the file,
 * the file beats the default. Whatever is wrong is collected and told at once, each with the source it came
 * from, what was found and what was expected. Relative paths in the file start at the file's own folder, so
 * that a scheduler need not care about its working directory; all others start at the working directory.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import { type AttachConfig, toAttachConfigs } from './attach-settings.ts';
import { type AttributeQueryConfig, toAttributeConfigs } from './attribute-settings.ts';
import { type AudienceConfig, toAudienceConfigs } from './audience-settings.ts';
import {
  type DestinationConfig,
  type SecretSource,
  toDestinationConfigs,
} from './destination-settings.ts';
import { CurrentsError } from './errors.ts';
import { describeEntryIssue } from './named-settings.ts';
import type { PrivacyKeySource } from './privacy-key.ts';
import type { PrivacySettings } from './privacy-rules.ts';
import { findSetting, NAMED_SECTIONS, SETTINGS, type Setting, settingsSchema } from './settings.ts';
import { type FoundValue, parseSettingsFile, shorten } from './settings-file.ts';
import type { SyncConfig } from './sync-settings.ts';

export interface Config {
  /** Absolute path of the file that was read; undefined when there was none. */
  readonly configPath: string | undefined;
  readonly source: SourceConfig;
  /** Absolute path of the DuckDB file. */
  readonly database: string;
  readonly schemaChanges: 'evolve' | 'freeze' | 'rescue';
  readonly privacy: PrivacyConfig;
  readonly profiles: { readonly refresh: 'after ingest' | 'manual' };
  readonly publish: { readonly path: string | undefined; readonly everyMs: number };
  readonly watch: { readonly everyMs: number };
  readonly limits: { readonly maxBlockBytes: number; readonly maxUncompressedBytes: number };
  readonly load: LoadConfig;
  readonly attributes: Readonly<Record<string, AttributeQueryConfig>>;
  /** By name. */
  readonly attach: Readonly<Record<string, AttachConfig>>;
  readonly audiences: Readonly<Record<string, AudienceConfig>>;
  readonly syncs: Readonly<Record<string, SyncConfig>>;
  readonly destinations: Readonly<Record<string, DestinationConfig>>;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export interface PrivacyConfig extends PrivacySettings, PrivacyKeySource {
  readonly rewriteEveryMs: number;
}

export interface SourceConfig {
  /** `s3://…`, `file://…` or an absolute folder; undefined until someone sets it. */
  readonly url: string | undefined;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly pathStyle: boolean;
  readonly requesterPays: boolean;
  /** Names and patterns; empty means every event type. */
  readonly eventTypes: readonly string[];
  readonly lookbackMs: number;
  readonly fullListingMs: number;
  readonly concurrency: number;
  /** Compressed size, as the bucket lists it. */
  readonly maxObjectBytes: number;
}

export interface LoadConfig {
  readonly batchRows: number;
  readonly batchBytes: number;
  readonly memoryLimitBytes: number;
  /** undefined: DuckDB takes one for each core. */
  readonly threads: number | undefined;
}

export interface ConfigSources {
  /** By the setting's path, `{ 'source.lookback': '2d' }`: text, a boolean or a list of texts. */
  readonly flags?: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  /** The file that was asked for and so must exist; otherwise CURRENTS_CONFIG, then currents.yaml if it is there. */
  readonly configPath?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** @throws CurrentsError SETTINGS_INVALID with every problem in the message, a line each. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const env = sources.env ?? process.env;
  const cwd = sources.cwd ?? process.cwd();
  const file = readSettingsFile(sources.configPath ?? (env.CURRENTS_CONFIG || undefined), cwd);
  const problems = [...file.problems, ...listRefusedVariables(env)];
  const found = new Map<string, FoundValue>();
  for (const setting of SETTINGS) {
    const value =
      readFlag(setting, sources) ?? readVariable(setting, env) ?? file.values.get(setting.path);
    if (value !== undefined) found.set(setting.path, value);
  }
  for (const { name } of NAMED_SECTIONS) {
    const entries = file.values.get(name);
    if (entries !== undefined) found.set(name, entries);
  }

  const parsed = settingsSchema.safeParse(nest(found));
  for (const problem of new Set(parsed.error?.issues.map((issue) => describeIssue(issue, found))))
    problems.push(problem);
  if (!parsed.success || problems.length > 0) throw settingsInvalid(problems);

  const { source, load, publish, watch, limits, ...rest } = parsed.data;
  const { lookback, fullListing, region, endpoint, ...sourceRest } = source;
  function absolute(settingPath: string, given: string): string {
    const value = found.get(settingPath);
    const isFromFile = value !== undefined && value === file.values.get(settingPath);
    return path.resolve(isFromFile ? path.dirname(file.path ?? '') : cwd, given);
  }
  const databasePath = absolute('database', rest.database);
  function inFile(given: string): string {
    return path.resolve(path.dirname(file.path ?? ''), given);
  }
  return deepFreeze({
    ...rest,
    configPath: file.path,
    database: databasePath,
    source: {
      ...sourceRest,
      region,
      endpoint,
      url:
        source.url === undefined || /^[a-z][a-z0-9+.-]*:\/\//i.test(source.url)
          ? source.url
          : absolute('source.url', source.url),
      lookbackMs: lookback,
      fullListingMs: fullListing,
    },
    privacy: {
      hash: rest.privacy.hash,
      drop: rest.privacy.drop,
      rewriteEveryMs: rest.privacy.rewriteEvery,
      keyFile:
        rest.privacy.keyFile === undefined
          ? `${databasePath}.key`
          : absolute('privacy.keyFile', rest.privacy.keyFile),
      givenKey: () => env[PRIVACY_KEY_VARIABLE] || undefined,
    },
    publish: {
      path: publish.path === undefined ? undefined : absolute('publish.path', publish.path),
      everyMs: publish.every,
    },
    watch: { everyMs: watch.every },
    limits,
    attributes: toAttributeConfigs(rest.attributes, inFile),
    attach: toAttachConfigs(rest.attach, inFile),
    audiences: toAudienceConfigs(rest.audiences, inFile),
    destinations: toDestinationConfigs(rest.destinations, inFile),
    load: {
      batchRows: load.batchRows,
      batchBytes: load.batchBytes,
      memoryLimitBytes: load.memoryLimit,
      threads: load.threads,
    },
  });
}

/**
 * A secret from where the settings say it is, without space around it.
 *
 * @param purpose completes "cannot read the …", such as `API key of destination braze`
 * @throws CurrentsError SETTINGS_INVALID when there is none
 */
export function readSecret(
  source: SecretSource,
  purpose: string,
  env: NonNullable<ConfigSources['env']> = process.env,
): string {
  const place =
    'env' in source ? `the environment variable ${source.env}` : `the file ${source.file}`;
  let secret = '';
  let cause: unknown;
  try {
    secret = ('env' in source ? (env[source.env] ?? '') : readBeginning(source.file).toString())
      .toString()
      .trim();
  } catch (error) {
    cause = error;
  }
  if (secret !== '') return secret;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot read the ${purpose}: ${place} is empty or not there`,
    hint: 'env' in source ? `export ${source.env}=…` : 'check the path and its rights',
    cause,
  });
}

/** Whether output on a terminal may have colours (https://no-color.org). */
export function isColorWanted(
  isTerminal: boolean,
  env: ConfigSources['env'] = process.env,
): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** The one secret of ours that is a text and not a file. */
const PRIVACY_KEY_VARIABLE = 'CURRENTS_PRIVACY_KEY';

/** Far more than every setting with its comments takes. */
const MAX_FILE_BYTES = 1_000_000;
const SHOWN_PROBLEMS = 20;

interface OpenedFile {
  readonly path: string | undefined;
  readonly values: ReadonlyMap<string, FoundValue>;
  readonly problems: readonly string[];
}

function readSettingsFile(askedPath: string | undefined, cwd: string): OpenedFile {
  const filePath = path.resolve(cwd, askedPath ?? 'currents.yaml');
  const fileName = askedPath ?? 'currents.yaml';
  let bytes: Buffer;
  try {
    bytes = readBeginning(filePath);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' && askedPath === undefined)
      return { path: undefined, values: new Map(), problems: [] };
    throw new CurrentsError({
      code: 'SETTINGS_INVALID',
      message: `cannot read the settings file ${fileName}: ${code === 'ENOENT' ? 'there is no such file' : (code ?? 'unknown error')}`,
      hint:
        code === 'ENOENT' ? `currents init --config ${askedPath}` : 'check the path and its rights',
      context: { path: filePath },
      cause: error,
    });
  }
  // Someone named a database or a bucket's object: one sentence says more than what YAML makes of it.
  if (bytes.length > MAX_FILE_BYTES)
    throw settingsInvalid([`${fileName} is larger than 1 MB (expected a small YAML file)`]);
  if (bytes.includes(0)) throw settingsInvalid([`${fileName} is not text (expected a YAML file)`]);
  return { path: filePath, ...parseSettingsFile(bytes.toString('utf8'), fileName) };
}

/** At most one byte more than a settings file may have, also of a pipe or a device that never ends. */
function readBeginning(filePath: string): Buffer {
  const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
  const file = openSync(filePath, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(file, buffer, length, buffer.length - length, null);
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function readFlag(setting: Setting, { flags }: ConfigSources): FoundValue | undefined {
  const given = flags?.[setting.path];
  if (given === undefined) return undefined;
  const value = typeof given === 'string' ? parseText(setting, given) : given;
  return { value, where: setting.flag };
}

/** An empty variable says nothing: that is how shells and Kubernetes spell "not set". */
function readVariable(
  setting: Setting,
  env: NonNullable<ConfigSources['env']>,
): FoundValue | undefined {
  const given = env[setting.env];
  if (given === undefined || given === '') return undefined;
  return { value: parseText(setting, given), where: setting.env };
}

/** Flags and variables are text; this is what YAML would have made of it. What does not fit stays text. */
function parseText(setting: Setting, given: string): unknown {
  switch (setting.kind) {
    case 'integer':
      return /^-?\d+$/.test(given) ? Number(given) : given;
    case 'size':
      return /^\d+$/.test(given) ? Number(given) : given;
    case 'boolean':
      return given === 'true' ? true : given === 'false' ? false : given;
    case 'list':
      return given.split(',').map((part) => part.trim());
    case 'text':
    case 'choice':
    case 'duration':
      return given;
  }
}

/** Variables that would go unheard: of named entries, which have none. */
function listRefusedVariables(env: NonNullable<ConfigSources['env']>): string[] {
  const refusals = NAMED_SECTIONS.map(
    ({ name }) =>
      [
        `CURRENTS_${name.toUpperCase()}`,
        `${name} have no environment variable (expected in the settings file)`,
      ] as const,
  );
  return Object.keys(env).flatMap((name) =>
    refusals
      .filter(([prefix]) => name === prefix || name.startsWith(`${prefix}_`))
      .map(([, refusal]) => `${name}: ${refusal}`),
  );
}

/** `source.lookback` → { source: { lookback } }, as the file has it. */
function nest(found: ReadonlyMap<string, FoundValue>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [settingPath, { value }] of found) {
    const [section = '', name] = settingPath.split('.');
    if (name === undefined) root[section] = value;
    else root[section] = { ...(root[section] as object | undefined), [name]: value };
  }
  return root;
}

function describeIssue(issue: z.core.$ZodIssue, found: ReadonlyMap<string, FoundValue>): string {
  const names = issue.path.map(String);
  const section = NAMED_SECTIONS.find(({ name }) => name === names[0]);
  if (section !== undefined) {
    const given = found.get(section.name);
    const place = given?.placeOf?.(issue.path.slice(1)) ?? given?.where;
    return `${place} ${describeEntryIssue(section, issue, given?.value, formatFound)}`;
  }
  const setting = findSetting(names.slice(0, 2).join('.')) ?? findSetting(names[0] ?? '');
  const given = setting && found.get(setting.path);
  return `${given?.where} ${setting?.path}: found ${formatFound(given?.value)} (expected ${setting?.expected})`;
}

/** As it was written, shortened; whatever stands before an @ in an address may be a password. */
function formatFound(value: unknown): string {
  const written = JSON.stringify(value)?.replace(/(:\/\/|^").*@/, '$1***@') ?? 'nothing';
  return shorten(written);
}

function settingsInvalid(problems: readonly string[]): CurrentsError {
  const [first = ''] = problems;
  const lines = problems.slice(0, SHOWN_PROBLEMS);
  if (problems.length > lines.length) lines.push(`and ${problems.length - lines.length} more`);
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message:
      problems.length === 1
        ? `cannot use the settings: ${first}`
        : `cannot use the settings: ${problems.length} problems\n${lines.map((line) => `  ${line}`).join('\n')}`,
    hint: 'currents init --print shows every setting with its default',
    context: { problems: problems.length },
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) {
    if (typeof child === 'object' && child !== null) deepFreeze(child as object);
  }
  return Object.freeze(value);
}
