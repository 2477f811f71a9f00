/**
 * The log: pino, on stderr only, since stdout belongs to data. For people when stderr is a terminal, one
 * JSON document a line everywhere else.
 *
 * Secrets that find their way into a log object are blanked by name; events never get here at all. Of our
 * own errors only what docs/errors.md explains is written, of all others the stack as well. Writing is
 * synchronous: the last lines before a crash are the ones that matter.
 */
import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import type { PinoPretty, PrettyStream } from 'pino-pretty';
import type { Config } from './config.ts';
import { CurrentsError } from './errors.ts';

export type { Logger };

const require = createRequire(import.meta.url);

export interface LoggerOptions {
  readonly level: Config['logLevel'];
  /** Lines for people instead of JSON. */
  readonly isPretty?: boolean;
  readonly hasColor?: boolean;
  /** Instead of stderr; for tests. */
  readonly destination?: DestinationStream;
}

const SECRET_NAMES = [
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'authorization',
  'apiKey',
  'password',
];

/** A logger on stderr. Children (`logger.child({ key })`) share its stream. */
export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.destination ??
    (options.isPretty ? createPrettyStream(options) : pino.destination({ dest: 2, sync: true }));
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
      serializers: { err: serializeError },
    },
    destination,
  );
}

/** For callers of the library who want no log. */
export const silentLogger: Logger = pino({ level: 'silent' });

function createPrettyStream({ hasColor = false }: LoggerOptions): PrettyStream {
  // Only for terminals: it takes 10 MB. A logger is made without waiting, so it is not an import.
  const { build } = require('pino-pretty') as typeof PinoPretty;
  return build({
    destination: 2,
    sync: true,
    colorize: hasColor,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
  });
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof CurrentsError))
    return error instanceof Error ? stdSerializers.err(error) : error;
  const { code, message, hint, transient, context } = error;
  return { code, message, hint, transient, context };
}
