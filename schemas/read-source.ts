/**
 * schemas/source/*.yaml → every version of every event type, with all its fields written out.
 *
 * Three files come in: the releases in their order, each field once, and each event type with what
 * every release changed. They are edited by hand, so a slip has to be found here: an unknown field,
 * a place that does not exist, a description nobody uses or a version that changes nothing is an
 * error that names the event type and the version.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

/** One field of one version of an event type. */
interface SourceField {
  readonly name: string;
  /** In the notation of the source: `string`, `int?`, `array<string?>?`. */
  readonly type: string;
  readonly personal: boolean;
  readonly doc: string;
}

export interface SourceVersion {
  readonly eventType: string;
  /** The first release that has it; the name of its file. */
  readonly version: string;
  readonly releases: readonly string[];
  readonly doc: string;
  readonly fields: readonly SourceField[];
}

const SOURCE = new URL('source/', import.meta.url);

const personalSchema = z.string().regex(/^(always|never|since \S+)$/);
const fieldSchema = z.strictObject({
  type: z.string(),
  personal: personalSchema.default('never'),
  doc: z.string(),
});
const changesSchema = z.strictObject({
  add: z.array(z.string()).default([]),
  remove: z.array(z.string()).default([]),
  change: z.array(z.string()).default([]),
});
/** What is particular about a field in one event type; a bare text is its doc. */
const ownSchema = z.strictObject({
  personal: personalSchema.optional(),
  doc: z.string().optional(),
});
const eventTypeSchema = z.strictObject({
  doc: z.string(),
  last: z.string().optional(),
  fields: z.record(z.string(), z.union([z.string(), ownSchema])).default({}),
  versions: z.record(z.string(), z.union([z.string(), changesSchema])),
});

type FieldSource = z.infer<typeof fieldSchema>;
type EventTypeSource = z.infer<typeof eventTypeSchema>;
type FieldTypes = ReadonlyMap<string, string>;

/** The texts of the three files. */
export interface SourceTexts {
  readonly releases: string;
  readonly fields: string;
  readonly eventTypes: string;
}

/** @throws Error as `expandSource` */
export function readSource(): readonly SourceVersion[] {
  const read = (file: string): string => readFileSync(new URL(file, SOURCE), 'utf8');
  return expandSource({
    releases: read('releases.yaml'),
    fields: read('fields.yaml'),
    eventTypes: read('event-types.yaml'),
  });
}

/** @throws Error that names the file, the event type and the version, when the texts contradict each other */
export function expandSource(texts: SourceTexts): readonly SourceVersion[] {
  const releases = Object.keys(
    parseYaml('releases.yaml', texts.releases, z.record(z.string(), z.string())),
  );
  const fields = new Map(
    Object.entries(parseYaml('fields.yaml', texts.fields, z.record(z.string(), fieldSchema))),
  );
  const versions = Object.entries(
    parseYaml('event-types.yaml', texts.eventTypes, z.record(z.string(), eventTypeSchema)),
  ).flatMap(([name, eventType]) => expandEventType(name, eventType, fields, releases));
  const used = new Set(versions.flatMap((version) => version.fields.map((field) => field.name)));
  for (const name of fields.keys()) {
    if (!used.has(name)) throw new Error(`fields.yaml: no event type has the field ${name}`);
  }
  return versions;
}

function expandEventType(
  name: string,
  eventType: EventTypeSource,
  fields: ReadonlyMap<string, FieldSource>,
  releases: readonly string[],
): readonly SourceVersion[] {
  const starts = Object.keys(eventType.versions);
  const ownFields = new Map(Object.entries(eventType.fields));
  const end = eventType.last === undefined ? releases.length : releases.indexOf(eventType.last) + 1;
  let types: FieldTypes = new Map();
  const versions = Object.entries(eventType.versions).map(([version, changes], index) => {
    const place = `event-types.yaml: ${name}, ${version}`;
    const next = starts[index + 1];
    const from = releases.indexOf(version);
    const until = next === undefined ? end : releases.indexOf(next);
    if (from < 0 || until <= from) {
      throw new Error(`${place}: not a release, or not in the order of releases.yaml`);
    }
    const before = types;
    types =
      typeof changes === 'string'
        ? listAll(changes, fields, place)
        : applyChanges(before, changes, fields, place);
    if (isSame(before, types)) throw new Error(`${place}: the fields do not change`);
    return {
      eventType: name,
      version,
      releases: releases.slice(from, until),
      doc: eventType.doc,
      fields: [...types].map(([field, type]) => {
        const base = find(fields, field, place);
        const own = readOwn(ownFields.get(field));
        return {
          name: field,
          type,
          personal: isPersonal(own.personal ?? base.personal, from, releases, place),
          doc: own.doc ?? base.doc,
        };
      }),
    };
  });
  for (const field of ownFields.keys()) {
    if (!versions.some((version) => version.fields.some((known) => known.name === field))) {
      throw new Error(`event-types.yaml: ${name}: no version has the field ${field}`);
    }
  }
  return versions;
}

function readOwn(own: string | z.infer<typeof ownSchema> = {}): z.infer<typeof ownSchema> {
  return typeof own === 'string' ? { doc: own } : own;
}

function listAll(
  text: string,
  fields: ReadonlyMap<string, FieldSource>,
  place: string,
): FieldTypes {
  const types = new Map<string, string>();
  for (const word of text.trim().split(/\s+/)) {
    const { name, type } = parseField(word, fields, place);
    if (types.has(name)) throw new Error(`${place}: ${name} is listed twice`);
    types.set(name, type);
  }
  return types;
}

/** Removes first, then changes types in place, then adds from left to right. */
function applyChanges(
  before: FieldTypes,
  changes: z.infer<typeof changesSchema>,
  fields: ReadonlyMap<string, FieldSource>,
  place: string,
): FieldTypes {
  const entries = [...before];
  const indexOf = (name: string): number => {
    const index = entries.findIndex(([known]) => known === name);
    if (index < 0) throw new Error(`${place}: there is no field ${name} to refer to`);
    return index;
  };
  for (const name of changes.remove) entries.splice(indexOf(name), 1);
  for (const word of changes.change) {
    const { name, type } = parseField(word, fields, place);
    entries[indexOf(name)] = [name, type];
  }
  for (const item of changes.add) {
    const [word = '', after] = item.split(' after ');
    const { name, type } = parseField(word, fields, place);
    if (entries.some(([known]) => known === name)) {
      throw new Error(`${place}: ${name} is there already`);
    }
    entries.splice(after === undefined ? entries.length : indexOf(after) + 1, 0, [name, type]);
  }
  return new Map(entries);
}

/** `name` has the usual type of that field, `name:type` its own. */
function parseField(
  word: string,
  fields: ReadonlyMap<string, FieldSource>,
  place: string,
): { name: string; type: string } {
  const [name = '', type] = word.split(':');
  return { name, type: type ?? find(fields, name, place).type };
}

function find(fields: ReadonlyMap<string, FieldSource>, name: string, place: string): FieldSource {
  const field = fields.get(name);
  if (field === undefined) throw new Error(`${place}: fields.yaml has no field ${name}`);
  return field;
}

function isPersonal(
  rule: string,
  release: number,
  releases: readonly string[],
  place: string,
): boolean {
  if (rule === 'always' || rule === 'never') return rule === 'always';
  const since = releases.indexOf(rule.slice('since '.length));
  if (since < 0) throw new Error(`${place}: "personal: ${rule}" names no release`);
  return release >= since;
}

function isSame(left: FieldTypes, right: FieldTypes): boolean {
  return JSON.stringify([...left]) === JSON.stringify([...right]);
}

function parseYaml<T>(file: string, text: string, schema: z.ZodType<T>): T {
  const result = schema.safeParse(parse(text));
  if (result.success) return result.data;
  throw new Error(`${file}: ${z.prettifyError(result.error)}`);
}
