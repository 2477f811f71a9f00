/**
 * The numbers a process ends with, and their meaning: what schedulers act on. They are a contract; a new
 * meaning is a new number. docs/operations.md explains them to operators.
 */
import { CurrentsError, type ErrorCode } from '../errors.ts';

export const EXIT_CODES = {
  done: 0,
  failed: 1,
  /** Wrong command line or settings: trying again as it is cannot help. */
  usage: 2,
  /** Finished, but something was quarantined or rejected, or an audience could not be refreshed. */
  quarantined: 3,
  /** Another process holds the database: try again later. */
  busy: 4,
  /** Stopped by Ctrl-C or SIGTERM before the end; what was committed stays. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

const BY_ERROR_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  USAGE: EXIT_CODES.usage,
  SETTINGS_INVALID: EXIT_CODES.usage,
  DATABASE_BUSY: EXIT_CODES.busy,
  INTERRUPTED: EXIT_CODES.interrupted,
};

/** The exit code for whatever was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  const code = error instanceof CurrentsError ? BY_ERROR_CODE[error.code] : undefined;
  return code ?? EXIT_CODES.failed;
}
