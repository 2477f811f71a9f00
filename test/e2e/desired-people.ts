/**
 * Random desired states of a sync and, independently of our code, what Braze has to hold and to receive for
 * them: plain JavaScript over plain objects, no SQL.
 *
 * People only come, never go, so that at the end every profile is determined. Values are of all simple types,
 * null among them; some change, most stay.
 */

interface Person {
  readonly flag: boolean | null;
  readonly level: number | null;
  readonly score: number | null;
  readonly title: string | null;
  /** ISO 8601, UTC. */
  readonly since: string | null;
  readonly tags: readonly string[] | null;
}

export type DesiredState = ReadonlyMap<string, Person>;

const FIELDS = ['flag', 'level', 'score', 'title', 'since', 'tags'] as const;

/** The query over a file of lines as `formatLines` makes them. */
export function formatDesiredQuery(file: string): string {
  return `select external_id, flag, level, score, title, since, tags
from read_json('${file}', format = 'newline_delimited', columns = {
  external_id: 'VARCHAR', flag: 'BOOLEAN', level: 'INTEGER', score: 'DOUBLE', title: 'VARCHAR',
  since: 'TIMESTAMP', tags: 'VARCHAR[]'})`;
}

export function formatLines(state: DesiredState): string {
  return [...state]
    .map(([external_id, person]) => `${JSON.stringify({ external_id, ...person })}\n`)
    .join('');
}

/** The next state: some new people, some values of some others changed. */
export function drawNextState(state: DesiredState, random: () => number): DesiredState {
  const next = new Map(state);
  const changes = random() < 0.2 ? 0.9 : 0.15;
  for (const [id, person] of state) {
    if (random() >= changes) continue;
    const field = FIELDS[Math.floor(random() * FIELDS.length)] ?? 'flag';
    next.set(id, { ...person, [field]: drawPerson(random)[field] });
  }
  const newcomers = Math.floor(random() * 250);
  for (let n = 0; n < newcomers; n += 1)
    next.set(`${next.size} ${NAMES[n % NAMES.length]}`, drawPerson(random));
  return next;
}

const NAMES = ['plain', 'q"uo\'te', 'ümläut', 'co,mma', '\u{1f600}', 'back\\slash'];

function drawPerson(random: () => number): Person {
  const orNull = <Value>(value: Value): Value | null => (random() < 0.15 ? null : value);
  const whole = (most: number): number => Math.floor(random() * most);
  return {
    flag: orNull(random() < 0.5),
    level: orNull(whole(1000) - 500),
    score: orNull(whole(100_000) / 8),
    title: orNull(`${NAMES[whole(NAMES.length)]} ${whole(50)}`),
    since: orNull(new Date(1_700_000_000_000 + whole(1e7) * 1000).toISOString()),
    tags: orNull(['a', 'b', 'ç', 'd "e"'].slice(0, 1 + whole(4))),
  };
}

/** `person attribute value` of everything that is set; what profiles are compared by. */
export function listSet(state: Iterable<readonly [string, object]>): string[] {
  const lines: string[] = [];
  for (const [id, person] of state)
    for (const [name, value] of Object.entries(person))
      if (value !== null) lines.push(formatValue(id, name, value));
  return lines.sort();
}

/** What has to be sent to get from one state to the other: no value more. Null unsets what was set. */
export function listChanges(from: DesiredState, to: DesiredState): string[] {
  const lines: string[] = [];
  for (const [id, person] of to) {
    for (const name of FIELDS) {
      const before = JSON.stringify(from.get(id)?.[name] ?? null);
      if (before !== JSON.stringify(person[name])) lines.push(formatValue(id, name, person[name]));
    }
  }
  return lines.sort();
}

/** Instants in whatever precision they were written. */
export function formatValue(id: string, name: string, value: unknown): string {
  const shown =
    name === 'since' && typeof value === 'string' ? new Date(value).toISOString() : value;
  return `${id} ${name} ${JSON.stringify(shown)}`;
}
