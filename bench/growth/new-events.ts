/**
 * The events that are added to a table with a history: one object of the hour after it, and the same object
 * with one event in a hundred happened weeks before, at any time of the history.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import avro from 'avsc';
import { writeContainer } from '../../src/avro/container-writer.ts';
import { openStore } from '../../src/discovery/open-store.ts';
import { generateBucket } from '../../src/sandbox/generate-bucket.ts';
import { GROWING_EVENT_TYPE, HISTORY_DAYS, HISTORY_END } from './history-table.ts';

const HOUR_MS = 3_600_000;
/** One in so many is late. */
const LATE_EVERY = 100;

/** Writes about so many events of one hour into the folder. Another seed gives other events. */
export async function generateHour(
  folder: string,
  events: number,
  hourStart: Date,
  seed: number,
): Promise<{ readonly distinct: number }> {
  const store = openStore(folder);
  try {
    const told = await generateBucket(store, {
      events,
      users: Math.ceil(events / 10),
      hours: 1,
      late: 0,
      seed,
      release: 'v10',
      until: new Date(hourStart.getTime() + HOUR_MS),
      eventTypes: [GROWING_EVENT_TYPE],
      eventsPerObject: 2 * events,
    });
    return { distinct: told.events };
  } finally {
    store.close();
  }
}

/** Copies a folder of objects; in the copy one event in a hundred is late. */
export async function copyWithLateEvents(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true })) {
    if (!entry.endsWith('.avro')) continue;
    const { schemaJson, events } = await readEvents(path.join(from, entry));
    const late = delaySome(events);
    await mkdir(path.dirname(path.join(to, entry)), { recursive: true });
    await writeFile(path.join(to, entry), await writeContainer(schemaJson, late));
  }
}

type Event = Readonly<Record<string, unknown>> & { readonly id: string };

/** By id, so that a second delivery stays one. */
function delaySome(events: readonly Event[]): readonly Event[] {
  const ids = [...new Set(events.map(({ id }) => id))].filter(
    (_, index) => index % LATE_EVERY === 0,
  );
  const stepSeconds = Math.floor((HISTORY_DAYS * 86_400) / ids.length);
  const times = new Map(
    ids.map((id, index) => [id, HISTORY_END.getTime() / 1000 - (index + 1) * stepSeconds]),
  );
  return events.map((event) => ({ ...event, time: times.get(event.id) ?? event.time }));
}

async function readEvents(file: string) {
  const header = avro.extractFileHeader(file, { decode: false }) as {
    readonly meta: { readonly 'avro.schema': Buffer };
  };
  const events = await new Promise<Event[]>((resolve, reject) => {
    const read: Event[] = [];
    avro
      .createFileDecoder(file)
      .on('data', (event: Event) => read.push(event))
      .on('end', () => resolve(read))
      .on('error', reject);
  });
  return { schemaJson: header.meta['avro.schema'].toString(), events };
}
