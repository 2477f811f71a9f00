/** `currents objects`: what was done with every object. */
import type { Command } from 'commander';
import type { LedgerObject } from '../../object-report.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseCount } from '../option-values.ts';
import { formatFacts, formatTable, writeNote } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session } from '../session.ts';

interface ListOptions {
  readonly status?: string;
  readonly eventType?: string;
  readonly limit: number;
}

export function addObjectsCommand(program: Command, session: Session): void {
  const objects = describeCommand(
    program.command('objects'),
    'Shows what was done with every object of the bucket.',
    'currents objects list --status discovered',
  );
  describeCommand(
    objects.command('list', { isDefault: true }),
    'Lists objects, the last discovered first.',
    'currents objects list --status loaded --limit 20',
  )
    .option(
      '--status <status>',
      'Only these: discovered, loaded, quarantined, missing, archived, superseded',
    )
    .option('--event-type <glob>', 'Only these event types, by name or pattern')
    .option('--limit <n>', 'At most so many', parseCount, 100)
    .action(
      session.action<ListOptions>(async (context, { status, eventType, limit }) => {
        const { listObjects } = await import('../../object-report.ts');
        const { compileEventTypeGlobs } = await import('../../discovery/event-type-globs.ts');
        const filter = {
          status,
          limit: limit + 1,
          ...(eventType === undefined
            ? {}
            : { matchesEventType: compileEventTypeGlobs([eventType]) }),
        };
        const found = await withReader(context, async (database) => listObjects(database, filter));
        const shown = found.slice(0, limit);
        context.output.write({ objects: shown, isComplete: found.length <= limit }, () =>
          formatObjects(shown),
        );
        if (found.length > limit) writeNote(`only the last ${limit}; --limit shows more`);
        return EXIT_CODES.done;
      }),
    );
  describeCommand(
    objects.command('show <key>'),
    'Shows every version of one object and what was done with it.',
    'currents objects show currents/dataexport.prod-01.S3.integration.acme/event_type=…/….avro',
  ).action(
    session.action(async (context, _options, key = '') => {
      const { findObject } = await import('../../object-report.ts');
      const versions = await withReader(context, async (database) => findObject(database, key));
      context.output.write({ key, versions }, () => versions.map(formatVersion).join('\n\n'));
      return EXIT_CODES.done;
    }),
  );
}

function formatObjects(objects: readonly LedgerObject[]): string {
  return formatTable(
    ['status', 'events', 'duplicates', 'hour', 'event type', 'key'],
    objects.map((object) => [
      object.status,
      object.rowCount,
      object.duplicateCount,
      object.hour,
      object.eventType,
      object.key,
    ]),
  );
}

function formatVersion(object: LedgerObject): string {
  return formatFacts([
    ['key', object.key],
    ['source', object.source],
    ['etag', object.etag],
    ['size in bytes', object.sizeBytes],
    ['last modified', object.lastModified],
    ['event type', object.eventType],
    ['hour', object.hour],
    ['schema version', object.schemaVersion],
    ['status', object.status],
    ['events', object.rowCount],
    ['duplicates', object.duplicateCount],
    ['attempts', object.attempts],
    ['error', object.error],
    ['discovered at', object.discoveredAt],
    ['loaded at', object.loadedAt],
    ['run', object.runId],
  ]);
}
