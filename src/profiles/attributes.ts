/**
 * The catalogue of c360.profiles: every column, in the order of the table, with its type, its meaning and
 * the SQL that computes it.
 *
 * One row a person. The table is made from this list, its comments are these meanings, and docs/profiles.md
 * is compared with it by a test. A change here needs a rebuild of all profiles: raise CATALOGUE_VERSION in
 * activity-kinds.ts.
 */
import { ACTIVITY_PART } from './activity-columns.ts';
import { CHANNEL_PARTS, CONVERSION_PART } from './channel-columns.ts';
import { FATIGUE_PART, HOUR_PART, PREFERENCE_PART } from './habit-columns.ts';
import {
  ATTRIBUTE_PART,
  CONSENT_PART,
  CUSTOM_ATTRIBUTE_PART,
  DEVICE_PART,
  FORMER_USER_PART,
  GROUP_PART,
  ID_PART,
  SEEN_PART,
  TOKEN_PART,
} from './person-columns.ts';
import {
  columnsOf,
  type PlainColumn,
  type ProfileColumn,
  type ProfilePart,
} from './profile-column.ts';
import { PURCHASE_PART, REVENUE_PART } from './shop-columns.ts';

/** The two columns that every row has whatever happened; they are not computed from a part. */
export const KEY_COLUMNS: readonly PlainColumn[] = [
  {
    name: 'person_id',
    type: 'varchar',
    meaning:
      'The Braze user id that survives all merges; one row each. Join with c360.identities.person_id.',
    events: ['*', 'users.UserOrphan'],
    sql: 'user_id',
  },
  {
    name: 'as_of',
    type: 'timestamp',
    meaning: 'The instant that the whole row is of: nothing later counts.',
    unit: 'UTC',
    events: [],
    sql: 'as_of',
  },
];

/** In the order of the columns. */
export const PROFILE_PARTS: readonly ProfilePart[] = [
  ID_PART,
  FORMER_USER_PART,
  ATTRIBUTE_PART,
  CUSTOM_ATTRIBUTE_PART,
  SEEN_PART,
  ACTIVITY_PART,
  CONSENT_PART,
  GROUP_PART,
  DEVICE_PART,
  TOKEN_PART,
  PURCHASE_PART,
  REVENUE_PART,
  FATIGUE_PART,
  PREFERENCE_PART,
  HOUR_PART,
  CONVERSION_PART,
  ...CHANNEL_PARTS,
];

export const PROFILE_COLUMNS: readonly ProfileColumn[] = [
  ...KEY_COLUMNS,
  ...PROFILE_PARTS.flatMap(columnsOf),
];
