/**
 * Schemas that no release has: for some event types, what Braze might write next and what it might write
 * after that, made from the newest known schema by edits; and one event type that does not exist.
 *
 * Every way in which a schema can change is here at least once: fields added, dropped, moved, loosened,
 * tightened, widened, narrowed and given another type, at the top and inside lists and records.
 */

import { listKnownSchemas } from '../../src/avro/schema-registry.ts';

/** A type as it stands in a schema's JSON. */
export type AvroJson =
  | string
  | readonly AvroJson[]
  | { readonly type: string; readonly [attribute: string]: unknown };

export interface FieldJson {
  readonly name: string;
  readonly type: AvroJson;
}

export type Edition = 'known' | 'next' | 'afterNext';

/** One schema of one event type. */
export interface EditedSchema {
  readonly eventType: string;
  readonly edition: Edition;
  readonly fields: readonly FieldJson[];
  readonly json: string;
}

interface Edits {
  /** New type of a field that is there. */
  readonly change?: Readonly<Record<string, AvroJson>>;
  readonly drop?: readonly string[];
  /** New fields with their types; they go in front, so that everything else moves. */
  readonly add?: Readonly<Record<string, AvroJson>>;
  readonly reverse?: boolean;
}

const LONG_LIST: AvroJson = { type: 'array', items: 'long' };
const TEXT_LIST: AvroJson = { type: 'array', items: 'string' };
const orNull = (type: AvroJson): AvroJson => ['null', type];

function aRecordType(name: string, fields: Readonly<Record<string, AvroJson>>): AvroJson {
  const list = Object.entries(fields).map(([field, type]) => ({ name: field, type }));
  return { type: 'record', name, fields: list };
}

function listOf(items: AvroJson): AvroJson {
  return { type: 'array', items };
}

/** The second edition is made from the first. */
const EDITS: Readonly<Record<string, readonly [Edits, Edits]>> = {
  // Nothing here that a table would notice; then a field of every kind.
  'users.messages.email.Open': [
    {
      reverse: true,
      drop: ['dispatch_id'],
      change: { email_address: orNull('string'), canvas_id: 'string' },
    },
    {
      add: {
        score: 'int',
        opened_nanos: orNull('long'),
        confidence: 'float',
        ratio: orNull('double'),
        is_prefetched: 'boolean',
        folders: orNull(TEXT_LIST),
        counters: { type: 'map', values: 'long' },
        client: aRecordType('Client', { name: 'string', version: orNull('int') }),
        placement: { type: 'enum', name: 'Placement', symbols: ['inbox', 'promotions', 'spam'] },
        digest: { type: 'fixed', name: 'Digest', size: 4 },
        raw: 'bytes',
        rendered_at: { type: 'long', logicalType: 'timestamp-millis' },
        birthday: orNull({ type: 'int', logicalType: 'date' }),
        price: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
        trace: { type: 'string', logicalType: 'uuid' },
        'odd "name"; drop table x': 'string',
      },
    },
  ],
  'users.behaviors.Location': [
    {
      change: {
        latitude: 'double',
        longitude: 'double',
        altitude: orNull('double'),
        app_id: orNull('string'),
      },
      drop: ['ll_accuracy'],
      add: { speed: orNull('float'), floor: 'int' },
    },
    {
      change: { speed: orNull('double'), floor: 'double', device_id: 'string', latitude: 'float' },
      drop: ['altitude'],
    },
  ],
  'agentconsole.AgentExecuted': [
    {
      change: {
        duration: 'long',
        prompt_tokens: 'double',
        total_tokens: orNull('long'),
        cache_hit: 'string',
        is_error: orNull('boolean'),
        time: 'int',
      },
    },
    // Longs of the first edition that no double can hold are in the table when the column widens.
    { change: { total_tokens: 'double', completion_tokens: 'string', agent_name: 'int' } },
  ],
  'users.behaviors.Purchase': [
    {
      change: {
        price: 'double',
        product_id: 'long',
        properties: aRecordType('Properties', { color: 'string', size: 'int' }),
      },
      add: { items: listOf(aRecordType('Item', { sku: 'string', quantity: 'int' })) },
    },
    {
      change: {
        items: listOf(
          aRecordType('Item', { sku: 'string', quantity: 'long', gift: orNull('boolean') }),
        ),
        currency: orNull(TEXT_LIST),
      },
    },
  ],
  'users.messages.rcs.Click': [
    {
      change: { suspected_bot_click_reason: orNull('string'), user_phone_number: 'string' },
      add: { ranks: LONG_LIST },
    },
    {
      change: {
        suspected_bot_click_reason: orNull(listOf('int')),
        is_suspected_bot_click: orNull('string'),
        ranks: listOf('double'),
      },
    },
  ],
  'users.profile.Update': [
    {
      change: {
        custom_attributes: orNull({ type: 'map', values: 'string' }),
        archived: orNull('int'),
      },
    },
    { change: { time_ms: 'double', archived: orNull('boolean'), gender: ['string', 'int'] } },
  ],
  'users.messages.whatsapp.InboundReceive': [
    { change: { media_urls: orNull(TEXT_LIST), time: 'int' } },
    { change: { media_urls: orNull(listOf(aRecordType('Media', { url: 'string' }))) } },
  ],
  'users.behaviors.pushnotification.TokenStateChange': [
    {
      change: {
        push_token_created_at: orNull('long'),
        ios_push_token_apns_gateway: orNull('string'),
      },
    },
    { change: { push_token_created_at: orNull('double'), time_ms: orNull('string') } },
  ],
  // Even the time of the event.
  'users.canvas.Entry': [
    { change: { in_control_group: orNull('boolean') }, add: { entry_count: 'int' } },
    { change: { time: 'string', entry_count: 'long' } },
  ],
};

const INVENTED = 'users.messages.telepathy.Send';
const INVENTED_FIELDS: readonly FieldJson[] = Object.entries<AvroJson>({
  id: 'string',
  user_id: 'string',
  time: 'long',
  thought: 'string',
  strength: 'float',
  receivers: TEXT_LIST,
}).map(([name, type]) => ({ name, type }));
const INVENTED_EDITS: Edits = {
  change: { strength: 'double', thought: 'int', receivers: 'string' },
  add: { aura: orNull('string') },
};

/** The event types that have schemas here; the invented one has no known edition. */
export const EDITED_TYPES: readonly string[] = [...Object.keys(EDITS), INVENTED];

export function isInvented(eventType: string): boolean {
  return eventType === INVENTED;
}

/** All editions of an event type, oldest first. */
export function listEditions(eventType: string): readonly EditedSchema[] {
  if (isInvented(eventType)) {
    return [
      format(eventType, 'next', INVENTED_FIELDS),
      format(eventType, 'afterNext', edit(INVENTED_FIELDS, INVENTED_EDITS)),
    ];
  }
  const newest = listKnownSchemas(eventType).at(-1);
  const edits = EDITS[eventType];
  if (newest === undefined || edits === undefined) throw new Error(`no schema of ${eventType}`);
  const { fields: known } = JSON.parse(newest.schema.json) as { fields: readonly FieldJson[] };
  const next = edit(known, edits[0]);
  return [
    { ...format(eventType, 'known', known), json: newest.schema.json },
    format(eventType, 'next', next),
    format(eventType, 'afterNext', edit(next, edits[1])),
  ];
}

function edit(fields: readonly FieldJson[], { change = {}, drop = [], add = {}, reverse }: Edits) {
  for (const name of [...Object.keys(change), ...drop]) {
    if (!fields.some((field) => field.name === name)) throw new Error(`no field ${name} to edit`);
  }
  const kept = fields
    .filter((field) => !drop.includes(field.name))
    .map(({ name, type }) => ({ name, type: change[name] ?? type }));
  const added = Object.entries(add).map(([name, type]) => ({ name, type }));
  return [...added, ...(reverse ? kept.reverse() : kept)];
}

function format(eventType: string, edition: Edition, fields: readonly FieldJson[]): EditedSchema {
  const name = `dataexport.S3.inner.${eventType}`;
  return { eventType, edition, fields, json: JSON.stringify({ type: 'record', name, fields }) };
}
