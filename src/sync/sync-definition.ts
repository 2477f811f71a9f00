/**
 * Settings and what the queries answer → what a sync sends: its sources, each with SQL for its rows and the
 * columns that go to Braze, and the attributes that do not go, with the reason.
 *
 * A source's rows are `identifier, c0, c1, …`, one a person. All audiences of a sync are one source, whose
 * rows are the people who are in one of them, and those who were when it was last sent.
 */

import { createHash } from 'node:crypto';
import { withSources } from '../attached-sources.ts';
import type { AttributeQueryConfig } from '../attribute-settings.ts';
import type { Config } from '../config.ts';
import type { DestinationConfig } from '../destination-settings.ts';
import { CurrentsError } from '../errors.ts';
import { readSqlText } from '../sql-text.ts';
import type { SyncConfig } from '../sync-settings.ts';
import { type ColumnShape, type ShapedColumn, shapeColumns } from '../warehouse/column-shape.ts';
import { type Database, quoteLiteral } from '../warehouse/database.ts';
import { checkReading } from '../warehouse/query.ts';
import { type BrazeType, brazeTypeOf, type ValueOptions } from './braze-value.ts';
import { checkNames } from './check-names.ts';
import type { IdentifierKind } from './destination.ts';
import type { AttributeFinding } from './findings.ts';
import { STANDARD_FIELDS } from './standard-fields.ts';

/** `inc` and `add` send differences; `member` and `members` are audiences. */
type ColumnOperator = 'inc' | 'add' | 'member' | 'members';

export interface SyncColumn {
  /** As Braze calls it. */
  readonly attribute: string;
  readonly type: BrazeType;
  readonly shape: ColumnShape;
  /** `c3` of the source's rows. */
  readonly cell: string;
  readonly options: ValueOptions;
  readonly operator: ColumnOperator | undefined;
  /** Of `members`: the audiences that the array may hold. */
  readonly audiences: readonly string[];
}

export interface SyncSource {
  readonly name: string;
  readonly kind: IdentifierKind;
  readonly rowsSql: string;
  readonly columns: readonly SyncColumn[];
  /** Changes when the same row would be sent otherwise. */
  readonly salt: string;
}

export interface SyncDefinition {
  readonly name: string;
  readonly config: SyncConfig;
  readonly destination: DestinationConfig;
  readonly sources: readonly SyncSource[];
  readonly findings: readonly AttributeFinding[];
}

interface Candidate extends Omit<SyncColumn, 'type'> {
  /** Of its source's identifier. */
  readonly kind: IdentifierKind;
  readonly source: string;
  readonly type: BrazeType | undefined;
}

interface CandidateSource extends Omit<SyncSource, 'columns' | 'salt'> {
  readonly candidates: readonly Candidate[];
}

const PLAIN: ValueOptions = { isSet: false, isText: false };

/** The name under which the audiences of a sync are one source; no entry of the settings can have it. */
const AUDIENCES = '@audiences';

/**
 * @param allowNow attributes that may be new or of a new type in this run
 * @throws CurrentsError USAGE for an unknown sync; SETTINGS_INVALID or QUERY_FAILED for a query that cannot
 *   be used
 */
export async function defineSync(
  database: Database,
  config: Config,
  name: string,
  allowNow: readonly string[],
): Promise<SyncDefinition> {
  const sync = entryOf(config.syncs, name);
  const destination = sync && entryOf(config.destinations, sync.to);
  if (sync === undefined || destination === undefined) {
    const names = Object.keys(config.syncs);
    throw new CurrentsError({
      code: 'USAGE',
      message: `cannot find the sync ${JSON.stringify(name)}: ${names.length === 0 ? 'no syncs are set' : `there are ${names.join(', ')}`}`,
      hint: 'syncs are a section of currents.yaml; currents init --print shows an example',
    });
  }
  const sources: CandidateSource[] = [];
  for (const entry of sync.send) {
    const attributes = entryOf(config.attributes, entry);
    if (attributes !== undefined)
      sources.push(
        await defineQuery(database, entry, attributes, { destination, attach: config.attach }),
      );
  }
  const audiences = sync.send.filter((entry) => entryOf(config.attributes, entry) === undefined);
  if (audiences.length > 0)
    sources.push(await defineAudiences(database, config, name, audiences, sources));

  const candidates = sources.flatMap((source) => source.candidates);
  const findings = checkNames(candidates, {
    allow: destination.allow,
    allowNow,
    newAttributes: sync.newAttributes,
    known: await readKnown(database, name, sync.to),
    others: await readOthers(database, name, sync.to),
  });
  const refused = new Set(findings.map(({ attribute }) => attribute));
  return {
    name,
    config: sync,
    destination,
    findings,
    sources: sources.map(({ candidates: own, ...source }) => {
      const columns = own.flatMap(({ source: _source, kind: _kind, type, ...column }) =>
        type === undefined || refused.has(column.attribute) ? [] : [{ ...column, type }],
      );
      return { ...source, columns, salt: hashDefinition(columns, sync.onNull) };
    }),
  };
}

async function defineQuery(
  database: Database,
  name: string,
  config: AttributeQueryConfig,
  { destination, attach }: { destination: DestinationConfig; attach: Config['attach'] },
): Promise<CandidateSource> {
  const purpose = `attributes ${name}`;
  const sql = (await readSqlText(config.query, purpose)).trim().replace(/;\s*$/, '');
  // Sources stay attached for the statements that compute the rows.
  await withSources(database, attach, sql, async () => checkReading(database, sql, purpose));
  const columns = await shapeColumns(database, sql);
  const identifierColumns =
    config.identifier === 'user_alias' ? ['alias_name', 'alias_label'] : [config.identifier];
  const found = identifierColumns.map((wanted) => findColumn(columns, wanted, name));
  const others = columns.flatMap((column, index) =>
    found.includes(index) ? [] : [{ ...column, cell: `c${index}` }],
  );
  for (const listed of [config.sets, config.increments, config.additions, config.texts].flat())
    findColumn(others, listed, name);
  const candidates = others
    .map(({ name: column, shape, cell }): Candidate => {
      const attribute = entryOf(destination.rename, column) ?? column;
      const standard = Object.hasOwn(STANDARD_FIELDS, attribute);
      const options = {
        isSet: config.sets.includes(column),
        isText: config.texts.includes(column) || standard,
      };
      const operator = findOperator(name, column, shape, config);
      const type = brazeTypeOf(shape);
      return {
        source: name,
        kind: config.identifier,
        attribute,
        type,
        shape,
        cell,
        options,
        operator,
        audiences: [],
      };
    })
    .filter(({ attribute }) => isAllowed(attribute, destination));
  const cells = columns.map((_, index) => `c${index}`);
  const [first, second] = found.map((index) => `c${index}`);
  const identifier =
    second === undefined
      ? `nullif(${first}::varchar, '')`
      : `case when ${first}::varchar <> '' and ${second}::varchar <> '' then json_object('alias_name', ${first}::varchar, 'alias_label', ${second}::varchar)::varchar end`;
  const kept = candidates.map(({ cell }) => `, ${cell}`).join('');
  return {
    name,
    kind: config.identifier,
    rowsSql: `select ${identifier} as identifier${kept} from (${sql}\n) as q(${cells.join(', ')})`,
    candidates,
  };
}

/** An array of no more columns than there are is found by its name, whatever the case of its letters. */
function findColumn(columns: readonly ShapedColumn[], wanted: string, source: string): number {
  const exact = columns.findIndex(({ name }) => name === wanted);
  const index =
    exact >= 0
      ? exact
      : columns.findIndex(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (index >= 0) return index;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use the query of attributes ${source}: it has no column ${wanted} (found ${columns.map(({ name }) => name).join(', ')})`,
    hint: `name it in the query: select … as ${wanted}`,
  });
}

function findOperator(
  source: string,
  column: string,
  shape: ColumnShape,
  { increments, additions }: AttributeQueryConfig,
): ColumnOperator | undefined {
  const wanted = increments.includes(column)
    ? ('inc' as const)
    : additions.includes(column)
      ? ('add' as const)
      : undefined;
  const isObjects = shape.kind === 'list' && shape.item.kind === 'struct';
  if (wanted === undefined || (wanted === 'inc' ? shape.kind === 'integer' : isObjects))
    return wanted;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot use attributes ${source}: ${column} is no ${wanted === 'inc' ? 'integer, which increments need' : 'array of objects, which additions need'}`,
    hint: 'cast it in the query, or take it off the list',
  });
}

/** Names are the user's, and may be ones that every object inherits: `constructor`. */
function entryOf<Entry>(entries: Readonly<Record<string, Entry>>, name: string): Entry | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}

function isAllowed(attribute: string, { allow }: DestinationConfig): boolean {
  return allow === undefined || allow.includes(attribute);
}

/** Audiences go by external_id, unless all attributes of the sync go by braze_id, which a person's id is. */
async function defineAudiences(
  database: Database,
  config: Config,
  sync: string,
  names: readonly string[],
  queries: readonly CandidateSource[],
): Promise<CandidateSource> {
  await requireAudiences(database, names);
  const isByBraze = queries.length > 0 && queries.every(({ kind }) => kind === 'braze_id');
  const kind = isByBraze ? 'braze_id' : 'external_id';
  const to = entryOf(config.syncs, sync)?.to ?? '';
  const destination = entryOf(config.destinations, to);
  const arrays = new Map<string, string[]>();
  const cells: string[] = [];
  const candidates: Candidate[] = [];
  function add(
    attribute: string,
    shape: ColumnShape,
    operator: ColumnOperator,
    members: readonly string[],
    sql: string,
  ): void {
    const renamed = entryOf(destination?.rename ?? {}, attribute) ?? attribute;
    if (destination !== undefined && !isAllowed(renamed, destination)) return;
    const cell = `c${cells.length}`;
    cells.push(`${sql} as ${cell}`);
    const type = brazeTypeOf(shape);
    candidates.push({
      source: AUDIENCES,
      kind,
      attribute: renamed,
      shape,
      type,
      cell,
      options: PLAIN,
      operator,
      audiences: members,
    });
  }
  for (const name of names) {
    const as = entryOf(config.audiences, name)?.as ?? 'boolean';
    if (as === 'boolean')
      add(
        name,
        { kind: 'boolean' },
        'member',
        [name],
        `list_contains(audiences, ${quoteLiteral(name)})`,
      );
    else arrays.set(as.array, [...(arrays.get(as.array) ?? []), name]);
  }
  for (const [array, members] of arrays) {
    const list = members.map(quoteLiteral).join(', ');
    const shape = { kind: 'list', item: { kind: 'text' } } as const;
    add(
      array,
      shape,
      'members',
      members,
      `list_sort(list_filter(audiences, lambda a: a in (${list})))`,
    );
  }
  const identifier = isByBraze ? 'm.person_id' : 'i.external_id';
  const rowsSql = `
    select identifier${cells.map((cell) => `, ${cell}`).join('')} from (
      select coalesce(n.identifier, k.identifier) as identifier, coalesce(n.audiences, []) as audiences
      from (
        select ${identifier} as identifier, list(distinct m.audience) as audiences
        from c360.audience_members m ${isByBraze ? '' : EXTERNAL_IDS}
        where m.left_at is null and m.audience in (${names.map(quoteLiteral).join(', ')})
          and ${identifier} is not null
        group by 1) n
      full join (
        select identifier from sync.people
        where sync = ${quoteLiteral(sync)} and destination = ${quoteLiteral(to)}
          and identifier_kind = '${kind}' and fingerprints[${quoteLiteral(AUDIENCES)}] is not null) k
      on n.identifier = k.identifier)`;
  return { name: AUDIENCES, kind, rowsSql, candidates };
}

/** A person's own external id, else that of a profile that was merged into it: Braze fills what is empty. */
const EXTERNAL_IDS = `join (
          select person_id, coalesce(any_value(external_id) filter (where user_id = person_id),
            arg_max(external_id, last_seen)) as external_id
          from c360.identities group by person_id) i using (person_id)`;

/** Before the first refresh nobody is a member, and everybody would look like a leaver. */
async function requireAudiences(database: Database, names: readonly string[]): Promise<void> {
  const refreshed = await database.rows<{ audience: string }>(
    'select audience from c360.audiences where refreshed_at is not null',
  );
  const missing = names.filter((name) => !refreshed.some(({ audience }) => audience === name));
  if (missing.length === 0) return;
  throw new CurrentsError({
    code: 'SETTINGS_INVALID',
    message: `cannot send the audience ${missing[0]}: its members have not been computed`,
    hint: 'currents profiles refresh; currents audiences list shows what failed',
  });
}

async function readKnown(
  database: Database,
  sync: string,
  destination: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await database.rows<{ attribute: string; type: string }>(
    'select attribute, type from sync.attributes where sync = $1 and destination = $2',
    [sync, destination],
  );
  return new Map(rows.map(({ attribute, type }) => [attribute, type]));
}

async function readOthers(
  database: Database,
  sync: string,
  destination: string,
): Promise<readonly string[]> {
  const rows = await database.rows<{ attribute: string }>(
    'select distinct attribute from sync.attributes where sync <> $1 and destination = $2',
    [sync, destination],
  );
  return rows.map(({ attribute }) => attribute);
}

function hashDefinition(columns: readonly SyncColumn[], onNull: string): string {
  const facts = JSON.stringify([onNull, columns]);
  return createHash('sha256').update(facts).digest('hex').slice(0, 32);
}
