/**
 * `POST /users/track`: attributes, events and purchases of up to 75 objects.
 *
 * Each object is judged alone: one that is refused is named in `errors`, the others are processed, and the answer is
 * 201 all the same (facts 1.4). Only where nothing at all could be processed is it 400.
 */

import { type Answer, type ObjectError, refuse } from './answer.ts';
import { applyAttributes } from './apply-attributes.ts';
import type { Workspace } from './workspace.ts';

/** What clients recorded as the answer to a request without one valid object. */
const NOTHING_VALID =
  "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";

export function track(workspace: Workspace, body: Readonly<Record<string, unknown>>): Answer {
  const attributes = body.attributes as readonly Record<string, unknown>[];
  const errors: ObjectError[] = [];
  attributes.forEach((object, index) => {
    const type = applyAttributes(workspace, object);
    if (type !== undefined) errors.push({ type, input_array: 'attributes', index });
  });
  const processed = attributes.length - errors.length;
  if (processed === 0) return refuse(400, NOTHING_VALID, errors);
  return {
    status: 201,
    body: {
      message: 'success',
      attributes_processed: processed,
      ...(errors.length === 0 ? {} : { errors }),
    },
  };
}
