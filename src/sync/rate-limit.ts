/**
 * How fast requests may go: the documented limit, held from the start, and what answers say about it.
 *
 * Requests are spread over the window instead of sent at its beginning, a little below the limit, since
 * ours and Braze's windows never begin together. Whatever an answer asks for (wait so long, nothing
 * left until then) holds for every request that follows, not for that one alone. Braze has two dialects:
 * `X-RateLimit-Reset` is an epoch on some contracts and a number of seconds on others, and under the
 * contracts by monthly users only a 429 says how long to wait, in `X-Ratelimit-Retry-After`.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface RateLimit {
  readonly requests: number;
  readonly perMs: number;
}

/** 3,000 requests in 3 seconds, for a workspace; Braze, "API limits", 2026-09. Contracts may say otherwise. */
export const DEFAULT_RATE_LIMIT: RateLimit = { requests: 3000, perMs: 3000 };

/** Share of the limit that is used steadily, and the share that may be made up for at once after a halt. */
const STEADY_SHARE = 0.95;
const BURST_SHARE = 0.03;

/** What the headers of one answer say; undefined where they say nothing. */
export interface RateNotice {
  /** Requests left in the window. */
  readonly remaining: number | undefined;
  /** Milliseconds until the window ends. */
  readonly resetInMs: number | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryInMs: number | undefined;
}

/** By name in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A larger number of seconds is an instant (2001 and later), a smaller one a time to wait (30 years at most). */
const LEAST_EPOCH_SECONDS = 1e9;

/**
 * Reads every dialect that was met. An instant is compared with the answer's own `Date`, so that a clock
 * of ours that is wrong does no harm.
 */
export function parseRateNotice(headers: AnswerHeaders, nowMs: number): RateNotice {
  const get = (name: string) => [headers[name] ?? ''].flat()[0] ?? '';
  const dateMs = Date.parse(get('date'));
  const serverNowMs = Number.isNaN(dateMs) ? nowMs : dateMs;
  const waitOf = (name: string): number | undefined => {
    const text = get(name).trim();
    if (text === '') return undefined;
    const seconds = Number(text);
    if (Number.isNaN(seconds)) {
      // Retry-After may be a date; RFC 9110, 10.2.3.
      const atMs = Date.parse(text);
      return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - serverNowMs);
    }
    const waitMs = seconds * 1000 - (seconds >= LEAST_EPOCH_SECONDS ? serverNowMs : 0);
    return Math.max(0, waitMs);
  };
  const remaining = Number.parseInt(get('x-ratelimit-remaining'), 10);
  return {
    remaining: Number.isNaN(remaining) ? undefined : remaining,
    resetInMs: waitOf('x-ratelimit-reset'),
    retryInMs: waitOf('x-ratelimit-retry-after') ?? waitOf('retry-after'),
  };
}

/** Time as the pacer sees it; tests have their own. */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
};

/** Gives out the moments at which requests may start. Any number of senders may share one. */
export class Pacer {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #burstMs: number;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit, clock: Clock = REAL_CLOCK) {
    this.#clock = clock;
    this.#intervalMs = limit.perMs / (limit.requests * STEADY_SHARE);
    this.#burstMs = limit.perMs * BURST_SHARE;
  }

  /** Resolves when one more request may start; in the order of the calls. Rejects when the signal fires. */
  async take(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = this.#reserve();
      // A timer's least step is a millisecond; shorter waits are made up for by the burst.
      if (waitMs >= 1) await this.#clock.sleep(waitMs, signal).catch(() => undefined);
      // The caller's own reason, not the timer's.
      signal?.throwIfAborted();
      if (this.pauseMs === 0) return;
    }
  }

  /** Nothing starts for so long; a pause that ends later stays. */
  pauseFor(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + ms);
  }

  /** How long the pause that was asked for still lasts; 0 when there is none. */
  get pauseMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#clock.now());
  }

  #reserve(): number {
    const nowMs = this.#clock.now();
    const atMs = Math.max(this.#nextAtMs, this.#pausedUntilMs, nowMs - this.#burstMs);
    this.#nextAtMs = atMs + this.#intervalMs;
    return atMs - nowMs;
  }
}
