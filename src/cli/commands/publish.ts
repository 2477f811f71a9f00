/** `currents publish`: a consistent read-only copy of the database, swapped in atomically. */
import type { Command } from 'commander';
import { formatSize } from '../../quantity.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

/** A writer's batches take seconds; a schedule would rather wait than skip a turn. */
const PUBLISH_WAIT_MS = 30_000;

export function addPublishCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('publish <path>'),
    'Makes a consistent copy of the database for analysts, swapped in atomically.',
    'currents publish analysts/currents.duckdb',
  );
  addSettingOptions(command, ['load.memoryLimit', 'load.threads']).action(
    session.action(async ({ config, output, signal }, _options, path = '') => {
      const { publishDatabase } = await import('../../warehouse/publish.ts');
      const { memoryLimitBytes, threads } = config.load;
      const published = await publishDatabase({
        database: config.database,
        path,
        memoryLimitBytes,
        ...(threads === undefined ? {} : { threads }),
        waitMs: PUBLISH_WAIT_MS,
        signal,
      });
      output.write(
        published,
        () =>
          `Published ${published.path} (${formatSize(published.sizeBytes)}) in ${published.seconds.toFixed(1)} s`,
      );
      return EXIT_CODES.done;
    }),
  );
}
