/** `currents generate`: a realistic bucket, the same for the same seed. */
import { type Command, Option } from 'commander';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseCount, parseHour, parseNumber } from '../option-values.ts';
import { formatCount, formatInstant } from '../output.ts';
import type { Session, Work } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

interface GenerateFlags {
  readonly events?: number;
  readonly users?: number;
  readonly hours?: number;
  readonly seed?: number;
  readonly codec?: 'null' | 'deflate' | 'snappy' | 'zstandard' | 'bzip2' | 'xz';
  readonly duplicates?: number;
  readonly late?: number;
  readonly layout?: 'schema-id' | 'version' | 'both';
  readonly release?: string;
  readonly until?: Date;
  readonly eventType?: readonly string[];
}

export function addGenerateCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('generate <out>'),
    'Writes a realistic Currents bucket into a folder or an S3 bucket; the same for the same seed.',
    'currents generate bucket --events 100000 --users 2000 --hours 48 --seed 7',
  )
    .option('--events <n>', 'Distinct events in all (default: 20000)', parseCount)
    .option('--users <n>', 'People whose lives they tell (default: 1000)', parseCount)
    .option('--hours <n>', 'Length of the period (default: 24)', parseCount)
    .option('--seed <n>', 'Another number, another bucket (default: 1)', parseNumber)
    .addOption(
      new Option('--codec <codec>', 'Compression of the blocks (default: null)').choices(CODECS),
    )
    .option('--duplicates <share>', 'Share of events delivered twice (default: 0.01)', parseNumber)
    .option('--late <share>', 'Share that arrives in a later hour (default: 0.02)', parseNumber)
    .addOption(
      new Option('--layout <layout>', 'Layout of the keys (default: both)').choices(LAYOUTS),
    )
    .option(
      '--release <version>',
      'As this release writes, such as v10 (default: the newest three)',
    )
    .option('--until <hour>', 'UTC hour in which the period ends (default: 2026-07-06)', parseHour)
    .option('--event-type <glob...>', 'Only these event types, by name or pattern');
  addSettingOptions(command, ['source.region', 'source.endpoint', 'source.pathStyle']).action(
    session.action<GenerateFlags>(generate),
  );
}

const CODECS = ['null', 'deflate', 'snappy', 'zstandard', 'bzip2', 'xz'] as const;
const LAYOUTS = ['schema-id', 'version', 'both'] as const;

const generate: Work<GenerateFlags> = async (context, flags, out = '') => {
  const { config, logger, output, signal } = context;
  const { generateBucket } = await import('../../sandbox/generate-bucket.ts');
  const { openSource } = await import('../../pipeline.ts');
  const store = openSource({ ...config, source: { ...config.source, url: out } });
  const { eventType: eventTypes, ...rest } = flags;
  try {
    const summary = await generateBucket(
      store,
      {
        ...pickGenerateOptions(rest),
        ...(eventTypes === undefined ? {} : { eventTypes }),
        ...(store.prefix === '' ? {} : { prefix: store.prefix }),
      },
      (progress) => logger.debug(progress, 'object written'),
      signal,
    );
    output.write(summary, () =>
      [
        `Wrote ${formatCount(summary.events, 'event')} in ${formatCount(summary.objects, 'object')} to ${out}:`,
        `${Object.keys(summary.byEventType).length} event types, ${formatInstant(summary.from)} to ${formatInstant(summary.until)},`,
        `${formatCount(summary.duplicates, 'event')} delivered twice, ${summary.late.toLocaleString('en-US')} late`,
        `Next: currents ingest --source ${out}`,
      ].join('\n'),
    );
    return EXIT_CODES.done;
  } finally {
    store.close();
  }
};

/** Commander adds what belongs to settings; the generator takes only its own. */
function pickGenerateOptions(flags: Omit<GenerateFlags, 'eventType'>) {
  const { events, users, hours, seed, codec, duplicates, late, layout, release, until } = flags;
  const options = { events, users, hours, seed, codec, duplicates, late, layout, release, until };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
