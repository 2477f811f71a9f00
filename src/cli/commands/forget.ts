/** `currents forget`: erasure, with a certificate of what was removed. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type { Forgotten } from '../../forget.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatTable } from '../output.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

/** A cycle's batches and a query take seconds; an erasure would rather wait than be forgotten itself. */
const WAIT_MS = 30_000;

interface ForgetFlags {
  readonly dryRun?: boolean;
}

export function addForgetCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('forget <id...>'),
    'Erases people by Braze id or external id, everywhere, and keeps them out.',
    'currents forget 64f1c0ffee0000000000beef crm-4711',
    'currents forget --dry-run - < ids.txt',
  ).option('--dry-run', 'Find and count everything, change nothing');
  addSettingOptions(command, [
    'privacy.keyFile',
    'publish.path',
    'load.memoryLimit',
    'load.threads',
  ]);
  command.action(
    session.action<ForgetFlags>(async ({ config, output }, { dryRun = false }, ...ids) => {
      const { forgetPeople } = await import('../../forget.ts');
      const forgotten = await forgetPeople(config, await readIds(ids), { dryRun, waitMs: WAIT_MS });
      output.write(forgotten, () => formatForgotten(forgotten));
      return EXIT_CODES.done;
    }),
  );
}

/** Those on the command line, or for `-` one a line from stdin: arguments are seen by whoever may list processes. */
async function readIds(ids: readonly string[]): Promise<readonly string[]> {
  if (ids.join() !== '-') return ids;
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) lines.push(line);
  return lines.filter((line) => line !== '');
}

/** Ids are not repeated: they would outlive the person in a log. Their order says which is which. */
function formatForgotten(forgotten: Forgotten): string {
  const { people, dryRun, deletions, rewritten, stagedFiles, published } = forgotten;
  const lines = people.map(({ found, userIds, externalIds, events, erasureId }, index) => {
    const which = people.length === 1 ? 'This id' : `Id ${index + 1}`;
    const certificate = dryRun ? '' : `, certificate ${erasureId} in c360.erasures`;
    if (!found) {
      const kept = dryRun ? 'would be kept out' : `is kept out from now on${certificate}`;
      return `${which}: nothing is known of it (matched exactly, as Braze id and as external id); it ${kept}`;
    }
    const verb = dryRun ? 'would remove' : 'removed';
    return `${which}: ${verb} ${formatCount(events, 'event')} of ${formatCount(userIds, 'Braze id')} and ${formatCount(externalIds, 'external id')}${certificate}`;
  });
  const byTable = new Map<string, number>();
  for (const { rows } of people)
    for (const [table, count] of Object.entries(rows))
      byTable.set(table, (byTable.get(table) ?? 0) + count);
  const rows = [...byTable].sort(([left], [right]) => (left < right ? -1 : 1));
  const table = rows.length === 0 ? [] : [formatTable(['table', 'rows'], rows)];
  const files = [
    ...(rewritten
      ? ['The database file was written anew: nothing of it is left in its bytes.']
      : []),
    ...(stagedFiles > 0
      ? [`${formatCount(stagedFiles, 'file')} in the stage of a sync written anew.`]
      : []),
    ...(deletions > 0
      ? [`${formatCount(deletions, 'identifier')} staged for Braze to delete.`]
      : []),
    ...(published ? ['The published copy was renewed.'] : []),
    ...(dryRun ? ['Nothing was changed.'] : []),
  ];
  return [lines.join('\n'), ...table, files.join('\n')].filter((part) => part !== '').join('\n\n');
}
