/**
 * Outbox items as rows of a file for cloud data ingestion: one identifier column (an alias has two) and
 * PAYLOAD, which is JSON as a *string* in every format. SQL texts and what runs them; never a row here.
 *
 * Column names, and that a payload is what `/users/track` takes without the identifier: Braze, "Cloud Data
 * Ingestion, file storage integrations", 2026-09. `UPDATED_AT` is not supported for files.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import type { IdentifierKind } from './destination.ts';
import type { StageFormat } from './stage-names.ts';

/** The items of one file: of one run, all with the same kind of identifier. */
export interface ItemRange {
  readonly runId: number;
  readonly identifierKind: IdentifierKind;
  readonly firstItemId: number;
  readonly lastItemId: number;
}

const COLUMNS: Readonly<Record<IdentifierKind, string>> = {
  external_id: 'identifier as "EXTERNAL_ID"',
  braze_id: 'identifier as "BRAZE_ID"',
  email: 'identifier as "EMAIL"',
  phone: 'identifier as "PHONE"',
  user_alias: `identifier::json ->> '$.alias_name' as "ALIAS_NAME",
    identifier::json ->> '$.alias_label' as "ALIAS_LABEL"`,
};

/** Braze's own sample is SNAPPY. A row group is what a thread holds in memory while it writes. */
export const COPY_OPTIONS: Readonly<Record<StageFormat, string>> = {
  json: 'format json',
  csv: 'format csv, header true',
  parquet: 'format parquet, compression snappy, row_group_size 20480',
};

/** Most bytes that a row takes as JSON or CSV: quotes and backslashes are escaped, names and commas come on top. */
const ROW_BYTES = `(strlen(text) + strlen(text) - strlen(replace(replace(text, '"', ''), '\\', ''))
  + 2 * strlen(identifier) + 120)`;

export interface PlannedFile extends Omit<ItemRange, 'runId'> {
  readonly rowCount: number;
}

/**
 * Items of a run that are in flight, cut into files of at most `fileBytes` and one row, as JSON or CSV;
 * Parquet comes out smaller.
 */
export async function cutIntoFiles(
  database: Database,
  runId: number,
  fileBytes: number,
): Promise<PlannedFile[]> {
  return database.rows<PlannedFile>(
    `with sized as (
       select identifier_kind, item_id, ${ROW_BYTES} as bytes
       from (select *, attributes::varchar as text from sync.outbox
             where run_id = $1 and status = 'in_flight')
     ), placed as (
       select identifier_kind, item_id,
         (sum(bytes) over (partition by identifier_kind order by item_id) - bytes) // $2 as file
       from sized
     )
     select identifier_kind as "identifierKind", min(item_id)::double as "firstItemId",
       max(item_id)::double as "lastItemId", count(*)::double as "rowCount"
     from placed group by identifier_kind, file order by identifier_kind, file`,
    [runId, fileBytes],
  );
}

/** Writes one file; an existing one is replaced. Rows come in no order, as Braze reads them in none. */
export async function writeRows(
  database: Database,
  range: ItemRange,
  { path, format, updateExistingOnly }: WriteOptions,
): Promise<void> {
  const { runId, identifierKind, firstItemId, lastItemId } = range;
  // Braze's default differs: false by external id, true by alias ("User attributes object", 2026-09).
  const flag =
    updateExistingOnly || identifierKind === 'user_alias'
      ? `'{"_update_existing_only":${updateExistingOnly},' || substr(attributes::varchar, 2)`
      : 'attributes::varchar';
  await database.run(
    `copy (
       select ${COLUMNS[identifierKind]}, ${flag} as "PAYLOAD"
       from sync.outbox
       where run_id = ${runId} and item_id between ${firstItemId} and ${lastItemId}
         and identifier_kind = ${quoteLiteral(identifierKind)} and status = 'in_flight'
     ) to ${quoteLiteral(path)} (${COPY_OPTIONS[format]})`,
  );
}

interface WriteOptions {
  readonly path: string;
  readonly format: StageFormat;
  readonly updateExistingOnly: boolean;
}
