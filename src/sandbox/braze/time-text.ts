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
const DATE = '\\d{4}-\\d{2}-\\d{2}';
/** Up to the seconds every part has its place; the fraction and the zone come after. */
const YEAR_FIRST = new RegExp(
  `^${DATE}(?:[T ]\\d{2}:\\d{2}(?::\\d{2}(?:[.,:]\\d{1,9})?)? ?${ZONE})?$`,
);
/** `MM/dd/yyyy`, and what looks like it. */
const MONTH_FIRST = /^(\d{1,2})([-/])(\d{1,2})\2(\d{4})$/;
/** `ddd MM dd HH:mm:ss.TZD YYYY` */
const WEEKDAY_FIRST = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\\d{2}) (\\d{2}) (\\d{2}):(\\d{2}):(\\d{2})\\.${ZONE} (\\d{4})$`,
);

const REST = new RegExp(`^(?:[.,:](\\d{1,9}))? ?${ZONE}$`);

const COLON = 0x3a;
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

/** Read by position: a million people with two times each are otherwise twenty million little strings. */
function parseYearFirst(text: string): number | undefined {
  if (!YEAR_FIRST.test(text)) return undefined;
  const day = toInstant(readDigits(text, 0, 4), readDigits(text, 5, 2), readDigits(text, 8, 2));
  if (day === undefined || text.length <= 10) return day;
  const hasSeconds = text.charCodeAt(16) === COLON;
  const second = hasSeconds ? readDigits(text, 17, 2) : 0;
  const timeOfDay = toTimeOfDay(readDigits(text, 11, 2), readDigits(text, 14, 2), second);
  if (timeOfDay === undefined) return undefined;
  const rest = text.slice(hasSeconds ? 19 : 16);
  return rest === '' || rest === 'Z' ? day + timeOfDay : day + timeOfDay + readRest(rest);
}

/** Milliseconds of `.123+02:00`: the fraction less the zone. */
function readRest(rest: string): number {
  if (/^.\d{3}Z$/.test(rest)) return readDigits(rest, 1, 3);
  const [, fraction = '', zone] = REST.exec(rest) ?? [];
  return Math.floor(Number(`0.${fraction}0`) * 1000) - zoneOffset(zone);
}

function readDigits(text: string, start: number, count: number): number {
  let number = 0;
  for (let at = start; at < start + count; at++)
    number = number * 10 + text.charCodeAt(at) - DIGIT_0;
  return number;
}

function parseMonthFirst(text: string): number | undefined {
  const match = MONTH_FIRST.exec(text);
  if (match === null) return undefined;
  const [, month, , day, year] = match;
  return toInstant(Number(year), Number(month), Number(day));
}

function parseWeekdayFirst(text: string): number | undefined {
  const match = WEEKDAY_FIRST.exec(text);
  if (match === null) return undefined;
  const [, month, day, hour, minute, second, zone, year] = match;
  const date = toInstant(Number(year), Number(month), Number(day));
  const timeOfDay = toTimeOfDay(Number(hour), Number(minute), Number(second));
  if (date === undefined || timeOfDay === undefined) return undefined;
  return date + timeOfDay - zoneOffset(zone);
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAY_MS = 86_400_000;

/** A day that the calendar has; `Date.UTC` alone would make 30 February the 2nd of March. */
function toInstant(year: number, month: number, day: number): number | undefined {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const last = month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
  if (year > MAX_YEAR || day < 1 || day > last) return undefined;
  // Years below 100 would be taken for 19xx by Date.UTC; four centuries have the same number of days.
  return Date.UTC(year + 400, month - 1, day) - FOUR_CENTURIES_MS;
}

const FOUR_CENTURIES_MS = 146_097 * DAY_MS;

function toTimeOfDay(hour: number, minute: number, second: number): number | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return ((hour * 60 + minute) * 60 + second) * 1000;
}

function zoneOffset(zone: string | undefined): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone ?? '') ?? [];
  if (sign === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
