/** `currents watch`: cycles until told to stop; for a service instead of a scheduler. */
import type { Command } from 'commander';
import type { IngestResult } from '../../ingest-result.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatInstant, writeNote } from '../output.ts';
import type { Session } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';
import { CYCLE_SETTINGS } from './ingest.ts';

export function addWatchCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('watch'),
    'Loads what is new, again and again until told to stop; readers get in between.',
    'currents watch --every 60s --publish-path analysts/currents.duckdb',
  );
  addSettingOptions(command, [...CYCLE_SETTINGS, 'watch', 'publish']).action(
    session.action(async ({ config, logger, output, signal }) => {
      const { watch } = await import('../../poller.ts');
      const summary = await watch(
        config,
        {},
        { logger, signal, ...(process.stderr.isTTY ? { onCycle: noteCycle } : {}) },
      );
      output.write(
        summary,
        () =>
          `Stopped after ${formatCount(summary.cycles, 'cycle')}: ${formatCount(summary.eventsLoaded, 'event')} from ${formatCount(summary.objectsLoaded, 'object')}, ${summary.objectsQuarantined} quarantined`,
      );
      // A supervisor that ends a service with SIGTERM must not find that it failed.
      return signal.reason === 'SIGTERM' ? EXIT_CODES.done : EXIT_CODES.interrupted;
    }),
  );
}

/** On a terminal the log is quiet; a cycle that found something is worth a line. */
function noteCycle({ events, objects }: IngestResult): void {
  if (objects.loaded + objects.quarantined + objects.failed === 0) return;
  writeNote(
    `${formatInstant(new Date())} ${formatCount(events.loaded, 'event')} from ${formatCount(objects.loaded, 'object')}, ${objects.quarantined} quarantined, ${objects.failed} failed`,
  );
}
