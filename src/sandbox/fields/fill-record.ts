/**
 * An event of the generated world → a record of any schema.
 *
 * Comes in: an event, and a schema that may be older or newer than anything we know. Goes out: the values
 * in field order, each fitting its type. A field takes what the story says, else what its name says by
 * itself; a value that does not fit the type (a field that a schema has retyped) and a field that we have
 * never heard of get null, or where null is not allowed something plain of the right type.
 */

import type { AvroType, RecordType } from '../../avro/avro-type.ts';
import { getNullableBranch } from '../../avro/avro-type.ts';
import { mix, saltOf, uuidOf } from '../world/draw.ts';
import type { StoryEvent } from '../world/story-event.ts';
import { DETAIL_FIELDS } from './detail-fields.ts';
import type { FieldValue } from './field-value.ts';
import { MESSAGE_FIELDS } from './message-fields.ts';
import { PERSON_FIELDS } from './person-fields.ts';

/** The values of one event's record, in the order of the schema's fields. */
export type FillRecord = (event: StoryEvent) => readonly unknown[];

/** Everything is a table lookup by field name, so a Map: fields may be called `__proto__`. */
const FIELD_VALUES: ReadonlyMap<string, FieldValue> = new Map(
  Object.entries({ ...PERSON_FIELDS, ...MESSAGE_FIELDS, ...DETAIL_FIELDS }),
);

/** Whether the world knows what a field of this name means. */
export function isKnownField(name: string): boolean {
  return name === 'id' || name === 'time' || FIELD_VALUES.has(name);
}

/** Builds the function that fills records of one schema; once a schema, not once a record. */
export function createFillRecord(type: RecordType, seed: number): FillRecord {
  const fields = type.fields.map((field) => createField(field.name, field.type, seed));
  const places = new Map(type.fields.map((field, at) => [field.name, at]));
  return (event) => {
    const values = new Array<unknown>(fields.length);
    for (let at = 0; at < fields.length; at++) values[at] = fields[at]?.fill(event);
    // Stories fix few fields: putting these on top is twice as fast as asking the story for each field.
    for (const name in event.values) {
      const at = places.get(name);
      if (at !== undefined) values[at] = fields[at]?.adapt(event.values[name], event.sequence);
    }
    return values;
  };
}

interface FilledField {
  /** What the field says by itself. */
  readonly fill: (event: StoryEvent) => unknown;
  readonly adapt: Adapt;
}

function createField(name: string, type: AvroType, seed: number): FilledField {
  const salt = saltOf(name) ^ seed;
  const adapt = createAdapt(type, name, salt);
  // Its number makes the id unique; the seed makes it another one in another bucket.
  if (name === 'id') {
    return { adapt, fill: ({ sequence }) => adapt(uuidOf(sequence, seed), sequence) };
  }
  if (name === 'time') return { adapt, fill: ({ time, sequence }) => adapt(time, sequence) };
  const fieldValue = FIELD_VALUES.get(name);
  return {
    adapt,
    fill(event) {
      const random = mix(event.sequence, salt);
      return adapt(fieldValue?.(event, random), random);
    },
  };
}

type Adapt = (value: unknown, random: number) => unknown;

/** The value itself if it fits the type, otherwise null or a stand-in. */
function createAdapt(type: AvroType, name: string, salt: number): Adapt {
  const nullable = type.kind === 'union' ? getNullableBranch(type) : undefined;
  const allowsNull =
    type.kind === 'union' && type.branches.some((branch) => branch.kind === 'null');
  const target = nullable ?? type;
  const isFitting = createFittingTest(target);
  if (allowsNull) {
    return (value) =>
      value !== undefined && value !== null && isFitting(value) ? value : nullOf(type);
  }
  return (value, random) =>
    value !== undefined && value !== null && isFitting(value)
      ? value
      : standIn(target, name, mix(random, salt), new Set());
}

/** Null in a union of several types has to say which branch it is. */
function nullOf(type: AvroType): unknown {
  if (type.kind !== 'union' || getNullableBranch(type) !== undefined) return null;
  return { branch: type.branches.findIndex((branch) => branch.kind === 'null'), value: null };
}

function createFittingTest(type: AvroType): (value: unknown) => boolean {
  switch (type.kind) {
    case 'string':
      return (value) => typeof value === 'string';
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'int':
      return (value) => typeof value === 'number' && value === (value | 0);
    case 'long':
      return (value) => Number.isSafeInteger(value);
    case 'float':
    case 'double':
      return (value) => typeof value === 'number';
    case 'array': {
      const isItem = createFittingTest(
        type.items.kind === 'union' ? (getNullableBranch(type.items) ?? type.items) : type.items,
      );
      return (value) => Array.isArray(value) && value.every(isItem);
    }
    default:
      return () => false;
  }
}

/** Something plain of this type. `open` holds the records around it: a recursive one has to end. */
function standIn(
  type: AvroType,
  name: string,
  random: number,
  open: ReadonlySet<AvroType>,
): unknown {
  switch (type.kind) {
    case 'null':
      return null;
    case 'boolean':
      return random % 2 === 0;
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return random % 1_000;
    case 'string':
      return name.endsWith('_id') || type.logical?.name === 'uuid' ? uuidOf(random, 1) : 'unknown';
    case 'bytes':
      return Buffer.of(random & 0x7f);
    case 'fixed':
      return Buffer.alloc(type.size);
    case 'enum':
      return type.symbols[random % type.symbols.length];
    case 'array':
    case 'map':
      return [];
    case 'union': {
      const branch = Math.max(
        0,
        type.branches.findIndex((inner) => !open.has(inner)),
      );
      const value = standIn(type.branches[branch] as AvroType, name, random, open);
      return getNullableBranch(type) === undefined ? { branch, value } : value;
    }
    case 'record': {
      const inside = new Set([...open, type]);
      return type.fields.map((field) => standIn(field.type, field.name, random, inside));
    }
  }
}
