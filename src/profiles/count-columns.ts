/**
 * Counts of events: in total, in each window, and the last time.
 *
 * A count is a name and the kinds of activity that it adds up. A part keeps the counts of a person as one
 * map from the number of the count (its place in the part) to a struct, without those that are zero:
 *
 * Lists are sorted after they were gathered: an aggregate with `order by` takes seven times as long.
 *
 *     email_counts   {0: {n: 12, n_7d: 1, n_30d: 4, n_90d: 9, n_365d: 12, last_at: …}, 3: …}
 */
import { ACTIVITY_KINDS, type ActivityKind, OTHER_KIND } from './activity-kinds.ts';
import { listEventTypes } from './channels.ts';
import type { ProfilePart, ProfileSection, TakenColumn } from './profile-column.ts';
import { WINDOW_DAYS } from './windows.ts';

export interface Count {
  readonly name: string;
  /** Which events are counted. */
  readonly matches: (kind: ActivityKind) => boolean;
  /** Events of types that the catalogue does not know count too. */
  readonly countsUnknown?: true;
  readonly meaning: string;
  readonly unit?: string;
  /** Event types; otherwise those of the kinds that match. */
  readonly events?: readonly string[];
  /** all: a total and each window; total: no windows; last: when it last was, and no number. */
  readonly shows?: 'all' | 'total' | 'last';
}

const FIELDS = ['n', ...WINDOW_DAYS.map((days) => `n_${days}d`)] as const;
/** Adds up the counts of several rows. */
export const SUMS = FIELDS.map((field) => `sum(${field})::integer as ${field}`).join(', ');
const COUNT_TYPE = `map(usmallint, struct(${FIELDS.map((field) => `${field} integer`).join(', ')}, last_at timestamp))`;

export interface CountSection {
  readonly title: string;
  readonly counts: readonly Count[];
}

/** A part of counts over portion_counts. */
export function countPart(name: string, sections: readonly CountSection[]): ProfilePart {
  const counts = sections.flatMap((section) => section.counts);
  const pairs = counts.flatMap(({ matches, countsUnknown }, no) => {
    const codes = ACTIVITY_KINDS.filter(matches).map(({ code }) => code);
    return [...codes, ...(countsUnknown ? [OTHER_KIND] : [])].map((code) => `(${code}, ${no})`);
  });
  return numberedCountPart(
    name,
    sections,
    `(select person_no, no, ${SUMS}, max(last_at) as last_at
      from portion_counts join (values ${pairs.join(', ')}) counted(kind, no) using (kind)
      group by person_no, no)`,
  );
}

/**
 * A part of counts over rows that are counted already.
 *
 * @param from a query in brackets: person_no, no (the place of the count), n, n_7d, …, last_at
 */
export function numberedCountPart(
  name: string,
  sections: readonly CountSection[],
  from: string,
): ProfilePart {
  const map = `${name}_counts`;
  const value = [...FIELDS, 'last_at'].map((field) => `'${field}': ${field}`).join(', ');
  let next = 0;
  return {
    name,
    from,
    stored: [
      {
        name: map,
        type: COUNT_TYPE,
        sql: `map_from_entries(list_sort(list({'k': no::usmallint, 'v': {${value}}})))`,
      },
    ],
    sections: sections.map(({ title, counts }): ProfileSection => {
      return { title, columns: counts.flatMap((count) => listColumns(count, `${map}[${next++}]`)) };
    }),
  };
}

function listColumns(count: Count, entry: string): TakenColumn[] {
  const { name, meaning, shows = 'all' } = count;
  const events = count.events ?? listEventTypes(count.matches);
  if (shows === 'last') {
    const takenBy = `${entry}.last_at`;
    return [{ name, type: 'timestamp', meaning, unit: 'UTC', events, takenBy }];
  }
  const unit = count.unit ?? 'events';
  function column(suffix: string, when: string): TakenColumn {
    return {
      name: `${name}${suffix}`,
      type: 'integer',
      meaning: `${meaning}${when}`,
      unit,
      events,
      takenBy: `coalesce(${entry}.n${suffix}, 0)`,
    };
  }
  const windows = WINDOW_DAYS.map((days) =>
    column(`_${days}d`, ` In the ${days} days up to as_of.`),
  );
  return [column('', ''), ...(shows === 'total' ? [] : windows)];
}
