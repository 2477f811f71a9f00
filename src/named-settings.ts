/**
 * Sections of currents.yaml whose entries the user names: `audiences: { lapsing_vips: { query: … } }`.
 *
 * A section is a zod record of one kind of entry; its fields are registered here with their meaning, so
 * that errors, the JSON Schema for editors, the file of `currents init` and docs/settings.md come from one
 * source, as with single settings. What differs: entries have no flag and no environment variable, they are
 * in the file or nowhere. Errors name the entry and the line of the value that is wrong.
 */
import { z } from 'zod';

export interface EntryFieldFacts {
  readonly description: string;
  /** Completes the sentence "found … (expected …)". */
  readonly expected: string;
  /** What stands there is never repeated: it may be the secret itself. */
  readonly isSecret?: boolean;
}

export interface NamedSectionFacts {
  readonly description: string;
  /** Lines of YAML under the section's name, as in the file of `currents init`. */
  readonly example: readonly string[];
}

export interface NamedSection extends NamedSectionFacts {
  /** `audiences`, as in the file. */
  readonly name: string;
  readonly fields: readonly (EntryFieldFacts & { readonly name: string })[];
}

const fieldRegistry = z.registry<EntryFieldFacts>();
const sectionRegistry = z.registry<NamedSectionFacts>();

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
const NAME_EXPECTED = 'a name of at most 63 letters, digits and _ that begins with a letter';

/** A field of an entry. `schema` is the whole of it: `.optional()` and defaults come before. */
export function entryField<Schema extends z.ZodType>(
  schema: Schema,
  facts: EntryFieldFacts,
): Schema {
  fieldRegistry.add(schema, facts);
  return schema;
}

/**
 * A section: any number of entries of one kind, by name; none when it is left out.
 *
 * @param check looks at the entries together; its issues are custom ones, with messages that begin "found"
 */
export function namedEntries<Entry extends z.ZodType>(
  entry: Entry,
  facts: NamedSectionFacts,
  check: (payload: z.core.ParsePayload<Record<string, z.output<Entry>>>) => void = () => {},
) {
  const section = z.record(z.string().regex(NAME_PATTERN), entry).check(check).prefault({});
  sectionRegistry.add(section, facts);
  return section;
}

/** Whether this part of the settings is a section of named entries. */
export function isNamedSection(schema: z.ZodType): boolean {
  return sectionRegistry.has(schema);
}

/** What is known about a field, for editors. */
export function describeEntryPart(schema: z.ZodType): string | undefined {
  return (fieldRegistry.get(schema) ?? sectionRegistry.get(schema))?.description;
}

/** The section as documentation tells it. A field that several kinds of an entry have comes once. */
export function describeSection(name: string, schema: z.ZodType): NamedSection {
  const facts = sectionRegistry.get(schema);
  if (facts === undefined) throw new TypeError(`setting ${name} is not registered`);
  return { name, ...facts, fields: listFields(entryOf(schema)) };
}

/** One problem of a section as zod found it → "audiences.x.query: found 3 (expected …)", without a place. */
export function describeEntryIssue(
  section: NamedSection,
  issue: z.core.$ZodIssue,
  found: unknown,
  format: (value: unknown) => string,
): string {
  const path = issue.path.map(String).join('.');
  const value = format(issue.path.slice(1).reduce(valueIn, found));
  const field = section.fields.find(({ name }) => name === String(issue.path[2]));
  const allowed = section.fields.map(({ name }) => name).join(', ');
  if (issue.code === 'custom' && issue.message.startsWith('found'))
    return `${path}: ${issue.message}`;
  if (issue.code === 'invalid_key') return `${path}: not a name (expected ${NAME_EXPECTED})`;
  if (issue.path.length === 1) return `${path}: found ${value} (expected entries by name)`;
  if (issue.code === 'unrecognized_keys' && !field?.isSecret) {
    const keys = issue.keys.map(format).join(', ');
    return `${path}: there is no such setting: ${keys} (expected ${allowed})`;
  }
  if (field?.isSecret) return `${path}: found something else (expected ${field.expected})`;
  return `${path}: found ${value} (expected ${field?.expected ?? allowed})`;
}

function valueIn(value: unknown, name: PropertyKey): unknown {
  const isInside = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isInside ? (value as Record<PropertyKey, unknown>)[name] : undefined;
}

function entryOf(section: z.ZodType): z.ZodType {
  const record = section instanceof z.ZodPrefault ? section.unwrap() : section;
  if (!(record instanceof z.ZodRecord)) throw new TypeError('a section is a record of entries');
  return record.valueType as z.ZodType;
}

function listFields(entry: z.ZodType): NamedSection['fields'] {
  if (entry instanceof z.ZodUnion) {
    const fields = entry.options.flatMap((option) => listFields(option as z.ZodType));
    return [...new Map(fields.map((field) => [field.name, field])).values()];
  }
  if (!(entry instanceof z.ZodObject)) throw new TypeError('an entry is an object or a union');
  return Object.entries(entry.shape).map(([name, schema]) => {
    const facts = fieldRegistry.get(schema as z.ZodType);
    if (facts === undefined) throw new TypeError(`field ${name} is not registered`);
    return { name, ...facts };
  });
}
