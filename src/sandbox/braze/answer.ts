/** What an endpoint says, before it is put on the wire. */
export interface Answer {
  readonly status: number;
  /** Sent as JSON; text is sent as HTML, which is how gateways answer. */
  readonly body: Readonly<Record<string, unknown>> | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An object of a request that was not processed; facts 1.4: the index counts from zero in the named array. */
export interface ObjectError {
  readonly type: string;
  readonly input_array: 'attributes' | 'events' | 'purchases';
  readonly index: number;
}

/** A request of which nothing was processed (facts 1.5). */
export function refuse(status: number, message: string, errors: readonly unknown[] = []): Answer {
  return { status, body: errors.length === 0 ? { message } : { message, errors } };
}
