/** `currents quarantine`: what could not be read and why; and trying it again. */
import type { Command } from 'commander';
import { CurrentsError } from '../../errors.ts';
import type { QuarantinedObject } from '../../object-report.ts';
import { describeCommand } from '../command-help.ts';
import { exitCodeOfCycle, formatCycle } from '../cycle-report.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatInstant, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session, Work } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';
import { CYCLE_SETTINGS, ingestOnce } from './ingest.ts';

export function addQuarantineCommand(program: Command, session: Session): void {
  const quarantine = describeCommand(
    program.command('quarantine'),
    'Shows what could not be read and why, and tries it again.',
    'currents quarantine list',
    'currents quarantine retry --all',
  );
  describeCommand(
    quarantine.command('list', { isDefault: true }),
    'Lists the objects in quarantine with their reasons.',
    'currents quarantine list --json',
  ).action(session.action(list));
  const retryCommand = describeCommand(
    quarantine.command('retry [keys...]'),
    'Takes objects out of quarantine and runs one cycle, which tries them again.',
    'currents quarantine retry --all --schema-changes evolve',
  ).option('--all', 'Everything in quarantine');
  addSettingOptions(retryCommand, CYCLE_SETTINGS).action(session.action<{ all?: boolean }>(retry));
}

const list: Work = async (context) => {
  const { listQuarantine } = await import('../../object-report.ts');
  const objects = await withReader(context, listQuarantine);
  context.output.write({ objects }, () =>
    objects.length === 0 ? 'Nothing is in quarantine.' : objects.map(formatObject).join('\n\n'),
  );
  return EXIT_CODES.done;
};

const retry: Work<{ all?: boolean }> = async (context, { all }, ...keys) => {
  if (keys.length > 0 === (all === true)) {
    throw new CurrentsError({
      code: 'USAGE',
      message: 'cannot retry: expected either keys or --all',
      hint: 'currents quarantine retry --all',
    });
  }
  const { openExistingWarehouse } = await import('../../pipeline.ts');
  const { requeueObjects } = await import('../../warehouse/object-ledger.ts');
  const database = await openExistingWarehouse(context.config, 'retry');
  let requeued: number;
  try {
    requeued = await requeueObjects(database, all ? undefined : keys);
  } finally {
    database.close();
  }
  // Without a source the next ingest will find them waiting.
  const canLoad = requeued > 0 && context.config.source.url !== undefined;
  const cycle = canLoad ? await ingestOnce(context) : undefined;
  context.output.write({ requeued, cycle: cycle ?? null }, () => {
    const head = `${formatCount(requeued, 'object')} to try again`;
    return cycle === undefined ? `${head}.` : `${head}.\n\n${formatCycle(cycle)}`;
  });
  return cycle === undefined ? EXIT_CODES.done : exitCodeOfCycle(cycle);
};

function formatObject({ key, code, reason, hint, quarantinedAt }: QuarantinedObject): string {
  const lines = [`  ${formatInstant(quarantinedAt)}  ${code}`, `  ${reason}`];
  if (hint !== undefined) lines.push(`  Try: ${hint}`);
  return [key, ...lines].map(showControls).join('\n');
}
