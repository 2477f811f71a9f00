/**
 * One batch → one outcome for each of its items, whatever Braze answers in between.
 *
 *     send ──► accepted            objects that `errors` names are rejected
 *      ▲ │ ├─► too large           in halves, down to a single object, which is rejected
 *      │ │ ├─► refused (400)       the objects that are named, or found by halving, are rejected; the rest again
 *      │ │ ├─► fatal               (401, 403, 404 …) everything stops
 *      └─┤ ├─► limited (429)       waits as long as Braze says, and so does everybody else
 *      └─┤ ├─► not sent            waits and tries again
 *      └─┴─┴─► lost                again if that is harmless, else unknown
 *
 * An item's outcome depends on that item alone, never on its neighbours in the request. What may have
 * arrived and must not arrive twice is not sent twice.
 */
import pRetry from 'p-retry';
import { type Batch, type BatchLimits, formatBody } from './batch.ts';
import type { Delivery } from './delivery.ts';
import type { ItemOutcome, OutboxItem } from './destination.ts';
import type { ObjectError, TrackAnswer } from './track-answer.ts';

/** Sends one batch to its end. Never rejects for what Braze does: `delivery.stopError` tells. */
export async function deliverBatch(batch: Batch, delivery: Delivery): Promise<ItemOutcome[]> {
  if (batch.length === 0) return [];
  const answer = await sendPatiently(batch, delivery);
  const isAlone = batch.length === 1;
  switch (answer.kind) {
    case 'accepted':
      return settleErrors(batch, answer.errors, delivery);
    case 'too-large':
      if (isAlone) return rejectAll(batch, { code: 'TOO_LARGE', reason: answer.reason });
      delivery.limits = shrink(delivery.limits, batch, answer.by);
      return deliverHalves(batch, delivery);
    case 'refused': {
      const named = new Map(answer.errors.map((error) => [error.index, error]));
      const rest = batch.filter((_, index) => !named.has(index));
      if (rest.length < batch.length) {
        const rejected = batch.flatMap((object, index) => {
          const error = named.get(index);
          return error === undefined ? [] : rejectAll([object], error);
        });
        return [...rejected, ...(await deliverBatch(rest, delivery))];
      }
      if (!isAlone) return deliverHalves(batch, delivery);
      delivery.noteRefusal(answer.reason.reason);
      return rejectAll(batch, answer.errors[0] ?? answer.reason);
    }
    case 'fatal':
      return batch.map(outcome({ status: 'waiting', reason: answer.error.message }));
    case 'limited':
    case 'not-sent':
      return batch.map(outcome({ status: 'waiting', reason: answer.reason }));
    case 'lost':
      return batch.map(outcome({ status: 'unknown', reason: answer.reason }));
    default:
      return answer satisfies never;
  }
}

/**
 * The last answer of as many attempts as are worth making. One that was lost is not undone by a later one that
 * says that nothing was taken: Braze may have taken the first.
 */
async function sendPatiently(batch: Batch, delivery: Delivery): Promise<TrackAnswer> {
  const { maxAttempts, retryWaitMs } = delivery.patience;
  const body = formatBody(batch);
  const isRepeatable = batch.every(({ repeatable }) => repeatable);
  // Not narrowed to what it begins with: the attempts assign it.
  let answer = { kind: 'not-sent', reason: 'the run was stopped' } as TrackAnswer;
  let lost: TrackAnswer | undefined;
  const conclude = (): TrackAnswer =>
    lost !== undefined && SAYS_NOT_TAKEN.has(answer.kind) ? lost : answer;
  const isWorthAnother = (): boolean =>
    answer.kind === 'limited' ||
    answer.kind === 'not-sent' ||
    (answer.kind === 'lost' && isRepeatable);
  try {
    await pRetry(
      async () => {
        answer = await delivery.request(body);
        if (answer.kind === 'lost') lost = answer;
        if (isWorthAnother()) throw ANOTHER_ATTEMPT;
      },
      {
        retries: maxAttempts - 1,
        minTimeout: retryWaitMs,
        maxTimeout: retryWaitMs * LONGEST_WAIT_FACTOR,
        randomize: true,
        // The pacer holds what Braze asks for; the steps of the retry come on top for everything else.
        shouldConsumeRetry: () => answer.kind !== 'limited',
        signal: delivery.stopSignal,
      },
    );
  } catch (error) {
    // The answer tells, also where the run was stopped while one came in.
    if (delivery.stopSignal.aborted) return conclude();
    if (error !== ANOTHER_ATTEMPT) throw error;
    if (answer.kind === 'not-sent' || answer.kind === 'lost') delivery.noteFailure(answer);
  }
  return conclude();
}

/** Of this attempt. */
const SAYS_NOT_TAKEN: ReadonlySet<TrackAnswer['kind']> = new Set(['fatal', 'limited', 'not-sent']);

const ANOTHER_ATTEMPT = new Error('another attempt');
const LONGEST_WAIT_FACTOR = 100;

/** Braze queued all but those that it names; where it names none by its place, they are looked for. */
async function settleErrors(
  batch: Batch,
  errors: readonly ObjectError[],
  delivery: Delivery,
): Promise<ItemOutcome[]> {
  const named = new Map<number, ObjectError>();
  const nameless: ObjectError[] = [];
  for (const error of errors) {
    if (error.index === undefined || error.index < 0 || error.index >= batch.length)
      nameless.push(error);
    else if (!named.has(error.index)) named.set(error.index, error);
  }
  const [first] = nameless;
  const others = batch.filter((_, index) => !named.has(index));
  const rejected = batch.flatMap((object, index) => {
    const error = named.get(index);
    return error === undefined ? [] : rejectAll([object], error);
  });
  if (first === undefined) return [...rejected, ...others.map(outcome({ status: 'accepted' }))];
  if (batch.length === 1) return rejectAll(batch, first);
  if (others.every(({ repeatable }) => repeatable))
    return [...rejected, ...(await deliverHalves(others, delivery))];
  const reason = `an error that names nobody: ${first.reason}`;
  return [...rejected, ...others.map(outcome({ status: 'unknown', reason }))];
}

async function deliverHalves(batch: Batch, delivery: Delivery): Promise<ItemOutcome[]> {
  const half = Math.ceil(batch.length / 2);
  const first = await deliverBatch(batch.slice(0, half), delivery);
  return [...first, ...(await deliverBatch(batch.slice(half), delivery))];
}

/** What was too large once would be again: later batches start at half of it. */
function shrink(limits: BatchLimits, batch: Batch, by: 'count' | 'bytes'): BatchLimits {
  if (by === 'count')
    return { ...limits, maxObjects: Math.min(limits.maxObjects, Math.ceil(batch.length / 2)) };
  const sizeBytes = batch.reduce((sum, { object }) => sum + object.length, 0);
  return { ...limits, maxBytes: Math.min(limits.maxBytes, Math.ceil(sizeBytes / 2)) };
}

type WithoutItem<Found> = Found extends unknown ? Omit<Found, 'itemId'> : never;

function outcome(found: WithoutItem<ItemOutcome>): (item: OutboxItem) => ItemOutcome {
  return ({ itemId }) => ({ itemId, ...found });
}

function rejectAll(batch: Batch, { code, reason }: Omit<ObjectError, 'index'>): ItemOutcome[] {
  return batch.map(outcome({ status: 'rejected', code, reason }));
}
