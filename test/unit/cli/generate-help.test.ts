/** The help spells out the generator's defaults, so that starting the command need not load it. */
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addGenerateCommand } from '../../../src/cli/commands/generate.ts';
import { Session } from '../../../src/cli/session.ts';
import { GENERATE_DEFAULTS } from '../../../src/sandbox/generate-options.ts';

it('the help of generate names the defaults that the generator has', () => {
  const program = new Command();
  addGenerateCommand(program, new Session(new AbortController().signal));
  const options = program.commands[0]?.options ?? [];
  const described = new Map(options.map((option) => [option.attributeName(), option.description]));

  for (const name of [
    'events',
    'users',
    'hours',
    'seed',
    'codec',
    'duplicates',
    'late',
    'layout',
  ] as const) {
    expect(described.get(name)).toContain(`(default: ${GENERATE_DEFAULTS[name]})`);
  }
});
