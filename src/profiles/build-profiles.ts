/**
 * State tables → rows of profiles, for a set of people.
 *
 * People are taken in portions, so that memory stays bounded however many there are: the portion's rows of
 * each state table become temporary tables, each part of the catalogue becomes one, and all are joined into
 * the table. A row depends on the state and the instant alone: who else is built in the same call, in which
 * order, or what the table held before changes nothing.
 *
 * Call it outside of a transaction: every portion then commits by itself and gives its memory back, which
 * DuckDB does not do before the end of a transaction (100,000 people in one do not fit in 256 MB). After an
 * interruption the table is incomplete until the same call has been made again. Inside a transaction it
 * works too, for a few ten thousand people.
 */
import type { Database } from '../warehouse/database.ts';
import { PROFILE_PARTS } from './attributes.ts';
import { listPortionStatements } from './portion-tables.ts';
import { type ProfilePart, storedColumnsOf } from './profile-column.ts';
import { rowsTableOf, STORED_COLUMNS } from './profiles-table.ts';
import { createZoneShifts } from './zone-shifts.ts';

export interface BuildOptions {
  /** Nothing later than this counts, and windows end here. */
  readonly asOf: Date;
  /** A table with a column person_no: whose rows are made again. Those who are nobody any more lose theirs. */
  readonly people: string;
  /** A table of user_no and person_no, for every user at that instant. */
  readonly identityMap: string;
  /** A table of profiles, see profiles-table.ts. */
  readonly target: string;
  /** The schema of the state tables. Default: c360. */
  readonly state?: string;
}

/** With 18 bytes a row this and what is made of it fits in a quarter of a gigabyte. */
const PORTION_ROWS = 3_000_000;
/** Fewer people a portion would make DuckDB read everything again too often. */
const MIN_PORTION_PEOPLE = 2_000;
/** How many parts are joined in one statement. */
const JOINS_AT_ONCE = 6;
/** Rows of profiles are wide; more of them at once would not fit. */
const MAX_PORTION_PEOPLE = 20_000;

/**
 * Makes the rows of these people anew in the target: the old ones go, and so does whoever has no events.
 * The rows of all others are taken to be of the same instant.
 */
export async function buildProfiles(database: Database, options: BuildOptions): Promise<void> {
  const { people, identityMap, state = 'c360' } = options;
  const target = rowsTableOf(options.target);
  const asOf = `timestamp '${options.asOf.toISOString().slice(0, -1)}'`;
  await database.run(
    `delete from ${target} where person_id in (
       select user_id from ${state}.users join ${people} on user_no = person_no)`,
  );
  await database.run(`update ${target} set as_of = ${asOf} where as_of <> ${asOf}`);
  const portions = await assignPortions(database, state, people);
  if (portions === 0) return;
  await createZoneShifts(
    database,
    asOf,
    `select value->>'$' as zone from ${state}.facts where name = 'attribute' and key = 'timezone'`,
  );
  for (let portion = 0; portion < portions; portion += 1) {
    const users = `select user_no, person_no from ${identityMap} join portions using (person_no)
      where portion = ${portion}`;
    for (const statement of listPortionStatements(state, users, asOf))
      await database.run(statement);
    for (const statement of listMergeStatements(state, target, asOf)) await database.run(statement);
  }
}

/** Gives each person a portion, 0 and up. Returns how many there are. */
async function assignPortions(database: Database, state: string, people: string): Promise<number> {
  const { rows, users } = await database.row<{ rows: bigint; users: bigint }>(
    `select (select count(*) from ${state}.activity) as rows,
       (select count(*) from ${state}.users) as users`,
  );
  const rowsEach = Math.max(1, Number(rows) / Math.max(1, Number(users)));
  const size = Math.min(
    MAX_PORTION_PEOPLE,
    Math.max(MIN_PORTION_PEOPLE, Math.floor(PORTION_ROWS / rowsEach)),
  );
  await database.run(
    `create or replace temp table portions as
     select person_no, ((row_number() over (order by person_no) - 1) // ${size})::integer as portion
     from (select distinct person_no from ${people})`,
  );
  const { portions } = await database.row<{ portions: number }>(
    'select coalesce(max(portion) + 1, 0)::integer as portions from portions',
  );
  return portions;
}

/** One row for each person who has rows in the part. */
function formatPart(state: string, part: ProfilePart): string {
  const selected = storedColumnsOf(part).map(
    ({ name, type, sql }) => `(${sql})::${type} as ${name}`,
  );
  return `create or replace temp table part_${part.name} as
    select person_no, ${selected.join(',\n')} from ${part.from.replace('{state}', state)} group by person_no`;
}

/**
 * The rows, put together in steps: every group and every join keeps buffers of some megabytes, and all at
 * once would not fit. Whoever has an event up to the instant is somebody.
 */
function listMergeStatements(state: string, target: string, asOf: string): readonly string[] {
  const merges: string[] = [];
  for (let first = 0; first < PROFILE_PARTS.length; first += JOINS_AT_ONCE) {
    const parts = PROFILE_PARTS.slice(first, first + JOINS_AT_ONCE);
    const selected = parts.flatMap((part) =>
      storedColumnsOf(part).map(({ name, whenAbsent }) =>
        whenAbsent === undefined
          ? `part_${part.name}.${name}`
          : `coalesce(part_${part.name}.${name}, ${whenAbsent}) as ${name}`,
      ),
    );
    const tables = parts.map(({ name }) => `part_${name}`);
    merges.push(
      ...parts.map((part) => formatPart(state, part)),
      `create or replace temp table merged_${first} as
      select person_no, ${selected.join(', ')} from portion_people
      ${tables.map((table) => `left join ${table} using (person_no)`).join(' ')}`,
      ...tables.map((table) => `drop table ${table}`),
    );
  }
  const merged = PROFILE_PARTS.flatMap((_, index) =>
    index % JOINS_AT_ONCE === 0 ? [`merged_${index}`] : [],
  );
  return [
    `create or replace temp table portion_people as
      select person_no, user_id as person_id
      from (select distinct person_no from portion_counts) join ${state}.users on user_no = person_no`,
    ...merges,
    `insert into ${target} (${STORED_COLUMNS.map(({ name }) => name).join(', ')})
      select person_id, ${asOf}, ${merged.map((table) => `${table}.* exclude (person_no)`).join(', ')}
      from portion_people ${merged.map((table) => `join ${table} using (person_no)`).join(' ')}`,
    ...merged.map((table) => `drop table ${table}`),
  ];
}
