/**
 * Desired state minus shadow → what is sent, as SQL. One statement for all sources that know people by the
 * same kind of identifier: it joins their changed rows, compares each value with what Braze has, and gives
 * one row a person in Braze's terms.
 *
 *     desired │ shadow: nothing      the same      another value    not known (answer lost)
 *     ────────┼───────────────────────────────────────────────────────────────────────────
 *     absent  │ —                    —             —                —
 *     null    │ —                    unset         unset            unset      (onNull: skip: —)
 *     value   │ value                —             value            value
 *     invalid │ —                    —             —                —          (rejected)
 *
 * Pure. "Absent" is a person without a row or an attribute without a column: left alone. An audience is the
 * exception: its rows include everybody who was sent before, so leavers are written.
 */
import { quoteLiteral } from '../warehouse/database.ts';
import { countDataPoints, findWrong, formatValue, isSame } from './braze-value.ts';
import type { StagedSource } from './desired-state.ts';
import { STANDARD_FIELDS } from './standard-fields.ts';
import type { SyncColumn } from './sync-definition.ts';

export interface DeltaOptions {
  readonly runId: number;
  readonly onNull: 'unset' | 'skip';
  /** The shadow of this sync and this kind of identifier, as a condition on sync.people. */
  readonly shadow: string;
  /** Attributes with at least one value that is wrong: only there it is looked for. */
  readonly wrong: ReadonlySet<string>;
  /** Table `identifier, operators` of people with an unsettled `inc` or `$add`; undefined: nobody. */
  readonly held: string | undefined;
  /** SQL that is true for an identifier that Braze does not take. */
  readonly badIdentifier: string;
}

/** The code of what is wrong with a column's value, null for nothing; `row` is the struct of cells. */
export function findWrongValue(column: SyncColumn, row: string): string {
  const value = `${row}.${column.cell}`;
  const standard = Object.hasOwn(STANDARD_FIELDS, column.attribute)
    ? STANDARD_FIELDS[column.attribute]
    : undefined;
  const wrong = findWrong(column.shape, value, column.options);
  if (standard?.isWrong === undefined) return wrong;
  const isWrong = `${value} is not null and ${standard.isWrong(value)}`;
  return `coalesce(${wrong}, case when ${isWrong} then 'bad_format' end)`;
}

/**
 * Columns: identifier, attributes (JSON), attribute_count, data_points, operators, entries (JSON),
 * fingerprints. People without anything to send are there too, with a count of 0.
 */
export function formatDelta(sources: readonly StagedSource[], options: DeltaOptions): string {
  const cells = sources.flatMap((source, index) =>
    source.columns.map((column, position) => new DeltaCell(column, index, position, options)),
  );
  for (const [index, cell] of cells.entries()) cell.index = index + 1;
  const joined = sources
    .map(({ rows, repeated }, index) => {
      const table = `(
        select identifier, fingerprint as f${index}, cells[1] as r${index} from ${rows}
        where len(cells) > 0 and identifier is not null and not (${options.badIdentifier})
          and identifier not in (from ${repeated}))`;
      return index === 0 ? `from ${table} s0` : `full join ${table} s${index} using (identifier)`;
    })
    .join('\n');
  const list = (parts: readonly string[]) => (parts.length === 0 ? 'null' : parts.join(', '));
  const pointers = cells.map((cell) => quoteLiteral(cell.pointer)).join(', ');
  const operators = cells.filter((cell) => cell.isOperator).map((cell) => cell.operatorName);
  const fingerprints = sources.map(({ name }, index) => {
    const own = cells.filter((cell) => cell.source === index);
    const unsettled = own.flatMap((cell) => cell.unsettled);
    const settled = unsettled.length === 0 ? '' : `when ${unsettled.join(' or ')} then 0::uhugeint`;
    return `case when r${index} is not null then {key: ${quoteLiteral(name)}, value: case ${settled} when true then f${index} end} end`;
  });
  return `
    with joined as (
      select * ${joined}
    ), known as (
      select j.*, p.entries, p.fingerprints
        ${cells.length === 0 ? '' : `, json_extract(p.entries, [${pointers}])::varchar[] as stored`}
        ${options.held === undefined ? '' : ', h.operators as held'}
      from joined j
      left join (select identifier, entries, fingerprints from sync.people where ${options.shadow}) p
        using (identifier)
      ${options.held === undefined ? '' : `left join ${options.held} h using (identifier)`}
    ), formatted as (
      select *${cells.map((cell) => `, ${cell.formatted} as ${cell.v}`).join('')} from known
    ), changed as (
      select *${cells.map((cell) => `, ${cell.change} as ${cell.d}`).join('')} from formatted
    ), merged as (
      select *,
        '{' || concat_ws(',', ${list(cells.map((cell) => cell.entry))}) || '}' as patch
      from changed
    )
    select identifier,
      '{' || concat_ws(',', ${list(cells.map((cell) => cell.pair))}) || '}' as attributes,
      ${cells.length === 0 ? '0' : cells.map(({ d }) => `(${d} is not null)::integer`).join(' + ')} as attribute_count,
      ${cells.length === 0 ? '0' : cells.map((cell) => cell.dataPoints).join(' + ')} as data_points,
      ${operators.length === 0 ? '[]::varchar[]' : `list_filter([${operators.join(', ')}], lambda o: o is not null)`} as operators,
      case when entries is null then patch when patch = '{}' then entries::varchar
        else json_merge_patch(entries, patch)::varchar end as entries,
      map_concat(coalesce(fingerprints, map {}), map_from_entries(
        list_filter([${fingerprints.join(', ')}], lambda f: f is not null))) as fingerprints
    from merged`;
}

/** One column in the statement: the names of its parts, and the SQL of each. */
class DeltaCell {
  readonly column: SyncColumn;
  readonly source: number;
  readonly options: DeltaOptions;
  /** Which element of `stored` it is, from 1. */
  index = 0;
  readonly v: string;
  readonly d: string;

  constructor(column: SyncColumn, source: number, position: number, options: DeltaOptions) {
    this.column = column;
    this.source = source;
    this.options = options;
    this.v = `v${source}_${position}`;
    this.d = `d${source}_${position}`;
  }

  get row(): string {
    return `r${this.source}`;
  }

  get value(): string {
    return `${this.row}.${this.column.cell}`;
  }

  get stored(): string {
    return `stored[${this.index}]`;
  }

  /** RFC 6901, which takes any name. */
  get pointer(): string {
    return `/${this.column.attribute.replaceAll('~', '~0').replaceAll('/', '~1')}/0`;
  }

  get isOperator(): boolean {
    return this.column.operator === 'inc' || this.column.operator === 'add';
  }

  /** JSON text of the desired value. */
  get formatted(): string {
    const { shape, operator, options } = this.column;
    if (operator === 'member')
      return `case when ${this.value} then 'true' when ${this.stored} is not null then 'false' end`;
    return formatValue(shape, this.value, options);
  }

  /** Conditions under which the row is not all that Braze will have. */
  get unsettled(): string[] {
    const wrong = this.options.wrong.has(this.column.attribute)
      ? [`${findWrongValue(this.column, this.row)} is not null`]
      : [];
    return [...wrong, ...this.held];
  }

  private get held(): string[] {
    if (this.options.held === undefined || !this.isOperator) return [];
    return [`coalesce(list_contains(held, ${quoteLiteral(this.column.attribute)}), false)`];
  }

  /** What is sent as the attribute's value: JSON text, `null` to unset it; null for nothing. */
  get change(): string {
    const { shape, operator } = this.column;
    const { v, stored } = this;
    const hasStored = `${stored} is not null`;
    const unset =
      this.options.onNull === 'unset' ? `when ${v} is null and ${hasStored} then 'null'` : '';
    const left = [`${this.row} is null`, ...this.unsettled].map((one) => `when ${one} then null`);
    const nothingNew =
      operator === 'members'
        ? `when ${hasStored} and ${stored} = ${v} or ${v} = '[]' and not ${hasStored} then null`
        : `when ${hasStored} and ${operator === 'add' ? this.isSameItems : isSame(shape, this.value, v, stored)} then null`;
    return `case ${left.join(' ')} ${unset} when ${v} is null then null ${nothingNew} else ${this.sent} end`;
  }

  /** The value, or the difference where that is declared. */
  private get sent(): string {
    const { v, stored, value } = this;
    switch (this.column.operator) {
      case 'inc':
        return `case when ${stored} is null then '{"inc":' || ${v} || '}'
          when try_cast(${stored} as hugeint) is not null
            then '{"inc":' || (${value}::hugeint - try_cast(${stored} as hugeint))::varchar || '}'
          else ${v} end`;
      case 'add':
        return `case when ${stored} <> 'null' and len(${this.items}) = len(list_distinct(${this.items}))
            and list_has_all(${this.items}, ${this.storedItems}) and len(${this.storedItems}) > 0
          then '{"$add":[' || array_to_string(list_filter(${this.items}, lambda i: not list_contains(${this.storedItems}, i)), ',') || ']}'
          else ${v} end`;
      case 'members': {
        const names = `from_json(${v}, '["VARCHAR"]')`;
        const stays = `from_json(${stored}, '["VARCHAR"]')`;
        // Where an answer was lost, any of them may be there.
        const before = `case when ${stored} is null then [] when ${stored} = 'null' then ${formatList(this.column.audiences)} else ${stays} end`;
        const gone = `list_filter(${before}, lambda a: not list_contains(${names}, a))`;
        const added = `list_filter(${names}, lambda a: ${stored} is null or ${stored} = 'null' or not list_contains(${stays}, a))`;
        return `'{' || concat_ws(',',
          case when len(${added}) > 0 then '"add":' || to_json(${added})::varchar end,
          case when len(${gone}) > 0 then '"remove":' || to_json(${gone})::varchar end) || '}'`;
      }
      default:
        return v;
    }
  }

  private get items(): string {
    return `json_extract(${this.v}, '$[*]')::varchar[]`;
  }

  private get storedItems(): string {
    return `json_extract(${this.stored}, '$[*]')::varchar[]`;
  }

  /** The order of what was added is Braze's. */
  private get isSameItems(): string {
    return `(${this.stored} = ${this.v} or coalesce(list_sort(${this.items}) = list_sort(${this.storedItems}), false))`;
  }

  get operatorName(): string {
    return `case when starts_with(${this.d}, '{"inc":') or starts_with(${this.d}, '{"$add":') then ${quoteLiteral(this.column.attribute)} end`;
  }

  /** `"name":value` of what is sent. */
  get pair(): string {
    return `${quoteLiteral(`${JSON.stringify(this.column.attribute)}:`)} || ${this.d}`;
  }

  /** `"name":[value, run]` of the shadow; `"name":null` takes it out. */
  get entry(): string {
    const name = JSON.stringify(this.column.attribute);
    return `case when ${this.d} = 'null' then ${quoteLiteral(`${name}:null`)}
      when ${this.d} is not null then ${quoteLiteral(`${name}:[`)} || ${this.v} || ',${this.options.runId}]' end`;
  }

  get dataPoints(): string {
    return `case when ${this.d} is null then 0 when ${this.d} = 'null' then 1 else ${countDataPoints(this.column.type, this.v)} end`;
  }
}

function formatList(names: readonly string[]): string {
  return `[${names.map(quoteLiteral).join(', ')}]::varchar[]`;
}
