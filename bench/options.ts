/**
 * The command line of `npm run bench` → what to measure, and how much of it.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { CODECS, type Codec, INPUT_NAMES, type InputName } from './inputs.ts';
import { READ_AVRO_VERSION } from './python-environment.ts';

/** What grows: the table that is added to, the bucket that is polled, the backlog, the history of profiles. */
const SERIES_NAMES = ['table', 'poll', 'backlog', 'profiles'] as const;
/** The way back to Braze. */
const SYNC_NAME = 'sync';
const PART_NAMES = [...INPUT_NAMES, ...SERIES_NAMES, SYNC_NAME] as const;

type SeriesName = (typeof SERIES_NAMES)[number];
type PartName = (typeof PART_NAMES)[number];
/** Rows of the table, keys of the bucket, events of backlog and history, each from few to many. */
type Steps = Readonly<Record<SeriesName, readonly number[]>>;

interface Asked {
  readonly only?: readonly PartName[];
  readonly codec?: readonly Codec[];
  readonly events?: number;
  readonly people?: number;
  readonly rounds?: number;
  readonly growth: boolean;
  readonly quick: boolean;
  readonly readAvro: string;
  readonly json: boolean;
  readonly keep: boolean;
}

export interface BenchOptions {
  /** Inputs that all contenders load, each with its codecs. */
  readonly comparisons: readonly (readonly [InputName, Codec])[];
  readonly events: number;
  readonly rounds: number;
  /** Empty where it is not to be measured. */
  readonly series: Steps;
  /** Events that are added to the table. */
  readonly addedEvents: number;
  /** Who is sent to Braze; 0 where that is not to be measured. */
  readonly people: number;
  /** Version of DuckDB for the contenders in Python. */
  readonly readAvro: string;
  readonly json: boolean;
  readonly keep: boolean;
}

interface Amounts {
  readonly parts: readonly PartName[];
  /** In the first codec all inputs are loaded, in the others only this one. */
  readonly inAllCodecs?: InputName;
  readonly events: number;
  readonly rounds: number;
  readonly steps: Steps;
  readonly addedEvents: number;
  readonly people: number;
}

const MILLION = 1_000_000;

const USUAL: Amounts = {
  parts: ['wide', 'medium', 'small', ...SERIES_NAMES, SYNC_NAME],
  inAllCodecs: 'wide',
  events: MILLION,
  rounds: 5,
  steps: {
    table: [MILLION / 10, MILLION, 10 * MILLION],
    poll: [1_000, 10_000, 100_000],
    backlog: [MILLION],
    profiles: [2 * MILLION],
  },
  addedEvents: 100_000,
  people: MILLION,
};

/** Shows that everything works, in a minute; a hundred tables would take most of it. */
const QUICK: Amounts = {
  parts: ['wide', 'table', 'poll', 'profiles', SYNC_NAME],
  events: 10_000,
  rounds: 1,
  steps: { table: [10_000, 50_000], poll: [1_000], backlog: [10_000], profiles: [50_000] },
  addedEvents: 1_000,
  people: 2_000,
};

/** The steps that `--growth` puts on top: they take most of an hour. */
const LARGEST: Steps = {
  table: [50 * MILLION],
  poll: [MILLION],
  backlog: [10 * MILLION],
  profiles: [50 * MILLION],
};

export function parseOptions(argv: readonly string[]): BenchOptions {
  const asked = new Command('bench')
    .description('Compares our ingest with what DuckDB alone needs and with what people write.')
    .addOption(
      new Option('--only <part...>', 'Only these inputs, series and the sync').choices([
        ...PART_NAMES,
      ]),
    )
    .addOption(new Option('--codec <codec...>', 'Only these codecs').choices([...CODECS]))
    .option('--events <n>', 'Events of each input; default: 1000000', parseCount)
    .option('--people <n>', 'People of the sync; default: 1000000', parseCount)
    .option('--rounds <n>', 'Measurements of each contender; default: 5', parseCount)
    .option('--growth', 'The largest steps of the series as well', false)
    .option('--quick', 'About a minute: few events, one round, every contender', false)
    .option('--read-avro <version>', 'DuckDB of the contenders in Python', READ_AVRO_VERSION)
    .option('--json', 'One JSON document on stdout', false)
    .option('--keep', 'Leave the generated objects and the databases', false)
    .parse(argv)
    .opts<Asked>();
  const amounts = asked.quick ? QUICK : USUAL;
  const parts = asked.only ?? amounts.parts;
  const codecsOf = (input: InputName): readonly Codec[] =>
    asked.codec ?? (input === amounts.inAllCodecs ? CODECS : CODECS.slice(0, 1));
  const stepsOf = (name: SeriesName): readonly number[] => {
    if (!parts.includes(name)) return [];
    return asked.growth ? [...amounts.steps[name], ...LARGEST[name]] : amounts.steps[name];
  };
  return {
    comparisons: INPUT_NAMES.filter((input) => parts.includes(input)).flatMap((input) =>
      codecsOf(input).map((codec) => [input, codec] as const),
    ),
    events: asked.events ?? amounts.events,
    rounds: asked.rounds ?? amounts.rounds,
    series: {
      table: stepsOf('table'),
      poll: stepsOf('poll'),
      backlog: stepsOf('backlog'),
      profiles: stepsOf('profiles'),
    },
    addedEvents: amounts.addedEvents,
    people: parts.includes(SYNC_NAME) ? (asked.people ?? amounts.people) : 0,
    readAvro: asked.readAvro,
    json: asked.json,
    keep: asked.keep,
  };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new InvalidArgumentError('A whole number from 1.');
  return count;
}
