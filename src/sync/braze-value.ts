/**
 * A column's type in DuckDB → its type in Braze, and SQL: the value as JSON text in Braze's terms, what is
 * wrong with it, and whether it equals what Braze has.
 *
 * Pure: expressions in, expressions out. The same value always gives the same text, so that texts can be
 * compared: fields of an object that are null are left out (Braze drops an object with a null in it), sets
 * are sorted, instants are in UTC to the millisecond, floats inside arrays and objects have 15 digits.
 * Floats that stand alone are exact, and compared with a tolerance.
 *
 * Limits: Braze, "Custom attributes", "Nested custom attributes", "Array of objects", 2026-09.
 */
import type { ColumnShape } from '../warehouse/column-shape.ts';
import { quoteIdentifier, quoteLiteral } from '../warehouse/database.ts';

export type BrazeType = 'boolean' | 'number' | 'string' | 'time' | 'array' | 'object' | 'objects';

/** What the settings say about a column beyond its type. */
export interface ValueOptions {
  /** The order and repetitions of an array do not matter. */
  readonly isSet: boolean;
  /** Braze keeps it as a text even where it looks like a date. */
  readonly isText: boolean;
}

const MAX_TEXT_CHARACTERS = 255;
const MAX_ITEMS = 500;
/** 100 KB, read as the smaller of the two that it may mean. */
const MAX_NESTED_BYTES = 100_000;

/** Floats closer than this part of themselves are equal. */
const TOLERANCE = '1e-9';
const FLOAT_TOLERANCE = '1e-6';

/**
 * Texts that Braze turns into times unless told otherwise: `12-1-2021`, `12/1/2021` and the formats that it
 * documents for times ("Data types", 2026-09).
 */
const DATE_LIKE = String.raw`\s*(\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}[-/]\d{1,2}[-/]\d{4}([T ]\d{1,2}:\d{2}.*)?|\w{3} \d\d \d\d \d\d:\d\d:\d\d.*)\s*`;

/** undefined: Braze has no type for it. */
export function brazeTypeOf(shape: ColumnShape): BrazeType | undefined {
  switch (shape.kind) {
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'float':
    case 'double':
    case 'decimal':
      return 'number';
    case 'date':
    case 'timestamp':
      return 'time';
    case 'text':
    case 'uuid':
      return 'string';
    case 'struct':
      return shape.fields.every(({ shape: field }) => isNestable(field)) ? 'object' : undefined;
    case 'list':
      if (shape.item.kind === 'struct')
        return brazeTypeOf(shape.item) === undefined ? undefined : 'objects';
      return isScalar(shape.item) ? 'array' : undefined;
    case 'other':
      return undefined;
  }
}

/** Keys of nested objects that Braze does not take: they hold a space, a dot or a dollar, or are too long. */
export function findBadKey(shape: ColumnShape): string | undefined {
  if (shape.kind === 'list') return findBadKey(shape.item);
  if (shape.kind !== 'struct') return undefined;
  for (const { name, shape: field } of shape.fields) {
    if (name === '' || name.length > 255 || /[\s.$]/.test(name)) return name;
    const inside = findBadKey(field);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The value as JSON text, null for null. */
export function formatValue(shape: ColumnShape, value: string, options: ValueOptions): string {
  switch (shape.kind) {
    case 'double':
      return `to_json(${value} + 0.0::double)::varchar`;
    case 'float':
      return `to_json(${value}::varchar::double + 0.0::double)::varchar`;
    case 'list': {
      const items = `list_transform(${value}, lambda i: ${formatNested(shape.item, 'i', 1, false)})`;
      return `json(${joinItems(options.isSet ? `list_sort(list_distinct(${items}))` : items)})::varchar`;
    }
    case 'struct':
      return `json(${formatNested(shape, value, 1, true)})::varchar`;
    default:
      return formatScalar(shape, value);
  }
}

/** SQL that is the code of what is wrong with the value, null when nothing is. */
export function findWrong(shape: ColumnShape, value: string, options: ValueOptions): string {
  const cases = listWrongs(shape, value, options).map(
    ([condition, code]) => `when ${condition} then ${quoteLiteral(code)}`,
  );
  return cases.length === 0 ? 'null::varchar' : `case ${cases.join(' ')} end`;
}

/** SQL of what was found instead of the value itself: `string of 300 characters`. */
export function classOfValue(shape: ColumnShape, value: string): string {
  switch (shape.kind) {
    case 'text':
    case 'uuid':
      return `'string of ' || length(${value}::varchar) || ' characters'`;
    case 'list':
      return `'array of ' || len(${value}) || ' items'`;
    default:
      return quoteLiteral(brazeTypeOf(shape) ?? 'unknown');
  }
}

/**
 * SQL that is true when `stored`, JSON text of what Braze has, equals the value; `formatted` is the value as
 * JSON text. Null when Braze has nothing.
 */
export function isSame(
  shape: ColumnShape,
  value: string,
  formatted: string,
  stored: string,
): string {
  switch (shape.kind) {
    case 'integer':
      return `(${stored} = ${formatted} or coalesce(try_cast(${stored} as double) = ${value}::double and try_cast(${stored} as hugeint) = ${value}, false))`;
    case 'float':
      return isClose(`${value}::varchar::double`, formatted, stored, FLOAT_TOLERANCE);
    case 'double':
    case 'decimal':
      return isClose(`${value}::double`, formatted, stored, TOLERANCE);
    case 'date':
    case 'timestamp':
      return `(${stored} = ${formatted} or coalesce(try_cast(trim(${stored}, '"') as timestamp) = try_cast(trim(${formatted}, '"') as timestamp), false))`;
    default:
      return `(${stored} = ${formatted})`;
  }
}

/** What a change of this value counts as, in data points: one, or one for each key of objects. */
export function countDataPoints(type: BrazeType, formatted: string): string {
  switch (type) {
    case 'object':
      return `greatest(len(json_keys(${formatted})), 1)`;
    case 'objects':
      return `greatest(coalesce(list_sum(list_transform(json_extract(${formatted}, '$[*]'), lambda i: len(json_keys(i)))), 0), 1)::integer`;
    default:
      return '1';
  }
}

function isScalar(shape: ColumnShape): boolean {
  return shape.kind !== 'list' && shape.kind !== 'struct' && shape.kind !== 'other';
}

function isNestable(shape: ColumnShape): boolean {
  if (shape.kind === 'list') return shape.item.kind !== 'list' && isNestable(shape.item);
  if (shape.kind === 'struct') return shape.fields.every(({ shape: field }) => isNestable(field));
  return shape.kind !== 'other';
}

function isClose(value: string, formatted: string, stored: string, tolerance: string): string {
  const found = `try_cast(${stored} as double)`;
  return `(${stored} = ${formatted} or coalesce(abs(${found} - ${value}) <= ${tolerance} * greatest(abs(${found}), abs(${value})), false))`;
}

function formatScalar(shape: ColumnShape, value: string): string {
  switch (shape.kind) {
    case 'boolean':
    case 'integer':
      return `${value}::varchar`;
    case 'decimal':
      return shape.scale === 0 ? `${value}::varchar` : `rtrim(rtrim(${value}::varchar, '0'), '.')`;
    case 'date':
      return `'"' || ${value}::varchar || '"'`;
    case 'timestamp': {
      const utc = shape.hasZone ? `(${value} at time zone 'UTC')` : `${value}::timestamp`;
      return `'"' || replace(date_trunc('millisecond', ${utc})::varchar, ' ', 'T') || 'Z"'`;
    }
    default:
      return `to_json(${value}::varchar)::varchar`;
  }
}

function formatNested(
  shape: ColumnShape,
  value: string,
  depth: number,
  isInObject: boolean,
): string {
  switch (shape.kind) {
    case 'float':
    case 'double':
      return `format('{:.15g}', ${shape.kind === 'float' ? `${value}::varchar::double` : value} + 0.0::double)`;
    case 'date':
    case 'timestamp':
      return isInObject
        ? `'{"$time":' || ${formatScalar(shape, value)} || '}'`
        : formatScalar(shape, value);
    case 'list': {
      const item = `i${depth}`;
      return joinItems(
        `list_transform(${value}, lambda ${item}: ${formatNested(shape.item, item, depth + 1, false)})`,
      );
    }
    case 'struct': {
      const fields = shape.fields.map(({ name, shape: field }) => {
        const inside = `${value}.${quoteIdentifier(name)}`;
        return `${quoteLiteral(`${JSON.stringify(name)}:`)} || ${formatNested(field, inside, depth, true)}`;
      });
      return `case when ${value} is not null then '{' || concat_ws(',', ${fields.join(', ')}) || '}' end`;
    }
    default:
      return formatScalar(shape, value);
  }
}

function joinItems(items: string): string {
  return `'[' || array_to_string(${items}, ',') || ']'`;
}

type Wrong = readonly [condition: string, code: string];

function listWrongs(shape: ColumnShape, value: string, options: ValueOptions): Wrong[] {
  switch (shape.kind) {
    case 'text':
      return [
        [`length(${value}::varchar) > ${MAX_TEXT_CHARACTERS}`, 'too_long'],
        ...(options.isText
          ? []
          : [
              [
                `regexp_full_match(${value}::varchar, ${quoteLiteral(DATE_LIKE)})`,
                'date_like',
              ] as const,
            ]),
      ];
    case 'list': {
      const wrongs: Wrong[] = [
        [`len(list_filter(${value}, lambda i: i is null)) > 0`, 'null_item'],
        ...listNestedWrongs(shape, value, 1),
      ];
      if (shape.item.kind !== 'struct')
        wrongs.unshift([`len(${value}) > ${MAX_ITEMS}`, 'too_many_items']);
      return [...wrongs, tooLarge(shape, value, options)];
    }
    case 'struct':
      return [...listNestedWrongs(shape, value, 1), tooLarge(shape, value, options)];
    default:
      return listScalarWrongs(shape, value);
  }
}

function tooLarge(shape: ColumnShape, value: string, options: ValueOptions): Wrong {
  return [`strlen(${formatValue(shape, value, options)}) > ${MAX_NESTED_BYTES}`, 'too_large'];
}

function listScalarWrongs(shape: ColumnShape, value: string): Wrong[] {
  switch (shape.kind) {
    case 'integer':
      return shape.isWide
        ? [
            [
              `${value}::varchar::hugeint not between -9223372036854775808 and 9223372036854775807`,
              'out_of_range',
            ],
          ]
        : [];
    case 'float':
    case 'double':
      return [[`not isfinite(${value})`, 'not_finite']];
    case 'date':
    case 'timestamp':
      // Later Braze keeps a text, and of years before 1 DuckDB writes what Braze takes for one.
      return [
        [`not isfinite(${value}) or year(${value}) not between 1 and 3000`, 'year_out_of_range'],
      ];
    default:
      return [];
  }
}

/** What is wrong anywhere in an array or object, each as one condition over the whole of it. */
function listNestedWrongs(shape: ColumnShape, value: string, depth: number): Wrong[] {
  switch (shape.kind) {
    case 'text':
      return [[`length(${value}::varchar) > ${MAX_TEXT_CHARACTERS}`, 'item_too_long']];
    case 'struct':
      return shape.fields.flatMap(({ name, shape: field }) => {
        const inside = `${value}.${quoteIdentifier(name)}`;
        const nulls: Wrong[] =
          field.kind === 'list'
            ? [
                [
                  `len(list_filter(${inside}, lambda n${depth}: n${depth} is null)) > 0`,
                  'null_item',
                ],
              ]
            : [];
        return [...nulls, ...listNestedWrongs(field, inside, depth)];
      });
    case 'list': {
      const item = `w${depth}`;
      return listNestedWrongs(shape.item, item, depth + 1).map(
        ([condition, code]): Wrong => [
          `len(list_filter(${value}, lambda ${item}: ${condition})) > 0`,
          code,
        ],
      );
    }
    default:
      return listScalarWrongs(shape, value);
  }
}
