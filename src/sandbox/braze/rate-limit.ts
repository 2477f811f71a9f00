/**
 * Braze's rate limits and the headers that tell of them, in both dialects (facts 1.3).
 *
 * `epoch` is the general page: reset in seconds since 1970, and the three headers on a 429 as well. `seconds` is the
 * page for contracts by monthly active users: reset in seconds from now, and a 429 has none of the three but
 * `X-Ratelimit-Retry-After`. Windows are fixed, not rolling: hours by the clock, bursts in steps of their length.
 */

export interface RateLimits {
  /** So many requests in so many milliseconds; default 3,000 in 3,000. */
  readonly burst?: { readonly requests: number; readonly perMs: number };
  /** Requests in a clock hour, as contracts by monthly active users set them; default none. */
  readonly hourly?: number;
  readonly headers?: 'epoch' | 'seconds';
}

/** facts 1.2: "burst 3,000 requests / 3 s"; api_limits page, 2026-09-02. */
const DEFAULT_BURST = { requests: 3000, perMs: 3000 };

const HOUR_MS = 3_600_000;

interface Window {
  readonly limit: number;
  readonly lengthMs: number;
  startsAt: number;
  taken: number;
}

export interface Allowance {
  readonly isAllowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export class RateLimit {
  readonly #clock: () => number;
  readonly #windows: readonly Window[];
  readonly #dialect: 'epoch' | 'seconds';

  /** With 'none' everything is allowed and no header is sent. */
  constructor(clock: () => number, limits: RateLimits | 'none') {
    this.#clock = clock;
    this.#dialect = limits === 'none' ? 'epoch' : (limits.headers ?? 'epoch');
    this.#windows = limits === 'none' ? [] : listWindows(limits);
  }

  /** Takes one request out of every window, unless one of them is used up. */
  take(): Allowance {
    const now = this.#clock();
    for (const window of this.#windows) begin(window, now);
    // Of two that are used up the longer one is the one to wait for.
    const empty = this.#windows.findLast(({ taken, limit }) => taken >= limit);
    if (empty !== undefined) {
      const endsAt = empty.startsAt + empty.lengthMs;
      return { isAllowed: false, headers: this.#tellWait(empty, endsAt) };
    }
    for (const window of this.#windows) window.taken += 1;
    return { isAllowed: true, headers: this.#tell(this.#windows.at(-1), now) };
  }

  /** Headers of a 429 for another reason than the windows: a fault that was asked for. */
  refuse(waitSeconds: number): Readonly<Record<string, string>> {
    return this.#tellWait(this.#windows.at(-1), this.#clock() + waitSeconds * 1000);
  }

  /** The hourly window, where there is one: it is the one that the page describes. */
  #tell(window: Window | undefined, now: number): Readonly<Record<string, string>> {
    if (window === undefined) return {};
    const endsAt = window.startsAt + window.lengthMs;
    const left = window.limit - window.taken;
    if (this.#dialect === 'epoch') return tellEpoch(window.limit, left, endsAt);
    return {
      'X-RateLimit-Limit': String(window.limit),
      'X-RateLimit-Remaining': String(left),
      'X-RateLimit-Reset': String(secondsUntil(endsAt, now)),
    };
  }

  #tellWait(window: Window | undefined, endsAt: number): Readonly<Record<string, string>> {
    if (this.#dialect === 'epoch')
      return tellEpoch(window?.limit ?? DEFAULT_BURST.requests, 0, endsAt);
    return { 'X-Ratelimit-Retry-After': String(secondsUntil(endsAt, this.#clock())) };
  }
}

function listWindows({ burst = DEFAULT_BURST, hourly }: RateLimits): Window[] {
  const windows: Window[] = [
    { limit: burst.requests, lengthMs: burst.perMs, startsAt: 0, taken: 0 },
  ];
  if (hourly !== undefined)
    windows.push({ limit: hourly, lengthMs: HOUR_MS, startsAt: 0, taken: 0 });
  return windows;
}

function begin(window: Window, now: number): void {
  const startsAt = now - (now % window.lengthMs);
  if (startsAt === window.startsAt) return;
  window.startsAt = startsAt;
  window.taken = 0;
}

function tellEpoch(limit: number, left: number, endsAt: number): Readonly<Record<string, string>> {
  return {
    'X-RateLimit-Limit': String(limit),
    'X-RateLimit-Remaining': String(left),
    'X-RateLimit-Reset': String(Math.ceil(endsAt / 1000)),
  };
}

function secondsUntil(at: number, now: number): number {
  return Math.max(1, Math.ceil((at - now) / 1000));
}
