/**
 * The queries of a sync → its desired state as temporary tables: one row a person, with the hash of the
 * row, and with the values only where the hash says that something changed.
 *
 * Each query runs once, so that everything that follows sees the same answer. People whose row is as it was
 * when Braze accepted it stay narrow here, and never reach the comparison: that is what makes a small change
 * cheap. A hash has 128 bits and holds the definition, so a changed definition changes every row.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import type { SyncColumn, SyncDefinition, SyncSource } from './sync-definition.ts';

/** A source with its tables. */
export interface StagedSource extends SyncSource {
  /** `identifier, fingerprint, cells`: a list with the row in it, or an empty one when nothing changed. */
  readonly rows: string;
  /** `identifier, people`: those with several rows. */
  readonly repeated: string;
}

/** What a sync's shadow of one kind of identifier is, as a condition. */
export function shadowCondition(definition: SyncDefinition, kind: string): string {
  const { name, config } = definition;
  return `sync = ${quoteLiteral(name)} and destination = ${quoteLiteral(config.to)} and identifier_kind = ${quoteLiteral(kind)}`;
}

/** Runs the queries. The tables last until `dropStaged`, or until the transaction is rolled back. */
export async function stageDesiredState(
  database: Database,
  definition: SyncDefinition,
): Promise<StagedSource[]> {
  const staged: StagedSource[] = [];
  for (const [index, source] of definition.sources.entries()) {
    const rows = `temp.sync_rows_${index}`;
    const repeated = `temp.sync_repeated_${index}`;
    await database.run(formatStaging(definition, source, rows));
    await database.run(`
      create or replace temp table ${repeated} as
      select identifier from ${rows} where identifier is not null
      group by identifier having count(*) > 1`);
    staged.push({ ...source, rows, repeated });
  }
  return staged;
}

export async function dropStaged(
  database: Database,
  staged: readonly StagedSource[],
): Promise<void> {
  for (const { rows, repeated } of staged)
    await database.run(`drop table if exists ${rows}; drop table if exists ${repeated}`);
}

function formatStaging(definition: SyncDefinition, source: SyncSource, table: string): string {
  const cells = source.columns.map(({ cell }) => cell);
  const hashed = source.columns.map(hashedCell);
  const salt = quoteLiteral(source.salt);
  const row =
    cells.length === 0 ? '{none: null}' : `{${cells.map((c) => `${c}: ${c}`).join(', ')}}`;
  const hash = `hash(${[salt, ...hashed].join(', ')})::uhugeint * 18446744073709551616 + hash(${[...hashed, `${salt} || '2'`].join(', ')})`;
  return `
    create or replace temp table ${table} as
    select h.identifier, h.fingerprint,
      case when p.fingerprint = h.fingerprint then [] else [h.cells] end as cells
    from (select identifier, ${hash} as fingerprint, ${row} as cells from (${source.rowsSql})) h
    left join (
      select identifier, fingerprints[${quoteLiteral(source.name)}] as fingerprint from sync.people
      where ${shadowCondition(definition, source.kind)}) p
    on p.identifier = h.identifier`;
}

function hashedCell({ cell, shape }: SyncColumn): string {
  switch (shape.kind) {
    // DuckDB hashes [] and an object of nulls like null; as texts they differ.
    case 'list':
    case 'struct':
      return `to_json(${cell})`;
    // Of an enum it hashes the place in the list, which may hold another text by the next run.
    case 'text':
      return `${cell}::varchar`;
    default:
      return cell;
  }
}
