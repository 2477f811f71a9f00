/**
 * `POST /users/track`: attributes, events and purchases, 75 objects in all.
 *
 * Each object is judged alone: one that is refused is named in `errors`, the others are processed, and the answer is
 * 201 all the same (facts 1.4). Only where nothing at all could be processed is it 400. Accepted is not applied:
 * `apply-queue.ts` does that, at once or later.
 */

import { applyActivity, judgeActivity } from './activity.ts';
import { type Answer, type ObjectError, refuse } from './answer.ts';
import { applyAttributes, judgeAttributes } from './apply-attributes.ts';
import { isObject } from './nested-value.ts';
import type { Workspace } from './workspace.ts';

type SentObject = Readonly<Record<string, unknown>>;

/** In the order in which Braze begins to process them (facts 1.2). */
const ARRAYS = ['attributes', 'events', 'purchases'] as const;

/** What clients recorded as the answer to a request without one valid object. */
const NOTHING_VALID =
  "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";

/** An accepted object and the array it came in. */
export interface Accepted {
  readonly kind: (typeof ARRAYS)[number];
  readonly object: SentObject;
}

/**
 * Judges a whole request and accepts what is sound. `spoil` can refuse an attributes object that is sound, to see what a
 * client does then.
 */
export function track(
  workspace: Workspace,
  body: SentObject,
  spoil: (index: number) => string | undefined = () => undefined,
): Answer {
  const given = ARRAYS.filter((kind) => body[kind] !== undefined);
  const wrong = given.find((kind) => !Array.isArray(body[kind]));
  if (wrong !== undefined) return refuse(400, `'${wrong}' must be an array`);
  if (
    isOverLimit(
      workspace,
      given.map((kind) => (body[kind] as unknown[]).length),
    )
  )
    return refuse(400, 'Max Input Length Exceeded');

  const errors: ObjectError[] = [];
  const accepted: Accepted[] = [];
  const processed: Record<string, number> = {};
  for (const kind of given) {
    const before = accepted.length;
    (body[kind] as readonly unknown[]).forEach((object, index) => {
      const spoiled = kind === 'attributes' ? spoil(index) : undefined;
      const type = spoiled ?? judge(workspace, kind, object);
      if (type === undefined) accepted.push({ kind, object: object as SentObject });
      else errors.push({ type, input_array: kind, index });
    });
    processed[`${kind}_processed`] = accepted.length - before;
    workspace.tally.objects[kind] += accepted.length - before;
  }
  workspace.tally.objects.refused += errors.length;
  if (accepted.length === 0) return refuse(400, NOTHING_VALID, errors);
  accept(workspace, accepted, 'rest');
  return {
    status: 201,
    body: { message: 'success', ...processed, ...(errors.length === 0 ? {} : { errors }) },
  };
}

function isOverLimit({ settings }: Workspace, lengths: readonly number[]): boolean {
  const { count, per } = settings.objectLimit;
  const longest = per === 'array' ? Math.max(0, ...lengths) : lengths.reduce((a, b) => a + b, 0);
  return longest > count;
}

function judge(workspace: Workspace, kind: Accepted['kind'], object: unknown): string | undefined {
  if (!isObject(object)) return `must be an object`;
  return kind === 'attributes' ? judgeAttributes(workspace, object) : judgeActivity(object, kind);
}

/** Takes responsibility for objects: from here on they are not lost, and applied when the queue says so. */
export function accept(
  workspace: Workspace,
  accepted: readonly Accepted[],
  by: 'rest' | 'files',
): void {
  workspace.journal?.({ accepted });
  workspace.received.add(accepted, by);
  workspace.queue.add(() => {
    for (const one of accepted) applyAccepted(workspace, one);
  });
}

export function applyAccepted(workspace: Workspace, { kind, object }: Accepted): void {
  if (kind === 'attributes') applyAttributes(workspace, object);
  else applyActivity(workspace, object, kind);
}
