/**
 * The profiles of the workspace and the ways to find one: external id, alias, Braze id, email, phone.
 *
 * A million profiles with twenty attributes have to fit in a process of ordinary size, so attributes are plain
 * objects: V8 keeps one layout for all that got the same names in the same order. That is also why an unset
 * attribute stays as `undefined` instead of being deleted: deleting would give the object a layout of its own.
 * They inherit nothing, so an attribute may be called `constructor` or `__proto__`.
 */

import { hexOf } from '../world/draw.ts';

export interface Alias {
  readonly label: string;
  readonly name: string;
}

/** A value as Braze holds it. Times are their own type, inside objects too. */
export type AttributeValue =
  | string
  | number
  | boolean
  | Instant
  | readonly AttributeValue[]
  | Attributes;

/** Values by name; also what an object as a value is. An unset one may be there as undefined. */
export interface Attributes {
  [name: string]: AttributeValue | undefined;
}

/** `new Bag()` inherits nothing and yet is as fast as `{}`, which `Object.create(null)` is not. */
const Bag = function Bag() {} as unknown as new () => Attributes;
Bag.prototype = Object.create(null);

/** An empty object that is safe to fill under names from outside. */
export function createAttributes(): Attributes {
  return new Bag();
}

/** A time attribute, to the millisecond, UTC. */
export class Instant {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }

  toJSON(): string {
    return new Date(this.ms).toISOString();
  }
}

/** How often one event happened, or one product was bought. */
export interface Activity {
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface Profile {
  readonly brazeId: string;
  externalId: string | undefined;
  aliases: readonly Alias[];
  /** Fields that Braze knows by name: email, phone, first_name and so on. */
  readonly standard: Attributes;
  readonly custom: Attributes;
  /** Time of the last accepted change, and its place among changes of the same millisecond. */
  updatedAt: number;
  updateNumber: number;
  /** By name of the event, by id of the product; undefined for the many who have none. */
  activity?: { readonly events: Map<string, Activity>; readonly purchases: Map<string, Activity> };
}

export class ProfileStore {
  /** By the number that a Braze id of ours ends with; by the id itself for those of another seed. */
  readonly #byBrazeId = new Map<number | string, Profile>();
  readonly #byExternalId = new Map<string, Profile>();
  readonly #byAlias = new Map<string, Profile>();
  readonly #byEmail = new Map<string, Set<Profile>>();
  readonly #byPhone = new Map<string, Set<Profile>>();
  /** The digits that all Braze ids of this seed begin with. */
  readonly #idPrefix: string;
  #created = 0;
  #updates = 0;

  constructor(seed: number) {
    this.#idPrefix = hexOf(seed, ID_SALT, 16);
  }

  get size(): number {
    return this.#byBrazeId.size;
  }

  [Symbol.iterator](): Iterator<Profile> {
    return this.#byBrazeId.values();
  }

  findByBrazeId(brazeId: string): Profile | undefined {
    return this.#byBrazeId.get(this.#idKey(brazeId));
  }

  findByExternalId(externalId: string): Profile | undefined {
    return this.#byExternalId.get(externalId);
  }

  findByAlias(alias: Alias): Profile | undefined {
    return this.#byAlias.get(aliasKey(alias));
  }

  /** All profiles that share an address or a number, in no order. */
  findSharing(field: 'email' | 'phone', value: string): ReadonlySet<Profile> {
    return this.#sharing(field).get(value) ?? NOBODY;
  }

  /** An empty profile with a Braze id of its own: 24 hexadecimal digits, as in Currents. */
  create(identity: { readonly externalId?: string; readonly alias?: Alias } = {}): Profile {
    const { externalId, alias } = identity;
    do this.#created += 1;
    while (this.#byBrazeId.has(this.#created)); // restored ones have taken theirs
    const brazeId = this.#idPrefix + this.#created.toString(16).padStart(8, '0');
    const aliases = alias === undefined ? NO_ALIASES : [alias];
    return this.#add(this.#created, brazeId, externalId, aliases);
  }

  /** An empty profile with the identifiers that it had. */
  restore(brazeId: string, externalId: string | undefined, aliases: readonly Alias[]): Profile {
    return this.#add(this.#idKey(brazeId), brazeId, externalId, aliases);
  }

  #add(
    key: number | string,
    brazeId: string,
    externalId: string | undefined,
    aliases: readonly Alias[],
  ): Profile {
    const profile: Profile = {
      brazeId,
      externalId,
      aliases,
      standard: createAttributes(),
      custom: createAttributes(),
      updatedAt: 0,
      updateNumber: 0,
    };
    this.#byBrazeId.set(key, profile);
    if (externalId !== undefined) this.#byExternalId.set(externalId, profile);
    for (const alias of aliases) this.#byAlias.set(aliasKey(alias), profile);
    return profile;
  }

  /** Sets or, with undefined, unsets email or phone, and keeps the look-up in step. */
  setContact(profile: Profile, field: 'email' | 'phone', value: string | undefined): void {
    const sharing = this.#sharing(field);
    const old = profile.standard[field] as string | undefined;
    if (old === value) return;
    if (old !== undefined) leave(sharing, old, profile);
    profile.standard[field] = value;
    if (value === undefined) return;
    const others = sharing.get(value);
    if (others === undefined) sharing.set(value, new Set([profile]));
    else others.add(profile);
  }

  touch(profile: Profile, now: number): void {
    this.#updates += 1;
    profile.updatedAt = now;
    profile.updateNumber = this.#updates;
  }

  delete(profile: Profile): void {
    this.#byBrazeId.delete(this.#idKey(profile.brazeId));
    if (profile.externalId !== undefined) this.#byExternalId.delete(profile.externalId);
    for (const alias of profile.aliases) this.#byAlias.delete(aliasKey(alias));
    this.setContact(profile, 'email', undefined);
    this.setContact(profile, 'phone', undefined);
  }

  clear(): void {
    for (const map of [this.#byBrazeId, this.#byExternalId, this.#byAlias]) map.clear();
    this.#byEmail.clear();
    this.#byPhone.clear();
  }

  /** Numbers are a third of the memory of texts, a million times. */
  #idKey(brazeId: string): number | string {
    const isOurs = /^[0-9a-f]{24}$/.test(brazeId) && brazeId.startsWith(this.#idPrefix);
    return isOurs ? Number.parseInt(brazeId.slice(16), 16) : brazeId;
  }

  #sharing(field: 'email' | 'phone'): Map<string, Set<Profile>> {
    return field === 'email' ? this.#byEmail : this.#byPhone;
  }
}

/** Keeps Braze ids apart from other generated ones. */
const ID_SALT = 0xb4a2;

const NOBODY: ReadonlySet<Profile> = new Set();
const NO_ALIASES: readonly Alias[] = [];

/** Labels and names may hold any character; the length keeps two pairs from looking alike. */
function aliasKey({ label, name }: Alias): string {
  return `${label.length}:${label}${name}`;
}

function leave(sharing: Map<string, Set<Profile>>, value: string, profile: Profile): void {
  const others = sharing.get(value);
  others?.delete(profile);
  if (others?.size === 0) sharing.delete(value);
}
