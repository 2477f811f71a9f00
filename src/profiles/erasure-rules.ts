/**
 * For each table of ours beside the event tables: which of its rows are an erased person's.
 *
 * A test compares this list with the tables of a new database, so a table that is added without a rule fails it.
 * Tables that are made later, those of profiles among them (`profiles refresh --into`), are known by the names of
 * their columns. Event tables need no rule: they are known by their Avro fields (warehouse/tombstones.ts).
 */

/** What a column holds that tells whose a row is. */
export type PersonColumn =
  | {
      readonly column: string;
      readonly holds: 'user_no' | 'user_id' | 'external_id' | 'former external ids';
    }
  /** Which of a person's identifiers it is says another column, in Braze's words for syncs. */
  | { readonly column: string; readonly holds: 'identifier'; readonly kindColumn: string };

const USER_NO: PersonColumn = { column: 'user_no', holds: 'user_no' };
const IDENTIFIER: PersonColumn = {
  column: 'identifier',
  holds: 'identifier',
  kindColumn: 'identifier_kind',
};

/** Holds nothing of a person. */
const NOBODY: readonly PersonColumn[] = [];

export const ERASURE_RULES: Readonly<Record<string, readonly PersonColumn[]>> = {
  'c360.users': [USER_NO],
  'c360.activity': [USER_NO],
  'c360.facts': [USER_NO],
  'c360.purchases': [USER_NO],
  'c360.merges': [USER_NO, { column: 'into_user_no', holds: 'user_no' }],
  'c360.merged_users': [USER_NO, { column: 'person_no', holds: 'user_no' }],
  'c360.identities': [
    { column: 'user_id', holds: 'user_id' },
    { column: 'person_id', holds: 'user_id' },
  ],
  'c360.messages': NOBODY,
  'c360.applied': NOBODY,
  'c360.state': NOBODY,
  // Keyed hashes and counts, on purpose.
  'c360.tombstones': NOBODY,
  'c360.merge_tombstones': NOBODY,
  'c360.erasures': NOBODY,
  // Emptied by the erasure that it asks for.
  'c360.erasure_queue': NOBODY,
  'c360.view_definitions': NOBODY,
  'c360.audiences': NOBODY,
  'c360.audience_members': [{ column: 'person_id', holds: 'user_id' }],
  'sync.outbox': [IDENTIFIER],
  'sync.people': [IDENTIFIER],
  'sync.rejected': [IDENTIFIER],
  'sync.runs': NOBODY,
  'sync.files': NOBODY,
  'sync.attributes': NOBODY,
  'ops.migrations': NOBODY,
  'ops.objects': NOBODY,
  'ops.runs': NOBODY,
  'ops.schemas': NOBODY,
  'ops.schema_changes': NOBODY,
  'ops.quarantine': NOBODY,
  'ops.event_tables': NOBODY,
  'ops.event_columns': NOBODY,
  'ops.event_type_folders': NOBODY,
  'ops.privacy_key': NOBODY,
  'ops.privacy_rules': NOBODY,
};

const BY_NAME: readonly PersonColumn[] = [
  USER_NO,
  { column: 'person_no', holds: 'user_no' },
  { column: 'user_id', holds: 'user_id' },
  { column: 'person_id', holds: 'user_id' },
  { column: 'braze_id', holds: 'user_id' },
];

/**
 * Profiles of the past are not built again, so a profile that lists an erased external id goes as a whole: an event
 * that it was made from is gone. Not that of a person who came later and has the id by right.
 */
const BY_FORMER_IDS: PersonColumn = {
  column: 'former_external_ids',
  holds: 'former external ids',
};
const PRESENT_PROFILES = 'c360.profiles_rows';

/** Only of tables that know people by nothing else: somebody else may have the id by now. */
const BY_EXTERNAL_ID: PersonColumn = { column: 'external_id', holds: 'external_id' };

/** The columns by which rows of a table are erased. */
export function personColumnsOf(
  table: string,
  columns: readonly string[],
): readonly PersonColumn[] {
  const rule = ERASURE_RULES[table];
  if (rule !== undefined) return rule;
  const wanted = table === PRESENT_PROFILES ? BY_NAME : [...BY_NAME, BY_FORMER_IDS];
  const named = wanted.filter(({ column }) => columns.includes(column));
  if (named.length > 0) return named;
  return columns.includes(BY_EXTERNAL_ID.column) ? [BY_EXTERNAL_ID] : NOBODY;
}
