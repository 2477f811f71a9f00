/**
 * Events under any schema: all that we know, and some that nobody has seen yet.
 */

import { describe, expect, it } from 'vitest';
import { parseAvroSchema } from '../../../src/avro/avro-schema.ts';
import { openContainer } from '../../../src/avro/container-reader.ts';
import { writeContainer } from '../../../src/avro/container-writer.ts';
import { verifyContainer } from '../../../src/avro/record-decoder.ts';
import {
  type KnownSchema,
  listEventTypes,
  listKnownSchemas,
} from '../../../src/avro/schema-registry.ts';
import { createFillRecord, isKnownField } from '../../../src/sandbox/fields/fill-record.ts';
import { listReleases } from '../../../src/sandbox/releases.ts';
import { tellEvents } from '../../../src/sandbox/tell-events.ts';
import type { StoryEvent } from '../../../src/sandbox/world/story-event.ts';
import { generateInMemory } from './generated-world.ts';

const LIMITS = { maxBlockBytes: 2 ** 24, maxUncompressedBytes: 2 ** 26 };

/** Some events of every type there is, whatever the release. */
function tellEveryType(): ReadonlyMap<string, readonly StoryEvent[]> {
  const told = new Map<string, StoryEvent[]>(listEventTypes().map((type) => [type, []]));
  const request = { seed: 3, events: 3_500, users: 100, hours: 8, from: 1_782_864_000 };
  const canHappen = (eventType: string) => told.has(eventType);
  for (const { events } of tellEvents({ ...request, isFiltered: false, canHappen })) {
    for (const event of events) told.get(event.type)?.push(event);
  }
  return told;
}

describe('createFillRecord', () => {
  it('fills records of every event type under each of its schemas', async () => {
    const told = tellEveryType();
    let schemas = 0;
    for (const [eventType, events] of told) {
      expect(events.length).toBeGreaterThan(0);
      for (const { schema } of listKnownSchemas(eventType)) {
        const fill = createFillRecord(schema.type, 3);
        const bytes = await writeContainer(schema.json, events.slice(0, 20).map(fill));
        const container = await openContainer(bytes, LIMITS);
        expect(container.recordCount).toBe(Math.min(20, events.length));
        verifyContainer(container);
        schemas++;
      }
    }
    expect(schemas).toBeGreaterThan(200);
  });

  it('knows what fields of every known schema mean, or may leave them null', () => {
    const needed = listEventTypes().flatMap((type) =>
      listKnownSchemas(type).flatMap(({ schema }) =>
        schema.type.fields.filter((field) => field.type.kind !== 'union').map(({ name }) => name),
      ),
    );
    expect([...new Set(needed)].filter((name) => !isKnownField(name))).toEqual([]);
  });

  it('finds something plain for fields and types that nobody has seen yet', async () => {
    const inner = {
      type: 'record',
      name: 'Node',
      fields: [{ name: 'next', type: ['Node', 'null'] }],
    };
    const fields: readonly { readonly name: string; readonly type: unknown }[] = [
      { name: 'id', type: 'bytes' },
      { name: 'time', type: 'string' },
      { name: 'user_id', type: 'long' },
      { name: 'timezone', type: ['null', 'int'] },
      { name: '__proto__', type: 'string' },
      { name: 'constructor', type: ['null', 'string'] },
      { name: 'shade', type: { type: 'enum', name: 'Shade', symbols: ['dark', 'light'] } },
      { name: 'either', type: ['int', 'string'] },
      { name: 'maybe', type: ['int', 'null', 'string'] },
      { name: 'list', type: { type: 'array', items: 'double' } },
      { name: 'pairs', type: { type: 'map', values: 'float' } },
      { name: 'node', type: inner },
      { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
    ];
    const schema = parseAvroSchema(JSON.stringify({ type: 'record', name: 'Future', fields }));
    const events = [...tellEveryType().values()].flat().slice(0, 50);
    const fill = createFillRecord(schema.type, 3);
    const container = await openContainer(
      await writeContainer(schema.json, events.map(fill)),
      LIMITS,
    );
    expect(() => verifyContainer(container)).not.toThrow();
    expect(container.recordCount).toBe(50);
  });

  it('fills a record the same way every time', () => {
    const eventType = 'users.messages.email.Click';
    const event = tellEveryType().get(eventType)?.[0] as StoryEvent;
    const { schema } = listKnownSchemas(eventType)[0] as KnownSchema;
    const fill = createFillRecord(schema.type, 3);
    expect(fill(event)).toEqual(fill(event));
    expect(createFillRecord(schema.type, 4)(event)).not.toEqual(fill(event));
  });
});

describe('releases', () => {
  it('come one after the other, and event types appear with theirs', async () => {
    const { summary, objects } = await generateInMemory({ events: 3_000, late: 0, duplicates: 0 });
    expect(summary.releases).toEqual(listReleases().slice(-3));
    const hours = [...objects.keys()]
      .filter((key) => key.includes('event_type=users.UserOrphan/'))
      .map((key) => Number(/date=\d+-\d+-\d+-(\d+)/.exec(key)?.[1]));
    expect(hours.length).toBeGreaterThan(0);
    // The last third of the day has the last release, the first that knows merges.
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(16);
  });

  it.each(['2019-08', 'v1', 'v10'])(
    'can be fixed: %s has only its own event types',
    async (release) => {
      const { summary, objects } = await generateInMemory({ events: 3_000, release });
      const types = listEventTypes().filter((type) =>
        listKnownSchemas(type).some((known) => known.releases.includes(release)),
      );
      expect(Object.keys(summary.byEventType)).toEqual(types);
      const known = new Set(
        types.flatMap((type) =>
          listKnownSchemas(type).filter((one) => one.releases.includes(release)),
        ),
      );
      for (const bytes of objects.values()) {
        const { schema } = await openContainer(bytes, LIMITS);
        expect([...known].some((one) => one.schema.fingerprint === schema.fingerprint)).toBe(true);
      }
    },
  );
});
