/** `currents audiences`: named sets of people, who entered and who left. */
import { type Command, Option } from 'commander';
import type { AudienceDetails, AudienceStay, AudienceSummary } from '../../audience-report.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseCount } from '../option-values.ts';
import { formatFacts, formatInstant, formatTable, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session, Work } from '../session.ts';

interface ShowOptions {
  readonly sql?: boolean;
  readonly limit: number;
}

const SHOWN_PEOPLE = 10;

export function addAudiencesCommand(program: Command, session: Session): void {
  const audiences = describeCommand(
    program.command('audiences'),
    'Shows named sets of people, who entered and who left.',
    'currents audiences list',
    'currents audiences show lapsing_vips',
  );
  describeCommand(
    audiences.command('list', { isDefault: true }),
    'Lists the audiences with how many belong to each.',
    'currents audiences list --json',
  ).action(session.action(list));
  describeCommand(
    audiences.command('show <name>'),
    'Shows one audience with who entered and left last, or its SQL.',
    'currents audiences show lapsing_vips --sql',
  )
    .option('--sql', 'Only the SQL that says who belongs to it')
    .addOption(
      new Option('--limit <n>', 'How many people who entered and left')
        .argParser(parseCount)
        .default(SHOWN_PEOPLE),
    )
    .action(session.action<ShowOptions>(show));
}

const list: Work = async (context) => {
  const { listAudiences } = await import('../../audience-report.ts');
  const audiences = await withReader(context, async (database) =>
    listAudiences(database, context.config.audiences),
  );
  context.output.write({ audiences }, () =>
    audiences.length === 0
      ? 'No audiences. The section audiences of the settings file names some: docs/audiences.md'
      : formatAudiences(audiences),
  );
  return EXIT_CODES.done;
};

const show: Work<ShowOptions> = async (context, { sql: wantsSql, limit }, name = '') => {
  const { findAudience, findAudienceSql } = await import('../../audience-report.ts');
  const { audiences } = context.config;
  if (wantsSql) {
    const sql = await withReader(context, async (database) =>
      findAudienceSql(database, audiences, name),
    );
    context.output.write({ name, sql }, () => sql);
  } else {
    const audience = await withReader(context, async (database) =>
      findAudience(database, audiences, name, limit),
    );
    context.output.write(audience, () => formatAudience(audience));
  }
  return EXIT_CODES.done;
};

function formatAudiences(audiences: readonly AudienceSummary[]): string {
  return formatTable(
    ['audience', 'members', 'entered', 'left', 'refreshed', ''],
    audiences.map(({ name, members, entered, departed, refreshedAt, ...rest }) => [
      name,
      members,
      entered,
      departed,
      refreshedAt,
      describeState(rest),
    ]),
  );
}

function describeState({
  isInSettings,
  error,
}: Pick<AudienceSummary, 'isInSettings' | 'error'>): string {
  if (!isInSettings) return 'no longer in the settings';
  return error ?? '';
}

function formatAudience(audience: AudienceDetails): string {
  const { name, members, entered, departed, refreshedAt, exclude, as } = audience;
  const facts = formatFacts([
    ['audience', name],
    ['members', members],
    ['entered', entered],
    ['left', departed],
    ['refreshed', refreshedAt],
    ['leaves out', exclude.join(', ')],
    ['in Braze', as === null || as === 'boolean' ? as : `element of ${as.array}`],
    ['state', describeState(audience)],
  ]);
  const parts = [
    formatStays('Entered last', audience.entries),
    formatStays('Left last', audience.departures),
  ];
  return [facts, ...parts.filter((part) => part !== '')].join('\n\n');
}

function formatStays(title: string, stays: readonly AudienceStay[]): string {
  if (stays.length === 0) return '';
  const lines = stays.map(
    ({ personId, externalId, enteredAt, leftAt }) =>
      `  ${formatInstant(leftAt ?? enteredAt)}  ${personId}  ${externalId ?? ''}`,
  );
  return [title, ...lines.map((line) => showControls(line.trimEnd()))].join('\n');
}
