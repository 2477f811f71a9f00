/**
 * Generated histories of people of whom some are erased, and what is left when nobody of these had ever been.
 *
 * Each person has a word of its own in all ids, addresses and values, several Braze ids that merges join in a chain or a
 * tree, and one or two external ids. Events come in three cycles, some of them twice; the erasures by command take
 * place before the last, so what it brings is late. Whose an event is, and therefore whether it has to be gone in the
 * end, the generator knows and need not ask the code.
 */
import fc from 'fast-check';
import { FIRST_SECOND } from './event-builders.ts';
import type { EventFields } from './person-events.ts';

export const LAST_CYCLE = 2;

/** Requests happen after everything else, and whoever signs up again does it after that. */
const REQUEST_SECOND = 500;
const RETURN_SECOND = 1000;

/** After every instant at which a command erases. */
const RETURN_AFTER_COMMAND_SECOND = 5 * 86_400;

const WORDS = ['zelda', 'wotan', 'xaver', 'yorick'] as const;

export interface HistoryEvent {
  readonly eventType: string;
  readonly fields: EventFields;
  /** The cycles that it comes with; LAST_CYCLE + 1 is what is new when everything is delivered again. */
  readonly cycles: readonly number[];
  /** Which of the objects of its type in a cycle it lies in. */
  readonly object: number;
  /** It has to be gone. */
  readonly isErased: boolean;
}

export interface ErasableHistory {
  readonly events: readonly HistoryEvent[];
  /** Ids to forget by command. */
  readonly forgotten: readonly string[];
  /** Braze ids, external ids and addresses that go from staged files. */
  readonly erasedIds: ReadonlySet<string>;
  /** The same of others who lose events to an erasure: what was sent of them is uncertain, and may be staged again. */
  readonly touchedIds: ReadonlySet<string>;
  /** What no file may hold in the end. */
  readonly erasedWords: readonly string[];
  /** Those of whom nothing comes with the last cycle, so that they are gone before it. */
  readonly wordsGoneEarly: readonly string[];
}

type Erasing = 'no' | 'request' | 'braze id' | 'external id';

const cycle = fc.nat({ max: LAST_CYCLE });
const moment = fc.record({
  cycle,
  again: fc.option(cycle, { freq: 3 }),
  object: fc.nat({ max: 1 }),
  second: fc.nat({ max: REQUEST_SECOND - 1 }),
});

const happening = fc.record({
  moment,
  kind: fc.constantFrom('open', 'update', 'purchase', 'sms', 'custom', 'update', 'open'),
  user: fc.nat({ max: 2 }),
  external: fc.constantFrom(0, 0, 1, null),
  /** Booked under the external id of another person: that is a matter of the next one. */
  isMiskeyed: fc.boolean(),
});

const person = fc.record({
  erasing: fc.constantFrom<Erasing>('no', 'request', 'braze id', 'external id'),
  isBack: fc.boolean(),
  events: fc.array(happening, { minLength: 1, maxLength: 6 }),
  /** Of each further Braze id: with which earlier one it was merged, and which of both survives. */
  merges: fc.array(fc.record({ moment, with: fc.nat({ max: 1 }), survives: fc.boolean() }), {
    maxLength: 2,
  }),
  erased: moment,
});

type Drawn = typeof person extends fc.Arbitrary<infer Value> ? Value : never;

export const anErasableHistory: fc.Arbitrary<ErasableHistory> = fc
  .array(person, { minLength: 3, maxLength: WORDS.length })
  .map(buildHistory);

interface Person extends Drawn {
  readonly word: string;
  readonly users: readonly string[];
  readonly externals: readonly string[];
}

function buildHistory(drawn: readonly Drawn[]): ErasableHistory {
  const people = drawn.map((one, index): Person => {
    const word = WORDS[index] as string;
    // Who comes back brings the external id along, which is then to be found.
    const name = one.isBack ? `crm-${index}` : `${word}-crm`;
    return {
      ...one,
      erasing: chooseErasing(one.erasing, index),
      word,
      users: Array.from({ length: one.merges.length + 1 }, (_, user) => `${word}-b${user}`),
      externals: [`${name}-x0`, `${name}-x1`],
    };
  });
  const erased = new Set(people.filter((one) => one.erasing !== 'no' || isNamed(one, people)));
  const told = people.flatMap((one) => listEvents(one, people).map((event) => ({ one, ...event })));
  const externals = new Set(
    told.flatMap(({ one, carries, isReturn }) => (erased.has(one) && !isReturn ? [carries] : [])),
  );
  const touched = new Set(
    told.flatMap(({ one, carries, isReturn }) =>
      !erased.has(one) && !isReturn && carries !== null && externals.has(carries) ? [one] : [],
    ),
  );
  const forgotten = people.flatMap(({ erasing, ...one }) => {
    if (erasing === 'external id') return [one.externals[0]];
    return erasing === 'braze id' ? [pickUser(one)] : [];
  });
  const returnSecond = forgotten.length > 0 ? RETURN_AFTER_COMMAND_SECOND : RETURN_SECOND;
  const isLate = ({ erasing, events, merges, erased: at }: Person) =>
    (erasing === 'request' && at.cycle === LAST_CYCLE) ||
    [...events, ...merges].some(({ moment }) => moment.cycle === LAST_CYCLE);
  return {
    events: told.map(({ one, moment: at, eventType, fields, carries, isReturn }, index) => ({
      eventType,
      fields: {
        id: `event-${index}`,
        time: FIRST_SECOND + (isReturn ? returnSecond : at.second),
        external_user_id: carries ?? null,
        ...fields,
      },
      cycles: [...new Set([at.cycle, at.again ?? at.cycle])],
      object: at.object,
      isErased: !isReturn && (erased.has(one) || (carries !== null && externals.has(carries))),
    })),
    forgotten: forgotten.map(String),
    erasedIds: new Set([
      ...[...externals].flatMap((id) => id ?? []),
      ...[...erased].flatMap(({ word, users }) => [...users, `${word}@acme.test`]),
    ]),
    touchedIds: new Set(
      [...touched].flatMap(({ word, users, externals: own }) => [
        ...[...users, ...own, `${word}@acme.test`],
        ...told.flatMap(({ one, carries }) => (touched.has(one) ? (carries ?? []) : [])),
      ]),
    ),
    erasedWords: [...erased].map(({ word }) => word),
    wordsGoneEarly: [...erased].filter((one) => !isLate(one)).map(({ word }) => word),
  };
}

/** Somebody is erased and somebody is not. */
function chooseErasing(drawn: Erasing, index: number): Erasing {
  if (index === 1) return 'no';
  return index === 0 && drawn === 'no' ? 'request' : drawn;
}

/** Whoever carried an external id that a command named, before the command. */
function isNamed(one: Person, people: readonly Person[]): boolean {
  return (
    nextOf(one, people).erasing === 'external id' &&
    one.events.some(
      ({ isMiskeyed, external, moment: { cycle: first, again } }) =>
        isMiskeyed && external === 0 && Math.min(first, again ?? first) < LAST_CYCLE,
    )
  );
}

function nextOf(one: Person, people: readonly Person[]): Person {
  return people[(people.indexOf(one) + 1) % people.length] as Person;
}

function pickUser({ users, erased }: Pick<Person, 'users' | 'erased'>): string {
  return users[erased.second % users.length] as string;
}

interface Told {
  readonly moment: Drawn['erased'];
  readonly eventType: string;
  readonly fields: EventFields;
  /** The external id. */
  readonly carries: string | null;
  readonly isReturn?: boolean;
}

function listEvents(one: Person, people: readonly Person[]): readonly Told[] {
  const { word, users, externals, erased } = one;
  const told = one.events.map(({ moment: at, kind, user, external, isMiskeyed }): Told => {
    const { eventType, fields } = tell(kind, word, at.second);
    const carried = isMiskeyed ? nextOf(one, people).externals : externals;
    return {
      moment: at,
      eventType,
      fields: { ...fields, user_id: users[user % users.length] as string },
      carries: external === null ? null : (carried[external] as string),
    };
  });
  // So that a command finds somebody, by whichever id.
  for (const carries of externals) {
    const { eventType, fields } = tell('open', word, 0);
    const at = { ...erased, cycle: 0, again: null };
    told.push({
      moment: at,
      eventType,
      fields: { ...fields, user_id: users[0] as string },
      carries,
    });
  }
  for (const [index, { moment: at, with: other, survives }] of one.merges.entries()) {
    const ends = [users[other % (index + 1)] as string, users[index + 1] as string];
    const [orphaned_by_id, user_id] = (survives ? ends : ends.reverse()) as [string, string];
    const fields = { user_id, orphaned_by_id };
    told.push({
      moment: at,
      eventType: 'users.UserOrphan',
      fields,
      carries: externals[0] as string,
    });
  }
  if (one.erasing === 'request') {
    told.push({
      moment: { ...erased, second: REQUEST_SECOND },
      eventType: 'users.UserDeleteRequest',
      fields: { user_id: pickUser(one) },
      carries: null,
    });
  }
  if (one.isBack) {
    told.push({
      moment: { ...erased, cycle: LAST_CYCLE + 1, again: null },
      eventType: 'users.messages.email.Open',
      fields: { user_id: `back-${people.indexOf(one)}`, campaign_id: 'c1' },
      carries: externals[0] as string,
      isReturn: true,
    });
  }
  return told;
}

function tell(kind: string, word: string, second: number) {
  switch (kind) {
    case 'update':
      return {
        eventType: 'users.profile.Update',
        fields: {
          time_ms: (FIRST_SECOND + second) * 1000,
          first_name: `${word} first`,
          custom_attributes: JSON.stringify({ [`key of ${word}`]: [`nick ${word}`, second] }),
        },
      };
    case 'purchase':
      return {
        eventType: 'users.behaviors.Purchase',
        fields: { price: 3.5, currency: 'EUR', product_id: `${word} product` },
      };
    case 'sms':
      return {
        eventType: 'users.messages.sms.Send',
        fields: { to_phone_number: `+49-${word}`, campaign_id: 'c1' },
      };
    case 'custom':
      return {
        eventType: 'users.behaviors.CustomEvent',
        fields: { name: 'look', properties: JSON.stringify({ deep: [{ word: `Ä ${word} "` }] }) },
      };
    default:
      return {
        eventType: 'users.messages.email.Open',
        fields: {
          email_address: `${word}@acme.test`,
          user_agent: `${word} agent`,
          campaign_id: 'c1',
        },
      };
  }
}
