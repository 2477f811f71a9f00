/**
 * The people of the generated world, each made from the seed and a number alone.
 *
 * A person can be forgotten and made again, equal in everything, so memory does not grow with the number
 * of users. What changes in a life (consent, app removed, deleted) is kept in population.ts. Names are
 * common ones put together by chance; addresses are at example.com, example.org and example.net.
 */

import { createDevices, type Device } from './devices.ts';
import { createDraw, hexOf, mix } from './draw.ts';
import { AREA_CODES, PLACES, type Place } from './places.ts';

export interface Persona {
  /** Counts from zero. */
  readonly index: number;
  /** Braze's own id: 24 hexadecimal digits. */
  readonly userId: string;
  /** The customer's id; what events of an anonymous person carry is decided in population.ts. */
  readonly externalId: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly gender: string;
  /** ISO date. */
  readonly birthday: string;
  readonly email: string;
  readonly mailboxProvider: string;
  readonly phone: string;
  readonly place: Place;
  readonly devices: readonly [Device, ...Device[]];
  /** 0 never reacts, 1 always does. */
  readonly engagement: number;
  readonly isAmpReader: boolean;
  /** A mail client that loads pictures before anyone looks. */
  readonly hasMachineOpens: boolean;
  readonly loyaltyTier: string;
}

const FIRST_NAMES =
  'Ada Amara Anna Aria Arjun Ben Bruno Camila Carlos Chloe Clara Daniel Diego Elena Elif Emma Ethan Eva Felix Fatima Finn Grace Hana Hugo Ines Ivan Jack Jamal Jonas Julia Kai Kenji Lara Lea Leo Liam Lina Lucas Maja Marco Maria Mateo Maya Mei Mia Milan Mina Nadia Nia Nina Noah Nora Olga Omar Oscar Paul Priya Rafael Rosa Ruth Sam Sara Sofia Stella Theo Tom Uma Victor Yara Yuki Zoe'.split(
    ' ',
  );
const LAST_NAMES =
  'Almeida Andersen Bakker Becker Bell Bennett Brown Campos Carter Chen Costa Cruz Dubois Evans Fischer Flores Garcia Gomez Green Gupta Hansen Hill Hoffmann Ito Jansen Johnson Jones Kaur Keller Khan Kim Klein Kumar Lang Laurent Lee Lopez Martin Meyer Moreau Mori Muller Nguyen Novak Okafor Olsen Park Patel Perez Petit Popov Reyes Ricci Rossi Roy Sato Schmidt Silva Singh Smith Suzuki Tan Torres Visser Wagner Walker Weber White Wong Young'.split(
    ' ',
  );

/** Domains kept for documentation (RFC 2606), each standing for a large mail provider. */
const MAIL_HOMES = [
  { domain: 'example.com', provider: 'Gmail', hasMachineOpens: false },
  { domain: 'example.org', provider: 'Outlook', hasMachineOpens: false },
  { domain: 'example.net', provider: 'Apple', hasMachineOpens: true },
] as const;

const TIERS = ['none', 'bronze', 'silver', 'gold'] as const;

/** Salts, so that a person's identifiers do not resemble each other. */
const USER_ID = 101;
const DEVICES = 211;

/** The person with this number. Pure. */
export function createPersona(seed: number, index: number): Persona {
  const draw = createDraw(seed, index + 1);
  const number = mix(index, seed);
  const home = draw.pick(MAIL_HOMES);
  const firstName = draw.pick(FIRST_NAMES);
  const lastName = draw.pick(LAST_NAMES);
  const line = String(draw.whole(0, 99)).padStart(2, '0');
  return {
    index,
    userId: hexOf(number, USER_ID, 24),
    externalId: `customer-${String(index + 1).padStart(7, '0')}`,
    firstName,
    lastName,
    gender: draw.pick(['F', 'F', 'F', 'M', 'M', 'M', 'O', 'P']),
    birthday: `${draw.whole(1950, 2006)}-${twoDigits(draw.whole(1, 12))}-${twoDigits(draw.whole(1, 28))}`,
    email: `${firstName}.${lastName}.${index + 1}@${home.domain}`.toLowerCase(),
    mailboxProvider: home.provider,
    phone: `+1${draw.pick(AREA_CODES)}55501${line}`,
    place: draw.pick(PLACES),
    devices: createDevices(draw, number, DEVICES) as readonly [Device, ...Device[]],
    engagement: draw.share() ** 1.5,
    isAmpReader: home.provider === 'Gmail' && draw.happens(0.15),
    hasMachineOpens: home.hasMachineOpens,
    loyaltyTier: draw.pick(TIERS),
  };
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}
