/** How every command's help begins: one sentence, then an example that runs. */
import type { Command } from 'commander';

/** Gives a command its sentence and its examples; returns it for chaining. */
export function describeCommand(
  command: Command,
  sentence: string,
  ...examples: string[]
): Command {
  const lines = examples.map((example) => `  $ ${example}`).join('\n');
  return command
    .summary(sentence.replace(/\.$/, ''))
    .addHelpText('before', `${sentence}\n\n${lines}\n`);
}
