/**
 * Every error that leaves this library is a CurrentsError: a code that never changes meaning, whether
 * waiting helps, the facts, and what to do now.
 *
 * Messages read "cannot <verb> <thing>: <found> (<expected>)". They hold no secret and no value of an
 * event: names, positions, sizes and counts only. Retry looks at `transient` and at nothing else.
 */

/** The closed list of codes, with who has to act. The error page in docs/errors.md has one entry for each. */
export const ERROR_CODES = {
  USAGE: 'the caller: wrong command line',
  SETTINGS_INVALID: 'the operator: a setting is wrong or missing',
  SOURCE_NOT_FOUND: 'the operator: no such bucket or folder',
  SOURCE_ACCESS_DENIED: 'the operator: the credentials may not list or read',
  CREDENTIALS_INVALID: 'the operator: credentials are missing, wrong or expired',
  SOURCE_UNAVAILABLE: 'nobody: the store did not answer as it should; the next run tries again',
  OBJECT_MISSING: 'nobody: the object was deleted between listing and download',
  OBJECT_ARCHIVED: 'the operator: the object has to be restored from cold storage first',
  OBJECT_INCOMPLETE:
    'nobody: fewer, more or other bytes arrived than announced; the next run tries again',
  OBJECT_TOO_LARGE: 'the operator: the object is above a limit in the settings',
  CONTAINER_INVALID: 'the sender: not a sound Avro object container file',
  CODEC_UNSUPPORTED: 'the sender: a compression codec that we do not read',
  SCHEMA_INVALID: 'the sender: the schema in the header is not a valid Avro schema',
  RECORD_INVALID: 'the sender: bytes that do not fit the schema in the header',
  SCHEMA_CHANGE_REFUSED:
    'the operator: schemaChanges is freeze and the object brings something new',
  SCHEMA_UNKNOWN: 'the caller: no such event type or version',
  OBJECT_UNKNOWN: 'the caller: no such object in the ledger',
  DATABASE_BUSY: 'the operator: another process holds the database',
  DATABASE_NEWER: 'the operator: the database was written by a newer release',
  DATABASE_MISSING: 'the caller: there is no database at this path',
  DATABASE_FAILED: 'the operator: DuckDB could not do it',
  DISK_FULL: 'the operator: no space left',
  QUERY_FAILED: 'the caller: DuckDB refused the SQL',
  BRAZE_ACCESS_DENIED: 'the operator: the API key is wrong, or may not do this',
  BRAZE_REFUSED: 'the operator: Braze refuses every request, for what it is or where it goes',
  BRAZE_UNAVAILABLE:
    'nobody: Braze did not answer, or its rate limit is used up; the next run goes on',
  AUDIENCE_FAILED: 'the operator: the query of an audience cannot be run',
  AUDIENCE_UNKNOWN: 'the caller: no such audience',
  PERSON_UNKNOWN: 'the caller: nobody has this id',
  ATTACH_FAILED: 'the operator: a source of the setting attach cannot be read',
  INTERRUPTED: 'nobody: asked to stop',
  UNEXPECTED: 'us: a defect in currents itself',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts about where it happened. Never a value from an event, never a secret. */
export interface ErrorContext {
  readonly source?: string;
  readonly key?: string;
  readonly eventType?: string;
  /** Zero-based block of the container. */
  readonly block?: number;
  /** Zero-based record within the whole container. */
  readonly record?: number;
  readonly field?: string;
  readonly path?: string;
  readonly [fact: string]: string | number | boolean | undefined;
}

export interface ErrorFacts {
  readonly code: ErrorCode;
  /** "cannot decode s3://…: the file ends inside block 7 (needs 812 bytes, has 410)" */
  readonly message: string;
  /** What to do now, best as a command to paste; printed after "Try: ". */
  readonly hint?: string;
  /** True when the same call may succeed later without anyone acting. */
  readonly transient?: boolean;
  readonly context?: ErrorContext;
  readonly cause?: unknown;
}

export class CurrentsError extends Error {
  override readonly name = 'CurrentsError';
  readonly code: ErrorCode;
  readonly transient: boolean;
  readonly hint: string | undefined;
  readonly context: ErrorContext;

  constructor(facts: ErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.transient = facts.transient ?? false;
    this.hint = facts.hint;
    this.context = Object.freeze({ ...facts.context });
  }

  /** The same error with more of the place filled in; facts already known win. */
  within(context: ErrorContext): CurrentsError {
    return new CurrentsError({
      code: this.code,
      message: this.message,
      transient: this.transient,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.cause === undefined ? {} : { cause: this.cause }),
      context: { ...context, ...this.context },
    });
  }
}

/** Whether waiting and trying again may help. Anything that is not ours is taken as permanent. */
export function isTransient(error: unknown): boolean {
  return error instanceof CurrentsError && error.transient;
}
