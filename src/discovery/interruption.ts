/**
 * What an AbortSignal means for a store: the caller asked to stop. Comes in: the signal. Goes out: the
 * error to throw. The caller's own CurrentsError, if the signal carries one, is thrown as it is;
 * anything else becomes INTERRUPTED, so that callers see one error type.
 */

import { CurrentsError } from '../errors.ts';

/** The error of an aborted signal; `doing` completes "cannot …", such as "list s3://acme". */
export function interruptionOf(signal: AbortSignal, doing: string): CurrentsError {
  if (signal.reason instanceof CurrentsError) return signal.reason;
  return new CurrentsError({
    code: 'INTERRUPTED',
    message: `cannot ${doing}: asked to stop`,
    cause: signal.reason,
  });
}

export function throwIfInterrupted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted) throw interruptionOf(signal, doing);
}
