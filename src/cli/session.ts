/**
 * One run of the command line: from parsed options to what a command works with (settings, logger, output,
 * a signal that says stop), and from what it returns to an exit code.
 */
import type { Command } from 'commander';
import { type Config, isColorWanted, loadConfig } from '../config.ts';
import { createLogger, type Logger } from '../logger.ts';
import { EXIT_CODES, type ExitCode } from './exit-codes.ts';
import { createOutput, type Output } from './output.ts';
import { readSettingFlags } from './setting-options.ts';

export interface Context {
  readonly config: Config;
  readonly logger: Logger;
  readonly output: Output;
  /** Fires at the first Ctrl-C or SIGTERM; its reason is the signal's name. */
  readonly signal: AbortSignal;
}

/** What a command does with its own options and its arguments. */
export type Work<Options = object> = (
  context: Context,
  options: Options,
  ...args: string[]
) => Promise<ExitCode>;

interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly logLevel?: string;
}

export class Session {
  readonly signal: AbortSignal;
  exitCode: ExitCode = EXIT_CODES.done;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** The same as an action for commander. */
  action<Options = object>(work: Work<Options>): (...parameters: unknown[]) => Promise<void> {
    return async (...parameters) => {
      const command = parameters.at(-1) as Command;
      const args = command.processedArgs.flat() as string[];
      this.exitCode = await work(this.#open(command), command.opts<Options & object>(), ...args);
    };
  }

  #open(command: Command): Context {
    const options = command.optsWithGlobals<GlobalOptions & Record<string, unknown>>();
    const config = loadConfig({ flags: readSettingFlags(options), configPath: options.config });
    const isTerminal = process.stderr.isTTY === true;
    // On a terminal the progress bar tells what info would, unless the lines were asked for.
    const isQuiet = isTerminal && config.logLevel === 'info' && options.logLevel === undefined;
    return {
      config,
      logger: createLogger({
        level: isQuiet ? 'warn' : config.logLevel,
        isPretty: isTerminal,
        hasColor: isColorWanted(isTerminal),
      }),
      output: createOutput(options.json === true),
      signal: this.signal,
    };
  }
}
