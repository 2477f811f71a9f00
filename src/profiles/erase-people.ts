/**
 * Erasure: everything about some people goes from the database, in one transaction, and leaves tombstones and
 * a certificate that names nobody.
 *
 * Who is erased comes from users.UserDeleteRequest, from the command, or from what a load found out about
 * somebody who was erased before. All ids of all of them are found first; then each table is looked at
 * once, however many people there are. What the deleted rows leave in the pages of the file is a matter of
 * warehouse/rewrite-database.ts, which has to follow; `rewritten_at` is null until then.
 */
import { type Database, quoteIdentifier } from '../warehouse/database.ts';
import { OBJECT_ID_COLUMN, RESCUED_COLUMN, readEventTable } from '../warehouse/event-tables.ts';
import { computeKeyedHash, hashPads } from '../warehouse/keyed-hash.ts';
import {
  ERASURE_FIELDS,
  findUserColumns,
  namesSomebody,
  STAGED_KIND,
  tombstonesOf,
} from '../warehouse/tombstones.ts';
import { keepErasedMerges } from './erased-merges.ts';
import { type PersonColumn, personColumnsOf } from './erasure-rules.ts';
import {
  findAllIds,
  findIdentifiersOfOthers,
  listPersonTables,
  type PersonTable,
} from './find-people.ts';
import { withdrawValues } from './withdraw-values.ts';

export interface ErasureOptions {
  /** The key of the hashes: `openPrivacyKey`. */
  readonly key: string;
  readonly now: Date;
  /** Braze ids or external ids, exactly as in events. Undefined: what the events and loads ask for. */
  readonly ids?: readonly string[];
  /** Find and count everything, then leave it as it was. */
  readonly dryRun?: boolean;
  /**
   * Runs before anything is removed, with all ids in the temporary table `erasing` (kind, id); not in a dry
   * run. When it fails, nobody is erased.
   */
  readonly beforeErasing?: () => Promise<void>;
}

/** What was done about one id that somebody asked to erase; the row of c360.erasures. */
export interface Erasure {
  /** 0 in a dry run. */
  readonly erasureId: number;
  /** The tombstone of the id. */
  readonly subject: string;
  readonly cause: 'delete request' | 'command' | 'late event';
  readonly requestedAt: string;
  readonly erasedAt: string;
  /** Ids that were found in events: the person's own and merged ones. */
  readonly userIds: number;
  readonly externalIds: number;
  /** Rows removed from event tables. */
  readonly events: number;
  /** Rows removed, by table. */
  readonly rows: Readonly<Record<string, number>>;
}

/** Rolls the transaction of a dry run back. */
class DryRun extends Error {}

/**
 * Erases people, and returns a certificate for each id that was asked for, in their order.
 *
 * @throws CurrentsError when the database fails; then nobody is erased
 */
export async function erasePeople(
  database: Database,
  options: ErasureOptions,
): Promise<readonly Erasure[]> {
  let erasures: readonly Erasure[] = [];
  const resetMemory = await allowDeletes(database);
  try {
    await database.withTransaction(async () => {
      await makeScratchTables(database);
      await askFor(database, options);
      const tables = await listPersonTables(database);
      await findAllIds(database, tables, options.key);
      if (!options.dryRun) await options.beforeErasing?.();
      for (const table of tables) await eraseEvents(database, table);
      await withdrawFromOthers(database, tables, options.now);
      await eraseState(database);
      await countInLedger(database);
      const last = await readLastErasure(database);
      erasures = await writeCertificates(database, options.now, last);
      await writeTombstones(database, options.key, last);
      await keepErasedMerges(database, options.key);
      await database.run('delete from c360.erasure_queue');
      if (options.dryRun) throw new DryRun();
      await dropScratchTables(database);
    });
  } catch (error) {
    if (!(error instanceof DryRun)) throw error;
    return erasures.map((erasure) => ({ ...erasure, erasureId: 0 }));
  } finally {
    await resetMemory();
  }
  return erasures;
}

/**
 * DuckDB keeps 16 KB for each 2,048 rows of which one is deleted, until the commit, in its memory and never on
 * disk: half a gigabyte when the rows of a few people lie all over fifty million. So the limit is raised by
 * what that may come to.
 */
const BYTES_PER_ROW = 12;

async function allowDeletes(database: Database): Promise<() => Promise<void>> {
  const { usual, rows } = await database.row<{ usual: string; rows: number }>(
    `select current_setting('memory_limit') as usual,
       (select sum(estimated_size)::double from duckdb_tables()
        where schema_name in ('events', 'c360', 'sync')) as rows`,
  );
  const [, amount, unit] = /^([\d.]+) (\w+)$/.exec(usual) ?? [];
  const usualBytes = Number(amount) * (UNIT_BYTES[unit ?? ''] ?? Number.NaN);
  if (!Number.isFinite(usualBytes)) return async () => undefined;
  const wanted = Math.ceil(usualBytes + (rows ?? 0) * BYTES_PER_ROW);
  await database.run(`set memory_limit = '${wanted}B'`);
  return async () => database.run(`set memory_limit = '${Math.ceil(usualBytes)}B'`);
}

/** As DuckDB writes sizes. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Whether an event or a load asks for an erasure. Costs a look at two small tables. */
export async function hasErasureRequests(database: Database): Promise<boolean> {
  const requests = await requestedUsers(database);
  const { found } = await database.row<{ found: boolean }>(
    `select (select count(*) from c360.erasure_queue) > 0
       ${requests === undefined ? '' : `or (select count(*) from ${requests.table} where ${namesSomebody(requests.userId)}) > 0`} as found`,
  );
  return found;
}

async function requestedUsers(database: Database) {
  const table = await readEventTable(database, 'users.UserDeleteRequest');
  const [userId, time] = ['user_id', 'time'].map((field) =>
    table?.columns.find((column) => column.field === field),
  );
  if (table === undefined || userId === undefined) return undefined;
  return {
    table: `events.${quoteIdentifier(table.name)}`,
    userId: quoteIdentifier(userId.name),
    time: time === undefined ? 'null::timestamp' : quoteIdentifier(time.name),
  };
}

const SCRATCH: Readonly<Record<string, string>> = {
  erasing:
    'erasure_no integer, kind varchar, id varchar, until timestamp, asked boolean default false',
  erasing_numbers: 'user_no integer, erasure_no integer',
  doomed:
    'row_id bigint, object_id bigint, erasure_no integer, kind varchar, id varchar, is_of_other boolean',
  placeholders: 'erasure_no integer, id varchar',
  removed_rows: 'erasure_no integer, table_name varchar, object_id bigint, removed bigint',
  others: 'kind varchar, id varchar',
  merges_of_others: 'user_id varchar, orphaned_by_id varchar',
  seen_ids: 'erasure_no integer, kind varchar, id varchar',
  asked_ids: 'erasure_no integer, subject varchar, cause varchar, requested_at timestamp',
};

async function makeScratchTables(database: Database): Promise<void> {
  for (const [name, columns] of Object.entries(SCRATCH))
    await database.run(`create or replace temp table ${name} (${columns})`);
}

async function dropScratchTables(database: Database): Promise<void> {
  for (const name of Object.keys(SCRATCH)) await database.run(`drop table ${name}`);
}

/** Fills `asked_ids` and the beginnings of `erasing`. */
async function askFor(database: Database, { key, now, ids }: ErasureOptions): Promise<void> {
  const pads = hashPads(key);
  const at = now.toISOString();
  if (ids !== undefined) {
    const asked = ids.map((id, index) => {
      const hashed = computeKeyedHash(key, id);
      const subject = computeKeyedHash(key, `person:${hashed}`);
      return { erasure_no: index + 1, subject, id, hashed };
    });
    await database.run(
      `create or replace temp table named_ids as select unnest(from_json($1,
         '[{"erasure_no":"INTEGER","subject":"VARCHAR","id":"VARCHAR","hashed":"VARCHAR"}]'),
         recursive := true)`,
      [JSON.stringify(asked)],
    );
    await database.run(
      `insert into asked_ids select erasure_no, subject, 'command', $1::timestamp from named_ids`,
      [at],
    );
    // As Braze writes it, and as the door may have hashed it.
    await database.run(
      `insert into erasing
       select erasure_no, unnest(['user_id', 'user_id', 'external_id', 'external_id']),
         unnest([id, hashed, id, hashed]), $1::timestamp, true
       from named_ids`,
      [at],
    );
    await database.run('drop table named_ids');
    return;
  }
  const requests = await requestedUsers(database);
  const ofEvents =
    requests === undefined
      ? ''
      : `union all select 'user_id', ${requests.userId}::varchar, 'delete request', max(${requests.time})
         from ${requests.table} where ${namesSomebody(requests.userId)} group by ${requests.userId}`;
  await database.run(
    `insert into erasing
     with wanted as (
       select kind, id, 'late event' as cause, until as asked_at from c360.erasure_queue ${ofEvents}),
     once as (select kind, id, min(cause) as cause, max(asked_at) as asked_at from wanted group by kind, id)
     select row_number() over (order by kind, id), kind, id, coalesce(asked_at, $1::timestamp),
       kind <> 'external_id' from once`,
    [at],
  );
  await database.run(
    `insert into asked_ids
     select x.erasure_no, sha256(unhex($2) || unhex(sha256(unhex($1) || encode('person:' || x.id)))),
       case when q.id is null then 'delete request' else 'late event' end, x.until
     from erasing x left join (select distinct kind, id from c360.erasure_queue) q
       on q.kind = x.kind and q.id = x.id`,
    pads,
  );
}

async function eraseEvents(database: Database, person: PersonTable): Promise<void> {
  const { table, name, columns, time } = person;
  const ends = findUserColumns(columns);
  const user = ends.user?.column;
  const survivor = ends.survivor?.column;
  const isOfOther =
    user === undefined
      ? 'false'
      : `e.${user}::varchar not in (select id from erasing where kind = 'user_id')`;
  const isEarlier = (kind: string) =>
    kind === 'external_id' && time !== undefined ? `and (e.${time} <= x.until) is not false` : '';
  const matches = columns.map(
    ({ kind, column }) => `x.kind = '${kind}' and x.id = e.${column}::varchar ${isEarlier(kind)}`,
  );
  if (table.hasRescued) {
    for (const { field, kind } of ERASURE_FIELDS) {
      if (kind === 'request_id') continue;
      matches.push(
        `x.kind = '${kind}' and x.id = (e.${RESCUED_COLUMN} ->> '/${field}') ${isEarlier(kind)}`,
      );
    }
  }
  const doomed = matches.map(
    (match) => `select e.rowid, e.${OBJECT_ID_COLUMN}, x.erasure_no, x.kind, x.id,
        coalesce(${isOfOther}, false)
      from ${name} e join erasing x on ${match}`,
  );
  await eraseDoomed(database, { name, label: `events.${table.name}`, doomed, user, survivor });
}

/** What their events told is in what was sent of them, and has to leave the books and files of syncs too. */
async function withdrawFromOthers(
  database: Database,
  tables: readonly PersonTable[],
  now: Date,
): Promise<void> {
  if (!(await database.hasRows('others'))) return;
  await findIdentifiersOfOthers(database, tables);
  await withdrawValues(database, 'others', now);
}

/** The rest of our tables, by rule. */
async function eraseState(database: Database): Promise<void> {
  await database.run(
    `insert into erasing_numbers
     select u.user_no, x.erasure_no from c360.users u join erasing x on x.kind = 'user_id' and x.id = u.user_id`,
  );
  const found = await database.rows<{ schema: string; table: string; columns: string[] }>(
    `select schema_name as "schema", table_name as "table", list(column_name) as columns
     from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)
     where database_name = current_database() and schema_name in ('c360', 'sync') group by all
     order by all`,
  );
  for (const { schema, table, columns } of found) {
    const rule = personColumnsOf(`${schema}.${table}`, columns);
    if (rule.length === 0) continue;
    const name = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
    const doomed = rule.map(
      (column) =>
        `select e.rowid, null, x.erasure_no, null, null, false from ${name} e join ${joinPerson(column)}`,
    );
    await eraseDoomed(database, { name, label: `${schema}.${table}`, doomed });
  }
}

function joinPerson(person: PersonColumn): string {
  const column = quoteIdentifier(person.column);
  if (person.holds === 'user_no') return `erasing_numbers x on x.user_no = e.${column}`;
  if (person.holds === 'former external ids') {
    return `erasing x on x.kind = 'external_id' and (e.first_seen_at <= x.until) is not false
      and (x.id = e.external_id or list_contains(e.${column}, x.id))`;
  }
  if (person.holds !== 'identifier')
    return `erasing x on x.kind = '${person.holds}' and x.id = e.${column}::varchar`;
  const kind = quoteIdentifier(person.kindColumn);
  return `erasing x on x.id = e.${column} and x.kind = case e.${kind}
    when 'braze_id' then 'user_id' when 'email' then 'email' when 'phone' then 'phone'
    else 'external_id' end`;
}

/** Removes the rows that `doomed` selects, each once, and counts them. */
async function eraseDoomed(
  database: Database,
  target: {
    readonly name: string;
    readonly label: string;
    readonly doomed: readonly string[];
    /** The column with the Braze id of an event. */
    readonly user?: string | undefined;
    /** The column with the one that it was merged into. */
    readonly survivor?: string | undefined;
  },
): Promise<void> {
  if (target.doomed.length === 0) return;
  await database.run(`insert into doomed ${target.doomed.join(' union all ')}`);
  if (!(await database.hasRows('doomed'))) return;
  await database.run(
    `insert into removed_rows
     select erasure_no, $1, object_id, count(*) from (
       select row_id, min(erasure_no) as erasure_no, any_value(object_id) as object_id
       from doomed group by row_id)
     group by all`,
    [target.label],
  );
  await database.run(
    'insert into seen_ids select distinct erasure_no, kind, id from doomed where kind is not null',
  );
  if (target.user !== undefined)
    await database.run(
      `insert into others select distinct 'user_id', ${target.user}::varchar from ${target.name}
       where rowid in (select row_id from doomed where is_of_other) and ${namesSomebody(target.user)}`,
    );
  if (target.user !== undefined && target.survivor !== undefined)
    await database.run(
      `insert into merges_of_others select ${target.user}::varchar, ${target.survivor}::varchar
       from ${target.name} where rowid in (select row_id from doomed where is_of_other)
         and ${namesSomebody(target.user)} and ${namesSomebody(target.survivor)}`,
    );
  // An event of somebody else goes too: what the profiles took from its object cannot be taken back.
  await database.run(
    `update c360.applied set attempts = -1
     where object_id in (select object_id from doomed where is_of_other)`,
  );
  await database.run(`delete from ${target.name} where rowid in (select row_id from doomed)`);
  await database.run('delete from doomed');
}

/**
 * Both forms of each id: as Braze writes it, and as the door may have hashed it. A placeholder gets one that blocks
 * nothing: it says that a load need not ask about it again. Others who lost events get one of a kind that concerns
 * nothing but files staged before (sync/erase-staged.ts). What is a tombstone already (erased-merges.ts) is one.
 */
async function writeTombstones(database: Database, key: string, last: number): Promise<void> {
  await database.run(
    `insert into c360.tombstones
     with ids as (
       select kind, id, erasure_no, until from erasing
       union all select 'external_id', id, erasure_no, '-infinity'::timestamp from placeholders),
     hashes as (
       select kind, unnest(${tombstonesOf('kind', 'id')}) as hash, until, erasure_no from ids
       union all select kind, id, until, erasure_no from ids where kind = 'user_id' and id in (
         select unnest([one, other]) from c360.merge_tombstones))
     select kind, hash, max(until), $3::bigint + min(erasure_no) from hashes h
     where until > '-infinity'::timestamp
       or not exists (from c360.tombstones t where t.kind = h.kind and t.hash = h.hash)
     group by kind, hash
     union all
     select '${STAGED_KIND}' || kind, unnest(${tombstonesOf('kind', 'id')}),
       '-infinity'::timestamp, $3::bigint + (select min(erasure_no) from asked_ids)
     from (select distinct kind, id from others)`,
    [...hashPads(key), last],
  );
}

async function countInLedger(database: Database): Promise<void> {
  await database.run(
    `update ops.objects o set row_count = row_count - r.removed,
       erased_count = coalesce(erased_count, 0) + r.removed
     from (select object_id, sum(removed)::bigint as removed from removed_rows
       where object_id is not null group by object_id) r
     where o.object_id = r.object_id`,
  );
}

async function readLastErasure(database: Database): Promise<number> {
  const { last } = await database.row<{ last: number }>(
    'select coalesce(max(erasure_id), 0)::double as last from c360.erasures',
  );
  return last;
}

/** None for a placeholder that nobody asked to erase. */
async function writeCertificates(
  database: Database,
  now: Date,
  last: number,
): Promise<readonly Erasure[]> {
  await database.run(
    `insert into c360.erasures by name
     with removed as (
       select erasure_no, table_name, sum(removed)::bigint as removed from removed_rows group by all),
     counts as (
       select erasure_no, sum(removed) filter (table_name like 'events.%') as events,
         to_json(map_from_entries(list(struct_pack(k := table_name, v := removed) order by table_name))) as rows
       from removed group by erasure_no),
     seen as (
       select erasure_no, count(distinct id) filter (kind = 'user_id') as user_ids,
         count(distinct id) filter (kind = 'external_id') as external_ids
       from seen_ids group by erasure_no)
     select $1::bigint + a.erasure_no as erasure_id, a.subject, a.cause, a.requested_at,
       $2::timestamp as erased_at, coalesce(s.user_ids, 0) as user_ids,
       coalesce(s.external_ids, 0) as external_ids, coalesce(c.events, 0)::bigint as events,
       coalesce(c.rows, '{}') as rows
     from asked_ids a left join counts c using (erasure_no) left join seen s using (erasure_no)
     where a.cause <> 'late event' or erasure_no in (select erasure_no from erasing)`,
    [last, now.toISOString()],
  );
  return readErasures(database, last);
}

/** Certificates with numbers above this, oldest first. */
async function readErasures(database: Database, after: number): Promise<readonly Erasure[]> {
  const rows = await database.rows<
    Omit<Erasure, 'requestedAt' | 'erasedAt' | 'rows'> & {
      requestedAt: Date;
      erasedAt: Date;
      rows: string;
    }
  >(
    `select erasure_id::double as "erasureId", subject, cause, requested_at as "requestedAt",
       erased_at as "erasedAt", user_ids::double as "userIds", external_ids::double as "externalIds",
       events::double as events, rows::varchar as rows
     from c360.erasures where erasure_id > $1 order by erasure_id`,
    [after],
  );
  return rows.map(({ requestedAt, erasedAt, rows: json, ...rest }) => ({
    ...rest,
    requestedAt: requestedAt.toISOString(),
    erasedAt: erasedAt.toISOString(),
    rows: JSON.parse(json) as Record<string, number>,
  }));
}
