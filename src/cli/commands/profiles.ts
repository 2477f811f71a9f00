/** `currents profiles`: the customer-360. */
import type { Command } from 'commander';
import type { UpdateResult } from '../../update-profiles.ts';
import { describeCommand } from '../command-help.ts';
import { describeRefresh, formatAudiences, isAnyAudienceBad } from '../cycle-report.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseHour } from '../option-values.ts';
import { formatCount, formatInstant, formatTable } from '../output.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';
import { addShowProfileCommand } from './show-profile.ts';

/** A cycle's batches take seconds; a refresh would rather wait than be skipped. */
const WAIT_MS = 30_000;

interface RefreshFlags {
  readonly asOf?: Date;
  readonly full?: boolean;
  readonly into?: string;
}

export function addProfilesCommand(program: Command, session: Session): void {
  const profiles = describeCommand(
    program.command('profiles'),
    'Keeps the customer-360: who somebody is, and what they did.',
    'currents profiles refresh',
  );
  const refresh = describeCommand(
    profiles.command('refresh'),
    'Brings the customer-360 up to date, or writes it as it was at an instant.',
    'currents profiles refresh',
    'currents profiles refresh --as-of 2026-09-01 --into profiles_2026_09',
  )
    .option('--as-of <instant>', 'Nothing later counts (default: now), as 2026-09-01T12', parseHour)
    .option('--into <table>', 'Write into c360.TABLE and leave the present profiles alone')
    .option('--full', 'Build everything again from the events');
  addSettingOptions(refresh, ['load.memoryLimit', 'load.threads']).action(
    session.action<RefreshFlags>(async ({ config, output, signal }, flags) => {
      const { updateProfiles } = await import('../../update-profiles.ts');
      const result = await updateProfiles(config, { ...flags, signal, waitMs: WAIT_MS });
      output.write(result, () => formatUpdate(result));
      return isAnyAudienceBad(result) ? EXIT_CODES.quarantined : EXIT_CODES.done;
    }),
  );
  addShowProfileCommand(profiles, session);
}

function formatUpdate(result: UpdateResult): string {
  return [formatProfiles(result), formatAudiences(result)]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatProfiles({ asOf, table, people, seconds, refresh, findings }: UpdateResult): string {
  const head =
    refresh === null
      ? `Wrote ${formatCount(people, 'profile')} as of ${formatInstant(asOf)} into ${table} in ${seconds.toFixed(1)} s`
      : `${describeRefresh(refresh)}, as of ${formatInstant(asOf)}`;
  if (findings.length === 0) return head;
  const rows = findings.map(({ finding, idType, count }) => [idType, finding, count] as const);
  return [
    head,
    'Ids that somebody should look at:',
    formatTable(['id', 'finding', 'count'], rows),
    'Next: currents query "from c360.identity_findings"',
  ].join('\n\n');
}
