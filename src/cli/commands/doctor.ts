/** `currents doctor`: checks what a cycle needs and says what to do. */
import type { Command } from 'commander';
import type { Check } from '../../check.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { showControls } from '../output.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

export function addDoctorCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('doctor'),
    'Checks settings, bucket, clock, database, destinations and disk, and says what to do.',
    'currents doctor --source s3://acme-currents/currents/',
  );
  addSettingOptions(command, ['source', 'publish']).action(
    session.action(async ({ config, output, signal }) => {
      const { runChecks } = await import('../../doctor.ts');
      const checks = await runChecks(config, signal);
      const width = Math.max(...checks.map(({ name }) => name.length));
      output.write({ checks }, () => checks.map((check) => formatCheck(check, width)).join('\n'));
      return checks.some(({ status }) => status === 'fail') ? EXIT_CODES.failed : EXIT_CODES.done;
    }),
  );
}

function formatCheck({ name, status, found, advice }: Check, width: number): string {
  const head = `${status.padEnd(4)}  ${name.padEnd(width)}  `;
  const line = `${head}${showControls(found)}`;
  return advice === undefined ? line : `${line}\n${' '.repeat(head.length)}Try: ${advice}`;
}
