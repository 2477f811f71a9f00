/**
 * The conditions of an audience → SQL over c360.profiles, as `audiences show NAME --sql` prints it.
 *
 * Columns and their types are those that the table has; a name that it lacks is refused with the nearest one.
 * Null is no value: it meets `isNot`, `noneOf` and `known: false` and nothing else. `within` and `olderThan`
 * count back from the instant of the profile, its `as_of`.
 */
import type { Condition, ConditionValue } from '../audience-conditions.ts';
import { CurrentsError } from '../errors.ts';
import { findNearestName } from '../nearest-name.ts';
import { quoteIdentifier, quoteLiteral } from '../warehouse/database.ts';

type ColumnCondition = Extract<Condition, { kind: 'column' }>;

/** What a condition is about, as SQL. `jsonText` has no type of its own; of `opaque` only null is known. */
interface Subject {
  readonly sql: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'instant' | 'list' | 'jsonText' | 'opaque';
  /** For errors: `purchases_365d (INTEGER)`. */
  readonly name: string;
}

/**
 * @param columns of c360.profiles, with DuckDB's names of their types
 * @throws CurrentsError SETTINGS_INVALID for a column that is not there or does not go with its condition
 */
export function formatAudienceQuery(
  where: Condition,
  columns: ReadonlyMap<string, string>,
): string {
  return `select person_id\nfrom c360.profiles\nwhere ${formatCondition(where, columns, '')}\n`;
}

function formatCondition(
  condition: Condition,
  columns: ReadonlyMap<string, string>,
  indent: string,
): string {
  const deeper = `${indent}  `;
  switch (condition.kind) {
    case 'all':
    case 'any': {
      const parts = condition.conditions.map((part) => formatCondition(part, columns, deeper));
      const joined = parts.join(`\n${deeper}${condition.kind === 'all' ? 'and' : 'or'} `);
      return indent === '' && condition.kind === 'all' ? joined : `(${joined})`;
    }
    case 'not':
      // A comparison with null is null, and so would be its opposite.
      return `not coalesce(${formatCondition(condition.condition, columns, deeper)}, false)`;
    case 'column':
      return formatColumn(condition, columns);
  }
}

function formatColumn(
  { column, key, operator, values }: ColumnCondition,
  columns: ReadonlyMap<string, string>,
): string {
  const subject = findSubject(column, key, columns);
  const { sql, kind } = subject;
  const [value = ''] = values;
  function refuse(): never {
    throw mismatch(subject, operator);
  }
  if (kind === 'opaque' && operator !== 'known') refuse();
  switch (operator) {
    case 'is':
      return kind === 'list'
        ? `list_contains(${sql}, ${formatValue(value, subject)})`
        : formatComparison(subject, '=', value);
    case 'isNot':
      return kind === 'list'
        ? `not coalesce(list_contains(${sql}, ${formatValue(value, subject)}), false)`
        : formatComparison(subject, 'is distinct from', value);
    case 'oneOf':
      return formatOneOf(subject, values);
    case 'noneOf':
      return `not coalesce(${formatOneOf(subject, values)}, false)`;
    case 'atLeast':
    case 'atMost':
    case 'above':
    case 'below':
      if (kind === 'list' || kind === 'boolean') refuse();
      return formatComparison(subject, SIGNS[operator], value);
    case 'contains':
      if (kind === 'list') return `list_contains(${sql}, ${formatValue(value, subject)})`;
      if (kind !== 'text' && kind !== 'jsonText') refuse();
      return `contains(${sql}, ${quoteLiteral(String(value))})`;
    case 'startsWith':
      if (kind !== 'text' && kind !== 'jsonText') refuse();
      return `starts_with(${sql}, ${quoteLiteral(String(value))})`;
    case 'within':
    case 'olderThan':
      if (kind !== 'instant') refuse();
      return `${sql} ${operator === 'within' ? '>' : '<='} as_of - interval '${Number(value)} milliseconds'`;
    case 'known':
      return `${sql} is ${value === true ? 'not ' : ''}null`;
  }
}

const SIGNS = { atLeast: '>=', atMost: '<=', above: '>', below: '<' } as const;

function findSubject(
  column: string,
  key: string | undefined,
  columns: ReadonlyMap<string, string>,
): Subject {
  const type = columns.get(column);
  if (type === undefined) throw unknownColumn(column, columns);
  const identifier = quoteIdentifier(column);
  if (key === undefined)
    return { sql: identifier, kind: kindOf(type), name: `${column} (${type})` };
  const name = `${column}.${key} (${type})`;
  const valueType = /^MAP\(VARCHAR, (.+)\)$/.exec(type)?.[1];
  if (valueType !== undefined)
    return { sql: `${identifier}[${quoteLiteral(key)}]`, kind: kindOf(valueType), name };
  if (type === 'JSON') {
    const sql = `(${identifier}->>${quoteLiteral(`$.${JSON.stringify(key)}`)})`;
    return { sql, kind: 'jsonText', name };
  }
  throw mismatch({ sql: identifier, kind: 'opaque', name }, 'a key after the dot');
}

function formatComparison(subject: Subject, sign: string, value: ConditionValue): string {
  const isNumberInJson = subject.kind === 'jsonText' && typeof value === 'number';
  const left = isNumberInJson ? `try_cast(${subject.sql} as double)` : subject.sql;
  return `${left} ${sign} ${formatValue(value, subject)}`;
}

function formatOneOf(subject: Subject, values: readonly ConditionValue[]): string {
  if (subject.kind !== 'list') {
    const parts = values.map((value) => formatComparison(subject, '=', value));
    return parts.length === 1 ? (parts[0] as string) : `(${parts.join(' or ')})`;
  }
  return `list_has_any(${subject.sql}, [${values.map((value) => formatValue(value, subject)).join(', ')}])`;
}

const INSTANT = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;

function formatValue(value: ConditionValue, subject: Subject): string {
  const { kind } = subject;
  if (kind === 'text' || kind === 'list') return quoteLiteral(String(value));
  if (kind === 'jsonText')
    return typeof value === 'number' ? String(value) : quoteLiteral(String(value));
  const isTyped = typeof value === kind;
  if (isTyped) return String(value);
  if (kind === 'instant' && typeof value === 'string' && INSTANT.test(value))
    return `timestamp ${quoteLiteral(value)}`;
  throw mismatch(subject, JSON.stringify(value));
}

function kindOf(type: string): Subject['kind'] {
  if (type === 'VARCHAR[]') return 'list';
  if (type === 'JSON' || type.endsWith(']') || /^(MAP|STRUCT)/.test(type)) return 'opaque';
  if (type === 'BOOLEAN') return 'boolean';
  if (/^(TIMESTAMP|DATE)/.test(type)) return 'instant';
  if (/INT|^(FLOAT|DOUBLE|DECIMAL)/.test(type)) return 'number';
  return 'text';
}

function unknownColumn(column: string, columns: ReadonlyMap<string, string>): CurrentsError {
  const nearest = findNearestName(column, columns.keys());
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use the condition on ${column}: c360.profiles has no such column${nearest === undefined ? '' : ` (did you mean ${nearest}?)`}`,
    hint: "currents query 'describe c360.profiles' lists the columns",
    context: { field: column },
  });
}

function mismatch({ name }: Subject, found: string): CurrentsError {
  return new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use the condition on ${name}: ${found} does not go with its type`,
    hint: 'docs/audiences.md lists what goes with which type',
  });
}
