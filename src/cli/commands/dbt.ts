/** `currents dbt`: what a dbt project needs to build on the tables. */
import type { Command } from 'commander';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withReader } from '../reader.ts';
import type { Session, Work } from '../session.ts';

export function addDbtCommand(program: Command, session: Session): void {
  const dbt = describeCommand(
    program.command('dbt'),
    'Prints what a dbt project needs to build on the tables.',
    'currents dbt sources > models/currents/sources.yml',
  );
  describeCommand(
    dbt.command('sources'),
    'Prints a sources.yml with every table and column and what they mean.',
    'currents dbt sources > models/currents/sources.yml',
  ).action(session.action(printSources));
}

const printSources: Work = async (context) => {
  const { formatDbtSources } = await import('../../dbt-sources.ts');
  const yaml = await withReader(context, formatDbtSources);
  context.output.write({ yaml }, () => yaml);
  return EXIT_CODES.done;
};
