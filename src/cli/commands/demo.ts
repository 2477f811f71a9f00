/** `currents demo`: a generated bucket, ingested into a fresh folder, and what to look at next. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import type { IngestResult } from '../../ingest-result.ts';
import { formatSettingsTemplate } from '../../settings-template.ts';
import { describeCommand } from '../command-help.ts';
import { exitCodeOfCycle } from '../cycle-report.ts';
import { parseCount } from '../option-values.ts';
import { formatCount, formatTable, writeNote } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Context, Session, Work } from '../session.ts';
import { ingestOnce } from './ingest.ts';

interface DemoOptions {
  readonly keep?: string;
  readonly events: number;
}

export function addDemoCommand(program: Command, session: Session): void {
  describeCommand(
    program.command('demo'),
    'Generates a bucket, loads it twice and shows what to look at; needs no account.',
    'currents demo --keep demo',
  )
    .option('--keep <folder>', 'Where to put it all (default: a new temporary folder)')
    .option('--events <n>', 'How many events to generate', parseCount, 20_000)
    .action(session.action<DemoOptions>(demo));
}

const demo: Work<DemoOptions> = async (context, { keep, events }) => {
  const folder = keep ? path.resolve(keep) : await mkdtemp(path.join(tmpdir(), 'currents-demo-'));
  await mkdir(folder, { recursive: true });
  const settings = path.join(folder, 'currents.yaml');
  await writeFile(
    settings,
    formatSettingsTemplate({ source: 'bucket', database: 'currents.duckdb' }),
  );
  // Whatever this machine is set up for has no part in the demo.
  const demoContext = {
    ...context,
    config: loadConfig({ configPath: settings, env: {} }),
    logger: isLogWanted(context) ? context.logger : context.logger.child({}, { level: 'warn' }),
  };

  writeNote(`generating ${formatCount(events, 'event')} into ${path.join(folder, 'bucket')} …`);
  const generated = await generate(demoContext, events);
  writeNote('loading them …');
  const first = await ingestOnce(demoContext);
  writeNote('loading again: nothing may change …');
  const second = await ingestOnce(demoContext);
  const campaigns = await readCampaigns(demoContext);
  context.output.write({ folder, generated, first, second }, () =>
    [
      formatLoads(generated, first, second),
      `${formatTable(['campaign', 'sent', 'opens', 'clicks'], campaigns)}`,
      formatNext(folder),
    ].join('\n\n'),
  );
  return exitCodeOfCycle(first);
};

/** The demo tells its own story; the log's lines are for those who asked for them. */
function isLogWanted({ config }: Context): boolean {
  return config.logLevel !== 'info';
}

interface Generated {
  readonly objects: number;
  readonly events: number;
  readonly duplicates: number;
}

async function generate({ config, signal }: Context, events: number): Promise<Generated> {
  const { generateBucket } = await import('../../sandbox/generate-bucket.ts');
  const { openSource } = await import('../../pipeline.ts');
  const store = openSource(config);
  try {
    return await generateBucket(store, { events }, undefined, signal);
  } finally {
    store.close();
  }
}

const CAMPAIGNS = `
  with touches as (
    select campaign_name, 'sent' as kind from events.users_messages_email_send
    union all select campaign_name, 'opened' from events.users_messages_email_open
    union all select campaign_name, 'clicked' from events.users_messages_email_click)
  select campaign_name, count(*) filter (kind = 'sent') as sent,
    count(*) filter (kind = 'opened') as opens, count(*) filter (kind = 'clicked') as clicks
  from touches where campaign_name is not null
  group by campaign_name order by sent desc limit 5`;

async function readCampaigns(context: Context): Promise<readonly string[][]> {
  const { readQuery } = await import('../../warehouse/query.ts');
  const { rows } = await withReader(context, async (database) => readQuery(database, CAMPAIGNS, 5));
  return rows.map((row) => [...row]);
}

function formatLoads(generated: Generated, first: IngestResult, second: IngestResult): string {
  const types = Object.keys(first.eventTypes).length;
  return [
    `Bucket   ${formatCount(generated.events, 'event')} in ${formatCount(generated.objects, 'object')}, ${generated.duplicates} of them delivered twice`,
    `Loaded   ${formatCount(first.events.loaded, 'event')} of ${formatCount(types, 'type')} in ${first.seconds.toFixed(1)} s, ${formatCount(first.events.duplicates, 'duplicate')} left out`,
    `Again    ${formatCount(second.events.loaded, 'event')} in ${second.seconds.toFixed(1)} s: every event is in its table once`,
  ].join('\n');
}

function formatNext(folder: string): string {
  const command = `${programName()} --config ${path.join(folder, 'currents.yaml')}`;
  return [
    'Have a look:',
    `  ${command} status`,
    `  ${command} query "select hour, sum(row_count) from ops.objects group by hour order by hour"`,
    `  ${command} query "select time, user_id, url from events.users_messages_email_click limit 5"`,
    `  ${command} schemas diff users.messages.email.Click v1 v10`,
    '',
    'With a bucket of your own:',
    `  ${programName()} init --source s3://your-bucket/currents/`,
    `  ${programName()} doctor`,
    `  ${programName()} ingest`,
  ].join('\n');
}

/** How this process was started, for commands to paste. */
function programName(): string {
  const script = process.argv[1] ?? '';
  if (script.includes('node_modules') || path.basename(script) === 'currents')
    return 'npx currents';
  const relative = path.relative('', script);
  return `node ${relative.startsWith('..') ? script : relative}`;
}
