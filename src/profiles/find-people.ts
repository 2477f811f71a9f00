/**
 * From the ids that somebody asked to erase to all ids of these people: merges in both directions, external ids,
 * requests of agents. The answer is the temporary table `erasing(erasure_no, kind, id, until)`.
 *
 * An external id goes with the person when events of the person carry it; events of others that carry it too are
 * erased up to the instant of the request, for it names the same human being. Unless it is a placeholder:
 * one that more than ten other people carry names nobody, and is left alone. Those go to the temporary table
 * `placeholders(erasure_no, id)`.
 */
import { type Database, quoteIdentifier } from '../warehouse/database.ts';
import { type EventTable, readEventTable } from '../warehouse/event-tables.ts';
import { type ErasureColumn, listErasureColumns, namesSomebody } from '../warehouse/tombstones.ts';
import { addErasedMerges } from './erased-merges.ts';

const MAX_PEOPLE_OF_EXTERNAL_ID = 10;

/** An event table that holds ids of people. */
export interface PersonTable {
  readonly table: EventTable;
  /** With its schema, quoted. */
  readonly name: string;
  readonly columns: readonly ErasureColumn[];
  /** SQL of the instant of the event, or undefined. */
  readonly time: string | undefined;
}

export async function listPersonTables(database: Database): Promise<readonly PersonTable[]> {
  const types = await database.rows<{ event_type: string }>(
    'select event_type from ops.event_tables order by event_type',
  );
  const tables: PersonTable[] = [];
  for (const { event_type } of types) {
    const table = await readEventTable(database, event_type);
    if (table === undefined) continue;
    const columns = listErasureColumns(table);
    const time = table.columns.find(({ field }) => field === 'time');
    if (columns.length === 0 && !table.hasRescued) continue;
    tables.push({
      table,
      name: `events.${quoteIdentifier(table.name)}`,
      columns,
      time: time && quoteIdentifier(time.name),
    });
  }
  return tables;
}

/**
 * Completes `erasing`, which holds the ids that were asked for. Of a user whom only erased merges name, the
 * tombstone stands there (erased-merges.ts).
 */
export async function findAllIds(
  database: Database,
  tables: readonly PersonTable[],
  key: string,
): Promise<void> {
  await addUsersOfExternalIds(database, tables);
  await addMergedUsers(database, tables, key);
  await addFound(database, tables, { from: 'user_id', to: 'external_id' });
  await removePlaceholders(database, tables);
  await addFound(database, tables, { from: 'user_id', to: 'request_id' });
  await addAddresses(database, tables);
}

/** Only where an external id was asked for; those that are found on the way lead nowhere else. */
async function addUsersOfExternalIds(database: Database, tables: readonly PersonTable[]) {
  const { asked } = await database.row<{ asked: boolean }>(
    "select count(*) > 0 as asked from erasing where kind = 'external_id' and asked",
  );
  if (asked) await addFound(database, tables, { from: 'external_id', to: 'user_id' });
}

/** Ids that stand in one row with ids that are to be erased. */
async function addFound(
  database: Database,
  tables: readonly PersonTable[],
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  for (const { name, columns } of tables) {
    const [source, target] = [from, to].map((wanted) =>
      columns.find(({ field, kind }) => kind === wanted && field !== 'orphaned_by_id'),
    );
    if (source === undefined || target === undefined) continue;
    await addIds(
      database,
      to,
      `select x.erasure_no, e.${target.column}::varchar as id, x.until
       from ${name} e join erasing x on x.kind = '${from}' and x.id = e.${source.column}::varchar
       ${from === 'external_id' ? 'and x.asked' : ''}`,
    );
  }
}

/** @param found SQL of `erasure_no, id, until`; missing ids and those that are known count for nothing */
async function addIds(database: Database, kind: string, found: string): Promise<void> {
  await database.run(
    `insert into erasing (erasure_no, kind, id, until)
     select min(erasure_no), '${kind}', id, max(until) from (${found})
     where ${namesSomebody('id')} and id not in (select id from erasing where kind = '${kind}')
     group by id`,
  );
}

async function addMergedUsers(
  database: Database,
  tables: readonly PersonTable[],
  key: string,
): Promise<void> {
  const orphans = await readEventTable(database, 'users.UserOrphan');
  const [from, into] = ['user_id', 'orphaned_by_id'].map((field) =>
    orphans?.columns.find((column) => column.field === field),
  );
  const ofEvents =
    orphans !== undefined && from !== undefined && into !== undefined
      ? `union select ${quoteIdentifier(from.name)}::varchar, ${quoteIdentifier(into.name)}::varchar
         from events.${quoteIdentifier(orphans.name)}`
      : '';
  await database.run(
    `create or replace temp table merge_ends as
     with merges as (
       select a.user_id as one, b.user_id as other from c360.merges m
       join c360.users a on a.user_no = m.user_no join c360.users b on b.user_no = m.into_user_no
       ${ofEvents})
     select one, other from merges where one <> other
     union select other, one from merges where one <> other`,
  );
  const users = tables.flatMap(({ name, columns }) =>
    columns
      .filter(({ kind }) => kind === 'user_id')
      .map(({ column }) => `select ${column}::varchar from ${name}`),
  );
  await addErasedMerges(database, users, key);
  for (;;) {
    const before = await countErasing(database);
    await addIds(
      database,
      'user_id',
      `select x.erasure_no, m.other as id, x.until
       from merge_ends m join erasing x on x.kind = 'user_id' and x.id = m.one`,
    );
    if ((await countErasing(database)) === before) break;
  }
  await database.run('drop table merge_ends');
}

async function countErasing(database: Database): Promise<number> {
  const { ids } = await database.row<{ ids: number }>(
    'select count(*)::double as ids from erasing',
  );
  return ids;
}

async function removePlaceholders(
  database: Database,
  tables: readonly PersonTable[],
): Promise<void> {
  const carriers = tables.flatMap(({ name, columns }) => {
    const user = columns.find(({ field }) => field === 'user_id')?.column;
    const external = columns.find(({ kind }) => kind === 'external_id')?.column;
    if (user === undefined || external === undefined) return [];
    return [`select ${external}::varchar as id, ${user}::varchar as user_id from ${name}`];
  });
  if (carriers.length === 0) return;
  // One join for all tables: one for each takes more memory than a hundred tables have.
  await database.run(
    `insert into placeholders
     select erasure_no, id from erasing where kind = 'external_id' and not asked and id in (
       select id from (${carriers.join(' union all ')}) c
       where id in (select id from erasing where kind = 'external_id' and not asked)
         and user_id not in (select id from erasing where kind = 'user_id')
       group by id having count(distinct user_id) > ${MAX_PEOPLE_OF_EXTERNAL_ID})`,
  );
  await database.run(
    `delete from erasing
     where kind = 'external_id' and not asked and id in (select id from placeholders)`,
  );
}

/** By which fields an address in a sync is one of a person's. */
const ADDRESS_FIELDS: Readonly<Record<string, readonly string[]>> = {
  email: ['email_address', 'channel_identifier'],
  phone: ['phone_number', 'to_phone_number', 'user_phone_number', 'channel_identifier'],
};

async function addAddresses(database: Database, tables: readonly PersonTable[]): Promise<void> {
  for (const { kind, name, user, address } of await listAddressColumns(database, tables))
    await addIds(
      database,
      kind,
      `select x.erasure_no, e.${address}::varchar as id, x.until
       from ${name} e join erasing x on x.kind = 'user_id' and x.id = e.${user}::varchar`,
    );
}

interface AddressColumn {
  readonly kind: string;
  /** Of the table, quoted, as the columns are. */
  readonly name: string;
  readonly user: string;
  readonly address: string;
}

/** Only of the kinds of address by which a sync knows people. */
async function listAddressColumns(
  database: Database,
  tables: readonly PersonTable[],
): Promise<readonly AddressColumn[]> {
  const { used } = await database.row<{ used: string[] | null }>(
    `select list(distinct identifier_kind) as used from (
       select identifier_kind from sync.people union select identifier_kind from sync.outbox
       union select identifier_kind from sync.rejected)`,
  );
  return Object.entries(ADDRESS_FIELDS).flatMap(([kind, fields]) =>
    tables.flatMap(({ name, table, columns }) => {
      const user = columns.find(({ field }) => field === 'user_id')?.column;
      if (user === undefined || used?.includes(kind) !== true) return [];
      return table.columns
        .filter(({ field }) => fields.includes(field))
        .map((column) => ({ kind, name, user, address: quoteIdentifier(column.name) }));
    }),
  );
}

/**
 * Completes the temporary table `others(kind, id)`, which holds the Braze ids of people who lost events to an
 * erasure, with everything by which a sync may know them. Their aliases nobody tells.
 */
export async function findIdentifiersOfOthers(
  database: Database,
  tables: readonly PersonTable[],
): Promise<void> {
  const areOthers = "in (select id from others where kind = 'user_id')";
  await database.run(
    `insert into others
     select distinct 'user_id', person.user_id from c360.identities own
     join c360.identities person using (person_id) where own.user_id ${areOthers};
     insert into others
     select distinct 'external_id', unnest(external_ids) from c360.identities
     where user_id ${areOthers}`,
  );
  const externals = tables.flatMap(({ name, columns }) => {
    const user = columns.find(({ field }) => field === 'user_id')?.column;
    const address = columns.find(({ kind }) => kind === 'external_id')?.column;
    return user === undefined || address === undefined
      ? []
      : [{ kind: 'external_id', name, user, address }];
  });
  const columns = [...externals, ...(await listAddressColumns(database, tables))];
  for (const { kind, name, user, address } of columns)
    await database.run(
      `insert into others
       select distinct '${kind}', ${address}::varchar from ${name}
       where ${user}::varchar ${areOthers} and ${namesSomebody(address)}`,
    );
}
