/** `currents ingest`: one cycle, for schedulers. */
import type { Command } from 'commander';
import { CurrentsError } from '../../errors.ts';
import { describeCommand } from '../command-help.ts';
import { exitCodeOfCycle, formatCycle } from '../cycle-report.ts';
import { parseCount, parseHour } from '../option-values.ts';
import { formatInstant } from '../output.ts';
import { startProgress } from '../progress.ts';
import type { Context, Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

interface IngestOptions {
  readonly since?: Date;
  readonly until?: Date;
  readonly full?: boolean;
  readonly dryRun?: boolean;
  readonly limit?: number;
}

/** Settings that a cycle obeys; `watch` and `quarantine retry` take them too. */
export const CYCLE_SETTINGS = [
  'source',
  'schemaChanges',
  'privacy',
  'profiles',
  'limits',
  'load',
] as const;

export function addIngestCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('ingest'),
    'Loads what is new in the bucket, once; made for schedulers.',
    'currents ingest --source s3://acme-currents/currents/',
    'currents ingest --event-type "users.messages.email.*" --since 2026-09-30T12 --json',
  )
    .option(
      '--since <hour>',
      'Only objects of this UTC hour and later, as 2026-09-30T12',
      parseHour,
    )
    .option('--until <hour>', 'Only objects of hours before this one', parseHour)
    .option('--full', 'List everything, whatever the lookback says')
    .option('--dry-run', 'Say what would be loaded and change nothing')
    .option('--limit <n>', 'Load at most so many objects; the others wait', parseCount);
  addSettingOptions(command, CYCLE_SETTINGS).action(
    session.action<IngestOptions>(async (context, options) => {
      refuseEmptyPeriod(options);
      const result = await ingestOnce(context, options);
      context.output.write(result, () => formatCycle(result, options.dryRun));
      return exitCodeOfCycle(result);
    }),
  );
}

/** Nothing lies in such a period, and a cycle that finds nothing would look like success. */
function refuseEmptyPeriod({ since, until }: IngestOptions): void {
  if (since === undefined || until === undefined || since < until) return;
  throw new CurrentsError({
    code: 'USAGE',
    message: `cannot ingest from ${formatInstant(since)} until ${formatInstant(until)}: no hour lies between (expected --since before --until)`,
    hint: 'currents ingest --help',
  });
}

/** One cycle with progress on stderr. */
export async function ingestOnce({ config, logger, signal }: Context, options: IngestOptions = {}) {
  const { runCycle } = await import('../../pipeline.ts');
  const progress = startProgress(logger);
  try {
    return await runCycle(config, options, {
      logger,
      signal,
      onProgress: (state) => progress.update(state),
    });
  } finally {
    progress.stop();
  }
}
