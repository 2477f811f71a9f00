/** Objects, or parts of one, on their way from the store: under way before anybody asks for them, in their order. */

export class Flight<Arrival> {
  readonly #arrivals: AsyncGenerator<Arrival, undefined>;
  #first: Promise<IteratorResult<Arrival, undefined>> | undefined;
  /** In memory before the first of them is taken. */
  readonly bytes: number;
  readonly objects: number;
  readonly isInParts: boolean;

  constructor(
    arrivals: AsyncGenerator<Arrival, undefined>,
    bytes: number,
    objects: number,
    isInParts: boolean,
  ) {
    this.#arrivals = arrivals;
    this.bytes = bytes;
    this.objects = objects;
    this.isInParts = isInParts;
  }

  /** Fetches the first one ahead. */
  begin(): void {
    this.#first = this.#arrivals.next();
    // Looked at when its turn comes; until then a failure must not count as unhandled.
    this.#first.catch(() => undefined);
  }

  async next(): Promise<IteratorResult<Arrival, undefined>> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#arrivals.next();
  }

  /** Closes what it has open. */
  async end(): Promise<void> {
    await this.#arrivals.return(undefined).catch(() => undefined);
  }
}

/** Who wants to stop ends an object only as long as nothing of it is being loaded. */
export class PartsSignal {
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #onAbort: () => void;
  isBegun = false;

  constructor(wish: AbortSignal, stop: AbortSignal) {
    this.#signals = [wish, stop];
    this.#onAbort = () => {
      if (!this.isBegun || stop.aborted) this.#controller.abort(wish.reason);
    };
    if (wish.aborted) this.#onAbort();
    for (const one of this.#signals) one.addEventListener('abort', this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const one of this.#signals) one.removeEventListener('abort', this.#onAbort);
  }
}
