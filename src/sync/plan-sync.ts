/**
 * One run of a sync is planned: desired state minus shadow into sync.outbox, what cannot be sent into
 * sync.rejected, all in the transaction of the caller. `sync plan` rolls it back, `sync run` commits it.
 *
 * Planning twice without a delivery between plans the same. What an earlier run left behind has to be settled
 * before (outbox.ts): an item that is still on its way would be planned again.
 */
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import { classOfValue } from './braze-value.ts';
import { findWrongValue, formatDelta } from './delta.ts';
import {
  dropStaged,
  type StagedSource,
  shadowCondition,
  stageDesiredState,
} from './desired-state.ts';
import type { IdentifierKind } from './destination.ts';
import { FINDINGS, type FindingCode } from './findings.ts';
import type { SyncColumn, SyncDefinition } from './sync-definition.ts';

export interface PlannedRun {
  readonly runId: number;
  /** People with something to send. */
  readonly planned: number;
  readonly attributes: number;
  readonly dataPoints: number;
}

/** In a transaction of the caller's. */
export async function planSync(
  database: Database,
  definition: SyncDefinition,
  runId: number,
  now: Date,
): Promise<PlannedRun> {
  const books = new PlanBooks(database, definition, runId, now);
  const staged = await stageDesiredState(database, definition);
  try {
    await books.clear();
    await books.noteAttributeFindings();
    const held = await books.stageHeld();
    for (const kind of new Set(staged.map((source) => source.kind))) {
      const sources = staged.filter((source) => source.kind === kind);
      const wrong = new Set<string>();
      for (const source of sources) {
        await books.notePeopleFindings(source);
        for (const column of await books.noteValueFindings(source)) wrong.add(column.attribute);
      }
      await books.plan(sources, kind, wrong, held);
    }
    if (definition.destination.kind === 'files') await books.refuseLargeRows();
    await books.keepUnchanged();
    await books.noteAttributes();
    return await books.count();
  } finally {
    // A transaction that failed takes no more statements, and takes the tables with it.
    await dropStaged(database, staged).catch(() => undefined);
  }
}

/** Limits: Braze, "User attributes object" and "User alias object", 2026-09. */
function formatBadIdentifier(kind: IdentifierKind): string {
  const code = formatIdentifierCode(kind);
  return `${code} is not null`;
}

function formatIdentifierCode(kind: IdentifierKind): string {
  switch (kind) {
    case 'external_id':
    case 'braze_id':
      return "case when strlen(identifier) > 987 then 'identifier_too_long' end";
    case 'user_alias':
      return "case when strlen(identifier->>'alias_name') > 236 or strlen(identifier->>'alias_label') > 236 then 'identifier_too_long' end";
    case 'email':
      return "case when not regexp_full_match(identifier, '[^@\\s]+@[^@\\s.]+(\\.[^@\\s.]+)+') then 'identifier_format' end";
    case 'phone':
      return "case when not regexp_full_match(identifier, '\\+[1-9]\\d{4,14}') then 'identifier_format' end";
  }
}

/** The statements of one plan. */
class PlanBooks {
  readonly #database: Database;
  readonly #definition: SyncDefinition;
  readonly #runId: number;
  /** `run_id, sync, destination` as literals, and the instant. */
  readonly #head: string;
  readonly #at: string;
  readonly #mine: string;

  constructor(database: Database, definition: SyncDefinition, runId: number, now: Date) {
    this.#database = database;
    this.#definition = definition;
    this.#runId = runId;
    const { name, config } = definition;
    this.#head = `${runId}, ${quoteLiteral(name)}, ${quoteLiteral(config.to)}`;
    this.#at = `${quoteLiteral(now.toISOString())}::timestamp`;
    this.#mine = `sync = ${quoteLiteral(name)} and destination = ${quoteLiteral(config.to)}`;
  }

  /** Everything that was rejected is looked at again, so only what this run finds remains. */
  async clear(): Promise<void> {
    await this.#database.run(`
      delete from sync.rejected where ${this.#mine};
      create or replace temp sequence sync_items`);
  }

  async noteAttributeFindings(): Promise<void> {
    for (const { attribute, code, valueClass, detail } of this.#definition.findings) {
      const { reason, remedy } = FINDINGS[code];
      await this.#database.run(
        `insert into sync.rejected
         select ${this.#head}, null, null, $1, $2, $3, $4, $5, 0, 'validation', ${this.#at}`,
        [
          attribute,
          valueClass,
          code,
          detail === undefined ? reason : `${reason} (${detail})`,
          remedy,
        ],
      );
    }
  }

  /** @returns a table of people with an operator whose answer was lost, or undefined */
  async stageHeld(): Promise<string | undefined> {
    const { people } = await this.#database.row<{ people: number }>(
      `select count(*)::integer as people from sync.outbox where ${this.#mine} and status = 'unknown'`,
    );
    if (people === 0) return undefined;
    const table = 'temp.sync_held';
    await this.#database.run(`
      create or replace temp table ${table} as
      select identifier_kind, identifier, list_distinct(flatten(list(operators))) as operators
      from sync.outbox where ${this.#mine} and status = 'unknown' group by all`);
    return table;
  }

  async notePeopleFindings({ rows, repeated, kind }: StagedSource): Promise<void> {
    await this.#reject(
      'identifier_missing',
      `select null as identifier, count(*) as people from ${rows} where identifier is null having count(*) > 0`,
    );
    await this.#reject('two_rows', `select identifier, 1 as people from ${repeated}`, kind);
    const code = formatIdentifierCode(kind);
    for (const wanted of ['identifier_too_long', 'identifier_format'] as const)
      await this.#reject(
        wanted,
        `select identifier, 1 as people from ${rows} where identifier is not null and (${code}) = ${quoteLiteral(wanted)}
           and identifier not in (from ${repeated})`,
        kind,
      );
  }

  /** @returns the columns in which something is wrong */
  async noteValueFindings({ rows, repeated, kind, columns }: StagedSource): Promise<SyncColumn[]> {
    if (columns.length === 0) return [];
    const people = `
      select identifier, cells[1] as r from ${rows}
      where len(cells) > 0 and identifier is not null and not (${formatBadIdentifier(kind)})
        and identifier not in (from ${repeated})`;
    const counts = columns.map((column) => `count(${findWrongValue(column, 'r')})`);
    const { found } = await this.#database.row<{ found: readonly bigint[] }>(
      `select [${counts.join(', ')}] as found from (${people})`,
    );
    const wrong = columns.filter((_, index) => (found[index] ?? 0n) > 0n);
    for (const column of wrong) {
      await this.#database.run(`
        insert into sync.rejected
        select ${this.#head}, ${quoteLiteral(kind)}, identifier, ${quoteLiteral(column.attribute)},
          ${classOfValue(column.shape, `r.${column.cell}`)}, code, ${REASONS}[code], ${REMEDIES}[code],
          1, 'validation', ${this.#at}
        from (select *, ${findWrongValue(column, 'r')} as code from (${people})) where code is not null`);
    }
    return wrong;
  }

  async plan(
    sources: readonly StagedSource[],
    kind: IdentifierKind,
    wrong: ReadonlySet<string>,
    held: string | undefined,
  ): Promise<void> {
    const delta = formatDelta(sources, {
      runId: this.#runId,
      onNull: this.#definition.config.onNull,
      shadow: shadowCondition(this.#definition, kind),
      wrong,
      held: held && `(select * from ${held} where identifier_kind = ${quoteLiteral(kind)})`,
      badIdentifier: formatBadIdentifier(kind),
    });
    await this.#database.run(`
      insert into sync.outbox by name
      select ${this.#runId} as run_id, nextval('sync_items') as item_id,
        ${quoteLiteral(this.#definition.name)} as sync, ${quoteLiteral(this.#definition.config.to)} as destination,
        ${quoteLiteral(kind)} as identifier_kind, identifier, attributes, attribute_count, data_points, operators,
        len(operators) = 0 as repeatable, if(attribute_count = 0, 'same', 'planned') as status,
        0 as attempts, entries, fingerprints
      from (${delta})`);
  }

  /** Limits of a row in a file: Braze, "Cloud Data Ingestion, product limitations", 2026-09. */
  async refuseLargeRows(): Promise<void> {
    const tooLarge = `${this.#mine} and run_id = ${this.#runId} and (attribute_count > 250 or strlen(attributes) > 1000000)`;
    const { reason, remedy } = FINDINGS.row_too_large;
    await this.#database.run(`
      insert into sync.rejected
      select ${this.#head}, identifier_kind, identifier, null, attribute_count || ' attributes', 'row_too_large',
        ${quoteLiteral(reason)}, ${quoteLiteral(remedy)}, 1, 'validation', ${this.#at}
      from sync.outbox where ${tooLarge};
      delete from sync.outbox where ${tooLarge}`);
  }

  /** Braze has all of their rows already: noted, so that the next run need not compare them. */
  async keepUnchanged(): Promise<void> {
    const same = `${this.#mine} and run_id = ${this.#runId} and status = 'same'`;
    const { people } = await this.#database.row<{ people: number }>(
      `select count(*)::integer as people from sync.outbox where ${same}`,
    );
    if (people === 0) return;
    await this.#database.run(`
      delete from sync.people where ${this.#mine} and (identifier_kind, identifier) in
        (select (identifier_kind, identifier) from sync.outbox where ${same});
      insert into sync.people
      select sync, destination, identifier_kind, identifier, entries, fingerprints, ${this.#at}, run_id
      from sync.outbox where ${same};
      delete from sync.outbox where ${same}`);
  }

  /** What is known of the attributes from now on. */
  async noteAttributes(): Promise<void> {
    const columns = this.#definition.sources.flatMap((source) => source.columns);
    for (const { attribute, type } of columns) {
      await this.#database.run(
        `merge into sync.attributes a
         using (select $1 as attribute, $2 as type) n on a.attribute = n.attribute and ${this.#mine}
         when matched and a.type <> n.type then update set type = n.type, changed_at = ${this.#at}
         when not matched then insert values (${quoteLiteral(this.#definition.name)},
           ${quoteLiteral(this.#definition.config.to)}, n.attribute, n.type, ${this.#runId}, ${this.#at})`,
        [attribute, type],
      );
    }
  }

  async count(): Promise<PlannedRun> {
    const counts = await this.#database.row<Omit<PlannedRun, 'runId'>>(`
      select count(*)::double as planned, coalesce(sum(attribute_count), 0)::double as attributes,
        coalesce(sum(data_points), 0)::double as "dataPoints"
      from sync.outbox where ${this.#mine} and run_id = ${this.#runId} and status = 'planned'`);
    return { runId: this.#runId, ...counts };
  }

  async #reject(code: FindingCode, people: string, kind?: IdentifierKind): Promise<void> {
    const { reason, remedy } = FINDINGS[code];
    await this.#database.run(`
      insert into sync.rejected
      select ${this.#head}, ${kind === undefined ? 'null' : quoteLiteral(kind)}, identifier, null, null,
        ${quoteLiteral(code)}, ${quoteLiteral(reason)}, ${quoteLiteral(remedy)}, people, 'validation', ${this.#at}
      from (${people})`);
  }
}

const REASONS = formatFindings('reason');
const REMEDIES = formatFindings('remedy');

function formatFindings(part: 'reason' | 'remedy'): string {
  const entries = Object.entries(FINDINGS).map(
    ([code, facts]) => `${quoteLiteral(code)}: ${quoteLiteral(facts[part])}`,
  );
  return `map {${entries.join(', ')}}`;
}
