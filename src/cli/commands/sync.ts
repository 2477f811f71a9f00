/** `currents sync`: what would go to Braze, sending it, what was sent, and trying again. */
import { type Command, Option } from 'commander';
import { formatAge, formatSize } from '../../quantity.ts';
import type { Rejection } from '../../sync/rejections.ts';
import type { SyncReceipt } from '../../sync/run-sync.ts';
import type { SyncPreview } from '../../sync/sync-preview.ts';
import type { SyncStatus } from '../../sync/sync-status.ts';
import type { UnknownRule } from '../../sync-settings.ts';
import type { Database } from '../../warehouse/database.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES, type ExitCode } from '../exit-codes.ts';
import { parseCount } from '../option-values.ts';
import { formatCount, formatFacts, formatTable, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Context, Session, Work } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

/** An ingest commits every few seconds; a schedule would rather wait than skip a turn. */
const SYNC_WAIT_MS = 30_000;
const DATABASE_SETTINGS = ['load.memoryLimit', 'load.threads'];
const DEFAULT_SAMPLES = 5;

interface AllowOptions {
  readonly allow?: readonly string[];
}

interface PlanOptions extends AllowOptions {
  readonly samples?: number;
}

interface RunOptions extends AllowOptions {
  readonly dryRun?: boolean;
}

interface RetryOptions extends AllowOptions {
  readonly unknown?: UnknownRule;
}

export function addSyncCommand(program: Command, session: Session): void {
  const sync = describeCommand(
    program.command('sync'),
    'Sends what changed about each customer to Braze, and nothing else.',
    'currents sync plan nightly',
    'currents sync run nightly',
  );
  const plan = describeCommand(
    sync.command('plan <name>'),
    'Shows what a run would send, by the same code, and sends nothing.',
    'currents sync plan nightly --samples 10',
  ).option('--samples <n>', 'People to show before and after (default: 5)', parseCount);
  addSettingOptions(addAllow(plan), DATABASE_SETTINGS).action(
    session.action<PlanOptions>(planOnly),
  );
  const run = describeCommand(
    sync.command('run <name>'),
    'Plans and sends what changed since Braze last accepted it.',
    'currents sync run nightly',
  ).option('--dry-run', 'Like sync plan');
  addSettingOptions(addAllow(run), DATABASE_SETTINGS).action(session.action<RunOptions>(runOnce));
  describeCommand(
    sync.command('status'),
    'Shows the last runs of each sync, what is on its way and what was rejected.',
    'currents sync status',
  ).action(session.action(showStatus));
  const retry = describeCommand(
    sync.command('retry <name>'),
    'Runs a sync again, and settles what must not be sent twice and whose answer was lost.',
    'currents sync retry nightly --unknown overwrite',
  ).addOption(
    new Option(
      '--unknown <rule>',
      'What to do with an inc or $add whose answer was lost: send the whole value, take it as applied, or as lost',
    )
      .choices(['overwrite', 'applied', 'lost'])
      .default('overwrite'),
  );
  addSettingOptions(addAllow(retry), DATABASE_SETTINGS).action(
    session.action<RetryOptions>(runOnce),
  );
}

function addAllow(command: Command): Command {
  return command.option(
    '--allow <attribute...>',
    'Attributes that may be new, or of another type than before, this time',
  );
}

const planOnly: Work<PlanOptions> = async (context, { allow = [], samples }, name = '') => {
  const { previewSync } = await import('../../sync/run-sync.ts');
  const preview = await withWriter(context, (database) =>
    previewSync(database, context.config, name, { allow, samples: samples ?? DEFAULT_SAMPLES }),
  );
  context.output.write(preview, () => formatPreview(preview));
  return preview.invalid > 0 ? EXIT_CODES.quarantined : EXIT_CODES.done;
};

const runOnce: Work<RunOptions & RetryOptions> = async (context, options, name = '') => {
  if (options.dryRun) return planOnly(context, options, name);
  const { runSync } = await import('../../sync/run-sync.ts');
  const { config, logger, signal, output } = context;
  const receipt = await withWriter(context, (database) =>
    runSync(
      database,
      config,
      name,
      {
        allow: options.allow ?? [],
        ...(options.unknown === undefined ? {} : { onUnknown: options.unknown }),
      },
      { logger, signal },
    ),
  );
  output.write(receipt, () => formatReceipt(receipt));
  return exitCodeOfSync(receipt);
};

const showStatus: Work = async (context) => {
  const { readSyncStatus } = await import('../../sync/sync-status.ts');
  const status = await withReader(context, (database) => readSyncStatus(database, context.config));
  context.output.write({ syncs: status }, () => formatStatus(status));
  return EXIT_CODES.done;
};

function exitCodeOfSync({ rejected, invalid, unknown, held }: SyncReceipt): ExitCode {
  return rejected + invalid + unknown + held > 0 ? EXIT_CODES.quarantined : EXIT_CODES.done;
}

/** Made if it is not there: what is sent may come from attached tables alone. */
async function withWriter<Result>(
  { config }: Context,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { openWarehouse } = await import('../../pipeline.ts');
  const database = await openWarehouse(config, SYNC_WAIT_MS);
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

function formatPreview(preview: SyncPreview): string {
  const { sync, destination, planned, attributes, byAttribute, samples } = preview;
  if (planned === 0)
    return [`Nothing to send from ${sync} to ${destination}.`, formatRejections(preview.rejections)]
      .filter((part) => part !== '')
      .join('\n\n');
  return [
    `${sync} would send ${formatCount(attributes, 'value')} of ${formatPeople(planned)} to ${destination}; nothing was sent.`,
    formatTable(
      ['attribute', 'type', 'set', 'unset'],
      byAttribute.map((one) => [one.attribute, one.type, one.set, one.unset]),
    ),
    formatTable(
      ['person', 'attribute', 'before', 'after', 'sent'],
      samples.map((one) => [
        shorten(one.identifier),
        one.attribute,
        shorten(one.before),
        shorten(one.after),
        one.sent === one.after ? '' : shorten(one.sent),
      ]),
    ),
    formatFacts([
      ['requests or files', preview.requests],
      ['bytes', formatSize(preview.bytes)],
      ['data points', preview.dataPoints],
      ...(preview.seconds === undefined
        ? []
        : [['time at the rate limit', `${preview.seconds.toFixed(1)} s`] as const]),
    ]),
    formatRejections(preview.rejections),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatReceipt(receipt: SyncReceipt): string {
  const { sync, destination, runId, seconds, planned, held } = receipt;
  return [
    `Run ${runId} of ${sync} to ${destination} took ${seconds.toFixed(1)} s.`,
    formatFacts([
      ['planned', `${formatPeople(planned)}, ${formatCount(receipt.attributes, 'value')}`],
      ['sent', receipt.sent],
      ['accepted', receipt.accepted],
      ['rejected by Braze', receipt.rejected],
      ['kept back', receipt.invalid],
      ['unknown', receipt.unknown],
      ['left for later', receipt.waiting],
      ['requests or files', `${receipt.requests}, ${formatSize(receipt.bytes)}`],
      ['data points', receipt.dataPoints],
    ]),
    formatRejections(receipt.rejections),
    held === 0
      ? ''
      : `The answer to an inc or $add of ${formatPeople(held)} was lost. Try: currents sync retry ${sync}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatRejections(rejections: readonly Rejection[]): string {
  if (rejections.length === 0) return '';
  const lines = rejections.map(({ attribute, code, reason, remedy, count, valueClass, people }) => {
    const who = people.length === 0 ? '' : `, ${count} times, such as ${people.join(', ')}`;
    const found = valueClass === null ? '' : ` (${valueClass})`;
    return [
      `${attribute ?? 'person'}: ${code}${found}${who}`,
      `  ${reason}`,
      ...(remedy === null ? [] : [`  Try: ${remedy}`]),
    ]
      .map(showControls)
      .join('\n');
  });
  return ['Not sent or not taken; people as the start of md5(identifier):', ...lines].join('\n');
}

function formatStatus(syncs: readonly SyncStatus[]): string {
  if (syncs.length === 0) return 'No syncs are set.';
  return formatTable(
    ['sync', 'to', 'schedule', 'last run', 'status', 'planned', 'accepted', 'rejected', 'held', ''],
    syncs.map(({ sync, destination, schedule, runs, held, rejected, ageSeconds }) => [
      sync,
      destination,
      schedule,
      ageSeconds === undefined ? 'never' : `${formatAge(ageSeconds)} ago`,
      runs[0]?.status,
      runs[0]?.planned,
      runs[0]?.accepted,
      rejected,
      held,
      runs[0]?.error,
    ]),
  );
}

function formatPeople(count: number): string {
  return count === 1 ? '1 person' : `${count.toLocaleString('en-US')} people`;
}

const SHOWN_LENGTH = 60;

function shorten(text: string | null): string {
  if (text === null) return '';
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH - 1)}…` : text;
}
