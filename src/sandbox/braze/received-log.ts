/** The latest accepted objects as they came, for tests that check what was sent and not only what came of it. */

import type { Accepted } from './track.ts';

export interface Received extends Accepted {
  /** Counts from 1 over the life of the sandbox. */
  readonly number: number;
  readonly by: 'rest' | 'files';
}

export class ReceivedLog {
  readonly #keep: number;
  #kept: Received[] = [];
  #number = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(accepted: readonly Accepted[], by: Received['by']): void {
    if (this.#keep === 0) return;
    for (const one of accepted) this.#kept.push({ ...one, number: ++this.#number, by });
    // Cut seldom, so that a long log is not copied for every request.
    if (this.#kept.length > this.#keep * 2) this.#kept = this.#kept.slice(-this.#keep);
  }

  list(): readonly Received[] {
    return this.#keep === 0 ? [] : this.#kept.slice(-this.#keep);
  }

  clear(): void {
    this.#kept = [];
  }
}
