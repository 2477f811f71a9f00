/**
 * Arguments → the command that was meant → exit code. Prints errors; never throws.
 *
 * The commands are small and load at once; what is heavy (DuckDB, the AWS SDK) each of them imports when it
 * runs, so that `--help` and a wrong flag answer in a moment.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { CurrentsError } from '../errors.ts';
import { describeCommand } from './command-help.ts';
import { addAudiencesCommand } from './commands/audiences.ts';
import { addDbtCommand } from './commands/dbt.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addForgetCommand } from './commands/forget.ts';
import { addGenerateCommand } from './commands/generate.ts';
import { addIngestCommand } from './commands/ingest.ts';
import { addInitCommand } from './commands/init.ts';
import { addObjectsCommand } from './commands/objects.ts';
import { addProfilesCommand } from './commands/profiles.ts';
import { addPublishCommand } from './commands/publish.ts';
import { addQuarantineCommand } from './commands/quarantine.ts';
import { addQueryCommand } from './commands/query.ts';
import { addSandboxCommand } from './commands/sandbox.ts';
import { addSchemasCommand } from './commands/schemas.ts';
import { addStatusCommand } from './commands/status.ts';
import { addSyncCommand } from './commands/sync.ts';
import { addWatchCommand } from './commands/watch.ts';
import { EXIT_CODES, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { toCurrentsError, writeError } from './output.ts';
import { Session } from './session.ts';
import { addSettingOptions, GLOBAL_SETTINGS } from './setting-options.ts';

/** Runs one command line to its end. `signal` asks it to stop at the next safe point. */
export async function runCli(args: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const session = new Session(signal);
  try {
    const program = buildProgram(session);
    explainUsage(program);
    await program.parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.done;
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_CODES.usage;
    const ours = toOurs(error, signal);
    writeError(ours, args.includes('--json'));
    return exitCodeOf(ours);
  }
}

/** All commands with their options; also what the tests compare the documentation with. */
export function buildProgram(session: Session): Command {
  const program = describeCommand(
    new Command('currents'),
    'Turns a bucket of Braze Currents files into tables in DuckDB, every event exactly once.',
    'currents demo',
    'currents ingest --source s3://acme-currents/currents/',
  )
    .version(readVersion(), '-V, --version', 'Show the version')
    .helpOption('-h, --help', 'Show help')
    .helpCommand('help [command]', 'Show help for a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .option('--config <path>', 'Settings file (default: currents.yaml)')
    .option('--json', 'One JSON document on stdout instead of text for people');
  addSettingOptions(program, GLOBAL_SETTINGS);
  addInitCommand(program);
  addDoctorCommand(program, session);
  addIngestCommand(program, session);
  addWatchCommand(program, session);
  addStatusCommand(program, session);
  addObjectsCommand(program, session);
  addQuarantineCommand(program, session);
  addQueryCommand(program, session);
  addPublishCommand(program, session);
  addForgetCommand(program, session);
  addSchemasCommand(program, session);
  addProfilesCommand(program, session);
  addAudiencesCommand(program, session);
  addSyncCommand(program, session);
  addDbtCommand(program, session);
  addGenerateCommand(program, session);
  addSandboxCommand(program, session);
  addDemoCommand(program, session);
  return program;
}

function toOurs(error: unknown, signal: AbortSignal): CurrentsError {
  // Waiting and downloading end with errors of Node's own when the signal fires.
  const isInterrupted = signal.aborted && !(error instanceof CurrentsError);
  if (!isInterrupted) return toCurrentsError(error);
  return new CurrentsError({
    code: 'INTERRUPTED',
    message: `cannot finish: asked to stop (${String(signal.reason)})`,
    cause: error,
  });
}

/** Makes commander's complaints ours, with the help of the command that complains. Its help stays as it is. */
function explainUsage(command: Command): void {
  command.exitOverride((error) => {
    const isHelp = error.exitCode === 0 || error.code === 'commander.help';
    throw isHelp ? error : toUsageError(error, formatPath(command));
  });
  for (const child of command.commands) explainUsage(child);
}

/** `currents schemas diff`. */
function formatPath(command: Command): string {
  return command.parent === null
    ? command.name()
    : `${formatPath(command.parent)} ${command.name()}`;
}

function toUsageError(error: CommanderError, path: string): CurrentsError {
  const [sentence = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /\(Did you mean (.+)\?\)/.exec(suggestion ?? '')?.[1];
  return new CurrentsError({
    code: 'USAGE',
    message: `cannot understand the command line: ${sentence}`,
    hint:
      meant === undefined ? `${path} --help` : `${meant} instead; ${path} --help shows everything`,
  });
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
