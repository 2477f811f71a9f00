/** How values are set, unset and changed by operators, and what that costs in data points. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTime } from '../../../../src/sandbox/braze/time-text.ts';
import { openBraze } from '../../../support/braze-client.ts';

it('values of every type are held as they were sent', async () => {
  const braze = await openBraze();
  const values = {
    s: '',
    t: 'x',
    i: 0,
    f: -1.5,
    b: false,
    a: [],
    l: ['x', 2, true],
    o: { k: [1] },
  };
  await braze.set({ external_id: 'a', ...values, list: [{ id: 1 }, { id: 1 }] });
  expect(braze.custom()).toEqual({ ...values, list: [{ id: 1 }, { id: 1 }] });
});

it('null unsets, what is not named stays', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', x: 1, y: { k: 1 }, first_name: 'Ann', last_name: 'Oz' });
  await braze.set({ external_id: 'a', y: null, z: null, first_name: null });
  expect(braze.person()).toEqual({
    external_id: 'a',
    braze_id: expect.any(String),
    last_name: 'Oz',
    custom_attributes: { x: 1 },
  });
});

it('an object replaces the one before, or is merged into it in depth', async () => {
  const braze = await openBraze();
  await braze.set({
    external_id: 'a',
    home: { city: 'Oslo', at: { zip: 1, lat: 2 }, tags: ['x'] },
  });
  await braze.set({
    external_id: 'a',
    home: { at: { zip: 3 }, tags: ['y'] },
    _merge_objects: 'true',
  });
  expect(braze.custom()?.home).toEqual({ city: 'Oslo', at: { zip: 3, lat: 2 }, tags: ['y'] });
  await braze.set({ external_id: 'a', home: { at: { zip: 4 } } });
  expect(braze.custom()?.home).toEqual({ at: { zip: 4 } });
});

it('add and remove change a set, together if need be, and twice is as good as once', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', tags: { add: ['x', 'y'] }, none: { remove: ['x'] } });
  for (let time = 0; time < 2; time++)
    await braze.set({ external_id: 'a', tags: { remove: ['x'], add: ['z'] } });
  expect(braze.custom()).toEqual({ tags: ['y', 'z'], none: [] });
});

it('$add, $remove and $update run in this order, so remove and add is no upsert', async () => {
  const braze = await openBraze();
  const match = (id: number) => ({ $identifier_key: 'id', $identifier_value: id });
  await braze.set({
    external_id: 'a',
    pets: [
      { id: 1, n: 'x' },
      { id: 2, n: 'y' },
    ],
  });
  await braze.set({ external_id: 'a', pets: { $remove: [match(1)], $add: [{ id: 1, n: 'new' }] } });
  expect(braze.custom()?.pets).toEqual([{ id: 2, n: 'y' }]);
  const update = { $update: [{ ...match(2), $new_object: { age: 3 } }] };
  await braze.set({ external_id: 'a', pets: update, _merge_objects: true });
  expect(braze.custom()?.pets).toEqual([{ id: 2, n: 'y', age: 3 }]);
  await braze.set({ external_id: 'a', pets: update });
  expect(braze.custom()?.pets).toEqual([{ age: 3 }]);
});

it('what is harmful twice is counted when it comes twice', async () => {
  const braze = await openBraze();
  const harmful = { external_id: 'a', visits: { inc: 5 }, pets: { $add: [{ id: 1 }] } };
  await braze.set(harmful, { external_id: 'b', visits: { inc: 5 } });
  expect(braze.sandbox.counts().repeatedOperators).toBe(0);
  await braze.set(harmful, { external_id: 'a', visits: { inc: 4 }, tags: { add: ['x'] } });
  expect(braze.sandbox.counts().repeatedOperators).toBe(2);
  expect(braze.custom()).toEqual({ visits: 14, pets: [{ id: 1 }, { id: 1 }], tags: ['x'] });
});

describe('data points', () => {
  it.each([
    ['a value, changed or not', { x: 1, first_name: 'Ann' }, 2],
    ['an unset value', { x: null, y: null }, 2],
    ['a whole array', { tags: ['x', 'y', 'z'] }, 1],
    ['an operator on an array', { tags: { add: ['x', 'y'], remove: ['z'] } }, 1],
    ['inc', { n: { inc: 1 } }, 1],
    ['each key of an object', { home: { city: 'Oslo', at: { lat: 1, long: 2 } } }, 3],
    ['each key in an array of objects', { pets: [{ id: 1, n: 'x' }, { id: 2 }] }, 3],
    ['each key of $add', { pets: { $add: [{ id: 1, n: 'x' }] } }, 2],
    ['no subscription', { email_subscribe: 'subscribed' }, 0],
    ['nothing that is lost', { x: 'x'.repeat(256), gender: '?' }, 0],
  ])('%s', async (_name, attributes, dataPoints) => {
    const braze = await openBraze();
    for (let time = 1; time <= 2; time++) {
      await braze.set({ external_id: 'a', ...attributes });
      expect(braze.sandbox.counts().dataPoints).toBe(dataPoints * time);
    }
  });
});

it('values that changed nothing are counted by attribute', async () => {
  const braze = await openBraze();
  await braze.set({ external_id: 'a', x: 1, at: '2026-01-01', home: { k: [1] } });
  await braze.set({ external_id: 'a', x: 2, at: '01/01/2026', home: { k: [1] }, y: null });
  expect(braze.sandbox.fieldCounts()).toEqual({
    x: { written: 2, unchanged: 0, unset: 0, ignored: 0 },
    at: { written: 2, unchanged: 1, unset: 0, ignored: 0 },
    home: { written: 2, unchanged: 1, unset: 0, ignored: 0 },
    y: { written: 1, unchanged: 1, unset: 1, ignored: 0 },
  });
});

describe('texts that Braze takes for a time', () => {
  it('every instant of the years 0 to 3000 reads as what it was written from', () => {
    const [min, max] = [new Date('0000-01-01T00:00:00Z'), new Date('3000-12-31T23:59:59.999Z')];
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        const iso = date.toISOString();
        expect(parseTime(iso)).toBe(date.getTime());
        expect(parseTime(iso.slice(0, 10))).toBe(Date.parse(`${iso.slice(0, 10)}T00:00:00Z`));
        expect(parseTime(iso.slice(0, 19).replace('T', ' '))).toBe(
          Math.floor(date.getTime() / 1000) * 1000,
        );
      }),
    );
  });

  it.each([
    ['2020-05-28', '2020-05-28T00:00:00.000Z'],
    ['2020-05-28T12:34', '2020-05-28T12:34:00.000Z'],
    ['2020-05-28T12:34:56', '2020-05-28T12:34:56.000Z'],
    ['2020-05-28 12:34:56', '2020-05-28T12:34:56.000Z'],
    ['2020-05-28T12:34:56:789Z', '2020-05-28T12:34:56.789Z'],
    ['2020-05-28T12:34:56.7Z', '2020-05-28T12:34:56.700Z'],
    ['2020-05-28T12:34:56.78 Z', '2020-05-28T12:34:56.780Z'],
    ['2020-05-28T12:34:56.123456789+02:00', '2020-05-28T10:34:56.123Z'],
    ['2020-05-28T12:34:56-0330', '2020-05-28T16:04:56.000Z'],
    ['05/28/2020', '2020-05-28T00:00:00.000Z'],
    ['12-1-2021', '2021-12-01T00:00:00.000Z'],
    ['Thu 05 28 12:34:56.+0100 2020', '2020-05-28T11:34:56.000Z'],
    ['0050-01-01', '0050-01-01T00:00:00.000Z'],
    ['3000-12-31', '3000-12-31T00:00:00.000Z'],
  ])('%s', (text, iso) => {
    expect(new Date(parseTime(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each([
    '3001-01-01',
    '-0001-01-01',
    '2020-02-30',
    '2020-13-01',
    '13/01/2020',
    '2020-05-28T24:00:00',
    '2020-05-28T12:60:00',
    '20200528',
    '2020',
    '1590624000',
    '2020-05-28x',
    'Thu 28 May 2020',
    '1/1-2020',
    '',
  ])('not %s', (text) => expect(parseTime(text)).toBeUndefined());
});
