/** `currents status`: how far each event type has come, what is missing, what the last runs did. */
import type { Command } from 'commander';
import { formatAge, formatSize } from '../../quantity.ts';
import type { EventTypeStatus, Status } from '../../status.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { formatCount, formatInstant, formatTable, showControls } from '../output.ts';
import { withReader } from '../reader.ts';
import type { Session } from '../session.ts';

const SHOWN_HOURS = 5;

export function addStatusCommand(program: Command, session: Session): void {
  describeCommand(
    program.command('status'),
    'Shows how far each event type has come, which hours are missing, and the last runs.',
    'currents status',
  ).action(
    session.action(async (context) => {
      const { readStatus } = await import('../../status.ts');
      const status = await withReader(context, async (database) =>
        readStatus(database, new Date()),
      );
      context.output.write(status, () => formatStatus(status));
      return EXIT_CODES.done;
    }),
  );
}

function formatStatus(status: Status): string {
  return [
    formatHead(status),
    formatEventTypes(status),
    formatGaps(status),
    formatFuture(status),
    formatRuns(status),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatHead({ database, objects, events, newestHour, behindSeconds = 0 }: Status): string {
  const waiting = [
    [objects.discovered, 'waiting'],
    [objects.quarantined, 'in quarantine (currents quarantine list)'],
    [objects.archived, 'archived'],
    [objects.missing, 'missing'],
  ] as const;
  const rest = waiting.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
  const reached =
    newestHour === undefined
      ? 'Nothing is loaded yet.'
      : `Newest hour: ${formatInstant(newestHour)}, which ended ${formatAge(behindSeconds)} ago.`;
  return [
    `${database.path}: ${formatSize(database.sizeBytes)}, ${formatCount(events, 'event')}`,
    `${formatCount(objects.loaded, 'object')} loaded${rest.join('')}`,
    reached,
  ].join('\n');
}

function formatEventTypes({ eventTypes }: Status): string {
  if (eventTypes.length === 0) return '';
  return formatTable(
    [
      'event type',
      'events',
      'objects',
      'waiting',
      'quarantined',
      'newest hour',
      'newest event',
      '',
    ],
    eventTypes.map((type) => [
      formatName(type),
      type.events,
      type.loaded,
      type.pending,
      type.quarantined,
      type.newestHour,
      type.newestEventAt,
      type.isSilent ? 'silent' : '',
    ]),
  );
}

function formatName({ eventType }: EventTypeStatus): string {
  return eventType === '' ? '(not known yet)' : showControls(eventType);
}

function formatGaps({ eventTypes }: Status): string {
  const lines = eventTypes
    .filter(({ missingHours }) => missingHours.length > 0)
    .map((type) => `  ${formatName(type)}: ${formatHours(type.missingHours)}`);
  if (lines.length === 0) return '';
  return ['Hours without an object where there usually is one (UTC):', ...lines].join('\n');
}

function formatFuture({ eventTypes }: Status): string {
  const lines = eventTypes
    .filter(({ futureHours }) => futureHours.length > 0)
    .map((type) => `  ${formatName(type)}: ${formatHours(type.futureHours)}`);
  if (lines.length === 0) return '';
  return ['Hours later than now, left out of what is newest (UTC):', ...lines].join('\n');
}

/** The last few. */
function formatHours(hours: readonly Date[]): string {
  const shown = hours.slice(-SHOWN_HOURS).map((hour) => formatInstant(hour).slice(0, 13));
  const more = hours.length - shown.length;
  return `${more > 0 ? `${more} more, ` : ''}${shown.join(', ')}`;
}

function formatRuns({ runs }: Status): string {
  if (runs.length === 0) return '';
  return formatTable(
    ['run', 'started', 'status', 'loaded', 'quarantined', 'events', 'listing'],
    runs.map((run) => [
      String(run.runId),
      run.startedAt,
      run.status,
      run.loaded,
      run.quarantined,
      run.events,
      run.isFullListing ? 'full' : 'new',
    ]),
  );
}
