/** When a sync is due while `watch` runs. */
import { expect, it } from 'vitest';
import { SyncSchedule } from '../../../src/sync/sync-schedule.ts';
import type { SyncConfig } from '../../../src/sync-settings.ts';

function schedules(written: Readonly<Record<string, string>>): Record<string, SyncConfig> {
  return Object.fromEntries(
    Object.entries(written).map(([name, schedule]) => [
      name,
      {
        send: ['people'],
        to: 'braze',
        schedule,
        onNull: 'unset',
        updateExistingOnly: false,
        newAttributes: 'refuse',
        onUnknown: 'hold',
      },
    ]),
  );
}

const START = new Date('2026-11-23T02:59:30Z');

function at(time: string): Date {
  return new Date(`2026-11-23T${time}Z`);
}

it('after ingest: at the start, then after each cycle that loaded something, until it is done', () => {
  const schedule = new SyncSchedule(schedules({ a: 'after ingest' }), START);
  expect(schedule.takeDue(START)).toEqual(['a']);
  expect(schedule.takeDue(at('03:00:00'))).toEqual(['a']);
  schedule.noteDone('a');
  expect(schedule.takeDue(at('03:01:00'))).toEqual([]);
  schedule.noteLoaded();
  expect(schedule.takeDue(at('03:02:00'))).toEqual(['a']);
  expect(schedule.nextAt).toBeUndefined();
});

it('a cron expression is due once at its time, in UTC, whoever is late', () => {
  const schedule = new SyncSchedule(schedules({ a: '0 3 * * *', b: '*/15 * * * *' }), START);
  expect(schedule.nextAt).toBe(at('03:00:00').getTime());
  expect(schedule.takeDue(at('02:59:59'))).toEqual([]);
  expect(schedule.takeDue(at('03:20:00'))).toEqual(['a', 'b']);
  expect(schedule.takeDue(at('03:20:01'))).toEqual([]);
  expect(schedule.nextAt).toBe(at('03:30:00').getTime());
  schedule.noteLoaded();
  expect(schedule.takeDue(at('03:30:00'))).toEqual(['b']);
});

it('manual never is', () => {
  const schedule = new SyncSchedule(schedules({ a: 'manual' }), START);
  schedule.noteLoaded();
  expect(schedule.takeDue(at('23:59:00'))).toEqual([]);
});
