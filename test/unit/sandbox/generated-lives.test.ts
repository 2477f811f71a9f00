/**
 * Whether the generated lives make sense: what follows from something comes after it and is never more
 * often, and fields that describe the same thing agree.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { generateInMemory, listRecords, type StoredRecord } from './generated-world.ts';

let records: readonly StoredRecord[];

beforeAll(async () => {
  const { objects } = await generateInMemory({ events: 10_000, users: 500, duplicates: 0 });
  records = await listRecords(objects);
});

/** What must have come before, for the same person and message. */
const CAUSES: readonly (readonly [effect: string, cause: string])[] = [
  ['email.Delivery', 'email.Send'],
  ['email.Bounce', 'email.Send'],
  ['email.SoftBounce', 'email.Send'],
  ['email.Deferral', 'email.Send'],
  ['email.Open', 'email.Delivery'],
  ['email.Click', 'email.Delivery'],
  ['email.Unsubscribe', 'email.Open'],
  ['email.MarkAsSpam', 'email.Delivery'],
  ['pushnotification.Open', 'pushnotification.Send'],
  ['pushnotification.Bounce', 'pushnotification.Send'],
  ['sms.CarrierSend', 'sms.Send'],
  ['sms.Delivery', 'sms.CarrierSend'],
  ['sms.ShortLinkClick', 'sms.Delivery'],
  ['whatsapp.Read', 'whatsapp.Delivery'],
  ['rcs.Read', 'rcs.Delivery'],
  ['contentcard.Impression', 'contentcard.Send'],
  ['contentcard.Click', 'contentcard.Impression'],
  ['banner.Click', 'banner.Impression'],
  ['inappmessage.Click', 'inappmessage.Impression'],
];

describe('generated lives', () => {
  it.each(CAUSES)('have no %s without an earlier %s', (effect, cause) => {
    const causes = firstTimes(`users.messages.${cause}`);
    const effects = ofType(`users.messages.${effect}`);
    expect(effects.length).toBeGreaterThan(0);
    for (const record of effects) {
      expect(causes.get(messageOf(record))).toBeLessThanOrEqual(record.time);
    }
  });

  it('never have more deliveries than sends or more openers than deliveries in a campaign', () => {
    const sent = countByMessage('users.messages.email.Send');
    const delivered = countByMessage('users.messages.email.Delivery');
    const opened = countByMessage('users.messages.email.Open', (record) => record.values.user_id);
    expect(opened.size).toBeGreaterThan(4);
    for (const [message, count] of delivered)
      expect(count).toBeLessThanOrEqual(sent.get(message) ?? 0);
    for (const [message, count] of opened)
      expect(count).toBeLessThanOrEqual(delivered.get(message) ?? 0);
  });

  it('end sessions that began, after everything that happened in them', () => {
    const starts = new Map(
      ofType('users.behaviors.app.SessionStart').map((record) => [
        record.values.session_id,
        record,
      ]),
    );
    const ends = ofType('users.behaviors.app.SessionEnd');
    expect(ends.length).toBeGreaterThan(100);
    for (const end of ends) {
      const start = starts.get(end.values.session_id);
      expect(start?.values.user_id).toBe(end.values.user_id);
      expect(end.values.duration).toBe(end.time - (start?.time ?? 0));
    }
  });

  it('have one name and variation for each id of a campaign', () => {
    const names = new Map<unknown, Set<unknown>>();
    for (const { values } of records) {
      const { campaign_id: id, campaign_name: name } = values;
      if (typeof id !== 'string' || typeof name !== 'string') continue;
      names.set(id, (names.get(id) ?? new Set()).add(name));
    }
    expect(names.size).toBeGreaterThan(20);
    expect([...names.values()].filter((ofId) => ofId.size !== 1)).toEqual([]);
  });

  it('give every person one external id, or none while anonymous', () => {
    const ids = new Map<unknown, Set<unknown>>();
    let anonymous = 0;
    for (const { values } of records) {
      const { user_id: user, external_user_id: external } = values;
      if (external === null) anonymous++;
      if (typeof user !== 'string' || typeof external !== 'string') continue;
      ids.set(user, (ids.get(user) ?? new Set()).add(external));
    }
    expect(anonymous).toBeGreaterThan(20);
    expect(ids.size).toBeGreaterThan(200);
    expect([...ids.values()].filter((ofUser) => ofUser.size !== 1)).toEqual([]);
  });

  it('merge each person once, into somebody who was not merged before', () => {
    const merged = new Set<unknown>();
    const merges = ofType('users.UserOrphan').toSorted((a, b) => a.time - b.time);
    expect(merges.length).toBeGreaterThan(3);
    for (const { values } of merges) {
      expect(values.orphaned_by_id).not.toBe(values.user_id);
      expect(merged.has(values.user_id)).toBe(false);
      expect(merged.has(values.orphaned_by_id)).toBe(false);
      merged.add(values.user_id);
    }
  });

  it('open some mail by machine, click some by robot, and say so', () => {
    const opens = ofType('users.messages.email.Open');
    const clicks = ofType('users.messages.email.Click');
    expect(opens.some(({ values }) => values.machine_open === 'true')).toBe(true);
    expect(opens.some(({ values }) => values.machine_open === null)).toBe(true);
    expect(clicks.some(({ values }) => values.is_suspected_bot_click === true)).toBe(true);
    expect(clicks.some(({ values }) => values.is_suspected_bot_click === false)).toBe(true);
  });

  it('change a few profile fields at a time and leave the others null', () => {
    const updates = ofType('users.profile.Update');
    expect(updates.length).toBeGreaterThan(20);
    const changed = updates.map(
      ({ values }) =>
        ['first_name', 'email_address', 'dob', 'home_city', 'custom_attributes'].filter(
          (name) => values[name] !== null,
        ).length,
    );
    expect(Math.min(...changed)).toBeLessThanOrEqual(1);
    expect(Math.max(...changed)).toBeGreaterThan(1);
    for (const { values } of updates) {
      expect(Math.floor(Number(values.time_ms) / 1_000)).toBe(values.time);
    }
  });

  it('fill fields that hold JSON with objects', () => {
    const names = ['properties', 'custom_attributes', 'conversion_behavior', 'message_extras'];
    const seen = new Set<string>();
    for (const { values } of records) {
      for (const name of names) {
        const text = values[name];
        if (typeof text !== 'string') continue;
        seen.add(name);
        expect(JSON.parse(text)).toBeTypeOf('object');
      }
    }
    expect([...seen].sort()).toEqual(names.toSorted());
  });
});

function ofType(type: string): readonly StoredRecord[] {
  return records.filter((record) => record.type === type);
}

/** One text for a person and the message that they got. */
function messageOf({ values }: StoredRecord): string {
  const { user_id: user, campaign_id: campaign, canvas_step_id: step, canvas_id: canvas } = values;
  return [user, campaign, canvas, step].join(' ');
}

function firstTimes(type: string): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const record of ofType(type)) {
    const message = messageOf(record);
    times.set(message, Math.min(times.get(message) ?? Number.POSITIVE_INFINITY, record.time));
  }
  return times;
}

/** Events of each campaign or Canvas step; with `distinct`, different values of it. */
function countByMessage(
  type: string,
  distinct: (record: StoredRecord) => unknown = ({ values }) => values.id,
): ReadonlyMap<string, number> {
  const seen = new Map<string, Set<unknown>>();
  for (const record of ofType(type)) {
    const message = [record.values.campaign_id, record.values.canvas_step_id].join(' ');
    seen.set(message, (seen.get(message) ?? new Set()).add(distinct(record)));
  }
  return new Map([...seen].map(([message, values]) => [message, values.size]));
}
