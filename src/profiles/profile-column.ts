/**
 * What one column of c360.profiles is: its name and type, what it means, which events it comes from, and the
 * SQL that computes it.
 *
 * Columns are gathered in parts. A part is one `group by person_no` over one of the portion's tables
 * (portion-tables.ts), so that a column is an aggregate over the rows of one person and nothing else. A
 * person without rows in a part has `whenAbsent` there: null for what is not known.
 *
 * Counts are many and mostly zero, so a part keeps all of its counts in one map (count-columns.ts), and their
 * columns are taken out of it when they are read.
 */

interface DescribedColumn {
  readonly name: string;
  /** DuckDB's name of the type. */
  readonly type: string;
  /** One sentence for analysts and marketers; becomes the comment on the column. */
  readonly meaning: string;
  /** What is counted or measured; undefined for texts and the like. */
  readonly unit?: string;
  /** Event types that it comes from; a `*` stands for anything. */
  readonly events: readonly string[];
}

/** A column of the table behind c360.profiles. */
export interface StoredColumn {
  readonly name: string;
  readonly type: string;
  /** An aggregate over the rows of one person in the part's relation. */
  readonly sql: string;
  /** SQL of the value for a person without rows in the part; null when not given. */
  readonly whenAbsent?: string;
}

/** Stored as it is. */
export type PlainColumn = DescribedColumn & StoredColumn;

/** Taken out of a stored column when it is read. */
export interface TakenColumn extends DescribedColumn {
  /** SQL over the stored columns. */
  readonly takenBy: string;
}

export type ProfileColumn = PlainColumn | TakenColumn;

export interface ProfilePart {
  /** Of its temporary table. */
  readonly name: string;
  /** A table of the portion, or a query in brackets; has a column person_no. `{state}`: schema of the state. */
  readonly from: string;
  /** What is stored for columns to be taken out of. */
  readonly stored?: readonly StoredColumn[];
  readonly sections: readonly ProfileSection[];
}

/** Columns under one heading of the documentation. */
export interface ProfileSection {
  readonly title: string;
  readonly columns: readonly ProfileColumn[];
}

/** All columns of a part in their order. */
export function columnsOf({ sections }: ProfilePart): readonly ProfileColumn[] {
  return sections.flatMap(({ columns }) => columns);
}

/** The columns of a part in the table behind c360.profiles. */
export function storedColumnsOf(part: ProfilePart): readonly StoredColumn[] {
  return [
    ...columnsOf(part).flatMap((column) => ('sql' in column ? [column] : [])),
    ...(part.stored ?? []),
  ];
}

/** The whole comment: meaning, unit, event types. */
export function formatColumnComment({ meaning, unit, events }: ProfileColumn): string {
  const measured = unit === undefined ? '' : ` Unit: ${unit}.`;
  const origin = events.length === 0 ? '' : ` From: ${events.join(', ')}.`;
  return `${meaning}${measured}${origin}`;
}
