/**
 * Ends a request in which nothing happens any more. A deadline for the whole request would have to
 * guess sizes and bandwidths; this one only asks that something arrives every so often. It carries the
 * caller's wish to stop, too, so that a request has one signal.
 */

export interface StallWatch {
  /** Fires when the time without progress is over, or with the caller's signal. */
  readonly signal: AbortSignal;
  /** True when it was the silence, not the caller, that ended it. */
  readonly hasStalled: boolean;
  /** Something arrived: the time starts anew. */
  touch(): void;
  /** Must be called; the timer holds the process. */
  close(): void;
}

export function startStallWatch(timeoutMs: number, callerSignal?: AbortSignal): StallWatch {
  const controller = new AbortController();
  let hasStalled = false;
  const timer = setTimeout(() => {
    hasStalled = true;
    controller.abort();
  }, timeoutMs);
  // Not AbortSignal.any: thousands of requests hang on one long-lived signal, and must let go of it.
  const onCallerAbort = (): void => controller.abort(callerSignal?.reason);
  if (callerSignal?.aborted) onCallerAbort();
  callerSignal?.addEventListener('abort', onCallerAbort, { once: true });
  return {
    signal: controller.signal,
    get hasStalled() {
      return hasStalled;
    },
    touch: () => void timer.refresh(),
    close: () => {
      clearTimeout(timer);
      callerSignal?.removeEventListener('abort', onCallerAbort);
    },
  };
}
