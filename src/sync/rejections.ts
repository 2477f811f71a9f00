/**
 * sync.rejected → what was kept back and why, by attribute and reason, with a few of the people as short
 * hashes: enough to find them with `sync.rejected`, and nothing that identifies anybody in a log.
 */
import type { Database } from '../warehouse/database.ts';
import type { OutboxScope } from './outbox.ts';

export interface Rejection {
  readonly stage: 'validation' | 'braze';
  readonly code: string;
  /** null: the person as a whole. */
  readonly attribute: string | null;
  readonly reason: string;
  readonly remedy: string | null;
  /** Values or people; 1 for an attribute as such. */
  readonly count: number;
  /** What was found, of one of them: `string of 300 characters`. */
  readonly valueClass: string | null;
  /** The first characters of `md5(identifier)`. Empty for an attribute as such. */
  readonly people: readonly string[];
}

const SHOWN_PEOPLE = 3;

/** What the last run of the sync found, most frequent first. */
export async function listRejections(
  database: Database,
  { sync, destination }: OutboxScope,
): Promise<Rejection[]> {
  return database.rows<Rejection>(
    `select stage, code, attribute, reason, any_value(remedy) as remedy,
       sum(greatest(people, 1))::double as count, min(value_class) as "valueClass",
       coalesce(list_sort(list_distinct(min(md5(identifier)[:8], ${SHOWN_PEOPLE}))), []) as people
     from sync.rejected where sync = $1 and destination = $2
     group by stage, code, attribute, reason order by count desc, attribute, code`,
    [sync, destination],
  );
}
