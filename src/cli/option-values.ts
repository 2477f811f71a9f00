/** Texts of options → values, for commander: a wrong one ends as a usage error that says what is expected. */
import { InvalidArgumentError } from 'commander';

/** A whole number, at least 1. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}

/** A UTC hour or instant: 2026-09-30, 2026-09-30-12 (as in object keys), 2026-09-30T12, 2026-09-30T12:34:56Z. */
export function parseHour(text: string): Date {
  const match = /^(\d{4}-\d\d-\d\d)(?:[-T ](\d\d)(?::?(\d\d))?(?::?(\d\d))?Z?)?$/.exec(text);
  const [, day, hour = '00', minute = '00', second = '00'] = match ?? [];
  const instant = new Date(`${day}T${hour}:${minute}:${second}Z`);
  const isReal = !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(`${day}`);
  if (match !== null && isReal) return instant;
  throw new InvalidArgumentError('Expected a UTC hour such as 2026-09-30T12 or 2026-09-30.');
}

/** Any number that is not negative; the range is its reader's business. */
export function parseNumber(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a number.');
}
