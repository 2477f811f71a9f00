/**
 * What the batches of one run share: the pace, the counts, and whether to go on.
 *
 * Each answer changes the pace for all that follow. A run is stopped for good by an answer that every request
 * would get (a bad key), by Braze being away for several batches in a row, by a wait longer than a run
 * should take, and from outside; whatever is out then is waited for, and nothing new starts.
 */
import { setMaxListeners } from 'node:events';
import { CurrentsError } from '../errors.ts';
import type { BatchLimits } from './batch.ts';
import type { BrazeClient } from './braze-client.ts';
import type { Pacer, RateNotice } from './rate-limit.ts';
import type { TrackAnswer } from './track-answer.ts';

export interface Patience {
  /** First attempt included; waits for the rate limit are not attempts. */
  readonly maxAttempts: number;
  /** Before the second attempt; doubles with each, up to a hundredfold, stretched by chance. */
  readonly retryWaitMs: number;
  /** A longer wait that Braze asks for ends the run: the rest goes with the next one. */
  readonly longestPauseMs: number;
}

/** After so many batches in a row that got no answer, or single objects refused with none accepted, it is not them. */
const FAILURES_BEFORE_STOP = 3;
const REFUSALS_BEFORE_STOP = 20;

const FIRST_FALLBACK_MS = 1000;
const LONGEST_FALLBACK_MS = 60_000;

export interface DeliverySetup {
  readonly client: BrazeClient;
  readonly pacer: Pacer;
  readonly limits: BatchLimits;
  readonly patience: Patience;
}

export class Delivery {
  readonly patience: Patience;
  /** Become smaller when Braze says that they are too large. */
  limits: BatchLimits;
  requests = 0;
  bytes = 0;
  /** Fires when nothing new may be sent. */
  readonly stopSignal: AbortSignal;
  readonly #client: BrazeClient;
  readonly #pacer: Pacer;
  readonly #stopper = new AbortController();
  #stopError: unknown;
  #inFlight = 0;
  #failuresInRow = 0;
  /** Why a batch could not be sent in all its attempts. */
  #unsentReason: string | undefined;
  #refusals = 0;
  #hasAccepted = false;
  #limitedSinceMs: number | undefined;
  #fallbackMs = FIRST_FALLBACK_MS;

  constructor({ client, pacer, limits, patience }: DeliverySetup) {
    this.#client = client;
    this.#pacer = pacer;
    this.limits = limits;
    this.patience = patience;
    this.stopSignal = this.#stopper.signal;
    // Each request that waits listens; Node would warn of a leak at eleven.
    setMaxListeners(0, this.stopSignal);
  }

  /** The first reason counts. */
  stop(error: unknown): void {
    this.#stopError ??= error;
    this.#stopper.abort(error);
  }

  get stopError(): unknown {
    return this.#stopError;
  }

  /** One request at the pace that is allowed; `not-sent` once the run has been stopped. */
  async request(body: Buffer): Promise<TrackAnswer> {
    try {
      await this.#pacer.take(this.stopSignal);
    } catch {
      return { kind: 'not-sent', reason: 'the run was stopped' };
    }
    this.requests += 1;
    this.bytes += body.length;
    this.#inFlight += 1;
    const { answer, rate } = await this.#client.track(body);
    this.#inFlight -= 1;
    this.#notePace(answer, rate);
    if (answer.kind === 'fatal') this.stop(answer.error);
    if (answer.kind === 'accepted') {
      this.#hasAccepted = true;
      this.#failuresInRow = 0;
    }
    return answer;
  }

  /** A batch for which Braze could not be reached in all its attempts. */
  noteFailure({ kind, reason }: { readonly kind: 'not-sent' | 'lost'; readonly reason: string }) {
    this.#failuresInRow += 1;
    if (kind === 'not-sent') this.#unsentReason = reason;
    if (this.#failuresInRow < FAILURES_BEFORE_STOP) return;
    const { endpoint } = this.#client;
    this.stop(unavailable(endpoint, `${reason}, ${this.#failuresInRow} batches in a row`));
  }

  /** After the last batch: a run that left some behind has failed, however few they are. */
  finish(): void {
    if (this.#unsentReason !== undefined)
      this.stop(unavailable(this.#client.endpoint, this.#unsentReason));
  }

  /** An object that was refused alone. Some are bad; when all are, it is what we send. */
  noteRefusal(reason: string): void {
    this.#refusals += 1;
    if (this.#hasAccepted || this.#refusals < REFUSALS_BEFORE_STOP) return;
    const { endpoint } = this.#client;
    this.stop(
      new CurrentsError({
        code: 'BRAZE_REFUSED',
        message: `cannot send to ${endpoint}: HTTP 400, ${reason}, for each of ${this.#refusals} people (some accepted)`,
        hint: 'currents sync plan NAME shows what is sent',
        context: { endpoint },
      }),
    );
  }

  #notePace(answer: TrackAnswer, rate: RateNotice): void {
    if (answer.kind === 'limited') {
      this.#waitForLimit(rate.retryInMs ?? rate.resetInMs ?? this.#fallBack());
      return;
    }
    if (answer.kind === 'accepted') {
      this.#limitedSinceMs = undefined;
      this.#fallbackMs = FIRST_FALLBACK_MS;
    }
    // Those that are out will use up what is left.
    const { remaining, resetInMs = 0, retryInMs = 0 } = rate;
    const isUsedUp = remaining !== undefined && remaining <= this.#inFlight;
    const waitMs = Math.max(isUsedUp ? resetInMs : 0, retryInMs);
    if (waitMs > 0) this.#pause(waitMs);
  }

  #waitForLimit(waitMs: number): void {
    const nowMs = performance.now();
    this.#limitedSinceMs ??= nowMs;
    this.#pause(waitMs, nowMs - this.#limitedSinceMs);
  }

  #pause(waitMs: number, waitedMs = 0): void {
    if (waitMs + waitedMs <= this.patience.longestPauseMs) {
      this.#pacer.pauseFor(waitMs);
      return;
    }
    const seconds = Math.ceil(waitMs / 1000);
    const { endpoint } = this.#client;
    this.stop(unavailable(endpoint, `the rate limit is used up for ${seconds} s more`));
  }

  /** Where a 429 says nothing: twice as long as before, counted once for all that were out together. */
  #fallBack(): number {
    if (this.#pacer.pauseMs > 0) return this.#pacer.pauseMs;
    const waitMs = this.#fallbackMs;
    this.#fallbackMs = Math.min(waitMs * 2, LONGEST_FALLBACK_MS);
    return waitMs;
  }
}

function unavailable(endpoint: string, found: string): CurrentsError {
  return new CurrentsError({
    code: 'BRAZE_UNAVAILABLE',
    transient: true,
    message: `cannot send to ${endpoint}: ${found}`,
    hint: 'run it again later: what is left goes first; https://braze.statuspage.io tells of incidents',
    context: { endpoint },
  });
}
