/** `currents demo`: the round trip in a fresh folder, told in a few lines, and what to look at next. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config.ts';
import type { DemoResult, DemoRound, DemoStage } from '../../demo.ts';
import type { SyncReceipt } from '../../sync/run-sync.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseCount } from '../option-values.ts';
import { formatCount, formatTable, writeNote } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Context, Session, Work } from '../session.ts';

interface DemoOptions {
  readonly keep?: string;
  readonly events: number;
}

export function addDemoCommand(program: Command, session: Session): void {
  describeCommand(
    program.command('demo'),
    'Runs the round trip on a generated bucket and a local Braze; needs no account.',
    'currents demo --keep demo',
  )
    .option('--keep <folder>', 'Where to put it all (default: a new temporary folder)')
    .option('--events <n>', 'How many events to generate', parseCount, 20_000)
    .action(session.action<DemoOptions>(demo));
}

const demo: Work<DemoOptions> = async (context, { keep, events }) => {
  const { runDemo } = await import('../../demo.ts');
  const folder = keep ? path.resolve(keep) : await mkdtemp(path.join(tmpdir(), 'currents-demo-'));
  const { logger, signal, output } = context;
  const result = await runDemo({
    folder,
    events,
    hooks: {
      // The demo tells its own story; the log's lines are for those who asked for them.
      logger: isLogWanted(context) ? logger : logger.child({}, { level: 'warn' }),
      signal,
      onStage: (stage) => writeNote(STAGES[stage]),
    },
  });
  const campaigns = await readCampaigns(context, folder);
  output.write(result, () =>
    [
      formatStory(result),
      formatTable(['campaign', 'sent', 'delivered', 'opened by', 'clicked by'], campaigns),
      formatNext(folder),
    ].join('\n\n'),
  );
  return isRight(result) ? EXIT_CODES.done : EXIT_CODES.failed;
};

const STAGES: Readonly<Record<DemoStage, string>> = {
  generate: 'generating a bucket …',
  load: 'loading it, all but its last two hours …',
  send: 'sending what changed to a local Braze …',
  'load more': 'loading the last two hours …',
  'send more': 'sending what that changed …',
  repeat: 'all again: nothing may change …',
};

function isLogWanted({ config }: Context): boolean {
  return config.logLevel !== 'info';
}

/** Whether the demo shows what it promises. */
function isRight({ first, later, again }: DemoResult): boolean {
  const rounds = [first, later, again];
  return (
    rounds.every(({ desired, equal }) => desired > 0 && desired === equal) &&
    rounds.every(({ cycle }) => cycle.objects.quarantined === 0) &&
    again.cycle.events.loaded === 0 &&
    again.sync.attributes === 0
  );
}

const CAMPAIGNS = `
  select campaign_name, sum(sent)::bigint as sent, sum(delivered)::bigint as delivered,
    sum(unique_opens)::bigint as opened, sum(unique_clicks)::bigint as clicked
  from c360.campaign_performance where campaign_name is not null and channel = 'email'
  group by campaign_name order by sent desc limit 5`;

async function readCampaigns(context: Context, folder: string): Promise<readonly string[][]> {
  const { readQuery } = await import('../../warehouse/query.ts');
  const config = loadConfig({ configPath: path.join(folder, 'currents.yaml'), env: {} });
  const { rows } = await withReader({ ...context, config }, async (database) =>
    readQuery(database, CAMPAIGNS, 5),
  );
  return rows.map((row) => [...row]);
}

function formatStory({ generated, first, later, again, braze }: DemoResult): string {
  const { cycle, sync } = first;
  const types = Object.keys(cycle.eventTypes).length;
  return [
    `Bucket  ${formatCount(generated.events, 'event')} in ${formatCount(generated.objects, 'object')}, ${generated.duplicates} of them delivered twice`,
    `Loaded  ${formatCount(cycle.events.loaded, 'event')} of ${formatCount(types, 'type')} in ${cycle.seconds.toFixed(1)} s, ${formatCount(cycle.events.duplicates, 'duplicate')} left out`,
    `People  ${formatCount(first.desired, 'profile')} with an external id`,
    `Braze   ${formatSent(sync)}; ${formatHeld(first)}`,
    `Later   ${formatCount(later.cycle.events.loaded, 'event')} of the last two hours: ${formatSent(later.sync)}; ${formatHeld(later)}`,
    `Again   ${formatCount(again.cycle.events.loaded, 'event')}, ${formatSent(again.sync)}; ${braze.requests} requests in all`,
  ].join('\n');
}

function formatSent({ attributes, planned }: SyncReceipt): string {
  if (attributes === 0) return 'nothing to send';
  return `${formatCount(attributes, 'value')} of ${planned === 1 ? '1 person' : `${planned.toLocaleString('en')} people`} sent`;
}

function formatHeld({ desired, equal }: DemoRound): string {
  return desired === equal
    ? `it holds what it should of all ${desired.toLocaleString('en')}`
    : `it holds what it should of ${equal} of ${desired}`;
}

function formatNext(folder: string): string {
  const command = `${programName()} --config ${path.join(folder, 'currents.yaml')}`;
  return [
    'Have a look:',
    `  ${command} status`,
    `  ${command} query "select person_id, external_id, email_opened_30d, last_seen_at from c360.profiles limit 5"`,
    `  ${command} audiences show engaged_readers`,
    `  ${command} sync status`,
    `  ${command} query "from c360.timeline order by time desc limit 10"`,
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
