/**
 * What a command has to say → stdout, as a table for people or as one JSON document for machines; and
 * errors → stderr, with `Try:`.
 *
 * stdout is data and nothing else. Texts from outside (keys, event types, messages of a store) are made
 * harmless before they reach a terminal: control characters are shown, not obeyed.
 */
import Table from 'cli-table3';
import { CurrentsError } from '../errors.ts';

export interface Output {
  readonly isJson: boolean;
  /** The one result of a command; `formatText` is only called when people read it. */
  write(result: unknown, formatText: () => string): void;
}

/** Output to stdout. Call `write` once for each command. */
export function createOutput(isJson: boolean): Output {
  return {
    isJson,
    write(result, formatText) {
      process.stdout.write(isJson ? `${formatJson(result)}\n` : `${formatText().trimEnd()}\n`);
    },
  };
}

/** JSON with instants as ISO 8601 and 64-bit integers as numbers, or as text where a number would lie. */
export function formatJson(value: unknown): string {
  function replace(_name: string, found: unknown): unknown {
    if (typeof found !== 'bigint') return found;
    const number = Number(found);
    return Number.isSafeInteger(number) ? number : String(found);
  }
  return JSON.stringify(value, replace, 2);
}

export type Cell = string | number | bigint | boolean | Date | null | undefined;

/** Aligned columns without lines, numbers to the right. Without rows only the head is left. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumber = head.map((_, column) =>
    rows.some((row) => typeof row[column] === 'number' || typeof row[column] === 'bigint'),
  );
  const table = new Table({
    head: [...head],
    colAligns: isNumber.map((isRight) => (isRight ? 'right' : 'left')),
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(row.map(formatCell));
  return table.toString().replace(/ +$/gm, '');
}

/** Name and value pairs, one a line. */
export function formatFacts(facts: readonly (readonly [name: string, value: Cell])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${formatCell(value)}`).join('\n');
}

/** "1 object", "1,234 objects". */
export function formatCount(count: number | bigint, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${Number(count) === 1 ? '' : 's'}`;
}

/** 2026-09-30 12:34:56, in UTC. */
export function formatInstant(instant: Date): string {
  return instant.toISOString().slice(0, 19).replace('T', ' ');
}

function formatCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  if (cell instanceof Date) return formatInstant(cell);
  if (typeof cell === 'number' || typeof cell === 'bigint') return cell.toLocaleString('en-US');
  return showControls(String(cell));
}

/** A key may hold an escape sequence that clears the screen; a newline would break a table. */
export function showControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (found) => {
    return `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** A remark for people on stderr, for what is not part of the result. */
export function writeNote(sentence: string): void {
  process.stderr.write(`note: ${sentence}\n`);
}

/** Tells people on stderr, and a machine that asked for JSON on stdout as well. */
export function writeError(error: CurrentsError, isJson: boolean): void {
  const lines = error.message.split('\n').map(showControls);
  process.stderr.write(`error: ${lines.join('\n')}\n`);
  if (error.hint !== undefined) process.stderr.write(`Try: ${showControls(error.hint)}\n`);
  if (error.code === 'UNEXPECTED' && error.cause instanceof Error)
    process.stderr.write(`${error.cause.stack}\n`);
  if (!isJson) return;
  const { code, message, hint, context } = error;
  process.stdout.write(`${formatJson({ error: { code, message, hint, context } })}\n`);
}

/** Whatever was thrown as one of ours. What is not ours is a defect, and its stack is worth having. */
export function toCurrentsError(error: unknown): CurrentsError {
  if (error instanceof CurrentsError) return error;
  const found = error instanceof Error ? error.message : String(error);
  return new CurrentsError({
    code: 'UNEXPECTED',
    message: `cannot go on: ${found} (a defect in currents)`,
    hint: 'report it with the lines below; running again is safe',
    cause: error,
  });
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const;
