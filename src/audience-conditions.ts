/**
 * The form of an audience without SQL: YAML under `where` → conditions over the columns of c360.profiles.
 *
 *     where:
 *       country: [DE, AT]                      # one of these
 *       purchases_365d: { atLeast: 2 }
 *       last_seen: { olderThan: 30d }          # longer ago than that, as of the profile
 *       custom_attributes.plan: gold
 *       any:                                   # at least one of these; `all` and `not` as well
 *         - email_opened_30d: { atLeast: 1 }
 *         - push_opened_30d: { atLeast: 1 }
 *
 * Everything in one map has to hold. Pure, and only about the form: whether a column exists and what it
 * holds is known when the SQL is built (profiles/format-conditions.ts).
 */
import { findNearestName } from './nearest-name.ts';
import { DURATION_PATTERN, parseDuration } from './quantity.ts';

export type ConditionValue = string | number | boolean;

export type Condition =
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | {
      readonly kind: 'column';
      readonly column: string;
      /** `plan` of `custom_attributes.plan`: a key of a JSON column. */
      readonly key: string | undefined;
      readonly operator: Operator;
      /** One value for most; of `within` and `olderThan` milliseconds. */
      readonly values: readonly ConditionValue[];
    };

/** What follows an operator. */
const OPERATORS = {
  is: 'value',
  isNot: 'value',
  oneOf: 'list',
  noneOf: 'list',
  atLeast: 'value',
  atMost: 'value',
  above: 'value',
  below: 'value',
  contains: 'value',
  startsWith: 'text',
  within: 'duration',
  olderThan: 'duration',
  known: 'boolean',
} as const;

type Operator = keyof typeof OPERATORS;

type Path = readonly (string | number)[];

/** Collects what is wrong, by its place in the YAML; the message begins with "found". */
type Report = (path: Path, message: string) => void;

/** All conditions of a map, joined by and; undefined after something was reported. */
export function parseConditions(
  value: unknown,
  report: Report,
  path: Path = [],
): Condition | undefined {
  if (!isMap(value) || Object.keys(value).length === 0) {
    report(path, `found ${describe(value)} (expected columns with conditions)`);
    return undefined;
  }
  const parsed = Object.entries(value).map(([name, inner]) =>
    parseEntry(name, inner, report, [...path, name]),
  );
  return joinAll(parsed);
}

function parseEntry(
  name: string,
  value: unknown,
  report: Report,
  path: Path,
): Condition | undefined {
  if (name === 'not') {
    const condition = parseConditions(value, report, path);
    return condition && { kind: 'not', condition };
  }
  if (name === 'all' || name === 'any') return parseList(name, value, report, path);
  const [column = '', ...rest] = name.split('.');
  const subject = { column, key: rest.length === 0 ? undefined : rest.join('.') };
  if (isValue(value)) return { kind: 'column', ...subject, operator: 'is', values: [value] };
  if (Array.isArray(value)) return parseOperator(subject, 'oneOf', value, report, path);
  if (!isMap(value) || Object.keys(value).length === 0) {
    report(path, `found ${describe(value)} (expected a value, a list of values or an operator)`);
    return undefined;
  }
  return joinAll(
    Object.entries(value).map(([operator, operand]) =>
      parseOperator(subject, operator, operand, report, [...path, operator]),
    ),
  );
}

function parseList(
  kind: 'all' | 'any',
  value: unknown,
  report: Report,
  path: Path,
): Condition | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    report(path, `found ${describe(value)} (expected a list of conditions)`);
    return undefined;
  }
  const conditions = value.map((inner, index) => parseConditions(inner, report, [...path, index]));
  return conditions.some((condition) => condition === undefined)
    ? undefined
    : { kind, conditions: conditions.filter((condition) => condition !== undefined) };
}

function parseOperator(
  subject: { readonly column: string; readonly key: string | undefined },
  name: string,
  operand: unknown,
  report: Report,
  path: Path,
): Condition | undefined {
  if (!Object.hasOwn(OPERATORS, name)) {
    const nearest = findNearestName(name, Object.keys(OPERATORS));
    report(
      path,
      `found an operator that does not exist (${nearest === undefined ? `expected one of ${Object.keys(OPERATORS).join(', ')}` : `did you mean ${nearest}?`})`,
    );
    return undefined;
  }
  const operator = name as Operator;
  const values = parseOperand(OPERATORS[operator], operand);
  if (values === undefined) {
    report(path, `found ${describe(operand)} (expected ${EXPECTED[OPERATORS[operator]]})`);
    return undefined;
  }
  return { kind: 'column', ...subject, operator, values };
}

const EXPECTED = {
  value: 'a text, a number, true or false',
  list: 'a list of values',
  text: 'a text',
  duration: 'a duration such as 90s, 15m, 48h or 7d',
  boolean: 'true or false',
} as const;

function parseOperand(
  form: keyof typeof EXPECTED,
  operand: unknown,
): readonly ConditionValue[] | undefined {
  switch (form) {
    case 'value':
      return isValue(operand) ? [operand] : undefined;
    case 'list':
      return Array.isArray(operand) && operand.length > 0 && operand.every(isValue)
        ? operand
        : undefined;
    case 'text':
      return typeof operand === 'string' ? [operand] : undefined;
    case 'boolean':
      return typeof operand === 'boolean' ? [operand] : undefined;
    case 'duration': {
      const isDuration = typeof operand === 'string' && DURATION_PATTERN.test(operand);
      const durationMs = isDuration ? parseDuration(operand) : undefined;
      return durationMs === undefined ? undefined : [durationMs];
    }
  }
}

function joinAll(parsed: readonly (Condition | undefined)[]): Condition | undefined {
  const conditions = parsed.filter((condition) => condition !== undefined);
  if (conditions.length < parsed.length) return undefined;
  return conditions.length === 1 ? conditions[0] : { kind: 'all', conditions };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isValue(value: unknown): value is ConditionValue {
  return (
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    (typeof value === 'number' && Number.isFinite(value))
  );
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
