/** `currents sandbox`: a local Braze that runs until told to stop. */
import { type Command, Option } from 'commander';
import type { ObjectStore } from '../../discovery/object-store.ts';
import { describeCommand } from '../command-help.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseCount, parseNumber } from '../option-values.ts';
import type { Session, Work } from '../session.ts';
import { addSettingOptions } from '../setting-options.ts';

interface SandboxFlags {
  readonly port: number;
  readonly seed?: number;
  readonly state?: string;
  readonly stage?: readonly string[];
  readonly deletions?: readonly string[];
  readonly takeExisting?: boolean;
  readonly rateLimit?: number;
  readonly hourlyLimit?: number;
  readonly rateHeaders?: 'epoch' | 'seconds';
  readonly legacyCount?: boolean;
  readonly applyWithin?: number;
}

/** On loopback only; one that few other servers take. */
const DEFAULT_PORT = 8676;

export function addSandboxCommand(program: Command, session: Session): void {
  const command = describeCommand(
    program.command('sandbox'),
    'Runs a local Braze that enforces the documented rules and shows what it holds.',
    'currents sandbox --port 8676',
    'currents sandbox --stage ./stage --state sandbox.ndjson',
  )
    .option('--port <n>', 'Port on 127.0.0.1; 0 takes any that is free', parseNumber, DEFAULT_PORT)
    .option('--seed <n>', 'Decides everything random (default: 1)', parseNumber)
    .option('--state <path>', 'Keeps profiles in this file over restarts')
    .option('--stage <url...>', 'Takes in files of attributes from here as they come')
    .option('--deletions <url...>', 'Takes in files of deletions from here as they come')
    .option('--take-existing', 'Takes in files that are there already, too')
    .option('--rate-limit <n>', 'Requests in 3 seconds (default: 3000)', parseCount)
    .option('--hourly-limit <n>', 'Requests in a clock hour (default: none)', parseCount)
    .addOption(
      new Option('--rate-headers <dialect>', 'How the reset is told (default: epoch)').choices([
        'epoch',
        'seconds',
      ]),
    )
    .option('--legacy-count', 'Counts 75 objects in each array instead of in all')
    .option(
      '--apply-within <ms>',
      'Applies requests later, in random order (default: 0)',
      parseNumber,
    );
  addSettingOptions(command, ['source.region', 'source.endpoint', 'source.pathStyle']).action(
    session.action<SandboxFlags>(runSandbox),
  );
}

const runSandbox: Work<SandboxFlags> = async ({ config, logger, output, signal }, flags) => {
  const { startBrazeSandbox } = await import('../../sandbox/braze/start-sandbox.ts');
  const { openSource } = await import('../../pipeline.ts');
  const stores: ObjectStore[] = [];
  const listStages = (urls: readonly string[] = [], kind: 'attributes' | 'deletions') =>
    urls.map((url) => {
      const store = openSource({ ...config, source: { ...config.source, url } });
      stores.push(store);
      return { store, kind, takesExisting: flags.takeExisting === true };
    });
  const { seed, state: statePath, rateLimit, hourlyLimit, rateHeaders } = flags;
  const { applyWithin: applyWithinMs } = flags;
  try {
    const sandbox = await startBrazeSandbox({
      port: flags.port,
      stages: [
        ...listStages(flags.stage, 'attributes'),
        ...listStages(flags.deletions, 'deletions'),
      ],
      rateLimit: {
        ...(rateLimit === undefined ? {} : { burst: { requests: rateLimit, perMs: 3000 } }),
        ...(hourlyLimit === undefined ? {} : { hourly: hourlyLimit }),
        ...(rateHeaders === undefined ? {} : { headers: rateHeaders }),
      },
      ...(flags.legacyCount ? { objectLimit: { count: 75, per: 'array' } } : {}),
      ...(applyWithinMs === undefined ? {} : { applyWithinMs }),
      ...(seed === undefined ? {} : { seed }),
      ...(statePath === undefined ? {} : { statePath }),
    });
    try {
      const { url } = sandbox;
      output.write({ url, shows: `${url}/sandbox` }, () =>
        [
          `Braze is played at ${url}; any API key will do.`,
          `What it holds: ${url}/sandbox`,
          'Ctrl-C ends it.',
        ].join('\n'),
      );
      logger.debug({ url }, 'sandbox started');
      await waitFor(signal);
    } finally {
      await sandbox.close();
    }
  } finally {
    for (const store of stores) store.close();
  }
  // A supervisor that ends a service with SIGTERM must not find that it failed.
  return signal.reason === 'SIGTERM' ? EXIT_CODES.done : EXIT_CODES.interrupted;
};

async function waitFor(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
