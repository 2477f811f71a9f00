/**
 * Stories for tests: a list of events as a person would tell them → objects in a TestWarehouse.
 *
 * Each object has only the fields that the story names, as a release that lacks the others; their Avro types
 * are those of the newest known schema. `at` is the instant, `2026-09-01 10:00`, in UTC.
 */
import { listKnownSchemas } from '../../src/avro/schema-registry.ts';
import type { TestWarehouse } from './test-warehouse.ts';

export interface ToldEvent {
  /** Without `users.`: `messages.email.Open`. */
  readonly type: string;
  readonly at: string;
  readonly [field: string]: unknown;
}

let told = 0;

function nextId(): string {
  told += 1;
  return `told-${told}`;
}

/** Loads all events as one batch, an object for each type. */
export async function tell(warehouse: TestWarehouse, events: readonly ToldEvent[]): Promise<void> {
  const types = [...new Set(events.map(({ type }) => type))];
  const objects = types.map((type) => {
    const own = events.filter((event) => event.type === type);
    const records = own.map(({ type: _type, at, ...fields }) => ({
      id: nextId(),
      time: Date.parse(`${at.replace(' ', 'T')}Z`) / 1000,
      ...fields,
    }));
    const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
    const eventType = `users.${type}`;
    return {
      eventType,
      schema: JSON.stringify({
        type: 'record',
        name: eventType,
        fields: names.map((name) => describeField(eventType, name)),
      }),
      records: records.map((record) => ({
        ...Object.fromEntries(names.map((name) => [name, null])),
        ...record,
      })),
    };
  });
  await warehouse.load(objects);
}

function describeField(eventType: string, name: string) {
  if (name === 'id') return { name, type: 'string' };
  if (name === 'time') return { name, type: 'long' };
  const field = listKnownSchemas(eventType)
    .at(-1)
    ?.schema.type.fields.find((known) => known.name === name);
  if (field === undefined) throw new Error(`${eventType} has no field ${name}`);
  const known = field.type.kind === 'union' ? field.type.branches.find(isNotNull) : field.type;
  return { name, type: ['null', known?.kind ?? 'string'], default: null };
}

function isNotNull({ kind }: { readonly kind: string }): boolean {
  return kind !== 'null';
}
