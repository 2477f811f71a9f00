/**
 * `tsx schemas/check-catalog.ts CATALOG`: compares the schemas on disk with a catalogue of facts.
 *
 * The catalogue is a JSON file with, for each event type, its structurally distinct versions:
 * releases, record name and the ordered fields as [name, Avro type, personal]. Reads the .avsc files
 * and not their source, so a fault in the generator shows too. Exit code 1 and one line for each
 * difference; the catalogue itself is not part of the repository.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readSchemas } from './build.ts';

const catalogSchema = z.object({
  event_types: z.record(
    z.string(),
    z.array(
      z.object({
        releases: z.array(z.string()).nonempty(),
        record: z.string(),
        fields: z.array(z.tuple([z.string(), z.unknown(), z.boolean()])),
      }),
    ),
  ),
});

const avscSchema = z.object({
  name: z.string(),
  namespace: z.string(),
  'currents.releases': z.array(z.string()),
  fields: z.array(
    z.object({
      name: z.string(),
      type: z.unknown(),
      default: z.null().optional(),
      pii: z.literal(true).optional(),
    }),
  ),
});

/** One line for each difference; empty when both say the same. */
function compareWithCatalog(catalogJson: string): readonly string[] {
  const catalog = catalogSchema.parse(JSON.parse(catalogJson));
  const schemas = new Map(readSchemas());
  const differences: string[] = [];
  for (const [eventType, versions] of Object.entries(catalog.event_types)) {
    for (const version of versions) {
      const file = `${eventType}/${version.releases[0]}.avsc`;
      const text = schemas.get(file);
      schemas.delete(file);
      if (text === undefined) {
        differences.push(`${file}: missing`);
        continue;
      }
      const avsc = avscSchema.parse(JSON.parse(text));
      const found = [
        `record ${avsc.namespace}.${avsc.name}`,
        `releases ${avsc['currents.releases'].join(' ')}`,
        ...avsc.fields.map((field) => formatField(field.name, field.type, field.pii ?? false)),
      ];
      const expected = [
        `record ${version.record}`,
        `releases ${version.releases.join(' ')}`,
        ...version.fields.map(([name, type, personal]) => formatField(name, type, personal)),
      ];
      for (let line = 0; line < Math.max(found.length, expected.length); line += 1) {
        if (found[line] === expected[line]) continue;
        differences.push(
          `${file}: ${found[line] ?? 'nothing'}, catalogue: ${expected[line] ?? 'nothing'}`,
        );
      }
      for (const field of avsc.fields) {
        if (Array.isArray(field.type) !== (field.default === null)) {
          differences.push(`${file}: ${field.name} and its default do not fit together`);
        }
      }
    }
  }
  return [...differences, ...[...schemas.keys()].map((file) => `${file}: not in the catalogue`)];
}

function formatField(name: string, type: unknown, personal: boolean): string {
  return `${name} ${formatType(type)}${personal ? ' personal' : ''}`;
}

/** The catalogue writes {"array": T} where Avro writes {"type": "array", "items": T}. */
function formatType(type: unknown): string {
  if (Array.isArray(type)) return type.map(formatType).join(' | ');
  if (typeof type !== 'object' || type === null) return String(type);
  const { array, items } = type as { array?: unknown; items?: unknown };
  return `array<${formatType(array ?? items)}>`;
}

const [, , catalogPath] = process.argv;
if (catalogPath === undefined) {
  console.error('usage: tsx schemas/check-catalog.ts CATALOG');
  process.exitCode = 2;
} else {
  const differences = compareWithCatalog(readFileSync(catalogPath, 'utf8'));
  for (const difference of differences) console.log(difference);
  console.log(`${differences.length} differences between schemas/ and the catalogue`);
  process.exitCode = differences.length === 0 ? 0 : 1;
}
