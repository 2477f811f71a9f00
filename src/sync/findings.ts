/**
 * What validation finds: the codes, what each means, and what helps. A finding is about an attribute as
 * such, about a person, or about one value of one person; it never holds the value.
 */

export interface FindingFacts {
  readonly reason: string;
  readonly remedy: string;
}

export const FINDINGS = {
  bad_name: {
    reason:
      'Braze does not take the name: it is empty, longer than 255 characters, begins with $, or has space around it',
    remedy: 'rename it in the query or in the destination (rename)',
  },
  reserved_name: {
    reason: 'the name is an identifier or a flag in Braze, not an attribute',
    remedy: 'leave the column out of the query, or rename it',
  },
  standard_name: {
    reason: 'the name means a standard field of Braze and would become another attribute beside it',
    remedy: 'rename it to the standard field, or list it in allow of the destination to keep it',
  },
  near_duplicate: {
    reason: 'another attribute differs from it only in case, spaces or punctuation',
    remedy: 'use one name for both, or list both in allow of the destination',
  },
  sent_twice: {
    reason: 'two sources of the sync have an attribute of this name',
    remedy: 'rename one of them, or leave it out of one query',
  },
  held_back: {
    reason: 'it is a state of consent or kept by Braze itself, and sent only when that is meant',
    remedy: 'list it in allow of the destination',
  },
  new_attribute: {
    reason: 'the sync has not sent an attribute of this name before',
    remedy: 'allow it: sync run NAME --allow ATTRIBUTE, or newAttributes: allow',
  },
  type_changed: {
    reason:
      'its type differs from the one that was sent before; Braze would keep both or drop the new one',
    remedy: 'cast it in the query, or after changing it in Braze: sync run NAME --allow ATTRIBUTE',
  },
  unsupported_type: {
    reason: 'Braze has no type for the type of the column',
    remedy: 'cast it in the query, JSON with from_json to a struct or list',
  },
  wrong_type: {
    reason: 'the standard field has another type',
    remedy: 'cast it in the query',
  },
  bad_key: {
    reason: 'a key of the object is longer than 255 characters or holds a space, a dot or a dollar',
    remedy: 'rename the key in the query',
  },
  identifier_missing: {
    reason: 'the row has no identifier',
    remedy: 'leave such rows out of the query',
  },
  identifier_too_long: {
    reason: 'Braze takes an external_id of 987 bytes and alias names and labels of 236',
    remedy: 'leave the row out of the query',
  },
  identifier_format: {
    reason: 'the identifier does not have the format of its kind',
    remedy: 'correct or leave out the row in the query; phone numbers are + and digits',
  },
  two_rows: {
    reason: 'the query has more than one row for the person',
    remedy: 'group by the identifier in the query',
  },
  too_long: {
    reason: 'a text may have 255 characters',
    remedy: 'cut it in the query: left(column, 255)',
  },
  date_like: {
    reason: 'Braze would turn the text into a time',
    remedy: 'cast it to date in the query, or make it a string in Braze and list it in texts',
  },
  too_many_items: {
    reason: 'an array may have 500 items; Braze drops the oldest',
    remedy: 'cut it in the query: column[:500]',
  },
  null_item: { reason: 'an item of the array is null', remedy: 'filter it out in the query' },
  item_too_long: {
    reason: 'a text inside it is longer than 255 characters',
    remedy: 'cut it in the query',
  },
  too_large: { reason: 'it is larger than 100 KB', remedy: 'send less of it' },
  row_too_large: {
    reason: 'cloud data ingestion takes 250 attributes and 1 MB of a person at a time',
    remedy: 'send less of it, or split the sync in two with half of the attributes each',
  },
  out_of_range: { reason: 'the integer has more than 64 bits', remedy: 'cast it in the query' },
  not_finite: { reason: 'it is not a finite number or time', remedy: 'use null in the query' },
  year_out_of_range: {
    reason: 'the year is not between 1 and 3000; Braze would keep a text',
    remedy: 'use null in the query',
  },
  bad_format: {
    reason: 'the standard field has another format; Braze would drop it',
    remedy: 'correct it in the query',
  },
} as const satisfies Readonly<Record<string, FindingFacts>>;

export type FindingCode = keyof typeof FINDINGS;

/** Of an attribute as such: it is not sent in this run. */
export interface AttributeFinding {
  readonly attribute: string;
  readonly code: FindingCode;
  /** Its type, as far as that matters. */
  readonly valueClass: string;
  /** More than the code says: `expected a date, YYYY-MM-DD`. */
  readonly detail?: string;
}
