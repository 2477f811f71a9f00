/** `currents init`: a commented currents.yaml to begin with. Reads no settings: there may be none yet. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { CurrentsError } from '../../errors.ts';
import { buildSettingsJsonSchema } from '../../settings.ts';
import { formatSettingsTemplate } from '../../settings-template.ts';
import { describeCommand } from '../command-help.ts';
import { createOutput, formatJson } from '../output.ts';

interface InitOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly database?: string;
  readonly source?: string;
  readonly force?: boolean;
  readonly print?: boolean;
  readonly jsonSchema?: boolean;
}

export function addInitCommand(program: Command): void {
  describeCommand(
    program.command('init'),
    'Writes a commented currents.yaml.',
    'currents init --source s3://acme-currents/currents/',
  )
    .option('--source <value>', 'Where the objects lie: s3://bucket/prefix/ or a folder')
    .option('--force', 'Overwrite the file if it is there')
    .option('--print', 'Write to stdout instead of a file')
    .option('--json-schema', 'Print the JSON Schema of the file, for editors')
    .action(async (_options, command: Command) => init(command.optsWithGlobals<InitOptions>()));
}

async function init(options: InitOptions): Promise<void> {
  const { config: path = 'currents.yaml', source = 's3://your-bucket/currents/' } = options;
  const yaml = formatSettingsTemplate({ source, database: options.database ?? 'currents.duckdb' });
  if (options.jsonSchema) process.stdout.write(`${formatJson(buildSettingsJsonSchema())}\n`);
  else if (options.print) process.stdout.write(yaml);
  else {
    await writeNew(path, yaml, options.force === true);
    createOutput(options.json === true).write(
      { path },
      () => `Wrote ${path}. Next: currents doctor`,
    );
  }
}

async function writeNew(path: string, text: string, mayOverwrite: boolean): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: mayOverwrite ? 'w' : 'wx' });
  } catch (error) {
    const { code, path: found } = error as NodeJS.ErrnoException;
    // mkdir says the same of a file where a folder should be.
    const isThere = code === 'EEXIST' && found === path;
    throw new CurrentsError({
      code: 'USAGE',
      message: `cannot write ${path}: ${isThere ? 'it is already there' : describeFailure(code, dirname(path))}`,
      hint: isThere ? `currents init --force --config ${path}` : 'currents init --config PATH',
      context: { path },
      cause: error,
    });
  }
}

function describeFailure(code: string | undefined, folder: string): string {
  if (code === 'EISDIR') return 'it is a folder (expected the path of a file)';
  if (code === 'ENOTDIR' || code === 'EEXIST') return `${folder} is not a folder`;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    return 'there is no right to write there';
  return code ?? 'unknown error';
}
