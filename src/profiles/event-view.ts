/**
 * What a view of ours is: its name, its SELECT, and what it and each of its columns mean.
 *
 * Views are made by refresh-views.ts; docs/tables.md and `currents sources` tell the comments.
 */

export interface EventView {
  /** Without the schema `c360`. */
  readonly name: string;
  readonly comment: string;
  /** Meaning by column, in the order of the columns. */
  readonly columns: Readonly<Record<string, string>>;
  readonly sql: string;
}
