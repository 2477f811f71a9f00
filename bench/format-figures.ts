/**
 * Numbers as the tables show them, and the tables.
 */
import Table from 'cli-table3';
import type { Spread } from './summary.ts';

/** `median (min–max)`, or the one number there is. */
export function formatSpread(
  { median, min, max }: Spread,
  format: (value: number) => string,
): string {
  if (min === max) return format(median);
  return `${format(median)} (${format(min)}–${format(max)})`;
}

export function formatTimes(value: number): string {
  return `${value.toFixed(2)}×`;
}

export function formatWhole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function formatSeconds(value: number): string {
  return value.toFixed(2);
}

/** Without lines between the rows. */
export function createTable(head: readonly string[]) {
  return new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
}
