/**
 * What the sandbox counted: requests by endpoint and answer, objects, data points, silent losses by rule, and
 * operators that came twice. Braze itself shows little of this; it is what tests and bills are checked against.
 */

import { createHash } from 'node:crypto';
import type { RuleId } from './rules.ts';

export interface Counts {
  readonly requests: number;
  readonly requestBytes: number;
  /** By path and status, such as `/users/track 201`. Answers that were lost are under `lost`. */
  readonly answers: Readonly<Record<string, number>>;
  readonly objects: {
    readonly attributes: number;
    readonly events: number;
    readonly purchases: number;
    /** Named in `errors`. */
    readonly refused: number;
  };
  /** By Braze's rules (facts 1.6), of REST and staged files together. */
  readonly dataPoints: number;
  /** Values and objects that Braze would lose without a word, by rule. */
  readonly silent: Readonly<Record<string, number>>;
  /** `inc` and `$add` with the same value for the same attribute of the same profile as before. */
  readonly repeatedOperators: number;
  /** Faults that were played, by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

export class Tally {
  requests = 0;
  requestBytes = 0;
  dataPoints = 0;
  repeatedOperators = 0;
  readonly objects = { attributes: 0, events: 0, purchases: 0, refused: 0 };
  readonly #answers = new Map<string, number>();
  readonly #silent = new Map<RuleId, number>();
  readonly #faults = new Map<string, number>();
  readonly #operators = new Set<string>();

  answered(path: string, status: number | 'lost'): void {
    count(this.#answers, `${path} ${status}`);
  }

  silent(rule: RuleId): void {
    count(this.#silent, rule);
  }

  fault(kind: string): void {
    count(this.#faults, kind);
  }

  /** Remembers an operator that is harmful when it comes twice. Intended repetitions look the same as mistakes. */
  operator(brazeId: string, attribute: string, sent: unknown): void {
    const text = JSON.stringify([brazeId, attribute, sent]);
    const hash = createHash('sha1').update(text).digest('base64');
    if (this.#operators.has(hash)) this.repeatedOperators += 1;
    else this.#operators.add(hash);
  }

  snapshot(): Counts {
    return {
      requests: this.requests,
      requestBytes: this.requestBytes,
      answers: Object.fromEntries(this.#answers),
      objects: { ...this.objects },
      dataPoints: this.dataPoints,
      silent: Object.fromEntries(this.#silent),
      repeatedOperators: this.repeatedOperators,
      faults: Object.fromEntries(this.#faults),
    };
  }

  clear(): void {
    this.requests = 0;
    this.requestBytes = 0;
    this.dataPoints = 0;
    this.repeatedOperators = 0;
    Object.assign(this.objects, { attributes: 0, events: 0, purchases: 0, refused: 0 });
    for (const map of [this.#answers, this.#silent, this.#faults, this.#operators]) map.clear();
  }
}

function count<Key>(map: Map<Key, number>, key: Key): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
