/**
 * What stands between a batch and its table: the columns of an `insert … select` with the fields hashed or
 * dropped that the setting `privacy` names. Nothing of them reaches the file in the clear, not in `_rescued`
 * either.
 *
 * Only text can become a hash. A number, a date or a truth value that is to be hashed is dropped: there are so few
 * of them that a hash would hide nothing, and its column could not hold it. Empty text and `[REDACTED]` stay as
 * they are, since both say that there is no value. JSON of which keys are hashed or dropped is written anew:
 * spaces go, 1.10 becomes 1.1, and hashed keys come last.
 */
import type { RecordType } from '../avro/avro-schema.ts';
import type { PrivacyRules, Treatment } from '../privacy-rules.ts';
import { formatColumnType } from './column-types.ts';
import { type BoundValue, quoteIdentifier, quoteLiteral } from './database.ts';
import { type EventTable, OBJECT_ID_COLUMN, RESCUED_COLUMN } from './event-tables.ts';
import { hashPads, keyedHashOf } from './keyed-hash.ts';

/** What may be read from a scan in the place of its columns. */
export interface Passage {
  /** Expressions in the order of the table's columns, `_rescued` if it has that, and `_object_id`. */
  readonly columns: string;
  readonly values: readonly BoundValue[];
}

export class PrivacyDoor {
  readonly #rules: PrivacyRules;
  readonly #key: string;

  constructor(rules: PrivacyRules, key: string) {
    this.#rules = rules;
    this.#key = key;
  }

  /** What is done with an id of people on its way into the table of this event type. */
  treatmentOfId(eventType: string, field: string): 'hash' | 'drop' | undefined {
    return this.#rules.treatmentOf(eventType, field, true).whole;
  }

  /**
   * How the rows of these schemas come into the table; undefined when they come as they are.
   *
   * @param schemas those of all objects that are scanned
   */
  passageInto(table: EventTable, schemas: Iterable<RecordType>): Passage | undefined {
    const marked = new Map(table.columns.map((column) => [column.field, false]));
    for (const { fields } of schemas) {
      for (const { name, pii } of fields) marked.set(name, marked.get(name) === true || !!pii);
    }
    const treatments = new Map<string, Treatment>();
    for (const [field, isMarked] of marked) {
      const treatment = this.#rules.treatmentOf(table.eventType, field, isMarked);
      if (treatment.whole !== undefined || treatment.keys.size > 0)
        treatments.set(field, treatment);
    }
    if (treatments.size === 0) return undefined;
    const columns = [
      ...table.columns.map(({ name, field, type }) =>
        treatColumn(quoteIdentifier(name), formatColumnType(type), treatments.get(field)),
      ),
      ...(table.hasRescued ? [treatRescued(treatments)] : []),
      OBJECT_ID_COLUMN,
    ].join(', ');
    const hashes = columns.includes('$1');
    return { columns, values: hashes ? hashPads(this.#key) : [] };
  }
}

function treatColumn(column: string, type: string, treatment: Treatment | undefined): string {
  if (treatment === undefined) return column;
  if (treatment.whole === 'hash') {
    if (type === 'VARCHAR') return hashText(column);
    if (type === 'JSON') return `to_json(${hashText(`${column}::varchar`)})`;
    if (type === 'VARCHAR[]') return `list_transform(${column}, lambda one: ${hashText('one')})`;
  }
  // A key is looked for in what is a JSON object; where anything else stands, no key of it is known.
  const isText = type === 'JSON' || type === 'VARCHAR';
  if (treatment.whole !== undefined || !isText) return `null::${type}`;
  const json = type === 'JSON' ? column : `try_cast(${column} as json)`;
  return `case when json_type(${json}) = 'OBJECT'
    then json_merge_patch(${json}, ${formatPatch(json, treatment.keys)})::${type} end`;
}

/** Fields that had no place in the columns obey the same rules; of one with keys nothing is kept. */
function treatRescued(treatments: ReadonlyMap<string, Treatment>): string {
  const actions = new Map([...treatments].map(([field, { whole }]) => [field, whole ?? 'drop']));
  const patched = `json_merge_patch(${RESCUED_COLUMN}, ${formatPatch(RESCUED_COLUMN, actions)})`;
  return `case when ${RESCUED_COLUMN} is not null then nullif(${patched}, '{}'::json) end`;
}

/** A merge patch (RFC 7396): null removes a key. A hashed key that is null or not there stays so. */
function formatPatch(json: string, actions: ReadonlyMap<string, 'hash' | 'drop'>): string {
  const parts = [...actions].map(([key, action]) => {
    const name = JSON.stringify(key);
    if (action === 'drop') return quoteLiteral(`${name}:null`);
    const at = quoteLiteral(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    return `case when json_type(${json}, ${at}) <> 'NULL'
      then ${quoteLiteral(`${name}:`)} || to_json(${hashText(`(${json} ->> ${at})`)}) end`;
  });
  return `('{' || concat_ws(',', ${parts.join(', ')}) || '}')::json`;
}

function hashText(text: string): string {
  return `case when ${text} in ('', '[REDACTED]') then ${text} else ${keyedHashOf(text)} end`;
}
