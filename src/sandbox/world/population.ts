/**
 * Everybody in the generated world, and what their lives changed: who left the newsletter, removed the
 * app, signed up, was merged away or deleted.
 *
 * Only changes are kept, so memory grows with what happened and not with the number of users; people are
 * made again from their number when they are needed. No more than a small share may leave for good,
 * otherwise a long period would run out of people.
 */

import { type Draw, mix } from './draw.ts';
import type { Audience, Effect } from './journey.ts';
import { createPersona, type Persona } from './personas.ts';

interface Change {
  isIdentified?: boolean;
  hasLeftEmail?: boolean;
  hasLeftPhone?: boolean;
  hasUninstalled?: boolean;
  isDeleted?: boolean;
  /** Index of the person that this one became part of. */
  mergedInto?: number;
}

export interface Population {
  /** Somebody of this audience who is awake, as far as a few tries find one. */
  pick(draw: Draw, audience: Audience, time: number): Persona;
  isIdentified(person: Persona): boolean;
  /** Whether that may still happen to somebody: merges and deletions are for a few. */
  hasRoomFor(effect: Effect): boolean;
  /** Makes it true from now on; `other` is the survivor of a merge. */
  apply(effect: Effect, person: Persona, other: Persona): void;
}

/** People who are there at the start; the others install the app while the period runs. */
const SHARE_AT_START = 0.9;
const SHARE_ANONYMOUS = 0.15;
/** Of all users: how many may be gone for good, and how many may have left a channel. */
const MAX_SHARE_GONE = 0.03;
const MAX_SHARE_LEFT = 0.25;

const PICKS = 8;
/** Few are anonymous, and who merges or signs up has to be. */
const PICKS_OF_ANONYMOUS = 60;
const MAX_KEPT_PERSONAS = 50_000;
const ANONYMITY = 601;

/** How likely a person is to be up and about, by local hour. */
const ACTIVITY = [
  0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.55, 0.7, 0.65, 0.6, 0.65, 0.8, 0.7, 0.6, 0.6, 0.65, 0.75,
  0.9, 1, 1, 0.9, 0.6, 0.3,
] as const;

/** @param users how many people in all, newcomers included */
export function createPopulation(seed: number, users: number): Population {
  const kept = new Map<number, Persona>();
  const changes = new Map<number, Change>();
  const clocks = new Map<string, number>();
  const gone = { delete: 0, merge: 0, leaveEmail: 0, leavePhone: 0, uninstall: 0 };
  let arrived = Math.max(1, Math.ceil(users * SHARE_AT_START));

  const personaOf = (index: number): Persona => {
    const known = kept.get(index);
    if (known !== undefined) return known;
    if (kept.size >= MAX_KEPT_PERSONAS) kept.clear();
    const persona = createPersona(seed, index);
    kept.set(index, persona);
    return persona;
  };

  const changeOf = (index: number): Change => {
    const known = changes.get(index);
    if (known !== undefined) return known;
    const change: Change = {};
    changes.set(index, change);
    return change;
  };

  const isIdentifiedAt = (index: number): boolean =>
    changes.get(index)?.isIdentified ?? mix(index, seed ^ ANONYMITY) / 2 ** 32 >= SHARE_ANONYMOUS;

  /** Follows merges to the one that is left. */
  const survivorOf = (index: number): number => {
    let survivor = index;
    for (let next = index; ; survivor = next) {
      const into = changes.get(next)?.mergedInto;
      if (into === undefined) return survivor;
      next = into;
    }
  };

  const fits = (index: number, audience: Audience, time: number): boolean => {
    const change = changes.get(index);
    if (change?.isDeleted) return false;
    switch (audience) {
      case 'email':
        return !change?.hasLeftEmail && isIdentifiedAt(index);
      case 'phone':
        return !change?.hasLeftPhone && isIdentifiedAt(index);
      case 'push':
        return !change?.hasUninstalled && personaOf(index).devices[0].platform !== 'web';
      case 'app':
        return isAwake(personaOf(index), time, clocks);
      case 'anonymous':
        return !isIdentifiedAt(index);
      case 'newcomer':
      case 'any':
        return true;
    }
  };

  const pick = (draw: Draw, audience: Audience, time: number): Persona => {
    if (audience === 'newcomer' && arrived < users) return personaOf(arrived++);
    const picks = audience === 'anonymous' ? PICKS_OF_ANONYMOUS : PICKS;
    let index = 0;
    for (let attempt = 0; attempt < picks; attempt++) {
      // Regulars have low numbers: squaring makes them come to the app more often than the others.
      const share = audience === 'app' ? draw.share() ** 2 : draw.share();
      index = survivorOf(Math.floor(share * arrived));
      if (fits(index, audience, time)) break;
    }
    return personaOf(index);
  };

  const hasRoom = (kind: keyof typeof gone, maxShare: number): boolean =>
    gone[kind] < Math.max(1, Math.floor(users * maxShare));

  const mayLeave = (kind: keyof typeof gone, maxShare: number): boolean => {
    if (!hasRoom(kind, maxShare)) return false;
    gone[kind]++;
    return true;
  };

  const apply = (effect: Effect, person: Persona, other: Persona): void => {
    const change = changeOf(person.index);
    switch (effect) {
      case 'leaveEmail':
        if (mayLeave(effect, MAX_SHARE_LEFT)) change.hasLeftEmail = true;
        break;
      case 'joinEmail':
        change.hasLeftEmail = false;
        break;
      case 'leavePhone':
        if (mayLeave(effect, MAX_SHARE_LEFT)) change.hasLeftPhone = true;
        break;
      case 'joinPhone':
        change.hasLeftPhone = false;
        break;
      case 'uninstall':
        if (mayLeave(effect, MAX_SHARE_LEFT)) change.hasUninstalled = true;
        break;
      case 'identify':
        change.isIdentified = true;
        break;
      case 'merge':
        if (survivorOf(other.index) !== person.index && mayLeave(effect, MAX_SHARE_GONE)) {
          change.mergedInto = other.index;
        }
        break;
      case 'delete':
        if (mayLeave(effect, MAX_SHARE_GONE)) change.isDeleted = true;
        break;
    }
  };

  return {
    pick,
    isIdentified: (person) => isIdentifiedAt(person.index),
    hasRoomFor: (effect) =>
      (effect !== 'merge' && effect !== 'delete') || hasRoom(effect, MAX_SHARE_GONE),
    apply,
  };
}

/** The same person may be up at one moment and away from the phone at the next. */
function isAwake({ index, place }: Persona, time: number, clocks: Map<string, number>): boolean {
  const chance = ACTIVITY[localHour(place.timeZone, time, clocks)] ?? 1;
  return mix(index, time) / 2 ** 32 < chance;
}

/** Hour of the day at a place. The distance to UTC is looked up once: a change of clocks is not noticed. */
function localHour(timeZone: string, time: number, clocks: Map<string, number>): number {
  let shift = clocks.get(timeZone);
  if (shift === undefined) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hour: 'numeric',
      hourCycle: 'h23',
    });
    const utcHour = Math.floor(time / 3_600) % 24;
    shift = (Number(format.format(new Date(time * 1_000))) - utcHour + 24) % 24;
    clocks.set(timeZone, shift);
  }
  return (Math.floor(time / 3_600) + shift) % 24;
}
