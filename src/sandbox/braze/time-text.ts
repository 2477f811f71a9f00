/**
 * Texts that Braze takes for a time (facts 3.3): ISO 8601 and the other formats that its attribute page lists, and
 * texts that merely look like a date, such as `12-1-2021` (data_types page, 2026-09-02). That is how a product code can
 * turn into a date.
 *
 * No zone means UTC. What fits no format, is no real date, or lies outside the years 0 to 3000 stays text.
 */

/** facts 3.3: "year < 0 or > 3000 -> string". */
const MAX_YEAR = 3000;

const ZONE = '(Z|UTC|GMT|[+-]\\d{2}(?::?\\d{2})?)?';
const YEAR_FIRST = new RegExp(
  `^(\\d{4})-(\\d{2})-(\\d{2})(?:[T ](\\d{2}):(\\d{2})(?::(\\d{2})(?:[.,:](\\d{1,9}))?)? ?${ZONE})?$`,
);
/** `MM/dd/yyyy`, and what looks like it. */
const MONTH_FIRST = /^(\d{1,2})([-/])(\d{1,2})\2(\d{4})$/;
/** `ddd MM dd HH:mm:ss.TZD YYYY` */
const WEEKDAY_FIRST = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\\d{2}) (\\d{2}) (\\d{2}):(\\d{2}):(\\d{2})\\.${ZONE} (\\d{4})$`,
);

const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const SHORTEST = '1/1/2021'.length;
const LONGEST = '2021-12-01T12:34:56.123456789 +00:00'.length;

/** Milliseconds since 1970, or undefined if Braze would keep the text as text. */
export function parseTime(text: string): number | undefined {
  const { length } = text;
  if (length < SHORTEST || length > LONGEST) return undefined;
  const first = text.charCodeAt(0);
  if (first >= DIGIT_0 && first <= DIGIT_9) return parseYearFirst(text) ?? parseMonthFirst(text);
  return parseWeekdayFirst(text);
}

function parseYearFirst(text: string): number | undefined {
  const match = YEAR_FIRST.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = '', zone] = match;
  const date = toInstant(Number(year), Number(month), Number(day), [+hour, +minute, +second]);
  if (date === undefined) return undefined;
  return date + Math.floor(Number(`0.${fraction}0`) * 1000) - zoneOffset(zone);
}

function parseMonthFirst(text: string): number | undefined {
  const match = MONTH_FIRST.exec(text);
  if (match === null) return undefined;
  const [, month, , day, year] = match;
  return toInstant(Number(year), Number(month), Number(day), [0, 0, 0]);
}

function parseWeekdayFirst(text: string): number | undefined {
  const match = WEEKDAY_FIRST.exec(text);
  if (match === null) return undefined;
  const [month, day, hour, minute, second] = match.slice(1, 6).map(Number) as FiveNumbers;
  const [, , , , , , zone, year] = match;
  const date = toInstant(Number(year), month, day, [hour, minute, second]);
  return date === undefined ? undefined : date - zoneOffset(zone);
}

type FiveNumbers = [number, number, number, number, number];

/** A date that the calendar has; `Date.UTC` alone would make 30 February the 2nd of March. */
function toInstant(
  year: number,
  month: number,
  day: number,
  [hour, minute, second]: readonly [number, number, number],
): number | undefined {
  if (year > MAX_YEAR || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const date = new Date(Date.UTC(2000, 0, 1, hour, minute, second));
  // Years below 100 would be taken for 19xx by Date.UTC.
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCDate() === day ? date.getTime() : undefined;
}

function zoneOffset(zone: string | undefined): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? '') ?? [];
  if (sign === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
