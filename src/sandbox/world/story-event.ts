/**
 * One thing that happened in the generated world, before it is written under any schema.
 *
 * It says who, when, where and in which message or visit; what the fields of a record hold is worked out
 * when it is written (fields/), from this alone. So the same event reads the same in every release and
 * every delivery, and an event that waits for its object stays small.
 */

import type { Campaign, Canvas, CanvasStep, Variation } from './campaigns.ts';
import type { Device } from './devices.ts';
import type { Persona } from './personas.ts';
import type { Product } from './shop.ts';

/** Values that the story fixes, by field name; they go before what the field would say by itself. */
export type FieldValues = Readonly<Record<string, unknown>>;

/** One message to one person: of a campaign, or of a Canvas and perhaps one of its steps. */
export interface Message {
  readonly campaign: Campaign | undefined;
  readonly canvas: Canvas | undefined;
  readonly step: CanvasStep | undefined;
  readonly variation: Variation;
  readonly sendId: string;
  readonly dispatchId: string;
  /** Random, the same for all events of this message: its link, its card, its activity. */
  readonly number: number;
}

/** One session in an app or on the web. */
export interface Visit {
  readonly id: string;
  /** Seconds since 1970. */
  readonly startedAt: number;
  /** What the person looks at, perhaps buys. */
  readonly product: Product;
}

export interface StoryEvent {
  readonly type: string;
  /** Counts from zero, unique in this bucket. All random values of the record derive from it. */
  readonly sequence: number;
  /** Seconds since 1970, UTC. */
  readonly time: number;
  readonly person: Persona;
  /** False: the customer does not know yet who this is, so there is no external id. */
  readonly isIdentified: boolean;
  /** Undefined where no device takes part, as in sending an email. */
  readonly device: Device | undefined;
  readonly message: Message | undefined;
  readonly visit: Visit | undefined;
  readonly values: FieldValues | undefined;
}
