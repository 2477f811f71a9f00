/** What a cycle did → text for people, and the exit code that a scheduler acts on. */
import type { IngestResult } from '../ingest-result.ts';
import type { RefreshResult } from '../profiles/refresh-profiles.ts';
import { formatSize } from '../quantity.ts';
import { EXIT_CODES, type ExitCode } from './exit-codes.ts';
import { formatCount, formatTable, showControls } from './output.ts';

const SHOWN_PROBLEMS = 10;
const SHOWN_CHANGES = 10;

/** The result of a cycle, or of a dry run, which has loaded nothing. */
export function formatCycle(result: IngestResult, isDryRun = false): string {
  if (isDryRun) return formatDryRun(result);
  return [
    formatHead(result),
    formatEventTypes(result),
    formatErasures(result),
    formatChanges(result),
    formatPrivacyChange(result),
    formatProfiles(result),
    formatAudiences(result),
    formatProblems(result),
    formatNext(result),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function formatHead(result: IngestResult): string {
  const { objects, events, bytes, fullListing, source } = result;
  const seconds = `${result.seconds.toFixed(1)} s`;
  if (objects.loaded > 0)
    return `Loaded ${formatCount(events.loaded, 'event')} from ${formatCount(objects.loaded, 'object')} (${formatSize(bytes)}) in ${seconds}; ${formatCount(events.duplicates, 'duplicate')} left out`;
  const outcomes = (['quarantined', 'failed', 'missing', 'archived'] as const).filter(
    (outcome) => objects[outcome] > 0,
  );
  if (outcomes.length > 0) {
    const tried = outcomes.reduce((sum, outcome) => sum + objects[outcome], 0);
    const parts = outcomes.map(
      (outcome) => `${objects[outcome].toLocaleString('en-US')} ${outcome}`,
    );
    return `Loaded nothing: ${formatCount(tried, 'object')} tried, ${parts.join(', ')} (${seconds})`;
  }
  if (objects.pending > 0)
    return `Loaded nothing: ${formatCount(objects.pending, 'object')} waiting (${seconds})`;
  // What is not listed in full may well have older objects.
  if (fullListing && objects.unchanged === 0)
    return `Nothing new: found nothing under ${showControls(source)} (${seconds})`;
  return `Nothing new: ${formatCount(objects.unchanged, 'object')} listed, all known (${seconds})`;
}

/** 130 beats 1 beats 3: what was not finished matters more than what was finished badly. */
export function exitCodeOfCycle({ interrupted, objects, audiences }: IngestResult): ExitCode {
  if (interrupted) return EXIT_CODES.interrupted;
  if (objects.failed > 0) return EXIT_CODES.failed;
  return objects.quarantined > 0 || isAnyAudienceBad({ audiences })
    ? EXIT_CODES.quarantined
    : EXIT_CODES.done;
}

function formatDryRun({ objects, eventTypes, bytes }: IngestResult): string {
  const head = `Would load ${formatCount(objects.pending, 'object')} (${formatSize(bytes)}); nothing was changed`;
  const rows = Object.entries(eventTypes).map(([type, counts]) => [type, counts.objects] as const);
  return rows.length === 0 ? head : `${head}\n\n${formatTable(['event type', 'objects'], rows)}`;
}

function formatEventTypes({ eventTypes }: IngestResult): string {
  const rows = Object.entries(eventTypes);
  if (rows.length === 0) return '';
  return formatTable(
    ['event type', 'objects', 'events', 'duplicates'],
    rows.map(([type, counts]) => [type, counts.objects, counts.events, counts.duplicates]),
  );
}

function formatChanges({ schemaChanges }: IngestResult): string {
  // A new table is expected; what happens to one that people use already is news.
  const news = schemaChanges.filter(({ change }) => change !== 'table created');
  if (news.length === 0) return '';
  const lines = news
    .slice(0, SHOWN_CHANGES)
    .map(({ eventType, change, column, fromType, toType }) => {
      const types = [fromType, toType].filter((type) => type !== undefined).join(' → ');
      return `  ${showControls(`${eventType}: ${change} ${column ?? ''} ${types}`.trimEnd())}`;
    });
  const more = news.length - lines.length;
  return [
    `${formatCount(news.length, 'schema change')}, all of them in ops.schema_changes:`,
    ...lines,
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ].join('\n');
}

function formatErasures({ erasures, events }: IngestResult): string {
  const lines: string[] = [];
  if (events.erased > 0)
    lines.push(`${formatCount(events.erased, 'event')} of erased people left out`);
  if (erasures.people > 0) {
    const files = erasures.rewritten
      ? 'the database file was written anew'
      : 'the database file is still to be written anew';
    lines.push(
      `Erased on request: ${formatCount(erasures.people, 'id')}, ${formatCount(erasures.events, 'event')}; ${files}`,
    );
  }
  return lines.join('\n');
}

function formatPrivacyChange({ privacyChange }: IngestResult): string {
  if (privacyChange === null || privacyChange.objectsBefore === 0) return '';
  return [
    `The rules of privacy changed. ${formatCount(privacyChange.objectsBefore, 'object')} that were loaded before stay as they are;`,
    'a new database, filled from the bucket, has everything under the new rules: docs/privacy.md',
  ].join('\n');
}

function formatProfiles({ profiles }: IngestResult): string {
  if (profiles === null || (profiles.refreshed === 0 && profiles.rebuilt === null)) return '';
  return describeRefresh(profiles);
}

/** One line about a refresh of profiles. */
export function describeRefresh(profiles: RefreshResult): string {
  const { rebuilt, refreshed, people, seconds } = profiles;
  const what = `${formatCount(refreshed, 'profile')} of ${people.toLocaleString('en-US')}`;
  const why = rebuilt === null ? '' : `; built from nothing: ${rebuilt}`;
  return `Refreshed ${what} in ${seconds.toFixed(1)} s${why}`;
}

/** Whether an audience could not be refreshed. */
export function isAnyAudienceBad({ audiences }: Pick<IngestResult, 'audiences'>): boolean {
  return audiences.some(({ error }) => error !== null);
}

/** Audiences that changed or failed; the others are in `audiences list`. */
export function formatAudiences({ audiences }: Pick<IngestResult, 'audiences'>): string {
  return audiences
    .filter(
      ({ entered, departed, unknown, error }) => entered + departed + unknown > 0 || error !== null,
    )
    .map(({ audience, members, entered, departed, unknown, error }) =>
      error === null
        ? `Audience ${audience}: ${formatCount(members, 'member')}, ${entered.toLocaleString('en-US')} entered, ${departed.toLocaleString('en-US')} left${unknown === 0 ? '' : `; ${formatCount(unknown, 'id')} of nobody`}`
        : showControls(error),
    )
    .join('\n');
}

function formatProblems({ problems }: IngestResult): string {
  if (problems.length === 0) return '';
  const shown = problems.slice(0, SHOWN_PROBLEMS);
  const lines = shown.flatMap(({ status, key, reason }) => [
    `  ${status}: ${showControls(key)}`,
    `    ${showControls(reason)}`,
  ]);
  const more = problems.length - shown.length;
  return ['Not loaded:', ...lines, ...(more > 0 ? [`  … and ${more} more`] : [])].join('\n');
}

function formatNext({ interrupted, objects }: IngestResult): string {
  if (interrupted) return 'Stopped before the end; the next run goes on from here.';
  if (objects.quarantined > 0) return 'Next: currents quarantine list';
  if (objects.failed > 0) return 'Next: the same again; what failed is tried again';
  return 'Next: currents status';
}
