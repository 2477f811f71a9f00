/**
 * One version of an event type → the text of its .avsc file.
 *
 * Plain Avro, readable by any implementation, with two attributes of our own: `pii: true` on fields
 * that are marked as personal, and `currents.releases` on the record. One field a line, so that
 * `git diff` and `diff v7.avsc v8.avsc` tell what happened. The same version gives the same bytes.
 */
import type { SourceVersion } from './read-source.ts';

/** Braze's record for the event type `users.messages.email.Open` is this plus the event type. */
const NAMESPACE = 'dataexport.S3.inner.';

const PRIMITIVES: ReadonlySet<string> = new Set([
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

export function formatAvsc(version: SourceVersion): string {
  const fullName = NAMESPACE + version.eventType;
  const dot = fullName.lastIndexOf('.');
  const fields = version.fields.map((field) => {
    const type = parseType(field.type);
    return formatLine({
      name: field.name,
      type,
      ...(Array.isArray(type) ? { default: null } : {}),
      ...(field.personal ? { pii: true } : {}),
      doc: field.doc,
    });
  });
  return [
    '{',
    '  "type": "record",',
    `  "name": ${JSON.stringify(fullName.slice(dot + 1))},`,
    `  "namespace": ${JSON.stringify(fullName.slice(0, dot))},`,
    `  "doc": ${JSON.stringify(version.doc)},`,
    `  "currents.releases": ${formatLine(version.releases)},`,
    '  "fields": [',
    fields.map((line) => `    ${line}`).join(',\n'),
    '  ]',
    '}',
    '',
  ].join('\n');
}

/** `string`, `int?` and `array<string?>?` → what Avro writes for them. */
function parseType(text: string): unknown {
  if (text.endsWith('?')) return ['null', parseType(text.slice(0, -1))];
  const items = /^array<(.+)>$/.exec(text)?.[1];
  if (items !== undefined) return { type: 'array', items: parseType(items) };
  if (!PRIMITIVES.has(text)) throw new Error(`cannot read the type "${text}"`);
  return text;
}

/** JSON on one line with spaces after commas and colons. */
function formatLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}: ${formatLine(member)}`,
  );
  return `{ ${members.join(', ')} }`;
}
