/**
 * Faults on demand: what the network, Braze's front and Braze itself do to a client. Either for the next requests, in
 * the order given, or at random by seed and share.
 *
 * Only `/users/track` is hit. A fault says when it strikes: `before` nothing was applied, `after` everything was, and
 * the client cannot know which.
 */

import { z } from 'zod';
import { createDraw, type Draw } from '../world/draw.ts';

const WHEN = z.enum(['before', 'after']).default('before');
const MILLISECONDS = z.number().int().min(0).max(3_600_000);

const FAULT = z.discriminatedUnion('kind', [
  /** 429 with the headers of the dialect; nothing is applied. */
  z.strictObject({
    kind: z.literal('rate-limited'),
    waitSeconds: z.number().int().min(0).default(1),
  }),
  /** 500, 502, 503 or 504; a gateway's answer is HTML. A 504 may well come after. */
  z.strictObject({
    kind: z.literal('server-error'),
    status: z.union([z.literal(500), z.literal(502), z.literal(503), z.literal(504)]).default(500),
    when: WHEN,
  }),
  /** The connection is cut instead of an answer. */
  z.strictObject({ kind: z.literal('lost-answer'), when: WHEN }),
  /** The answer begins, and the connection is cut in the middle of it; everything was applied. */
  z.strictObject({ kind: z.literal('cut-answer') }),
  /** Nothing comes until the client gives up, or the time is over and the connection is cut. */
  z.strictObject({
    kind: z.literal('no-answer'),
    when: WHEN,
    holdMs: MILLISECONDS.default(60_000),
  }),
  /** Applied at once, answered later. */
  z.strictObject({ kind: z.literal('slow'), delayMs: MILLISECONDS.default(1000) }),
  /** Sound attributes objects are refused: so many, chosen at random. */
  z.strictObject({
    kind: z.literal('bad-objects'),
    count: z.number().int().min(1).default(1),
    type: z.string().min(1).default('an error of the sandbox'),
  }),
]);

export const FAULT_PLAN = z.strictObject({
  /** For the next requests, in this order; `times` repeats one. */
  next: z
    .array(z.strictObject({ fault: FAULT, times: z.number().int().min(1).default(1) }))
    .default([]),
  /** For every other request: chances from 0 to 1, at most 1 in all. */
  random: z
    .array(z.strictObject({ fault: FAULT, share: z.number().min(0).max(1) }))
    .refine((faults) => faults.reduce((sum, { share }) => sum + share, 0) <= 1.000_001, {
      error: 'the shares are more than 1 in all',
    })
    .default([]),
});

export type Fault = z.output<typeof FAULT>;
/** What is to be played: `{ next: [{ fault: { kind: 'lost-answer', when: 'after' } }] }`. */
export type FaultPlan = z.input<typeof FAULT_PLAN>;

/** Which of the streams of the seed chooses faults. */
const FAULT_STREAM = 0xfa17;

export class Faults {
  readonly #draw: Draw;
  #next: { readonly fault: Fault; times: number }[] = [];
  #random: readonly { readonly fault: Fault; readonly share: number }[] = [];

  constructor(seed: number) {
    this.#draw = createDraw(seed, FAULT_STREAM);
  }

  /**
   * `next` comes after what is still waiting, `random` replaces what was there if it is given.
   *
   * @throws zod's error if the plan is malformed.
   */
  add(plan: FaultPlan): void {
    const { next, random } = FAULT_PLAN.parse(plan);
    this.#next.push(...next);
    if (plan.random !== undefined) this.#random = random;
  }

  clear(): void {
    this.#next = [];
    this.#random = [];
  }

  /** What happens to the request in hand; undefined for nothing. */
  take(): Fault | undefined {
    const [first] = this.#next;
    if (first !== undefined) {
      first.times -= 1;
      if (first.times === 0) this.#next.shift();
      return first.fault;
    }
    if (this.#random.length === 0) return undefined;
    let place = this.#draw.share();
    return this.#random.find(({ share }) => {
      place -= share;
      return place < 0;
    })?.fault;
  }

  /** Distinct places among the first `length`, for `bad-objects`. */
  choosePlaces(count: number, length: number): ReadonlySet<number> {
    const places = new Set<number>();
    while (places.size < Math.min(count, length)) places.add(this.#draw.whole(0, length - 1));
    return places;
  }

  get waiting(): number {
    return this.#next.reduce((sum, { times }) => sum + times, 0);
  }
}
