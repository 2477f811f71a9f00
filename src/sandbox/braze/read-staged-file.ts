/**
 * The rows of one staged file: JSON lines, CSV or Parquet (facts 5.1), told apart by the name. All of them or none: one
 * line that is not JSON and the whole file is skipped.
 *
 * Parquet is read by hyparquet, which shares no code with the DuckDB that writes it. Only uncompressed and Snappy, as in
 * Braze's sample. Names of columns count in either case: Braze's samples have them in lower case, its tables in upper.
 */

import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { isObject } from './nested-value.ts';
import { Rejection } from './rules.ts';

/** Values by column, in lower case. A row that is no object is undefined. */
export type StagedRow = Readonly<Record<string, unknown>> | undefined;

/** Why a file is refused as a whole. */
export class FileRejection extends Rejection {
  readonly detail: string;

  constructor(rule: Rejection['rule'], detail: string) {
    super(rule);
    this.detail = detail;
  }
}

export async function readStagedFile(
  name: string,
  bytes: Buffer,
): Promise<readonly StagedRow[] | FileRejection> {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase();
  switch (extension) {
    case 'json':
    case 'jsonl':
    case 'ndjson':
      return readJsonLines(bytes);
    case 'csv':
      return readCsv(bytes);
    case 'parquet':
      return readParquet(bytes);
    default:
      return new FileRejection(
        'FILE_FORMAT_UNKNOWN',
        'the name ends in none of .json, .csv, .parquet',
      );
  }
}

const NEWLINE = 0x0a;

/** Line by line, since a file of 512 MB is more than one string of V8 may hold. */
function readJsonLines(bytes: Buffer): readonly StagedRow[] | FileRejection {
  const rows: StagedRow[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      rows.push(lowerNames(JSON.parse(bytes.toString('utf8', start, end))));
    } catch {
      return new FileRejection('FILE_LINE_INVALID', `line ${rows.length + 1} is not JSON`);
    }
    start = end + 1;
  }
  return rows;
}

function readCsv(bytes: Buffer): readonly StagedRow[] | FileRejection {
  try {
    const rows = parse<Record<string, unknown>>(bytes, { columns: true, bom: true });
    return rows.map(lowerNames);
  } catch (cause) {
    // The parser's message may quote the file; its code does not.
    const { code = 'unknown' } = cause as { code?: string };
    return new FileRejection('FILE_UNREADABLE', `not CSV: ${code}`);
  }
}

async function readParquet(bytes: Buffer): Promise<readonly StagedRow[] | FileRejection> {
  try {
    const { buffer, byteOffset, byteLength } = bytes;
    const file = (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
    return (await parquetReadObjects({ file })).map(lowerNames);
  } catch {
    return new FileRejection(
      'FILE_UNREADABLE',
      'not Parquet, or compressed otherwise than by Snappy',
    );
  }
}

function lowerNames(row: unknown): StagedRow {
  if (!isObject(row)) return undefined;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
