/**
 * Between accepted and applied. Braze applies what it accepted some time later and promises no order between requests
 * (facts 1.2), so two requests in flight for one attribute end with either value.
 *
 *     accepted ──► waiting, a random time up to applyWithinMs ──► applied
 *                     └── settle(): at once, in random order ──┘
 *
 * With no time to wait, a request is applied before it is answered.
 */

import { createDraw, type Draw } from '../world/draw.ts';

/** Which of the streams of the seed decides on waiting. */
const QUEUE_STREAM = 0x9e0e;

export class ApplyQueue {
  readonly #withinMs: number;
  readonly #draw: Draw;
  readonly #waiting = new Map<() => void, NodeJS.Timeout>();

  constructor(seed: number, withinMs: number) {
    this.#withinMs = withinMs;
    this.#draw = createDraw(seed, QUEUE_STREAM);
  }

  get length(): number {
    return this.#waiting.size;
  }

  add(apply: () => void): void {
    if (this.#withinMs === 0) {
      apply();
      return;
    }
    const waitMs = Math.round(this.#draw.share() * this.#withinMs);
    const timer = setTimeout(() => {
      this.#waiting.delete(apply);
      apply();
    }, waitMs);
    this.#waiting.set(apply, timer);
  }

  /** Applies everything that waits, in random order. */
  settle(): void {
    const applies = [...this.#waiting.keys()];
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    while (applies.length > 0) {
      const [apply] = applies.splice(this.#draw.whole(0, applies.length - 1), 1);
      apply?.();
    }
  }
}
