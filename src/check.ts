/** One thing that `doctor` looked at, and what it found. */
import { CurrentsError } from './errors.ts';

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do; only when not ok. */
  readonly advice?: string;
}

/** A check that ended with this error, with its hint as the advice. */
export function failedCheck(name: string, error: unknown): Check {
  const found = error instanceof Error ? error.message : String(error);
  const hint = error instanceof CurrentsError ? error.hint : undefined;
  return { name, status: 'fail', found, ...(hint === undefined ? {} : { advice: hint }) };
}
