/**
 * Ids of erased people, as keyed hashes, and what a batch holds of them: so that a file that is delivered
 * again, or found late, cannot bring anybody back.
 *
 * A tombstone is HMAC(kind ':' HMAC(id)), so the id as Braze writes it and the id as the door hashes it lead to the
 * same one, and rules of privacy may change. A user id is blocked for ever: Braze does not use it again. An
 * external id is the customer's, who may sign up again: it blocks what happened up to the erasure.
 *
 * A batch may tell more about an erased person than was known: a merge with another user id, an external id, or a
 * request of an agent whose tool calls have no user. These wait in c360.erasure_queue for the erasure at the end of
 * the cycle.
 *
 * A merge of two people who are not erased is left out, too, when it carries the external id of somebody who is:
 * then c360.merge_tombstones has to remember it (profiles/erased-merges.ts).
 * Without tombstones none of this is asked.
 */
import { type Database, quoteIdentifier, quoteLiteral } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, ROW_COLUMN } from './event-tables.ts';
import { hashPads, keyedHashOf } from './keyed-hash.ts';

/** Which fields of events hold ids by which something is erased. */
export const ERASURE_FIELDS = [
  { field: 'user_id', kind: 'user_id' },
  { field: 'orphaned_by_id', kind: 'user_id' },
  { field: 'external_user_id', kind: 'external_id' },
  { field: 'request_id', kind: 'request_id' },
] as const;

type ErasureKind = (typeof ERASURE_FIELDS)[number]['kind'];

/** Event types whose request_id ties tool calls, which have no user, to a run of an agent that has one. */
const AGENT_EVENTS = 'agentconsole.';

export interface ErasureColumn {
  readonly field: string;
  readonly kind: ErasureKind;
  /** Quoted. */
  readonly column: string;
}

/** The columns of a table that hold such ids. */
export function listErasureColumns(table: EventTable): readonly ErasureColumn[] {
  return ERASURE_FIELDS.flatMap(({ field, kind }) => {
    if (kind === 'request_id' && !table.eventType.startsWith(AGENT_EVENTS)) return [];
    const found = table.columns.find((column) => column.field === field);
    return found === undefined ? [] : [{ field, kind, column: quoteIdentifier(found.name) }];
  });
}

/** Before the kind of an id, in tombstones of people who were not erased: of them only staged rows go. */
export const STAGED_KIND = 'staged ';

/** How events write that there is no id: no text, or one that a field transformation in Braze took away. */
export const MISSING_IDS: readonly string[] = ['', '[REDACTED]'];

/** SQL: whether an id is one. Erasing by a missing one would erase everybody who has none. */
export function namesSomebody(id: string): string {
  const missing = MISSING_IDS.map((text) => quoteLiteral(text)).join(', ');
  return `(${id} is not null and ${id}::varchar not in (${missing}))`;
}

/** SQL: the tombstone of an id as it stands in an event. Needs `hashPads(key)` as $1 and $2. */
export function tombstoneOf(kind: string, id: string): string {
  return keyedHashOf(`${kind} || ':' || ${keyedHashOf(id)}`);
}

/** SQL: the tombstone of an id that the door has hashed. */
export function tombstoneOfHashed(kind: string, id: string): string {
  return keyedHashOf(`${kind} || ':' || ${id}`);
}

/** SQL of a list of both: a person is known by either. */
export function tombstonesOf(kind: string, id: string): string {
  return `[${tombstoneOf(kind, id)}, ${tombstoneOfHashed(kind, id)}]`;
}

export async function hasTombstones(database: Database): Promise<boolean> {
  return database.hasRows('c360.tombstones');
}

/** Looks for erased people in batches; keep one for as long as the tombstones are what they are. */
export class Tombstones {
  readonly #database: Database;
  readonly #pads: readonly [string, string];

  constructor(database: Database, key: string) {
    this.#database = database;
    this.#pads = hashPads(key);
  }

  /**
   * Scans the batch once for its ids, and again in the rare case that one is an erased person's. To be called
   * inside the transaction that loads the batch.
   *
   * @param scan SQL of the batch, such as `currents_batch(7)`
   * @param treatmentOf what the door does with an id on its way into this table
   * @returns zero-based rows to leave out, by object
   */
  async findErased(
    table: EventTable,
    scan: string,
    treatmentOf: (field: string) => 'hash' | 'drop' | undefined,
  ): Promise<ReadonlyMap<number, ReadonlySet<number>>> {
    const columns = listErasureColumns(table);
    const erased = new Map<number, Set<number>>();
    if (columns.length === 0 || !(await this.#findIds(columns, scan))) return erased;
    const time = table.columns.find((column) => column.field === 'time');
    const matches = columns.map(({ column, kind }) => {
      if (kind !== 'external_id' || time === undefined) return isFound(column, kind);
      return `exists (from found_ids f where f.kind = '${kind}' and f.id = ${column}::varchar
        and (${quoteIdentifier(time.name)} <= f.until) is not false)`;
    });
    const isErased = `(${matches.join(' or ')})`;
    const rows = await this.#database.rows<{ object_id: number; row_index: number }>(
      `select ${OBJECT_ID_COLUMN}::double as object_id, ${ROW_COLUMN} as row_index
       from ${scan} where ${isErased}`,
    );
    for (const { object_id, row_index } of rows) {
      const ofObject = erased.get(object_id);
      if (ofObject) ofObject.add(row_index);
      else erased.set(object_id, new Set([row_index]));
    }
    await this.#queueRelated(columns, scan, treatmentOf);
    await this.#keepMerges(
      columns,
      `${scan} where ${ROW_COLUMN} >= 0 and ${isErased}`,
      treatmentOf,
    );
    await this.#database.run('drop table found_ids');
    return erased;
  }

  /** Leaves ids of erased people in the temporary table found_ids. */
  async #findIds(columns: readonly ErasureColumn[], scan: string): Promise<boolean> {
    const ids = columns.map(
      ({ kind, column }) => `select '${kind}' as kind, unnest(${column}) as id from ids`,
    );
    // The row number is asked for although nobody needs it: a scan without it judges values that have no column.
    const lists = columns.map(
      ({ column }) => `list(distinct ${column}::varchar) filter (${ROW_COLUMN} >= 0) as ${column}`,
    );
    await this.#database.run(
      `create or replace temp table found_ids as
       with ids as materialized (select ${lists.join(', ')} from ${scan}),
       named as (select distinct kind, id from (${ids.join(' union all ')}) where id is not null)
       select t.kind, n.id, max(t.until) as until from named n
       join c360.tombstones t on t.kind = n.kind and t.hash = ${tombstoneOf('n.kind', 'n.id')}
       group by all`,
      this.#pads,
    );
    return this.#database.hasRows('found_ids');
  }

  /** What the rows that are left out tell: the other end of a merge, an external id, the request of an agent's run. */
  async #queueRelated(
    columns: readonly ErasureColumn[],
    scan: string,
    treatmentOf: (field: string) => 'hash' | 'drop' | undefined,
  ): Promise<void> {
    const { user, survivor } = findUserColumns(columns);
    const external = columns.find(({ kind }) => kind === 'external_id');
    const request = columns.find(({ field }) => field === 'request_id');
    for (const [from, to] of [
      [user, survivor],
      [survivor, user],
      [user, external],
      [user, request],
    ]) {
      if (from === undefined || to === undefined) continue;
      const treatment = to.kind === 'request_id' ? undefined : treatmentOf(to.field);
      if (treatment === 'drop') continue;
      const isHashed = treatment === 'hash';
      await this.#database.run(
        `insert into c360.erasure_queue
         select '${to.kind}', ${isHashed ? keyedHashOf('r.id') : 'r.id'}, max(f.until) from (
           select distinct ${from.column}::varchar as found_id, ${to.column}::varchar as id
           from ${scan}
           where ${ROW_COLUMN} >= 0 and ${isFound(from.column, from.kind)}
             and ${namesSomebody(`${to.column}::varchar`)}
             and not (${isFound(to.column, to.kind)})) r
         join found_ids f on f.kind = '${from.kind}' and f.id = r.found_id
         group by r.id`,
        isHashed ? this.#pads : [],
      );
    }
  }

  /** Merges that are left out although neither of both is erased: else the other one is in the queue. */
  async #keepMerges(
    columns: readonly ErasureColumn[],
    erased: string,
    treatmentOf: (field: string) => 'hash' | 'drop' | undefined,
  ): Promise<void> {
    const { user, survivor } = findUserColumns(columns);
    if (user === undefined || survivor === undefined) return;
    if (treatmentOf(survivor.field) === 'drop') return;
    await this.#database.run(
      `insert into c360.merge_tombstones
       with merges as (
         select distinct ${user.column}::varchar as one, ${survivor.column}::varchar as other,
           ${isFound(user.column, user.kind)} or ${isFound(survivor.column, survivor.kind)} as is_queued
         from ${erased})
       select ${tombstoneOf("'user_id'", 'one')}, ${tombstoneOf("'user_id'", 'other')} from merges
       where not is_queued and one <> other and ${namesSomebody('one')} and ${namesSomebody('other')}
       except from c360.merge_tombstones`,
      this.#pads,
    );
  }
}

/** Whose an event is and, of a merge, who survives it. */
export function findUserColumns(columns: readonly ErasureColumn[]) {
  const find = (wanted: string) => columns.find(({ field }) => field === wanted);
  return { user: find('user_id'), survivor: find('orphaned_by_id') };
}

function isFound(column: string, kind: ErasureKind): string {
  return `coalesce(${column}::varchar in (select id from found_ids where kind = '${kind}'), false)`;
}
