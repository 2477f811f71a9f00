/**
 * An outbox with people in flight, as the runner leaves it to a files destination, and the readers of what is
 * staged: other programs than DuckDB for each format.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import type { DeliveryRun, IdentifierKind } from '../../src/sync/destination.ts';
import type { StageFormat } from '../../src/sync/stage-names.ts';
import type { Database } from '../../src/warehouse/database.ts';

export type Identifier =
  | { readonly kind: Exclude<IdentifierKind, 'user_alias'>; readonly value: string }
  | { readonly kind: 'user_alias'; readonly name: string; readonly label: string };

export interface OutboxRow {
  readonly identifier: Identifier;
  readonly attributes: string;
}

export type StagedRow = Readonly<Record<string, string | null>>;

/** Item ids count from 1. */
export async function fillOutbox(
  database: Database,
  run: Pick<DeliveryRun, 'runId' | 'sync' | 'destination'>,
  rows: readonly OutboxRow[],
): Promise<void> {
  for (const [index, { identifier, attributes }] of rows.entries()) {
    const text =
      identifier.kind === 'user_alias'
        ? JSON.stringify({ alias_name: identifier.name, alias_label: identifier.label })
        : identifier.value;
    await database.run(
      `insert into sync.outbox by name
       select $1 as run_id, $2 as item_id, $3 as sync, $4 as destination, $5 as identifier_kind,
         $6 as identifier, $7::json as attributes, 1 as attribute_count,
         1 as data_points, []::varchar[] as operators, true as repeatable, 'in_flight' as status,
         1 as attempts, '{}'::json as entries, map {}::map(varchar, uhugeint) as fingerprints`,
      [run.runId, index + 1, run.sync, run.destination, identifier.kind, text, attributes],
    );
  }
}

/** Names below a folder of the stage, sorted; none when it is not there. */
export function listStaged(root: string, folder: 'attributes' | 'manifests'): string[] {
  try {
    return readdirSync(path.join(root, folder)).sort();
  } catch {
    return [];
  }
}

/** The rows of one file, read without DuckDB. */
export async function readStaged(file: string, format: StageFormat): Promise<StagedRow[]> {
  const bytes = readFileSync(file);
  switch (format) {
    case 'json':
      return bytes
        .toString('utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as StagedRow);
    case 'csv':
      return parseCsv(bytes, { columns: true }) as StagedRow[];
    case 'parquet': {
      const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
      return (await parquetReadObjects({ file: buffer as ArrayBuffer })) as StagedRow[];
    }
    default:
      return format satisfies never;
  }
}
