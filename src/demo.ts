/**
 * The whole round trip in one folder, without an account: a generated bucket → tables → profiles and an
 * audience → a sync into a local Braze → what Braze holds, compared with what it should hold → two hours more of
 * events → a small delta → nothing to do.
 *
 * The folder is left as a user would have it: settings, queries, bucket, database, and the local Braze's profiles.
 * Everything goes the way it goes for a real bucket and the real Braze, over HTTP.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Config, loadConfig } from './config.ts';
import type { IngestResult } from './ingest-result.ts';
import { openSource, openWarehouse, runCycle } from './pipeline.ts';
import type { BrazeSandbox } from './sandbox/braze/start-sandbox.ts';
import type { GeneratedSummary } from './sandbox/generate-bucket.ts';
import { formatSettingsTemplate } from './settings-template.ts';
import { runSync, type SyncHooks, type SyncReceipt } from './sync/run-sync.ts';

/** The last hours of the bucket come after the first sync. */
const LATER_MS = 2 * 3_600_000;
const HOUR_MS = 3_600_000;

const DEMO_SYNC = 'daily';

/** One row a person: the identifier, and a column for each attribute. */
const ENGAGEMENT = `-- One row a person: the identifier, and a column for each attribute.
select external_id,
  email_opened_30d as email_opens_30d,
  email_clicked_30d as email_clicks_30d,
  sessions_30d,
  purchases_365d,
  last_seen_at,
  preferred_channel
from c360.profiles
where external_id is not null
`;

const SECTIONS = (url: string) => `
audiences:
  engaged_readers:
    where: { email_opened_30d: { atLeast: 2 } }

attributes:
  engagement: { identifier: external_id, query: attributes/engagement.sql }

syncs:
  ${DEMO_SYNC}: { send: [engagement, engaged_readers], to: braze, schedule: after ingest }

destinations:
  # A real one: { kind: rest, instance: US-03, apiKey: { env: BRAZE_API_KEY } }
  braze: { kind: rest, instance: "${url}", apiKey: { file: braze.key } }
`;

export interface DemoOptions {
  readonly folder: string;
  /** Distinct events of the bucket. */
  readonly events: number;
  readonly hooks: SyncHooks & { readonly onStage?: (stage: DemoStage) => void };
}

export type DemoStage = 'generate' | 'load' | 'send' | 'load more' | 'send more' | 'repeat';

/** One cycle and the sync behind it. */
export interface DemoRound {
  readonly cycle: IngestResult;
  readonly sync: SyncReceipt;
  /** People whom Braze should know, and those of whom it holds exactly what it should. */
  readonly desired: number;
  readonly equal: number;
}

export interface DemoResult {
  readonly folder: string;
  readonly generated: GeneratedSummary;
  readonly first: DemoRound;
  readonly later: DemoRound;
  readonly again: DemoRound;
  /** What the local Braze counted. */
  readonly braze: { readonly url: string; readonly requests: number; readonly dataPoints: number };
}

/** @throws CurrentsError whatever a cycle or a sync throws */
export async function runDemo({ folder, events, hooks }: DemoOptions): Promise<DemoResult> {
  const { startBrazeSandbox } = await import('./sandbox/braze/start-sandbox.ts');
  const now = hooks.now ?? (() => new Date());
  await mkdir(path.join(folder, 'attributes'), { recursive: true });
  const sandbox = await startBrazeSandbox({ statePath: path.join(folder, 'braze.json') });
  try {
    const config = await writeDemoFolder(folder, sandbox.url);
    hooks.onStage?.('generate');
    const generated = await generate(config, events, now(), hooks.signal);
    const round = async (load: DemoStage, send: DemoStage, until?: Date): Promise<DemoRound> => {
      hooks.onStage?.(load);
      const cycle = await runCycle(config, until ? { until } : {}, hooks);
      if (send !== load) hooks.onStage?.(send);
      return { cycle, ...(await sendAndCompare(config, sandbox, hooks)) };
    };
    const first = await round('load', 'send', new Date(generated.until.getTime() - LATER_MS));
    const later = await round('load more', 'send more');
    const again = await round('repeat', 'repeat');
    const { requests, dataPoints } = sandbox.counts();
    return {
      folder,
      generated,
      first,
      later,
      again,
      braze: { url: sandbox.url, requests, dataPoints },
    };
  } finally {
    await sandbox.close();
  }
}

async function writeDemoFolder(folder: string, url: string): Promise<Config> {
  const settings = formatSettingsTemplate({ source: 'bucket', database: 'currents.duckdb' });
  const configPath = path.join(folder, 'currents.yaml');
  await writeFile(configPath, `${settings}${SECTIONS(url)}`);
  await writeFile(path.join(folder, 'attributes/engagement.sql'), ENGAGEMENT);
  // The local Braze takes any key; a real one is not to be written into a file that others read.
  await writeFile(path.join(folder, 'braze.key'), 'a-key-of-the-demo\n', { mode: 0o600 });
  return loadConfig({ configPath, env: {} });
}

async function generate(
  config: Config,
  events: number,
  now: Date,
  signal: AbortSignal | undefined,
): Promise<GeneratedSummary> {
  const { generateBucket } = await import('./sandbox/generate-bucket.ts');
  const store = openSource(config);
  try {
    // Ends with the hour that is over, so that the last thirty days of a profile are not empty.
    const until = new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS);
    return await generateBucket(store, { events, until }, undefined, signal);
  } finally {
    store.close();
  }
}

async function sendAndCompare(config: Config, sandbox: BrazeSandbox, hooks: SyncHooks) {
  const database = await openWarehouse(config);
  try {
    const sync = await runSync(database, config, DEMO_SYNC, {}, hooks);
    const rows = await database.rows<{ id: string; wanted: string; isReader: boolean }>(
      `select e.external_id as id, to_json(e)::varchar as wanted,
         e.external_id in (
           select external_id from c360.audience_members join c360.profiles using (person_id)
           where audience = 'engaged_readers' and left_at is null) as "isReader"
       from (${ENGAGEMENT}) e`,
    );
    const equal = rows.filter(({ id, wanted, isReader }) => {
      const { external_id: _id, ...attributes } = JSON.parse(wanted) as Record<string, unknown>;
      const held = sandbox.find({ kind: 'external_id', value: id })?.custom_attributes ?? {};
      const isMember = (held.engaged_readers ?? false) === isReader;
      return (
        isMember && Object.entries(attributes).every(([name, value]) => isSame(value, held[name]))
      );
    });
    return { sync, desired: rows.length, equal: equal.length };
  } finally {
    database.close();
  }
}

/** DuckDB writes an instant as `2026-07-05 12:00:00`, Braze as ISO 8601; what Braze lacks was null. */
function isSame(wanted: unknown, held: unknown): boolean {
  if (wanted === null) return held === undefined;
  if (wanted === held) return true;
  if (typeof wanted !== 'string' || typeof held !== 'string') return false;
  return Date.parse(`${wanted.replace(' ', 'T')}Z`) === Date.parse(held);
}
