/**
 * Values for any Avro type, drawn from seeded chance with a liking for the ends of its range, and one
 * spelling for a value wherever it is met: as it was written, in a column, in `_rescued`.
 */

import { withoutNull } from './expected-columns.ts';
import type { AvroJson } from './newer-schemas.ts';

type Random = () => number;

const TEXTS = [
  '',
  'plain',
  'naïve – 東京 🎈',
  `it's "quoted" \\ and\nbroken`,
  'null',
  '42',
  '{"a":1}',
];
const INTS = [0, 1, -1, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)];
const LONGS = [0n, -1n, 2n ** 31n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const DOUBLES = [0, 0.1, -2.5, 5e-324, 1.7976931348623157e308, 2 ** 53, 123456789.125];

/** A value that container-writer.ts accepts for the type. */
export function drawValue(type: AvroJson, random: Random): unknown {
  if (Array.isArray(type)) {
    if (type.includes('null') && random() < 0.25) return null;
    const inner = withoutNull(type);
    if (!Array.isArray(inner)) return drawValue(inner, random);
    const branch = Math.floor(random() * type.length);
    return { branch, value: drawValue(type[branch] as AvroJson, random) };
  }
  const name = typeof type === 'string' ? type : (type as { readonly type: string }).type;
  const object = type as Readonly<Record<string, unknown>>;
  switch (name) {
    case 'boolean':
      return random() < 0.5;
    case 'int':
      // A date of that many days would be out of every calendar's range.
      if (object.logicalType === 'date') return Math.floor(random() * 20_000);
      return random() < 0.5 ? pick(INTS, random) : Math.floor(random() * 1000);
    case 'long':
      if (object.logicalType === 'timestamp-millis') return Math.floor(random() * 2e12);
      return random() < 0.5 ? pick(LONGS, random) : BigInt(Math.floor(random() * 1e12));
    case 'float':
      return Math.fround(random() < 0.3 ? pick([0.1, 3.14, -1.5, 16_777_216], random) : random());
    case 'double':
      return random() < 0.5 ? pick(DOUBLES, random) : random() * 1e6;
    case 'string':
      if (object.logicalType === 'uuid') return drawUuid(random);
      return random() < 0.5 ? pick(TEXTS, random) : `text ${Math.floor(random() * 1e9)}`;
    case 'enum':
      return pick(object.symbols as readonly string[], random);
    case 'bytes':
      return Buffer.from([Math.floor(random() * 128), Math.floor(random() * 256)]);
    case 'fixed':
      return Buffer.from(Array.from({ length: object.size as number }, () => random() * 256));
    case 'array':
      return Array.from({ length: Math.floor(random() * 4) }, () =>
        drawValue(object.items as AvroJson, random),
      );
    case 'map':
      return {
        a: drawValue(object.values as AvroJson, random),
        'b c': draw(object.values, random),
      };
    case 'record': {
      const fields = object.fields as readonly { readonly name: string; readonly type: AvroJson }[];
      return Object.fromEntries(fields.map((field) => [field.name, drawValue(field.type, random)]));
    }
    default:
      throw new Error(`no values for ${name}`);
  }
}

function draw(type: unknown, random: Random): unknown {
  return drawValue(type as AvroJson, random);
}

function drawUuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** Where a value was met. Each place spells bytes, instants and large numbers in its own way. */
export type Place = 'written' | 'column' | 'rescued';

/** Text that is equal for equal values of one Avro type. Numbers are equal across number types. */
export function spell(value: unknown, type: AvroJson, place: Place): string {
  if (value === null || value === undefined) return 'null';
  const inner = withoutNull(type);
  if (Array.isArray(inner)) {
    if (place === 'written') {
      const { branch, value: chosen } = value as { readonly branch: number; value: unknown };
      return spell(chosen, inner[branch] as AvroJson, place);
    }
    // A column of JSON has the text of the value, _rescued the value.
    return JSON.stringify(place === 'column' ? JSON.parse(value as string) : value);
  }
  const name = typeof inner === 'string' ? inner : (inner as { readonly type: string }).type;
  const object = inner as Readonly<Record<string, unknown>>;
  switch (name) {
    case 'int':
    case 'long':
      if (object.logicalType !== undefined) return spellInstant(value, object.logicalType, place);
      return spellNumber(value);
    case 'float':
    case 'double':
      return spellNumber(value);
    case 'bytes':
    case 'fixed': {
      if (object.logicalType === 'decimal' && place === 'column') return spellNumber(value);
      const bytes =
        place === 'rescued' ? Buffer.from(value as string, 'base64') : (value as Buffer);
      if (object.logicalType !== 'decimal') return Buffer.from(bytes).toString('hex');
      return spellNumber(bytes.readIntBE(0, bytes.length) / 10 ** Number(object.scale));
    }
    case 'array': {
      const items = value as readonly unknown[];
      return `[${items.map((item) => spell(item, object.items as AvroJson, place)).join()}]`;
    }
    case 'map': {
      const entries =
        place === 'column'
          ? (value as readonly { key: string; value: unknown }[]).map((one) => [one.key, one.value])
          : Object.entries(value as object);
      const spelled = entries.map(([key, item]) => [
        key,
        spell(item, object.values as AvroJson, place),
      ]);
      return JSON.stringify(spelled);
    }
    case 'record': {
      const fields = object.fields as readonly { readonly name: string; readonly type: AvroJson }[];
      const found = value as Readonly<Record<string, unknown>>;
      return `{${fields.map((field) => `${field.name}:${spell(found[field.name], field.type, place)}`).join()}}`;
    }
    default:
      return JSON.stringify(value);
  }
}

/** The same text for 5, 5n, 5.0 and, from _rescued, "5" with digits beyond a double. */
function spellNumber(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return value;
  const number = value as number;
  return Number.isInteger(number) ? BigInt(number).toString() : String(number);
}

function spellInstant(value: unknown, logicalType: unknown, place: Place): string {
  if (place === 'column') return (value as Date).toISOString();
  const unitMs = logicalType === 'date' ? 86_400_000 : 1;
  return new Date(Number(value) * unitMs).toISOString();
}

/** The JSON of `_rescued`; integers that a double would bend become texts of their digits. */
export function parseRescued(json: string): Record<string, unknown> {
  const exact = json.replace(/([:[,])(-?\d{16,})(?=[,\]}])/g, '$1"$2"');
  return JSON.parse(exact) as Record<string, unknown>;
}
