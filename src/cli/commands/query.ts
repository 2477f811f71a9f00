/** `currents query`: read-only SQL on the tables; the result of any size streams to stdout. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { CurrentsError } from '../../errors.ts';
import type { Database } from '../../warehouse/database.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatTable, writeNote } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

const FORMATS = ['table', 'csv', 'json', 'ndjson', 'parquet'] as const;

/** More does not fit a screen, and columns can only be aligned in memory. */
const TABLE_ROWS = 1000;

export function addQueryCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('query <sql>'),
    'Runs read-only SQL on the tables.',
    'currents query "select event_type, count(*) from ops.objects group by all"',
    'currents query "from events.users_messages_email_open" --format parquet > opens.parquet',
  ).addOption(new Option('--format <format>', 'How rows are written').choices(FORMATS));
  addSettingOptions(command, ['load.memoryLimit', 'load.threads']).action(
    session.action<{ format?: (typeof FORMATS)[number] }>(async (context, options, sql = '') => {
      const format = options.format ?? (context.output.isJson ? 'json' : 'table');
      if (format === 'parquet' && process.stdout.isTTY) throw parquetToTerminal();
      const { withSources } = await import('../../attached-sources.ts');
      await withReader(context, async (database) =>
        withSources(database, context.config.attach, sql, async () => {
          if (format === 'table') await writeTable(database, sql);
          else if (format === 'parquet') await writeParquet(database, sql);
          else {
            const { formatQuery } = await import('../../warehouse/query.ts');
            await writeToStdout(Readable.from(await formatQuery(database, sql, format)));
          }
        }),
      );
      return EXIT_CODES.done;
    }),
  );
}

async function writeTable(database: Database, sql: string): Promise<void> {
  const { readQuery } = await import('../../warehouse/query.ts');
  const { names, rows, isComplete } = await readQuery(database, sql, TABLE_ROWS);
  process.stdout.write(`${formatTable(names, rows)}\n`);
  if (!isComplete) writeNote(`only the first ${TABLE_ROWS} rows; --format csv writes all of them`);
}

/** Parquet has its directory at the end, so DuckDB needs a file to write to. */
async function writeParquet(database: Database, sql: string): Promise<void> {
  const { exportParquet } = await import('../../warehouse/query.ts');
  const folder = await mkdtemp(path.join(tmpdir(), 'currents-query-'));
  try {
    const file = path.join(folder, 'result.parquet');
    await exportParquet(database, sql, file);
    await writeToStdout(createReadStream(file));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** At the reader's pace; stdout stays open. */
async function writeToStdout(pieces: Readable): Promise<void> {
  await pipeline(pieces, process.stdout, { end: false });
}

function parquetToTerminal(): CurrentsError {
  return new CurrentsError({
    code: 'USAGE',
    message: 'cannot write Parquet to a terminal: it is not text (expected a file or a pipe)',
    hint: 'currents query "…" --format parquet > result.parquet',
  });
}
